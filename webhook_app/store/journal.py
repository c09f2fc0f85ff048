"""The journal: a Redis stream, durable and ordered; everything that can change state is appended here."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from webhook_app.domain.events import Event, Source
from webhook_app.store import codec, keys
from webhook_app.store.circuit import Circuit
from webhook_app.store.clients import Client, StoreSilentError, StoreUnavailable
from webhook_app.store.sentinels import NoPrimaryError

GROUP_MAX_ENTRIES = 256
GROUP_MAX_BYTES = 4 * 1024 * 1024
PIECE_MAX_ENTRIES = 128
WAKE_TTL_MS = 1_000
REPLICA_WAIT_MS = 1_000
WAIT_MAX_S = 10.0  # an append before this one, then its own

# The time of an entry is the store's own at its append. One round trip for a whole group.
_APPEND = """
local t = redis.call('TIME')
local at = t[1] .. string.format('%03d', math.floor(t[2] / 1000))
local out = {0}
for i = 1, #ARGV - 1, 4 do
  out[#out + 1] = redis.call('XADD', KEYS[1], '*',
    's', ARGV[i], 't', ARGV[i+1], 'r', ARGV[i+2], 'a', at, 'd', ARGV[i+3])
end
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[#ARGV]) then out[1] = 1 end
return out
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be journaled: `data` is JSON, for a webhook the body as it came."""

    source: Source
    type: str
    room_id: str | None
    data: bytes


def entry(source: Source, kind: str, room_id: str | None, data: Mapping[str, Any]) -> Entry:
    """An entry of our own making."""
    return Entry(source, kind, room_id, codec.encode(data))


class Journal:
    """Append and read. `append` returns only when the store has the entries on disk, and on its replicas if asked."""

    def __init__(self, client: Client, *, ack_replicas: int = 0) -> None:
        self._client = client
        self._script = client.register_script(_APPEND)
        self._ack_replicas = ack_replicas

    def append(self, entries: Sequence[Entry]) -> tuple[list[str], bool]:
        """Append in order; returns their ids and whether a wake-up of `process` is now due."""
        args = _args(entries)
        try:
            if self._ack_replicas:
                answer = self._append_acked(args)
            else:
                answer = self._script(keys=[keys.JOURNAL, keys.wake("process")], args=args)
        except (redis.TimeoutError, NoPrimaryError) as error:
            raise StoreSilentError(str(error)) from error
        except redis.RedisError as error:
            raise StoreUnavailable(str(error)) from error
        return [entry_id.decode() for entry_id in answer[1:]], bool(answer[0])

    def append_with(self, pipe: Client, entries: Sequence[Entry]) -> None:
        """Append as a part of somebody's transaction, who wakes `process` when it is done."""
        pipe.eval(_APPEND, 2, keys.JOURNAL, keys.wake("process"), *_args(entries))

    def _append_acked(self, args: list[Any]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipe:
            pipe.eval(_APPEND, 2, keys.JOURNAL, keys.wake("process"), *args)
            pipe.execute_command("WAIT", self._ack_replicas, REPLICA_WAIT_MS)
            answer, acked = pipe.execute()
        if int(acked) < self._ack_replicas:
            raise StoreUnavailable(f"{acked} of {self._ack_replicas} replicas have it")
        return list(answer)

    def read(self, after: str, count: int) -> list[Event]:
        """Events after an id, oldest first."""
        entries = self._client.xrange(keys.JOURNAL, min=f"({after}", count=count)
        return [codec.event_of(entry_id, fields) for entry_id, fields in entries]

    def read_batch(self, after: str, count: int, max_bytes: int, *, client: Any) -> list[Event]:
        """Events after an id, oldest first, until their data come to so many bytes; one at least, if there is any.

        It is read in pieces, as the store would give as many of the largest at once as of the smallest.
        """
        events: list[Event] = []
        size = 0
        while len(events) < count:
            piece = min(PIECE_MAX_ENTRIES, count - len(events))
            entries = client.xrange(keys.JOURNAL, min=f"({after}", count=piece)
            for entry_id, fields in entries:
                size += len(fields[b"d"])
                if events and size > max_bytes:
                    return events
                events.append(codec.event_of(entry_id, fields))
            if len(entries) < piece:
                break
            after = events[-1].id
        return events

    def read_back(self, before: str, count: int) -> list[Event]:
        """Events before an id, newest first; `+` is the end."""
        top = before if before == "+" else f"({before}"
        entries = self._client.xrevrange(keys.JOURNAL, max=top, count=count)
        return [codec.event_of(entry_id, fields) for entry_id, fields in entries]

    def get(self, event_ids: Sequence[str]) -> list[Event | None]:
        """Events by id, None where there is none (any more)."""
        with self._client.pipeline(transaction=False) as pipe:
            for event_id in event_ids:
                pipe.xrange(keys.JOURNAL, min=event_id, max=event_id)
            found = pipe.execute()
        return [codec.event_of(*entries[0]) if entries else None for entries in found]

    def raw_body(self, event_id: str) -> bytes | None:
        """The bytes that were journaled under an id."""
        entries = self._client.xrange(keys.JOURNAL, min=event_id, max=event_id)
        return bytes(entries[0][1][b"d"]) if entries else None

    def last_id(self) -> str:
        """The id of the newest entry, `0-0` when there is none."""
        entries = self._client.xrevrange(keys.JOURNAL, count=1)
        return entries[0][0].decode() if entries else "0-0"

    def scan(self, *, batch: int = 500) -> Iterator[Event]:
        """Every event from the start, oldest first."""
        after = "0-0"
        while events := self.read(after, batch):
            yield from events
            after = events[-1].id


def _args(entries: Sequence[Entry]) -> list[Any]:
    args: list[Any] = []
    for item in entries:
        args += (item.source.value, item.type, item.room_id or "", item.data)
    return [*args, WAKE_TTL_MS]


class _Waiter:
    __slots__ = ("entry", "error", "event_id", "signal")

    def __init__(self, item: Entry) -> None:
        self.entry = item
        self.event_id: str | None = None
        self.error: StoreUnavailable | None = None
        self.signal = threading.Lock()
        self.signal.acquire()


class GroupAppender:
    """Lets many threads share one append: whoever comes first leads, the others' entries ride along."""

    def __init__(self, journal: Journal, wake: "Wake", *, circuit: Circuit | None = None) -> None:
        self._journal = journal
        self._wake = wake
        self._circuit = circuit or Circuit(lambda: None)
        self._lock = threading.Lock()
        self._waiting: deque[_Waiter] = deque()
        self._leading = False

    def append(self, item: Entry, *, gate: "threading.Lock | None" = None) -> str:
        """Append one entry; returns its id when it is durable. StoreUnavailable when it is not known to be.

        A gate that the caller holds is let go while the store is waited for, and held again afterwards. While the
        store is silent it is not waited for.
        """
        must_probe = self._circuit.admit()
        waiter = _Waiter(item)
        lead = not must_probe and self._enqueue(waiter)
        if gate is not None:
            gate.release()
        try:
            if must_probe:
                self._circuit.probe()
                lead = self._enqueue(waiter)
            self._see_through(waiter, lead=lead)
        finally:
            if gate is not None:
                gate.acquire()
        if waiter.error is not None:
            raise waiter.error
        assert waiter.event_id is not None
        return waiter.event_id

    def _enqueue(self, waiter: _Waiter) -> bool:
        """Put an entry in line; returns whether its thread has to lead."""
        with self._lock:
            self._waiting.append(waiter)
            lead = not self._leading
            self._leading = True
            return lead

    def _see_through(self, waiter: _Waiter, *, lead: bool) -> None:
        if lead:
            self._lead()
        elif not waiter.signal.acquire(timeout=WAIT_MAX_S) and not self._called_late(waiter):
            raise StoreUnavailable("the append took too long")
        elif waiter.event_id is None and waiter.error is None:
            self._lead()

    def _lead(self) -> None:
        group = self._take()
        try:
            ids, wake = self._journal.append([waiter.entry for waiter in group])
            for waiter, event_id in zip(group, ids, strict=True):
                waiter.event_id = event_id
            if wake:
                self._wake.wake("process")
        except StoreUnavailable as error:
            if isinstance(error, StoreSilentError):
                self._circuit.open()
                group += self._take_all()  # they would wait for the same silence, one after the other
            for waiter in group:
                waiter.error = error
        except Exception as error:
            for waiter in group:  # else each of them would lead, one after the other, without its entry
                waiter.error = StoreUnavailable(f"the append failed: {error!r}")
            raise
        finally:
            for waiter in group:
                waiter.signal.release()
            with self._lock:
                self._leading = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].signal.release()

    def _called_late(self, waiter: _Waiter) -> bool:
        with self._lock:
            if waiter.signal.acquire(blocking=False):
                return True
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            return False

    def _take_all(self) -> list[_Waiter]:
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting

    def _take(self) -> list[_Waiter]:
        group: list[_Waiter] = []
        size = 0
        with self._lock:
            while self._waiting and len(group) < GROUP_MAX_ENTRIES and size < GROUP_MAX_BYTES:
                waiter = self._waiting.popleft()
                group.append(waiter)
                size += len(waiter.entry.data)
        return group


class Wake:
    """What `GroupAppender` needs to wake a queue: returns at once, never raises."""

    def wake(self, queue: str) -> None:
        """Ask for a wake-up of this queue."""
        raise NotImplementedError
