"""One-time tokens by which `tally doctor` sees that PUBLIC_URL leads to this product."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


def put_token(client: Client, nonce: str, token: str, *, kept_s: int) -> None:
    """Leave a token that is answered once."""
    client.set(keys.reachability_token(nonce), token, ex=kept_s)


def take_token(client: Client, nonce: str) -> bytes | None:
    """The token that was left, and forget it."""
    token: bytes | None = client.getdel(keys.reachability_token(nonce))
    return token


def remove_token(client: Client, nonce: str) -> None:
    """Forget a token that nobody took."""
    client.delete(keys.reachability_token(nonce))
