"""Example rooms and events: every shape that their public views can have, for trying conditions before they are saved.

What a condition may look at is derived from these. A test compares them with the API's schemas, so a field that the
views gain must be set in at least one example.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from webhook_app.domain.events import Event, Source
from webhook_app.domain.frozen import replace
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import Desired, Desires, OutputState, ScheduleState
from webhook_app.domain.rules.config import Settings, make_config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.schedules.open_window import OpenWindow
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.sessions.participants import Role
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import File, StreamReport
from webhook_app.domain.streams.stream import EndedBy, Mp4, Mp4State, Snapshot, advance, new_stream
from webhook_app.domain.view_shape import ViewShape, shape_of
from webhook_app.domain.views import event_view, room_view

ROOM_ID = "abcd-efgh-ijkl"
_AT = 1_767_225_600_000


@lru_cache(maxsize=2)
def room_shapes(host_mode: str = "host", viewer_mode: str = "viewer") -> tuple[Mapping[str, Any], ...]:
    """Rooms without and with a session, a desire, a name, a next window, a stream in each state, and other outputs.

    The modes are the provider's words for a host and a viewer: a condition that tells them apart is then tried whole.
    """
    config = make_config({}, {"hall": ConfiguredRoom("hall", ROOM_ID, ("webinar",))}, Settings())
    inside: dict[str, str | None] = {"p": "Host", "q": None}
    session = Session("s", live=True, started_at=_AT, complete=True, participants=inside)
    mode_roles = {host_mode: Role.HOST, viewer_mode: Role.VIEWER}
    session = replace(session, modes={"p": host_mode, "q": viewer_mode}, mode_roles=mode_roles)
    unknown = Session("s", live=True, started_at=_AT)
    over = replace(session, live=False, ended_at=_AT + 1, ended_reason="timeout", ended_error="failed")
    desires = Desires(Desired(on_air=True, because="operator", since=_AT, event_id="1-0", until=_AT + 1))
    window = RoomWindow(_AT, _AT + 1, ("service",))
    fact = StreamReport("id", "https://x/y", "s", "https://x/y/index.m3u8", "https://x/y/live.m3u8", "failed")
    stream = replace(
        new_stream(ROOM_ID, "1-0", _AT, StreamState.STARTING, fact, output=Output.HLS, provisional=False),
        snapshot=Snapshot("https://x/y.png", _AT, 1280, 720),
    )
    rooms = [Room(ROOM_ID), Room(ROOM_ID, session=unknown, desires=desires)]
    for state in StreamState:
        moved = advance(stream, state, at=_AT + 1, event_id="2-0", by=EndedBy.WEBHOOK)
        schedule = ScheduleState(next_window=window)
        rooms.append(Room(ROOM_ID, session=session, desires=desires, streams=(moved,), schedule=schedule))
    # A stream that went through every state has every moment.
    for state in (StreamState.STARTED, StreamState.PLAYABLE, StreamState.STOPPING, StreamState.FAILED):
        stream = advance(stream, state, at=_AT + 1, event_id="2-0", by=EndedBy.WEBHOOK)
    file, destination = File("/a.mp4", "https://x/a.mp4"), "rtmp://x/live"
    stream = replace(stream, failure="failed", stopped_because="operator", files=(file,), destinations=(destination,))
    stream = replace(stream, mp4=Mp4(Mp4State.READY, "rule:service"))
    late = OpenWindow(_AT, _AT + 1, ("service",), late_at=_AT)
    schedule = ScheduleState(window=late, next_window=window)
    others = {
        output: OutputState(streams=(replace(stream, output=output),), desires=desires, schedule=schedule)
        for output in OTHER_OUTPUTS
    }
    rooms.append(Room(ROOM_ID, session=over, desires=desires, streams=(stream,), schedule=schedule, others=others))
    return tuple(room_view(room, config, _AT + 2) for room in rooms)


@lru_cache(maxsize=1)
def event_shapes() -> tuple[Mapping[str, Any], ...]:
    """Events as `on` passes them to a condition."""
    return (event_view(Event("1-0", Source.VIDEOSDK, "example", ROOM_ID, _AT, {}), room_name="hall"),)


@lru_cache(maxsize=1)
def room_shape() -> ViewShape:
    """The fields of a room's view, at any depth."""
    return shape_of(room_shapes())


@lru_cache(maxsize=1)
def event_shape() -> ViewShape:
    """The fields of an event's view."""
    return shape_of(event_shapes())
