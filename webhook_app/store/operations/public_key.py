"""VideoSDK's public key as it was fetched last."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


def load_public_key(client: Client) -> str | None:
    """The key that was fetched last, PEM; None when none was."""
    raw = client.get(keys.PUBLIC_KEY)
    return raw.decode() if raw else None


def save_public_key(client: Client, pem: str) -> None:
    """Keep a key for the next start."""
    client.set(keys.PUBLIC_KEY, pem)
