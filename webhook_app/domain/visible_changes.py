"""Which changes of a room others can see: they advance the room's sequence."""

from dataclasses import fields
from operator import attrgetter

from webhook_app.domain.outputs import OTHER_OUTPUTS
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.stream import Stream

_HIDDEN_OF_SESSION = {"last_event_id", "verified_at", "emptied_at", "moves"}
_HIDDEN_OF_STREAM = {"last_event_id", "call_id", "end_call_id", "probed_at", "videosdk_started_at", "end_by_room"}
# Tuples of the visible fields are cheaper to compare than copies without the hidden ones.
_visible_of_session = attrgetter(*(field.name for field in fields(Session) if field.name not in _HIDDEN_OF_SESSION))
_visible_of_stream = attrgetter(*(field.name for field in fields(Stream) if field.name not in _HIDDEN_OF_STREAM))


def is_visibly_changed(before: Room, room: Room) -> bool:
    """Whether API and console show anything else than before."""
    if room.desired != before.desired or room.armed != before.armed:
        return True
    if room.session is not before.session and _is_session_changed(before.session, room.session):
        return True
    if room.streams is not before.streams and _is_stream_changed(before.shown_stream, room.shown_stream):
        return True
    return room.others is not before.others and _are_others_changed(before, room)


def _are_others_changed(before: Room, room: Room) -> bool:
    for output in OTHER_OUTPUTS:
        earlier, now = before.seen_from(output), room.seen_from(output)
        if earlier.desired != now.desired or earlier.armed != now.armed:
            return True
        if _is_stream_changed(earlier.shown_stream, now.shown_stream):
            return True
    return False


def _is_session_changed(before: Session | None, after: Session | None) -> bool:
    if before is None or after is None:
        return before is not after
    return bool(_visible_of_session(before) != _visible_of_session(after))


def _is_stream_changed(before: Stream | None, after: Stream | None) -> bool:
    if before is None or after is None:
        return before is not after
    return bool(_visible_of_stream(before) != _visible_of_stream(after))
