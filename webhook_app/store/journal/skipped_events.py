"""Events that the reducer passes over because folding them did not end in time.

A verdict is part of the journal's meaning: whoever folds an event must know it first. Two guards keep that exact. A
verdict is written only while the cursor is before its event, in a transaction that watches the cursor; and a batch is
committed only if no verdict was written since the batch was read.
"""

from collections.abc import Mapping
from enum import Enum

import redis

from webhook_app.domain.ids import order
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client

PassedOver = Mapping[str, str]
NONE: PassedOver = {}
ATTEMPTS = 2
_passed_over_of = codec.decoder(dict[str, str])


class FoldReport(Enum):
    """What a report of a fold that does not end led to."""

    COUNTED = "counted"  # the event is tried once more
    PASSED_OVER = "passed over"
    COMMITTED = "committed"  # the fold ended after all


def decode(raw: bytes | None) -> PassedOver:
    """The verdicts as they are stored: event ids, each with its reason."""
    return _passed_over_of(raw) if raw else NONE


def watch_cursor(pipe: Client) -> tuple[str, PassedOver]:
    """Watch the cursor and the skipped events on a pipeline, and read both, for a transaction that moves the cursor."""
    pipe.watch(keys.CURSOR, keys.PASSED_OVER)
    cursor, passed_over = pipe.mget(keys.CURSOR, keys.PASSED_OVER)
    return cursor.decode() if cursor else "0-0", decode(passed_over)


class PassedOverEvents:
    """Reads, writes and forgets verdicts."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def load(self) -> PassedOver:
        """Every verdict. Read it after the cursor: then it is complete up to that cursor."""
        return decode(self._client.get(keys.PASSED_OVER))

    def report(self, event_id: str, reason: str) -> FoldReport:
        """Count one more fold of this event that did not end; at the last attempt it is to be passed over."""
        with self._client.pipeline(transaction=True) as pipe:
            while True:
                try:
                    pipe.watch(keys.CURSOR, keys.PASSED_OVER, keys.FOLD_STRIKE)
                    cursor, raw, strike = pipe.mget(keys.CURSOR, keys.PASSED_OVER, keys.FOLD_STRIKE)
                    if order(event_id) <= order(cursor.decode() if cursor else "0-0"):
                        return FoldReport.COMMITTED
                    attempts = _strikes(strike, event_id) + 1
                    passed = attempts >= ATTEMPTS
                    pipe.multi()
                    if passed:
                        pipe.set(keys.PASSED_OVER, codec.encode({**decode(raw), event_id: reason}))
                        pipe.delete(keys.FOLD_STRIKE)
                    else:
                        pipe.set(keys.FOLD_STRIKE, f"{event_id}|{attempts}")
                    pipe.execute()
                    return FoldReport.PASSED_OVER if passed else FoldReport.COUNTED
                except redis.WatchError:
                    continue

    def forget(self, after: str) -> None:
        """Drop the verdicts on events up to this id: the journal no longer holds them."""
        with self._client.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(keys.PASSED_OVER)
                verdicts = decode(pipe.get(keys.PASSED_OVER))
                kept = {event_id: why for event_id, why in verdicts.items() if order(event_id) > order(after)}
                if len(kept) == len(verdicts):
                    return
                pipe.multi()
                pipe.set(keys.PASSED_OVER, codec.encode(kept))
                pipe.execute()
            except redis.WatchError:
                return  # a verdict was written meanwhile; the next trim drops the old ones


def _strikes(raw: bytes | None, event_id: str) -> int:
    known, _, count = (raw or b"").decode().partition("|")
    return int(count) if known == event_id and count.isdigit() else 0
