"""The response of the event stream: server-sent events, first those that the client missed, then live ones."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import monotonic

from flask import Response

from webhook_app.domain.ids import order
from webhook_app.live.broadcaster import EventBroadcaster, frames_of
from webhook_app.live.limits import SseLimits
from webhook_app.live.sse_client import EventFilter, SseClient
from webhook_app.server.handoff import StreamResponse
from webhook_app.store import codec
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.store.queries.timelines import event_ids_between
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.event_views import checked_id

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def start_of(last_event_id: str | None, after: str | None) -> str | None:
    """Return the event id after which a stream starts: the browser's last id, else `after`; None is now."""
    event_id = last_event_id or after or None
    try:
        return checked_id(event_id) if event_id not in (None, "0-0") else event_id
    except InvalidCursorError:
        field = "Last-Event-ID" if last_event_id else "after"
        message = "must be the id of an event, such as 1763900000000-0"
        raise InvalidInputError("Invalid event id.", errors={field: [message]}) from None


def stream_response(
    context: AppContext, broadcaster: EventBroadcaster, event_filter: EventFilter, start: str | None
) -> Response:
    """Return the stream, kept open if there is a slot; else the missed events, and when to reconnect."""
    sse_client = broadcaster.join(event_filter)
    is_live = sse_client is not None
    sse_client = sse_client or SseClient(event_filter, broadcaster.limits)
    try:
        # Read after joining: later events are queued by the broadcaster.
        end = context.state.cursor()
        trimmed = Snapshots(context.client).trimmed_at() if start is not None else "0-0"
    except BaseException:
        broadcaster.leave(sse_client)
        raise
    begin, gap = _begin(start, end, trimmed)

    def end_stream() -> None:
        sse_client.close()
        broadcaster.leave(sse_client)

    if broadcaster.open_stream(sse_client):
        stream = _Stream(context, broadcaster, sse_client, is_live=is_live)
        chunks = _split(stream.chunks(begin, end, gap), broadcaster.limits.send_max_bytes)
    else:
        chunks = _reconnect_later(begin, broadcaster.limits)
    return StreamResponse(
        chunks, end_stream=end_stream, headers=HEADERS, content_type="text/event-stream; charset=utf-8"
    )


def _begin(start: str | None, end: str, trimmed: str) -> tuple[str, str | None]:
    """Return the id after which to begin, and why events before it may be missing, None if none are."""
    if start is None:
        return end, None
    if order(start) > order(end):
        return end, "the store has no event with that id yet; it may have been restored from a backup"
    if order(start) < order(trimmed) and order(start) > (0, 0):
        return trimmed, "events after that id were removed by retention; reload what you show"
    return start, None


async def _split(chunks: AsyncGenerator[bytes, None], max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Split chunks so that each fits into a connection's buffer."""
    async for chunk in chunks:
        for at in range(0, len(chunk), max_bytes):
            yield chunk[at : at + max_bytes]


async def _reconnect_later(position: str, limits: SseLimits) -> AsyncGenerator[bytes, None]:
    yield _first_frame(position, limits.retry_full_ms, None)


def _first_frame(position: str, retry_ms: int, gap: str | None) -> bytes:
    frame = b"retry: %d\nid: %s\n\n" % (retry_ms, position.encode())
    if gap is not None:
        frame += b"event: gap\ndata: " + codec.encode({"detail": gap}) + b"\n\n"
    return frame


@dataclass(frozen=True, slots=True)
class _Page:
    """Frames of processed events, the id up to which they reach, and how many journal entries were read for them."""

    text: bytes
    position: str
    entries: int
    entry_bytes: int


class _Stream:
    """One client's stream."""

    def __init__(
        self, context: AppContext, broadcaster: EventBroadcaster, sse_client: SseClient, *, is_live: bool
    ) -> None:
        self._context = context
        self._broadcaster = broadcaster
        self._limits = broadcaster.limits
        self._client = sse_client
        self._is_live = is_live

    async def chunks(self, position: str, end: str, gap: str | None) -> AsyncGenerator[bytes, None]:
        """Yield the events from `position` to `end`, then live events until a limit is reached."""
        limits = self._limits
        deadline = monotonic() + limits.stream_max_s
        yield _first_frame(position, limits.retry_ms if self._is_live else limits.retry_full_ms, gap)
        async for page in self._missed_pages(position, end):
            yield page.text
            position = page.position
        if order(position) < order(end):
            yield b"retry: %d\n\n" % limits.retry_more_ms
            return
        while self._is_live and monotonic() < deadline:
            queued = await self._client.take(limits.heartbeat_s)
            if queued is None:
                return
            frames, reached = queued
            new_frames = [frame.text for frame in frames if order(frame.event_id) > order(position)]
            if reached is not None and order(reached) > order(position):
                position = reached
            # Browsers remember an id without data and show nothing: it makes the next catch-up short.
            yield b"".join(new_frames) if new_frames else b": still here\nid: " + position.encode() + b"\n\n"

    async def _missed_pages(self, position: str, end: str) -> AsyncGenerator[_Page, None]:
        """Yield the processed events between two ids, oldest first, in pages.

        Pages are read one at a time on few threads, as fast as the client takes them, so that a client that requests
        everything and reads nothing costs one page.
        """
        limits, loop = self._limits, asyncio.get_running_loop()
        read, count = 0, limits.page_first_events
        while order(position) < order(end) and read < limits.catch_up_max_events and not self._client.is_closed:
            page = await loop.run_in_executor(self._broadcaster.page_readers, self._read_page, position, end, count)
            read += page.entries
            position = page.position
            yield page
            by_bytes = limits.page_bytes * page.entries // max(1, page.entry_bytes)
            count = max(1, min(limits.page_max_events, by_bytes))

    def _read_page(self, position: str, end: str, count: int) -> _Page:
        context, event_filter = self._context, self._client.event_filter
        if event_filter.room_id is None:
            entries = context.journal.read_raw(position, end, count)
            ids = [entry_id.decode() for entry_id, _ in entries]
            events = [codec.event_of(entry_id, fields) for entry_id, fields in entries]
            entry_bytes = sum(len(fields[b"d"]) for _, fields in entries)
        else:
            ids = event_ids_between(context.client, event_filter.room_id, position, end, count)
            stored = context.journal.get(ids)
            events = [event for event in stored if event is not None]
            entry_bytes = 0
        frames = frames_of(context.client, [event for event in events if event_filter.matches(event)])
        reached = ids[-1] if len(ids) == count else end
        text = b"".join(frame.text for frame in frames)
        return _Page(text + b"id: " + reached.encode() + b"\n\n", reached, len(ids), max(entry_bytes, len(text)))
