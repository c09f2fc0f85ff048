"""One viewer's stream of events: caught up from where it was, then live, as Server-Sent Events."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from flask import Response

from webhook_app.domain.ids import order
from webhook_app.live.broadcaster import EventBroadcaster, EventFilter, SseClient, frames_of
from webhook_app.problems.problems import Problem
from webhook_app.server.handoff import StreamResponse
from webhook_app.store import codec, keys
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.event_views import checked_id

HEARTBEAT_S = 15.0
STREAM_MAX_S = 1_800.0
PAGE_FIRST_EVENTS = 32
PAGE_MAX_EVENTS = 250
PAGE_BYTES = 128 * 1024
SEND_MAX_BYTES = 16 * 1024
CATCH_UP_MAX_EVENTS = 10_000
RETRY_SCHEDULE_MS = 3_000
RETRY_FULL_MS = 5_000
RETRY_MORE_MS = 100
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def start_of(last_event_id: str | None, after: str | None) -> str | None:
    """Where a viewer was: the id that its browser remembers, else the one it was given; None is now."""
    given = last_event_id or after or None
    try:
        return checked_id(given) if given not in (None, "0-0") else given
    except InvalidCursorError:
        field = "Last-Event-ID" if last_event_id else "after"
        raise Problem(
            422, "that is no id of an event", errors={field: ["give the id of an event, such as 1763900000000-0"]}
        ) from None


def answer(context: AppContext, feed: EventBroadcaster, wanted: EventFilter, start: str | None) -> Response:
    """The stream, held open when there is a place; else what is new, and when to come again."""
    viewer = feed.join(wanted)
    live = viewer is not None
    viewer = viewer or SseClient(wanted)
    try:
        # Read after joining: what is folded later is handed over by the feed.
        upto = context.state.cursor()
        trimmed = context.client.hget(keys.SNAPSHOT, "at") if start is not None else None
    except BaseException:
        feed.leave(viewer)
        raise
    begin, gap = _begin(start, upto, trimmed.decode() if trimmed else "0-0")

    def end_stream() -> None:
        viewer.close()
        feed.leave(viewer)

    if feed.open_stream(viewer):
        chunks = _sliced(_stream(context, feed, viewer, begin, upto, gap, live=live))
    else:
        chunks = _try_later(begin)
    return StreamResponse(
        chunks, end_stream=end_stream, headers=HEADERS, content_type="text/event-stream; charset=utf-8"
    )


async def _sliced(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same bytes in slices that fit a connection's buffer."""
    async for chunk in chunks:
        for at in range(0, len(chunk), SEND_MAX_BYTES):
            yield chunk[at : at + SEND_MAX_BYTES]


async def _try_later(begin: str) -> AsyncGenerator[bytes, None]:
    yield _hello(begin, RETRY_FULL_MS, None)


def _begin(start: str | None, upto: str, trimmed: str) -> tuple[str, str | None]:
    """Where to begin, and why something may be missing before that."""
    if start is None:
        return upto, None
    if order(start) > order(upto):
        return upto, "the store holds no event with that id yet: it may have been restored from an earlier day"
    if order(start) < order(trimmed) and order(start) > (0, 0):
        return trimmed, "events after that id are kept no more: read what you show anew"
    return start, None


async def _stream(
    context: AppContext, feed: EventBroadcaster, viewer: SseClient, seen: str, upto: str, gap: str | None, *, live: bool
) -> AsyncGenerator[bytes, None]:
    until = monotonic() + STREAM_MAX_S
    yield _hello(seen, RETRY_SCHEDULE_MS if live else RETRY_FULL_MS, gap)
    async for chunk, at in _catch_up(context, feed, viewer, seen, upto):
        yield chunk
        seen = at
    if order(seen) < order(upto):
        yield b"retry: %d\n\n" % RETRY_MORE_MS
        return
    while live and monotonic() < until:
        taken = await viewer.take(HEARTBEAT_S)
        if taken is None:
            return
        pieces, position = taken
        fresh = [piece.text for piece in pieces if order(piece.event_id) > order(seen)]
        if position is not None and order(position) > order(seen):
            seen = position
        # An id without data is remembered by the browser and shows nothing: the next resume is a short one.
        yield b"".join(fresh) if fresh else b": still here\nid: " + seen.encode() + b"\n\n"


def _hello(seen: str, retry_ms: int, gap: str | None) -> bytes:
    hello = b"retry: %d\nid: %s\n\n" % (retry_ms, seen.encode())
    if gap is not None:
        hello += b"event: gap\ndata: " + codec.encode({"detail": gap}) + b"\n\n"
    return hello


@dataclass(frozen=True, slots=True)
class _Page:
    """Events that were folded after an id: their text, the id it reaches to, and how many entries were read."""

    text: bytes
    reaches: str
    entries: int
    entry_bytes: int


async def _catch_up(
    context: AppContext, feed: EventBroadcaster, viewer: SseClient, seen: str, upto: str
) -> AsyncGenerator[tuple[bytes, str], None]:
    """What was folded between two ids, oldest first, page by page; each with the id that it reaches to.

    Pages are read on few threads and one at a time, as fast as the peer takes them: a peer that asks for everything
    and reads nothing costs one page.
    """
    loop = asyncio.get_running_loop()
    looked, count = 0, PAGE_FIRST_EVENTS
    while order(seen) < order(upto) and looked < CATCH_UP_MAX_EVENTS and not viewer.closed:
        page = await loop.run_in_executor(feed.page_readers, _read_page, context, viewer.wanted, seen, upto, count)
        looked += page.entries
        seen = page.reaches
        yield page.text, seen
        count = max(1, min(PAGE_MAX_EVENTS, PAGE_BYTES * page.entries // max(1, page.entry_bytes)))


def _read_page(context: AppContext, wanted: EventFilter, seen: str, upto: str, count: int) -> _Page:
    key = keys.JOURNAL if wanted.room_id is None else keys.timeline(wanted.room_id)
    entries: list[Any] = context.client.xrange(key, min=f"({seen}", max=upto, count=count)
    if wanted.room_id is None:
        events = [codec.event_of(entry_id, fields) for entry_id, fields in entries]
        entry_bytes = sum(len(fields[b"d"]) for _, fields in entries)
    else:
        found = context.journal.get([entry_id.decode() for entry_id, _ in entries])
        events = [event for event in found if event is not None]
        entry_bytes = 0
    pieces = frames_of(context.client, [event for event in events if wanted.takes(event)])
    reaches = entries[-1][0].decode() if len(entries) == count else upto
    text = b"".join(piece.text for piece in pieces)
    return _Page(text + b"id: " + reaches.encode() + b"\n\n", reaches, len(entries), max(entry_bytes, len(text)))
