"""What RQ calls, by name: wake-ups without data."""

from workers import container


def process() -> None:
    """Fold the journal."""
    container.current().process()


def call() -> None:
    """Make the calls that wait."""
    container.current().call()


def deliver() -> None:
    """Send what is due."""
    container.current().deliver()
