"""Events that the reducer skips because folding them did not end in time.

That an event is skipped is part of the journal's meaning: it must be known before the event is folded. Two guards keep
that exact. An event is marked as skipped only while the cursor is before it, in a transaction that watches the cursor;
and a batch is committed only if no event was marked since the batch was read.
"""

from collections.abc import Mapping
from enum import Enum

import redis

from webhook_app.domain.ids import order
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client

SkippedEvents = Mapping[str, str]
NONE: SkippedEvents = {}
ATTEMPTS = 2
REPORT_TRIES = 20
_skipped_events_of = codec.decoder(dict[str, str])


class FoldReport(Enum):
    """What a report of a fold that did not end led to."""

    COUNTED = "counted"  # the event is tried once more
    SKIPPED = "skipped"
    COMMITTED = "committed"  # the fold ended after all


def decode(raw: bytes | None) -> SkippedEvents:
    """The skipped events out of the stored record: event ids, each with its reason."""
    return _skipped_events_of(raw) if raw else NONE


def watch_cursor(pipe: Client) -> tuple[str, SkippedEvents]:
    """Watch the cursor and the skipped events on a pipeline, and read both, for a transaction that moves the cursor."""
    pipe.watch(keys.CURSOR, keys.SKIPPED_EVENTS)
    cursor, skipped = pipe.mget(keys.CURSOR, keys.SKIPPED_EVENTS)
    return cursor.decode() if cursor else "0-0", decode(skipped)


class SkippedEventStore:
    """Reads, marks and forgets skipped events."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def load(self) -> SkippedEvents:
        """Every skipped event. Read them after the cursor: then they are complete up to that cursor."""
        return decode(self._client.get(keys.SKIPPED_EVENTS))

    def report(self, event_id: str, reason: str) -> FoldReport:
        """Count one more fold of this event that did not end; at the last attempt it is skipped.

        redis.WatchError when other processes wrote between reading and writing each time.
        """
        with self._client.pipeline(transaction=True) as pipe:
            for _ in range(REPORT_TRIES):
                try:
                    pipe.watch(keys.CURSOR, keys.SKIPPED_EVENTS, keys.FOLD_STRIKE)
                    cursor, raw, strike = pipe.mget(keys.CURSOR, keys.SKIPPED_EVENTS, keys.FOLD_STRIKE)
                    if order(event_id) <= order(cursor.decode() if cursor else "0-0"):
                        return FoldReport.COMMITTED
                    attempts = _strikes(strike, event_id) + 1
                    is_last = attempts >= ATTEMPTS
                    pipe.multi()
                    if is_last:
                        pipe.set(keys.SKIPPED_EVENTS, codec.encode({**decode(raw), event_id: reason}))
                        pipe.delete(keys.FOLD_STRIKE)
                    else:
                        pipe.set(keys.FOLD_STRIKE, f"{event_id}|{attempts}")
                    pipe.execute()
                    return FoldReport.SKIPPED if is_last else FoldReport.COUNTED
                except redis.WatchError:
                    continue
        raise redis.WatchError(f"the cursor moved in each of {REPORT_TRIES} tries")

    def forget(self, after: str) -> None:
        """Forget skipped events up to this id: the journal no longer holds them."""
        with self._client.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(keys.SKIPPED_EVENTS)
                events = decode(pipe.get(keys.SKIPPED_EVENTS))
                later = {event_id: reason for event_id, reason in events.items() if order(event_id) > order(after)}
                if len(later) == len(events):
                    return
                pipe.multi()
                pipe.set(keys.SKIPPED_EVENTS, codec.encode(later))
                pipe.execute()
            except redis.WatchError:
                return  # an event was marked meanwhile; the next trim forgets the old ones


def _strikes(raw: bytes | None, event_id: str) -> int:
    counted_id, _, count = (raw or b"").decode().partition("|")
    return int(count) if counted_id == event_id and count.isdigit() else 0
