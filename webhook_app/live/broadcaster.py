"""The feed: one reader of the journal, behind the reducer's cursor, hands events to every viewer of this process."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import sleep
from typing import Any

import redis
import structlog

from webhook_app.domain.events import Event
from webhook_app.domain.ids import order
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.event_views import event_view, timeline_rows

READ_MAX = 1_000
QUEUE_MAX_EVENTS = 2_000
QUEUE_MAX_BYTES = 1024 * 1024
BLOCK_MS = 1_000
STREAMS_MAX = 512
PAGE_READERS = 2
PACE_S = 0.05
BUSY_EVENTS = 40
PACE_BUSY_S = 0.25
FOLD_LOOK_S = 0.01
PAUSE_AFTER_ERROR_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a viewer asked for; None takes all."""

    room_id: str | None = None
    type: str | None = None
    source: str | None = None

    def takes(self, event: Event) -> bool:
        """Whether this event is one of them."""
        return (
            self.room_id in (None, event.room_id)
            and self.type in (None, event.type)
            and self.source in (None, event.source.value)
        )


@dataclass(frozen=True, slots=True)
class SseFrame:
    """One event as it goes out."""

    event_id: str
    text: bytes


class SseClient:
    """One viewer of the events stream: what it has not been sent yet, within bounds.

    The feed's thread puts, the viewer's coroutine takes. A viewer that falls behind is closed, and comes back by id.
    """

    def __init__(self, wanted: EventFilter) -> None:
        self.wanted = wanted
        self._pieces: deque[SseFrame] = deque()
        self._bytes = 0
        self._position: str | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._taker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def put(self, pieces: Sequence[SseFrame], position: str) -> None:
        """Hand pieces over; everything up to `position` has then been handed over. Never waits."""
        with self._lock:
            self._position = position
            if not pieces or self._closed:
                return
            self._pieces += pieces
            self._bytes += sum(len(piece.text) for piece in pieces)
            if len(self._pieces) > QUEUE_MAX_EVENTS or self._bytes > QUEUE_MAX_BYTES:
                self._pieces.clear()
                self._closed = True
            self._notify()

    async def take(self, timeout_s: float) -> tuple[list[SseFrame], str | None] | None:
        """The pieces that have come, after a while none, and how far they reach; None when the viewer is closed."""
        with self._lock:
            if self._taker is None:
                self._taker = (asyncio.get_running_loop(), asyncio.Event())
            changed = self._taker[1]
            changed.clear()
            waits = not self._pieces and not self._closed
        if waits:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await changed.wait()
        with self._lock:
            if self._closed:
                return None
            pieces = list(self._pieces)
            self._pieces.clear()
            self._bytes = 0
            return pieces, self._position

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def close(self) -> None:
        """End the stream, from any thread."""
        with self._lock:
            self._closed = True
            self._pieces.clear()
            self._notify()

    def _notify(self) -> None:
        if self._taker is not None:
            loop, changed = self._taker
            with suppress(RuntimeError):  # the loop has ended, and its coroutine with it
                loop.call_soon_threadsafe(changed.set)


class EventBroadcaster:
    """Reads while somebody watches; as many may as there are places.

    `page_readers` are the threads on which viewers that come back read what they missed.
    """

    def __init__(self, client: Client, *, places: int) -> None:
        self._client = client
        self._places = places
        self._open: set[SseClient] = set()
        self.page_readers = ThreadPoolExecutor(PAGE_READERS, thread_name_prefix="page-reader")
        self._viewers: set[SseClient] = set()
        self._lock = threading.Lock()
        self._position = "0-0"
        self._reading = False
        self._closed = False

    def join(self, wanted: EventFilter) -> SseClient | None:
        """A place, None when all are taken.

        What is folded from now on is handed over; whoever reads the cursor after this and catches up to it by
        himself misses nothing.
        """
        with self._lock:
            if self._closed or len(self._viewers) >= self._places:
                return None
            if not self._reading:
                self._position = self._cursor()
                self._reading = True
                threading.Thread(target=self._run, name="feed", daemon=True).start()
            viewer = SseClient(wanted)
            self._viewers.add(viewer)
            return viewer

    def open_stream(self, viewer: SseClient) -> bool:
        """Count a viewer's open stream, with or without a place, until it leaves; False when there are too many."""
        with self._lock:
            if self._closed or len(self._open) >= STREAMS_MAX:
                return False
            self._open.add(viewer)
            return True

    def leave(self, viewer: SseClient) -> None:
        """Give the place back."""
        with self._lock:
            self._viewers.discard(viewer)
            self._open.discard(viewer)

    def close(self) -> None:
        """The process ends: every viewer's answer does too, and they come back elsewhere."""
        with self._lock:
            self._closed = True
            viewers = [*self._viewers, *self._open]
        for viewer in viewers:
            viewer.close()

    @property
    def slots_taken(self) -> int:
        """How many places are taken."""
        return len(self._viewers)

    def _run(self) -> None:
        try:
            self._read_on()
        except Exception:
            # Viewers come back and catch up by themselves; a feed that stands still would show them nothing for ever.
            log.exception("the feed stumbled: every viewer is let go")
            with self._lock:
                self._reading = False
                viewers, self._viewers = self._viewers, set()
            for viewer in viewers:
                viewer.close()

    def _read_on(self) -> None:
        away = False
        while self._go_on():
            try:
                handed = self._advance()
                if not handed:
                    self._wait()
            except redis.RedisError as error:
                if not away:
                    log.warning("the store is away, viewers wait", error=str(error))
                away = True
                sleep(PAUSE_AFTER_ERROR_S)
                continue
            away = False
            if handed:
                # A busy journal is read in gulps: many events a write, few writes a second.
                sleep(PACE_S if handed < BUSY_EVENTS else PACE_BUSY_S if handed < READ_MAX else 0)

    def _go_on(self) -> bool:
        with self._lock:
            self._reading = bool(self._viewers) and not self._closed
            return self._reading

    def _advance(self) -> int:
        """Hand out what has been folded since; how many events, wanted or not."""
        cursor = self._cursor()
        if order(cursor) < order(self._position):  # the store was put back to an earlier day
            self._position = cursor
        if cursor == self._position:
            return 0
        entries = self._client.xrange(keys.JOURNAL, min=f"({self._position}", max=cursor, count=READ_MAX)
        upto = entries[-1][0].decode() if len(entries) == READ_MAX else cursor
        with self._lock:
            viewers = list(self._viewers)
        for viewer, pieces in self._sorted(entries, viewers):
            viewer.put(pieces, upto)
        self._position = upto
        return len(entries)

    def _wait(self) -> None:
        """Until the journal has more than has been handed out; if it has already, a moment for its folding."""
        if self._client.xread({keys.JOURNAL: self._position}, count=1, block=BLOCK_MS):
            sleep(FOLD_LOOK_S)

    def _sorted(
        self, entries: Iterable[tuple[bytes, dict[bytes, bytes]]], viewers: Sequence[SseClient]
    ) -> list[tuple[SseClient, list[SseFrame]]]:
        everywhere = [viewer for viewer in viewers if viewer.wanted.room_id is None]
        by_room: dict[bytes, list[SseClient]] = {}
        for viewer in viewers:
            if viewer.wanted.room_id is not None:
                by_room.setdefault(viewer.wanted.room_id.encode(), []).append(viewer)
        wanted: list[tuple[Event, list[SseClient]]] = []
        for entry_id, fields in entries:
            # Looked at before it is read: most events are of rooms that nobody watches.
            near = by_room.get(fields.get(b"r", b""), [])
            if not everywhere and not near:
                continue
            event = codec.event_of(entry_id, fields)
            takers = [viewer for viewer in (*everywhere, *near) if viewer.wanted.takes(event)]
            if takers:
                wanted.append((event, takers))
        found: dict[SseClient, list[SseFrame]] = {viewer: [] for viewer in viewers}
        for piece, (_, takers) in zip(frames_of(self._client, [one for one, _ in wanted]), wanted, strict=True):
            for viewer in takers:
                found[viewer].append(piece)
        return list(found.items())

    def _cursor(self) -> str:
        value = self._client.get(keys.CURSOR)
        return value.decode() if value else "0-0"


def frames_of(client: Client, events: Sequence[Event]) -> list[SseFrame]:
    """Folded events as they go out: the id, and the event as the API shows it, on one line."""
    if not events:
        return []
    rows, config = timeline_rows(client, events), StateStore(client).names()
    views = [event_view(event, row, config) for event, row in zip(events, rows, strict=True)]
    return [SseFrame(event.id, _text(event.id, view)) for event, view in zip(events, views, strict=True)]


def _text(event_id: str, view: dict[str, Any]) -> bytes:
    return b"id: " + event_id.encode() + b"\ndata: " + codec.encode(view) + b"\n\n"
