"""The state of a room that was last announced, by subscriber: chat, mail and push do not repeat the same state."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


class LastAnnounced:
    """Remembers the last announced state, with an event loop's client."""

    def __init__(self, client: Client, *, kept_s: int) -> None:
        self._client = client
        self._kept_s = kept_s

    async def is_current(self, subscriber_id: str, subject: str, state: str) -> bool:
        """Whether this state of this subject (room and family) was announced last."""
        raw: bytes | None = await self._client.hget(keys.last_announced(subscriber_id), subject)
        return raw == state.encode()

    async def record(self, subscriber_id: str, subject: str, state: str) -> None:
        """Remember what was announced."""
        key = keys.last_announced(subscriber_id)
        await self._client.hset(key, subject, state)
        await self._client.expire(key, self._kept_s)
