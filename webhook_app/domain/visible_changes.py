"""Which changes of a room others can see: they advance the room's sequence."""

from webhook_app.domain.frozen import replace
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.stream import Stream


def is_visibly_changed(before: Room, room: Room) -> bool:
    """Whether API and console show anything else than before."""
    if room.desired != before.desired or room.armed != before.armed:
        return True
    if room.session is not before.session and _visible_session(room) != _visible_session(before):
        return True
    return room.streams is not before.streams and _visible_stream(room) != _visible_stream(before)


def _visible_session(room: Room) -> Session | None:
    session = room.session
    if session is None:
        return None
    return replace(session, last_event_id=None, verified_at=None, emptied_at=None, moves=())


def _visible_stream(room: Room) -> Stream | None:
    stream = room.shown_stream
    if stream is None:
        return None
    return replace(
        stream,
        last_event_id="",
        call_id=None,
        end_call_id=None,
        probed_at=None,
        videosdk_started_at=None,
        end_by_room=False,
    )
