"""The public shapes of rooms, streams and calls: what the API, the notices and the conditions see."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from webhook_app.domain.control.call import Call
from webhook_app.domain.events import Event
from webhook_app.domain.outputs import Output
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.sessions.participants import Role
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.destinations import failed_destinations
from webhook_app.domain.streams.stream import Snapshot, Stream
from webhook_app.domain.times import maybe_rfc3339, rfc3339

PARTICIPANTS_SHOWN = 100


def stream_view(stream: Stream, now: int, room_name: str | None = None) -> dict[str, Any]:
    """A stream; `duration_s` counts from started, up to now while it is live. `mp4` is there if a rule wants one."""
    until = stream.ended_at if stream.ended_at is not None else now
    failed = failed_destinations(stream) if stream.destinations else frozenset()
    view = {
        "stream_id": stream.stream_id,
        "videosdk_id": stream.videosdk_id,
        "room_id": stream.room_id,
        "room_name": room_name,
        "output": stream.output.value,
        "session_id": stream.session_id,
        "state": stream.state.value,
        "playback_url": stream.playback_url,
        "livestream_url": stream.livestream_url,
        "starting_at": maybe_rfc3339(stream.starting_at),
        "started_at": maybe_rfc3339(stream.started_at),
        "playable_at": maybe_rfc3339(stream.playable_at),
        "stopping_at": maybe_rfc3339(stream.stopping_at),
        "ended_at": maybe_rfc3339(stream.ended_at),
        "duration_s": None if stream.started_at is None else max(0, until - stream.started_at) / 1000,
        "ended_by": None if stream.ended_by is None else stream.ended_by.value,
        "known_by": None if stream.ended_by is None else stream.ended_by.value,
        "stopped_because": stream.stopped_because,
        "failure": stream.failure,
        "snapshot": None if stream.snapshot is None else snapshot_view(stream.snapshot),
        "files": [{"path": file.path, "url": file.url} for file in stream.files],
        "destinations": [{"url": url, "failed": url in failed} for url in stream.destinations],
    }
    return view if stream.mp4 is None else {**view, "mp4": stream.mp4.state.value}


def participants_view(session: Session, *, all_hosts: bool = False) -> list[dict[str, Any]]:
    """At most 100 of a live session's participants, hosts first; with `all_hosts` every host, however many."""
    if not session.live:
        return []
    modes = session.modes
    hosts = session.hosts
    others = (who for who in session.participants if session.role_of(who) is not Role.HOST)
    listed = [*hosts, *islice(others, max(0, PARTICIPANTS_SHOWN - len(hosts)))]
    return [
        {"participant_id": who, "name": session.participants[who], "mode": modes.get(who)}
        for who in (listed if all_hosts else listed[:PARTICIPANTS_SHOWN])
    ]


SESSION_VIEW: dict[str, Callable[[Session], Any]] = {
    "session_id": lambda session: session.session_id,
    "live": lambda session: session.live,
    "participant_count": lambda session: session.count,
    "host_count": lambda session: session.host_count,
    "participants": participants_view,
    "ended_reason": lambda session: session.ended_reason,
    "ended_error": lambda session: session.ended_error,
}


def snapshot_view(snapshot: Snapshot) -> dict[str, Any]:
    """A picture of a stream, by its URL at VideoSDK."""
    return {
        "url": snapshot.url,
        "taken_at": rfc3339(snapshot.taken_at),
        "width": snapshot.width,
        "height": snapshot.height,
    }


def session_view(session: Session) -> dict[str, Any]:
    """A session with at most 100 of its participants, hosts first."""
    return {name: read(session) for name, read in SESSION_VIEW.items()}


def _state(room: Room, config: Config, now: int) -> str:
    stream = room.shown_stream
    return "idle" if stream is None else stream.state.value


def _stream(room: Room, config: Config, now: int) -> dict[str, Any] | None:
    stream = room.shown_stream
    return None if stream is None else stream_view(stream, now, config.room_name(room.room_id))


def _desired(room: Room, config: Config, now: int) -> dict[str, Any] | None:
    desired = room.desired
    if desired is None:
        return None
    return {
        "on_air": desired.on_air,
        "because": desired.because,
        "since": rfc3339(desired.since),
        "until": maybe_rfc3339(desired.until),
    }


def _outputs(room: Room, config: Config, now: int) -> dict[str, Any]:
    views = {output: room.seen_from(output) for output in Output}
    return {
        output.value: {
            "state": _state(view, config, now),
            "live": view.on_air,
            "stream": _stream(view, config, now),
            "desired": _desired(view, config, now),
            "armed": view.armed,
            "late_since": maybe_rfc3339(view.late_since),
            "next_window": _next_window(view, config, now),
        }
        for output, view in views.items()
    }


def _name(room: Room, config: Config, now: int) -> str | None:
    return config.room_name(room.room_id)


def _groups(room: Room, config: Config, now: int) -> list[str]:
    named = config.named(room.room_id)
    return [] if named is None else list(named.groups)


def _next_window(room: Room, config: Config, now: int) -> dict[str, Any] | None:
    if room.schedule.next_window is None:
        return None
    return occurrence_view(room.room_id, room.schedule.next_window, room_name=config.room_name(room.room_id))


def occurrence_view(
    room_id: str,
    window: RoomWindow,
    *,
    skipped: bool = False,
    warning: str | None = None,
    openings: Iterable[int] | None = None,
    endless: bool = False,
    room_name: str | None = None,
    output: Output | None = None,
) -> dict[str, Any]:
    """A window of a room; `openings` are those of one rule in it, which can be skipped.

    `output` is left out where the window is that of an output by its place.
    """
    more: dict[str, Any] = {} if output is None else {"output": output.value}
    if openings is not None:
        more["openings"] = [rfc3339(opens_at) for opens_at in openings]
    return more | {
        "rules": list(window.rules),
        "room_id": room_id,
        "room_name": room_name,
        "opens_at": rfc3339(window.opens_at),
        "closes_at": None if endless else rfc3339(window.closes_at),
        "skipped": skipped,
        "warning": warning,
    }


def next_opening(outputs: Mapping[str, Any]) -> tuple[str, list[str]] | None:
    """When the next window of any output opens, and of which outputs; `outputs` are those of a room's view."""
    windows = {name: output["next_window"] for name, output in outputs.items() if output.get("next_window")}
    if not windows:
        return None
    opens_at = min(str(window["opens_at"]) for window in windows.values())
    return opens_at, [name for name, window in windows.items() if window["opens_at"] == opens_at]


ROOM_VIEW: dict[str, Callable[[Room, Config, int], Any]] = {
    "room_id": lambda room, config, now: room.room_id,
    "name": _name,
    "groups": _groups,
    "on_air": lambda room, config, now: room.on_air,
    "watchable": lambda room, config, now: room.watchable,
    "live": lambda room, config, now: room.live,
    "recording": lambda room, config, now: room.is_running(Output.RECORDING),
    "state": _state,
    "stream": _stream,
    "session": lambda room, config, now: None if room.session is None else session_view(room.session),
    "desired": _desired,
    "armed": lambda room, config, now: room.armed,
    "late_since": lambda room, config, now: maybe_rfc3339(room.late_since),
    "next_window": _next_window,
    "outputs": _outputs,
    "sequence": lambda room, config, now: room.sequence,
    "updated_at": lambda room, config, now: rfc3339(room.updated_at),
}


def room_view(room: Room, config: Config, now: int) -> dict[str, Any]:
    """The whole room."""
    return {name: read(room, config, now) for name, read in ROOM_VIEW.items()}


def event_view(
    event: Event, *, kind: str | None = None, data: Mapping[str, Any] | None = None, room_name: str | None = None
) -> dict[str, Any]:
    """An event without its effect; `kind` and `data` may be those of a domain event that it caused."""
    return {
        "id": event.id,
        "source": event.source.value,
        "type": event.type if kind is None else kind,
        "room_id": event.room_id,
        "room_name": room_name,
        "at": rfc3339(event.at),
        "data": event.data if data is None else data,
    }


def call_view(call: Call, room_name: str | None = None) -> dict[str, Any]:
    """A call without its attempts, which the store keeps beside it."""
    return {
        "id": call.call_id,
        "room_id": call.room_id,
        "room_name": room_name,
        "kind": call.kind.value,
        "output": call.output.value,
        "because": call.because,
        "state": call.state.value,
        "event_id": call.event_id,
        "created_at": rfc3339(call.created_at),
        "answered_at": maybe_rfc3339(call.answered_at),
        "message": call.message,
    }
