"""One reader of the journal per process that sends processed events to all clients of the event stream."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import redis
import structlog

from webhook_app.domain.events import Event
from webhook_app.domain.ids import order
from webhook_app.live.limits import SseLimits
from webhook_app.live.sse_client import EventFilter, SseClient, SseFrame
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.event_views import event_view, timeline_rows

RenderFrames = Callable[[Client, Sequence[Event]], list[SseFrame]]

log = structlog.get_logger()


def frames_of(client: Client, events: Sequence[Event]) -> list[SseFrame]:
    """Render processed events as frames: the id, and the event as the API shows it, on one line."""
    if not events:
        return []
    rows, config = timeline_rows(client, events), StateStore(client).names()
    views = [event_view(event, row, config) for event, row in zip(events, rows, strict=True)]
    return [SseFrame(event.id, _frame_text(event.id, view)) for event, view in zip(events, views, strict=True)]


def _frame_text(event_id: str, view: dict[str, Any]) -> bytes:
    return b"id: " + event_id.encode() + b"\ndata: " + codec.encode(view) + b"\n\n"


class EventBroadcaster:
    """Reads the journal up to the reducer's cursor while clients are connected, for as many as there are slots.

    `page_readers` are the threads on which reconnecting clients read the events that they missed.
    """

    def __init__(
        self, client: Client, limits: SseLimits | None = None, *, render_frames: RenderFrames = frames_of
    ) -> None:
        self.limits = limits or SseLimits()
        self.page_readers = ThreadPoolExecutor(self.limits.page_readers, thread_name_prefix="page-reader")
        self._client = client
        self._journal = Journal(client)
        self.render_frames = render_frames
        self._open_streams: set[SseClient] = set()
        self._clients: set[SseClient] = set()
        self._lock = threading.Lock()
        self._position = "0-0"
        self._is_reading = False
        self._is_closed = False

    def join(self, event_filter: EventFilter) -> SseClient | None:
        """Take a slot, None when all are taken.

        Events that are processed from now on are queued. A client that reads the cursor after this and catches up to
        it on its own misses nothing.
        """
        with self._lock:
            if self._is_closed or len(self._clients) >= self.limits.slots:
                return None
            if not self._is_reading:
                self._position = self._cursor()
                self._is_reading = True
                threading.Thread(target=self._run, name="broadcaster", daemon=True).start()
            sse_client = SseClient(event_filter, self.limits)
            self._clients.add(sse_client)
            return sse_client

    def open_stream(self, sse_client: SseClient) -> bool:
        """Count a client's open stream, with or without a slot, until it leaves; False when there are too many."""
        with self._lock:
            if self._is_closed or len(self._open_streams) >= self.limits.streams_max:
                return False
            self._open_streams.add(sse_client)
            return True

    def leave(self, sse_client: SseClient) -> None:
        """Return the slot of a client."""
        with self._lock:
            self._clients.discard(sse_client)
            self._open_streams.discard(sse_client)

    def close(self) -> None:
        """End all streams, since the process is about to end; the clients reconnect elsewhere."""
        with self._lock:
            self._is_closed = True
            clients = [*self._clients, *self._open_streams]
        for sse_client in clients:
            sse_client.close()

    @property
    def slots_taken(self) -> int:
        """How many slots are taken."""
        return len(self._clients)

    @property
    def position(self) -> str:
        """The id of the last event that was sent."""
        return self._position

    def _run(self) -> None:
        try:
            self._read_until_unused()
        except Exception:
            # Clients reconnect and catch up on their own; with a dead reader they would wait forever.
            log.exception("event broadcaster failed: disconnecting all clients")
            with self._lock:
                self._is_reading = False
                clients, self._clients = self._clients, set()
            for sse_client in clients:
                sse_client.close()

    def _read_until_unused(self) -> None:
        was_unavailable = False
        while self._has_clients():
            try:
                count = self._advance()
                if not count:
                    self._wait_for_events()
            except redis.RedisError as error:
                if not was_unavailable:
                    log.warning("store unavailable: event streams are waiting", error=str(error))
                was_unavailable = True
                sleep(self.limits.error_pause_s)
                continue
            was_unavailable = False
            if count:
                sleep(self._pause_after(count))

    def _pause_after(self, count: int) -> float:
        """A busy journal is read in large batches: many events per write, few writes per second."""
        if count >= self.limits.read_max_events:
            return 0.0
        return self.limits.pause_s if count < self.limits.busy_events else self.limits.busy_pause_s

    def _has_clients(self) -> bool:
        with self._lock:
            self._is_reading = bool(self._clients) and not self._is_closed
            return self._is_reading

    def _advance(self) -> int:
        """Queue the events processed since the last read; return how many there were, wanted or not."""
        cursor = self._cursor()
        if order(cursor) < order(self._position):  # the store was restored from a backup
            self._position = cursor
        if cursor == self._position:
            return 0
        limit = self.limits.read_max_events
        entries = self._journal.read_raw(self._position, cursor, limit)
        position = entries[-1][0].decode() if len(entries) == limit else cursor
        with self._lock:
            clients = list(self._clients)
        for sse_client, frames in self._frames_by_client(entries, clients):
            sse_client.put(frames, position)
        self._position = position
        return len(entries)

    def _wait_for_events(self) -> None:
        """Wait until the journal has new events; if it already has, a moment for them to be processed."""
        if self._journal.wait_for(self._position, block_ms=self.limits.block_ms):
            sleep(self.limits.poll_interval_s)

    def _frames_by_client(
        self, entries: Iterable[tuple[bytes, dict[bytes, bytes]]], clients: Sequence[SseClient]
    ) -> list[tuple[SseClient, list[SseFrame]]]:
        of_all_rooms = [sse_client for sse_client in clients if sse_client.event_filter.room_id is None]
        by_room: dict[bytes, list[SseClient]] = {}
        for sse_client in clients:
            if sse_client.event_filter.room_id is not None:
                by_room.setdefault(sse_client.event_filter.room_id.encode(), []).append(sse_client)
        matched: list[tuple[Event, list[SseClient]]] = []
        for entry_id, fields in entries:
            # Checked before decoding: most events belong to rooms that no client follows.
            of_room = by_room.get(fields.get(b"r", b""), [])
            if not of_all_rooms and not of_room:
                continue
            event = codec.event_of(entry_id, fields)
            takers = [sse_client for sse_client in (*of_all_rooms, *of_room) if sse_client.event_filter.matches(event)]
            if takers:
                matched.append((event, takers))
        queues: dict[SseClient, list[SseFrame]] = {sse_client: [] for sse_client in clients}
        rendered = self.render_frames(self._client, [event for event, _ in matched])
        for frame, (_, takers) in zip(rendered, matched, strict=True):
            for sse_client in takers:
                queues[sse_client].append(frame)
        return list(queues.items())

    def _cursor(self) -> str:
        return StateStore(self._client).cursor()
