"""Recovery: requeues what a subscriber missed in a span of time, a bounded piece at a time.

Missed are the deliveries that are dead, and the notices that were sent while the subscriber was disabled and so never
became deliveries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from webhook_app.domain.delivery.delivery import Delivery, DeliveryState, delivery_id, requeued
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import is_about, matches_filter
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.types import RECOVER
from webhook_app.domain.rules.config import Config
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.outbox import Outbox, OutboxEntry
from webhook_app.store.deliveries.queue import Deliveries

PIECE_NOTICES = 500


@dataclass(frozen=True, slots=True)
class Recovery:
    """A recovery in progress: the span from `since` to `to`, in ms, and the outbox ids `after` and `until` which it has
    still to go through."""

    subscriber_id: str
    since: int
    to: int | None
    after: str
    until: str

    def covers(self, notice: Notice) -> bool:
        """Whether a notice lies in the span."""
        return self.since <= notice.at <= (self.to or notice.at)


_recovery_of = codec.decoder(Recovery)


def initial_recovery(entry: OutboxEntry) -> str:
    """A recovery as it begins, as JSON, from the notice that asks for it."""
    data = entry.notice.data
    since, to = int(data["from"]), data["to"]
    # An outbox id is never before its notice's time: whatever is in the span has a later id than this one.
    after = f"{max(0, since - 1)}-0"
    recovery = Recovery(str(data["subscriber_id"]), since, None if to is None else int(to), after, entry.entry)
    return codec.encode(recovery).decode()


class RecoveryRunner:
    """Advances the recoveries that are in the store."""

    def __init__(
        self, client: Client, outbox: Outbox, deliveries: Deliveries, *, piece_notices: int = PIECE_NOTICES
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._deliveries = deliveries
        self._piece_notices = piece_notices

    async def advance(self, subscribers: Mapping[str, Subscriber], rooms: Config) -> bool:
        """Take every recovery one piece further; whether there were any."""
        recoveries = await self._deliveries.recoveries()
        for recovery_id, raw in recoveries.items():
            await self._advance(recovery_id.decode(), raw, subscribers, rooms)
        return bool(recoveries)

    async def _advance(
        self, recovery_id: str, raw: bytes, subscribers: Mapping[str, Subscriber], rooms: Config
    ) -> None:
        recovery = _recovery_of(raw)
        subscriber = subscribers.get(recovery.subscriber_id)
        entries: list[OutboxEntry] = []
        missed: list[Delivery] = []
        if subscriber is not None:
            entries = await self._outbox.between(recovery.after, recovery.until, self._piece_notices)
            covered = [entry for entry in entries if recovery.covers(entry.notice)]
            missed = await self._missed(subscriber, covered, rooms)
        is_last = len(entries) < self._piece_notices
        rest = b"" if is_last else codec.encode(replace(recovery, after=entries[-1].entry))
        now = await self._deliveries.now_ms()
        await self._deliveries.requeue(missed, now=now, recovery=(recovery_id, raw, rest))

    async def _missed(self, subscriber: Subscriber, entries: list[OutboxEntry], rooms: Config) -> list[Delivery]:
        """The deliveries to requeue: those that are dead, and new ones for notices without a delivery."""
        matching = [
            entry for entry in entries if entry.notice.type != RECOVER and _matches(subscriber, entry.notice, rooms)
        ]
        if not matching:
            return []
        ids = [delivery_id(entry.notice.notice_id, subscriber.subscriber_id) for entry in matching]
        existing = await self._deliveries.by_id(ids)
        missed: list[Delivery] = []
        for entry, each_id, delivery in zip(matching, ids, existing, strict=True):
            if delivery is None:
                notice = entry.notice
                missed.append(
                    Delivery(each_id, notice.notice_id, subscriber.subscriber_id, notice.at, entry.entry, again=True)
                )
            elif delivery.state is DeliveryState.DEAD:
                missed.append(requeued(delivery, now=delivery.created_at))
        return missed


def _matches(subscriber: Subscriber, notice: Notice, rooms: Config) -> bool:
    room_id = notice.room_id or ""
    if is_about(notice, subscriber.subscriber_id):
        return False
    return matches_filter(subscriber.wanted, notice, rooms.named(room_id), shadowed=room_id in rooms.shadowed)
