"""Known: the deliver hand's copy of the subscribers and the rooms' names, read again when their version is another."""

import asyncio
from collections.abc import Mapping

from webhook_app.domain.audience import Audience
from webhook_app.domain.rules import RoomName
from webhook_app.domain.subscribers import Subscriber
from webhook_app.sealed import Seal
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.deliveries import VERSION_KEYS, Version
from webhook_app.store.subscribers import SubscriberReader


class Known:
    """Subscribers by id, who of them wants what, and the rooms' names by id."""

    def __init__(self, client: Client, seal: Seal) -> None:
        self._client = client
        self._reader = SubscriberReader(seal)
        self._version: Version | None = None
        self._reading = asyncio.Lock()  # of two that read at once the later has the last word
        self.subscribers: Mapping[str, Subscriber] = {}
        self.audience = Audience(())
        self.names: Mapping[str, RoomName] = {}

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
        self.audience = Audience(found)
        self.names = {one.room_id: one for one in codec.names_of(version[1]).values()} if version[1] else {}
        self._reader.forget_others(set(self.subscribers))
        self._version = version

    def name_of(self, room_id: str | None) -> RoomName | None:
        """A room's name and groups, if it has any."""
        return self.names.get(room_id or "")
