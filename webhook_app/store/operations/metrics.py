"""Counters and histograms of all processes in one hash, buffered in memory and written about once a second."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

import redis

from webhook_app.domain.events import Event, Source
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outputs import OTHER_OUTPUTS, OUTPUTS, Output
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client

FLUSH_EVERY_S = 1.0
EVENT_TO_STATE = "event_to_state"
NOTICE_TO_DELIVERED = "notice_to_delivered"
BOUNDS_MS: Mapping[str, tuple[int, ...]] = {
    EVENT_TO_STATE: (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000),
    NOTICE_TO_DELIVERED: (
        *(10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000),
        *(300_000, 1_800_000, 7_200_000, 43_200_000, 259_200_000),
    ),
}
CALLS, BROADCASTS, REPAIRS = "calls", "broadcasts", "repairs"
RESULT_SOURCES = frozenset({Source.CALL, Source.PROBE})
CALL_KINDS = ("start", "end", "probe", "transcode", "transcode-check")
CALL_OUTCOMES = ("succeeded", "refused", "unknown", "already", "dropped", "unreached", "given-up", "other")
STREAM_FAMILIES = frozenset(spec.notices for spec in OUTPUTS.values())
_INFINITE = "inf"
_SUM = "sum"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many observations by upper bound in ms (None: unbounded), and their sum in ms."""

    buckets: Mapping[int | None, int]
    sum_ms: int


class MetricsBuffer:
    """Buffers observations of any thread; writes with `flush`, or as a part of a pipeline with `queue_on`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: Counter[str] = Counter()
        self._written_at = monotonic()

    def observe_many(self, name: str, values_ms: Iterable[int]) -> None:
        """Add durations in ms to a histogram; negative ones (clocks differ) count as 0."""
        bounds = BOUNDS_MS[name]
        total, places = 0, [0] * (len(bounds) + 1)
        for value in values_ms:
            if value < 0:
                value = 0
            total += value
            places[bisect_left(bounds, value)] += 1
        with self._lock:
            self._gathered[f"{name}|{_SUM}"] += total
            for bound, count in zip((*bounds, _INFINITE), places, strict=True):
                if count:
                    self._gathered[f"{name}|{bound}"] += count

    def queue_on(self, pipe: Client) -> Counter[str]:
        """Queue everything buffered on a pipeline, of either kind of client; returns it, for `restore`."""
        with self._lock:
            batch, self._gathered = self._gathered, Counter()
            self._written_at = monotonic()
        queue_counts(pipe, batch)
        return batch

    def restore(self, batch: Counter[str]) -> None:
        """Take back what a failed pipeline did not write."""
        with self._lock:
            self._gathered.update(batch)

    def flush(self, client: Client, *, every_s: float = FLUSH_EVERY_S) -> None:
        """Write what is buffered, at most once in `every_s`; while the store is unavailable, it stays buffered."""
        if self._nothing_due(every_s):
            return
        with client.pipeline(transaction=True) as pipe:
            batch = self.queue_on(pipe)
            try:
                pipe.execute()
            except redis.RedisError:
                self.restore(batch)

    async def flush_async(self, client: Client, *, every_s: float = FLUSH_EVERY_S) -> None:
        """The same for an event loop's client."""
        if self._nothing_due(every_s):
            return
        async with client.pipeline(transaction=True) as pipe:
            batch = self.queue_on(pipe)
            try:
                await pipe.execute()
            except redis.RedisError:
                self.restore(batch)

    def _nothing_due(self, every_s: float) -> bool:
        return not self._gathered or monotonic() - self._written_at < every_s


def queue_counts(pipe: Client, counts: Mapping[str, int]) -> None:
    """Add counts to the store's in this pipeline or transaction."""
    for field, count in counts.items():
        pipe.hincrby(keys.MEASURES, field, count)


def read(client: Client) -> Mapping[str, int]:
    """All counters by field."""
    return {field.decode(): int(count) for field, count in client.hgetall(keys.MEASURES).items()}


def histogram(counts: Mapping[str, int], name: str) -> Histogram:
    """One histogram; counts under bounds of earlier versions go to the next bound of today."""
    bounds = BOUNDS_MS[name]
    buckets: dict[int | None, int] = dict.fromkeys((*bounds, None), 0)
    for field, count in counts.items():
        head, _, bound = field.partition("|")
        if head == name and bound != _SUM:
            place = len(bounds) if bound == _INFINITE else bisect_left(bounds, int(bound))
            buckets[bounds[place] if place < len(bounds) else None] += count
    return Histogram(buckets, counts.get(f"{name}|{_SUM}", 0))


def counted(event: Event, notices: Iterable[Notice]) -> Iterator[str]:
    """What folding one event adds to the counters; in the transaction that commits it, so that it counts once."""
    if event.source in RESULT_SOURCES and "outcome" in event.data:
        yield call_field(event.data.get("kind"), event.data.get("outcome"), event.data.get("output"))
    repaired = False
    for notice in notices:
        family, _, outcome = notice.type.partition(".")
        if family == "broadcast":
            yield broadcast_field(notice.data.get("rule"), outcome, notice.data.get("output"))
        elif notice.type == "call.given-up":
            call = notice.data.get("call") or {}
            yield call_field(call.get("kind"), outcome, call.get("output"))
        elif family in STREAM_FAMILIES and event.source is Source.PROBE:
            repaired = True
    if repaired:
        yield REPAIRS


def call_field(kind: object, outcome: object, output: object) -> str:
    """The counter of answers to calls of a kind."""
    outcome_label = outcome if outcome in CALL_OUTCOMES else "other"
    return f"{CALLS}|{kind if kind in CALL_KINDS else 'other'}|{outcome_label}{_of_output(output)}"


def broadcast_field(rule: object, outcome: str, output: object) -> str:
    """The counter of a rule's broadcasts with an outcome."""
    return f"{BROADCASTS}|{rule}|{outcome}{_of_output(output)}"


def broadcast_rules(counts: Mapping[str, int]) -> set[tuple[str, Output]]:
    """The rules and outputs that have counted broadcasts."""
    parts = [field.split("|") for field in counts if field.startswith(f"{BROADCASTS}|")]
    return {(rule, Output(output[0]) if output else Output.HLS) for _, rule, _, *output in parts}


def _of_output(output: object) -> str:
    """The end of a counter's name: nothing for HLS, which earlier versions counted alone."""
    return f"|{output}" if output in OTHER_OUTPUTS else ""
