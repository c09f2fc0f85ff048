"""The journal: a Redis stream, durable and ordered; everything that can change state is appended here."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from webhook_app.domain.events import Event, Source
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, StoreSilentError, StoreUnavailableError
from webhook_app.store.connection.sentinels import NoPrimaryError
from webhook_app.store.scripts import lua

PIECE_MAX_ENTRIES = 128
WAKE_TTL_MS = 1_000
REPLICA_WAIT_MS = 1_000

APPEND_KEYS = (keys.JOURNAL, keys.wake("process"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry to be journaled: `data` is JSON, for a webhook its raw body."""

    source: Source
    type: str
    room_id: str | None
    data: bytes


def entry(source: Source, kind: str, room_id: str | None, data: Mapping[str, Any]) -> Entry:
    """An entry of ours, with its data encoded."""
    return Entry(source, kind, room_id, codec.encode(data))


class Journal:
    """Appends and reads. `append` returns when the store has the entries on disk, and on `ack_replicas` replicas."""

    def __init__(self, client: Client, *, ack_replicas: int = 0) -> None:
        self._client = client
        self._script = client.register_script(lua("append_journal"))
        self._ack_replicas = ack_replicas

    def append(self, entries: Sequence[Entry]) -> tuple[list[str], bool]:
        """Append in order; returns their ids and whether a wake-up of `process` is now due."""
        args = append_args(entries)
        with append_errors():
            answer = self._append_acked(args) if self._ack_replicas else self._script(keys=APPEND_KEYS, args=args)
        return appended(answer)

    def append_with(self, pipe: Client, entries: Sequence[Entry]) -> None:
        """Append as a part of the caller's transaction; the caller wakes `process` afterwards."""
        pipe.eval(lua("append_journal"), len(APPEND_KEYS), *APPEND_KEYS, *append_args(entries))

    def _append_acked(self, args: list[Any]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipe:
            pipe.eval(lua("append_journal"), len(APPEND_KEYS), *APPEND_KEYS, *args)
            pipe.execute_command("WAIT", self._ack_replicas, REPLICA_WAIT_MS)
            answer, acked = pipe.execute()
        check_acknowledged(int(acked), self._ack_replicas)
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

    def read_raw(self, after: str, until: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Undecoded entries after an id and up to another, oldest first: `codec.event_of` decodes one."""
        return list(self._client.xrange(keys.JOURNAL, min=f"({after}", max=until, count=count))

    def wait_for(self, after: str, *, block_ms: int) -> bool:
        """Wait until there is an entry after an id; False when there is none in time."""
        return bool(self._client.xread({keys.JOURNAL: after}, count=1, block=block_ms))

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
            answers = pipe.execute()
        return [codec.event_of(*entries[0]) if entries else None for entries in answers]

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


@contextmanager
def append_errors() -> Iterator[None]:
    """Raise what the client raises during an append as StoreUnavailableError, or StoreSilentError without an answer."""
    try:
        yield
    except (redis.TimeoutError, NoPrimaryError) as error:
        raise StoreSilentError(str(error)) from error
    except redis.RedisError as error:
        raise StoreUnavailableError(str(error)) from error


def append_args(entries: Sequence[Entry]) -> list[Any]:
    """The arguments of the append script for these entries."""
    args: list[Any] = []
    for item in entries:
        args += (item.source.value, item.type, item.room_id or "", item.data)
    return [*args, WAKE_TTL_MS]


def appended(answer: Sequence[Any]) -> tuple[list[str], bool]:
    """What the append script answered: the entries' ids, and whether a wake-up of `process` is now due."""
    return [entry_id.decode() for entry_id in answer[1:]], bool(answer[0])


def check_acknowledged(replicas: int, required: int) -> None:
    """StoreUnavailableError when too few replicas have acknowledged an append."""
    if replicas < required:
        raise StoreUnavailableError(f"{replicas} of {required} replicas have it")


class Appender:
    """Appends one entry at a time from any thread, and wakes the reducer."""

    def __init__(self, journal: Journal, wake: "Wake") -> None:
        self._journal = journal
        self._wake = wake

    def append(self, item: Entry) -> str:
        """Append one entry; returns its id when it is durable. StoreUnavailableError when it is not known to be."""
        ids, wake = self._journal.append([item])
        if wake:
            self._wake.wake("process")
        return ids[0]


class Wake:
    """What an appender needs to wake a queue: returns at once, never raises."""

    def wake(self, queue: str) -> None:
        """Ask for a wake-up of this queue."""
        raise NotImplementedError
