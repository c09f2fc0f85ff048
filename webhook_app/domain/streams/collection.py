"""The streams that a room keeps, and what it remembers of its sessions; both are bounded."""

from webhook_app.domain.frozen import replace
from webhook_app.domain.room import RETIRED_KEYS_KEPT, SESSIONS_KEPT, STREAMS_KEPT, Room
from webhook_app.domain.sessions.session import SessionHistory
from webhook_app.domain.streams.stream import Stream


def history_of(room: Room, session_id: str | None) -> SessionHistory:
    """What is remembered of a session; blank when nothing is."""
    for history in reversed(room.session_history):
        if history.session_id == session_id:
            return history
    return SessionHistory(session_id)


def put_history(room: Room, history: SessionHistory) -> Room:
    """The room with this history as its newest; the oldest beyond the bound is forgotten."""
    others = tuple(other for other in room.session_history if other.session_id != history.session_id)
    return replace(room, session_history=(*others, history)[-SESSIONS_KEPT:])


def add_stream(room: Room, stream: Stream) -> Room:
    """The room with a new stream, counted in its session.

    Beyond the bound the oldest ended stream is retired: only its ids and URL key are kept.
    """
    history = history_of(room, stream.session_id)
    room = put_history(room, replace(history, stream_count=history.stream_count + 1))
    streams = (*room.streams, stream)
    retired = room.retired_stream_keys
    while len(streams) > STREAMS_KEPT:
        oldest = next((other for other in streams if not other.live), streams[0])
        streams = tuple(other for other in streams if other.stream_id != oldest.stream_id)
        retired = (*retired, *(key for key in (*oldest.ids, oldest.url_key) if key))[-RETIRED_KEYS_KEPT:]
    return replace(room, streams=streams, retired_stream_keys=retired)


def put_stream(room: Room, stream: Stream) -> Room:
    """The room with a stream replaced by its newer value."""
    streams = tuple(stream if other.stream_id == stream.stream_id else other for other in room.streams)
    return replace(room, streams=streams)


def drop_stream(room: Room, stream: Stream) -> Room:
    """The room without a stream, which is no longer counted in its session either."""
    history = history_of(room, stream.session_id)
    room = put_history(room, replace(history, stream_count=max(0, history.stream_count - 1)))
    return replace(room, streams=tuple(other for other in room.streams if other.stream_id != stream.stream_id))
