"""Locks that let one writer at a time change a rule."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua


def try_lock(client: Client, name: str, token: str, *, kept_ms: int) -> bool:
    """Take the lock of this name for so long; False while another holder has it."""
    return bool(client.set(keys.rule_lock(name), token, nx=True, px=kept_ms))


def unlock(client: Client, name: str, token: str) -> None:
    """Release the lock, unless it expired and another holder has it now."""
    client.eval(lua("release_lock"), 1, keys.rule_lock(name), token)
