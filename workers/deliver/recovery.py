"""Recovering: what a subscriber has missed in a stretch of time is put in line again, a bounded piece at a time.

Missed is what is dead, and what was told while the subscriber was disabled and so never came to be a delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from webhook_app.domain.delivery.delivery import Delivery, DeliveryState, delivery_id, requeued
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.notice import RECOVER, Notice, is_about, matches_filter
from webhook_app.domain.rules.rule import Config
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.deliveries.outbox import Outbox, OutboxEntry
from webhook_app.store.deliveries.queue import Deliveries, delivery_of

PIECE_NOTICES = 500


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is asked for, in ms, and how far it has come: `after` and `until` are places in the outbox."""

    subscriber_id: str
    since: int
    to: int | None
    after: str
    until: str


_recovery_of = codec.decoder(Recovery)


def initial_recovery(told: OutboxEntry) -> str:
    """A recovery as it begins, from the notice that asks for it."""
    data = told.notice.data
    since, to = int(data["from"]), data["to"]
    name = str(data["subscriber_id"])
    # A notice's place is never before its time, so nothing that is asked for lies at or before this one.
    return codec.encode(
        Recovery(name, since, None if to is None else int(to), f"{max(0, since - 1)}-0", told.entry)
    ).decode()


class RecoveryRunner:
    """Takes every recovery a piece further."""

    def __init__(self, client: Client, outbox: Outbox, deliveries: Deliveries) -> None:
        self._client = client
        self._outbox = outbox
        self._deliveries = deliveries

    async def once(self, subscribers: Mapping[str, Subscriber], rooms: Config) -> bool:
        """One piece of each recovery; whether there were any."""
        found: dict[bytes, bytes] = await self._client.hgetall(keys.RECOVERIES)
        for name, raw in found.items():
            await self._piece(name.decode(), raw, subscribers, rooms)
        return bool(found)

    async def _piece(self, name: str, raw: bytes, subscribers: Mapping[str, Subscriber], rooms: Config) -> None:
        asked = _recovery_of(raw)
        subscriber = subscribers.get(asked.subscriber_id)
        told = await self._outbox.between(asked.after, asked.until, PIECE_NOTICES) if subscriber is not None else []
        asked_for = [one for one in told if asked.since <= one.notice.at <= (asked.to or one.notice.at)]
        missed = await self._missed(subscriber, asked_for, rooms) if subscriber is not None else []
        rest = codec.encode(replace(asked, after=told[-1].entry)) if len(told) == PIECE_NOTICES else b""
        now = time_ms(await self._client.time())
        await self._deliveries.requeue(missed, now=now, recovery=(name, raw, rest))

    async def _missed(self, who: Subscriber, told: list[OutboxEntry], rooms: Config) -> list[Delivery]:
        wanted = [one for one in told if one.notice.type != RECOVER and _wants(who, one.notice, rooms)]
        if not wanted:
            return []
        ids = [delivery_id(one.notice.notice_id, who.subscriber_id) for one in wanted]
        known = await self._client.mget([keys.delivery(one) for one in ids])
        missed: list[Delivery] = []
        for one, name, raw in zip(wanted, ids, known, strict=True):
            if raw is None:
                missed.append(
                    Delivery(name, one.notice.notice_id, who.subscriber_id, one.notice.at, one.entry, again=True)
                )
            elif (was := delivery_of(raw)).state is DeliveryState.DEAD:
                missed.append(requeued(was, now=was.created_at))
        return missed


def _wants(subscriber: Subscriber, notice: Notice, rooms: Config) -> bool:
    room_id = notice.room_id or ""
    if is_about(notice, subscriber.subscriber_id):
        return False
    return matches_filter(subscriber.wanted, notice, rooms.named(room_id), shadowed=room_id in rooms.shadowed)
