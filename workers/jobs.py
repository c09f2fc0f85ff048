"""The functions that RQ calls by name. A job carries no data: it only wakes the worker of its process."""

from contextvars import ContextVar

from workers.container import WorkerContainer

container: ContextVar[WorkerContainer] = ContextVar("container")  # set by the worker process that runs the jobs


def process() -> None:
    """Process events."""
    container.get().reduce()


def call() -> None:
    """Make the calls that are due."""
    container.get().call()


def deliver() -> None:
    """Send the deliveries that are due."""
    container.get().deliver()
