"""Known: the deliver worker's copy of the subscribers and configured rooms, read again when their version changes."""

import asyncio
from collections.abc import Mapping

from webhook_app.access.encryption import SecretBox
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.matching import SubscriberIndex
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.rules.rule import Config
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import VERSION_KEYS, Version
from webhook_app.store.subscribers import SubscriberReader


class SubscriberCache:
    """Subscribers by id, who of them wants what, and the configured rooms as a `Config` without rules."""

    def __init__(self, client: Client, seal: SecretBox) -> None:
        self._client = client
        self._reader = SubscriberReader(seal)
        self._version: Version | None = None
        self._reading = asyncio.Lock()  # of two that read at once the later has the last word
        self.subscribers: Mapping[str, Subscriber] = {}
        self.audience = SubscriberIndex(())
        self.rooms = Config()

    async def refresh(self, version: Version | None = None) -> bool:
        """Read again what is not of this version, or of the store's as it is now; whether anything was read."""
        if version is None:
            subscribers, names = await self._client.mget(VERSION_KEYS)
            version = (subscribers, names)
        async with self._reading:
            if self._version == version:
                return False
            await self._read(version)
            return True

    async def _read(self, version: Version) -> None:
        found = [self._reader.read(raw) for raw in await self._client.hvals(keys.SUBSCRIBERS)]
        self.subscribers = {one.subscriber_id: one for one in found}
        self.audience = SubscriberIndex(found)
        self.rooms = Config().with_rooms(codec.names_of(version[1]) if version[1] else {})
        self._reader.forget_others(set(self.subscribers))
        self._version = version

    def interested(self, notice: Notice) -> list[Subscriber]:
        """Who is to be sent a notice."""
        room_id = notice.room_id or ""
        return self.audience.of(notice, self.rooms.named(room_id), shadowed=room_id in self.rooms.shadowed)
