"""Whether deliveries are being discarded, because this copy of the product only observes."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


async def is_discarding(client: Client) -> bool:
    """Whether a discard was begun and not ended."""
    return bool(await client.exists(keys.OBSERVED))


async def begin_discarding(client: Client) -> None:
    """Remember that what falls due is to be discarded."""
    await client.set(keys.OBSERVED, "1")


async def end_discarding(client: Client) -> None:
    """All that fell due was discarded."""
    await client.delete(keys.OBSERVED)
