"""One-time tokens by which `tally doctor` sees that PUBLIC_URL leads to this product."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


def put_token(client: Client, nonce: str, token: str, *, kept_s: int) -> None:
    """Store a token that can be fetched once."""
    client.set(keys.reachability_token(nonce), token, ex=kept_s)


def take_token(client: Client, nonce: str) -> bytes | None:
    """Return the stored token, and delete it."""
    token: bytes | None = client.getdel(keys.reachability_token(nonce))
    return token


def remove_token(client: Client, nonce: str) -> None:
    """Delete a token that was not fetched."""
    client.delete(keys.reachability_token(nonce))
