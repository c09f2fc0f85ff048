"""Whether the sandbox's demo was put in place: what a user deleted of it stays deleted."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


def is_demo_installed(client: Client) -> bool:
    """Whether the demo was put in place."""
    return bool(client.exists(keys.DEMO))


def mark_demo_installed(client: Client) -> None:
    """Remember that the demo was put in place."""
    client.set(keys.DEMO, "1")
