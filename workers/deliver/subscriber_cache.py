"""In-process cache of subscribers and room names, reloaded when the stored version changes."""

import asyncio
from collections.abc import Mapping, Sequence

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import depends_on_head_only
from webhook_app.domain.notices.matching import SubscriberIndex
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.rules.config import Config
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import Version, read_version
from webhook_app.store.subscriber_sealing import SubscriberReader
from webhook_app.store.subscribers import stored_subscribers

MATCHES_CACHED = 10_000


class SubscriberCache:
    """Subscribers by id, an index of their filters, and the configured rooms as a `Config` without rules."""

    def __init__(self, client: Client, seal: SecretBox) -> None:
        self._client = client
        self._reader = SubscriberReader(seal)
        self._version: Version | None = None
        self._reloading = asyncio.Lock()  # of two concurrent reloads the later one counts
        self._index = SubscriberIndex(())
        self._matching: dict[tuple[str, str | None, str | None], Sequence[Subscriber]] = {}  # by type, room and cause
        self.by_id: Mapping[str, Subscriber] = {}
        self.rooms = Config()

    async def refresh(self, version: Version | None = None) -> bool:
        """Reload unless the cache has this version, or without one the version in the store; whether it did."""
        if version is None:
            version = await read_version(self._client)
        async with self._reloading:
            if self._version == version:
                return False
            await self._reload(version)
            return True

    def matching(self, notice: Notice) -> Sequence[Subscriber]:
        """The subscribers whose filters match a notice; kept for the next one that no filter can tell from it."""
        if not depends_on_head_only(notice):
            return self._match(notice)
        head = (notice.type, notice.room_id, notice.because)
        subscribers = self._matching.get(head)
        if subscribers is None:
            if len(self._matching) >= MATCHES_CACHED:
                self._matching.clear()
            subscribers = self._matching[head] = self._match(notice)
        return subscribers

    def _match(self, notice: Notice) -> Sequence[Subscriber]:
        room_id = notice.room_id or ""
        return self._index.of(notice, self.rooms.named(room_id), shadowed=room_id in self.rooms.shadowed)

    async def _reload(self, version: Version) -> None:
        subscribers = [self._reader.read(raw) for raw in await stored_subscribers(self._client)]
        self.by_id = {subscriber.subscriber_id: subscriber for subscriber in subscribers}
        self._index, self._matching = SubscriberIndex(subscribers), {}
        self.rooms = Config().with_rooms(codec.names_of(version[1]) if version[1] else {})
        self._reader.forget_others(set(self.by_id))
        self._version = version
