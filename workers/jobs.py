"""What RQ calls, by name: wake-ups without data."""

from workers import wiring


def process() -> None:
    """Fold the journal."""
    wiring.current().process()


def call() -> None:
    """Make the calls that wait."""
    wiring.current().call()


def deliver() -> None:
    """Send what is due."""
    wiring.current().deliver()
