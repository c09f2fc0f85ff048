"""One viewer's stream of events: caught up from where it was, then live, as Server-Sent Events."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

from flask import Response

from webhook_app.api.context import Context
from webhook_app.api.event_views import checked_id
from webhook_app.api.feed import Feed, Viewer, Wanted, pieces_of
from webhook_app.domain.events import Event
from webhook_app.domain.ids import order
from webhook_app.problems import Problem
from webhook_app.store import codec, keys
from webhook_app.store.listing import BadCursorError

HEARTBEAT_S = 15.0
STREAM_MAX_S = 1_800.0
CATCH_UP_CHUNK = 250
CATCH_UP_MAX_EVENTS = 10_000
RETRY_MS = 3_000
RETRY_FULL_MS = 5_000
RETRY_MORE_MS = 100
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def start_of(last_event_id: str | None, after: str | None) -> str | None:
    """Where a viewer was: the id that its browser remembers, else the one it was given; None is now."""
    given = last_event_id or after or None
    try:
        return checked_id(given) if given not in (None, "0-0") else given
    except BadCursorError:
        field = "Last-Event-ID" if last_event_id else "after"
        raise Problem(
            422, "that is no id of an event", errors={field: ["give the id of an event, such as 1763900000000-0"]}
        ) from None


def answer(context: Context, feed: Feed, wanted: Wanted, start: str | None) -> Response:
    """The stream, held open when there is a place; else what is new, and when to come again."""
    viewer = feed.join(wanted)
    try:
        # Read after joining: what is folded later is handed over by the feed.
        upto = context.state.cursor()
        trimmed = context.client.hget(keys.SNAPSHOT, "at") if start is not None else None
    except BaseException:
        if viewer is not None:
            feed.leave(viewer)
        raise
    begin, gap = _begin(start, upto, trimmed.decode() if trimmed else "0-0")
    stream = _Closing(_stream(context, viewer, wanted, begin, upto, gap), feed, viewer)
    return Response(stream, headers=HEADERS, content_type="text/event-stream; charset=utf-8", direct_passthrough=True)


class _Closing:
    """The stream as the server reads it; it may be closed from another thread, while it waits for what comes next."""

    def __init__(self, stream: Iterator[bytes], feed: Feed, viewer: Viewer | None) -> None:
        self._stream = stream
        self._feed = feed
        self._viewer = viewer

    def __iter__(self) -> "_Closing":
        return self

    def __next__(self) -> bytes:
        return next(self._stream)

    def close(self) -> None:
        """Give the place back, and let a thread that waits go."""
        if self._viewer is not None:
            self._feed.leave(self._viewer)
            self._viewer.close()


def _begin(start: str | None, upto: str, trimmed: str) -> tuple[str, str | None]:
    """Where to begin, and why something may be missing before that."""
    if start is None:
        return upto, None
    if order(start) > order(upto):
        return upto, "the store holds no event with that id yet: it may have been restored from an earlier day"
    if order(start) < order(trimmed) and order(start) > (0, 0):
        return trimmed, "events after that id are kept no more: read what you show anew"
    return start, None


def _stream(
    context: Context, viewer: Viewer | None, wanted: Wanted, seen: str, upto: str, gap: str | None
) -> Iterator[bytes]:
    until = monotonic() + STREAM_MAX_S
    yield _hello(seen, RETRY_MS if viewer is not None else RETRY_FULL_MS, gap)
    for chunk, at in _caught_up(context, wanted, seen, upto):
        yield chunk
        seen = at
    if order(seen) < order(upto):
        yield b"retry: %d\n\n" % RETRY_MORE_MS
        return
    while viewer is not None and monotonic() < until:
        taken = viewer.take(HEARTBEAT_S)
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


def _caught_up(context: Context, wanted: Wanted, seen: str, upto: str) -> Iterator[tuple[bytes, str]]:
    """What was folded between two ids, oldest first, in pieces; each with the id that it reaches to."""
    looked = 0
    while order(seen) < order(upto) and looked < CATCH_UP_MAX_EVENTS:
        events, at, more = _read(context, wanted.room_id, seen, upto)
        looked += CATCH_UP_CHUNK
        seen = at if more else upto
        pieces = pieces_of(context.client, [event for event in events if wanted.takes(event)])
        yield b"".join(piece.text for piece in pieces) + b"id: " + seen.encode() + b"\n\n", seen


def _read(context: Context, room_id: str | None, seen: str, upto: str) -> tuple[list[Event], str, bool]:
    key = keys.JOURNAL if room_id is None else keys.timeline(room_id)
    entries: list[Any] = context.client.xrange(key, min=f"({seen}", max=upto, count=CATCH_UP_CHUNK)
    if not entries:
        return [], upto, False
    if room_id is None:
        events = [codec.event_of(entry_id, fields) for entry_id, fields in entries]
    else:
        found = context.journal.get([entry_id.decode() for entry_id, _ in entries])
        events = [event for event in found if event is not None]
    return events, entries[-1][0].decode(), len(entries) == CATCH_UP_CHUNK
