"""Streams of the model: start, stop, fail, and advance with time. All outputs follow these rules."""

from dataclasses import replace
from fnmatch import fnmatchcase

from sandbox.entities import (
    ENDED_MAX,
    Outcome,
    RefusedError,
    Room,
    SandboxState,
    ScheduledStep,
    Session,
    StartOptions,
    Step,
    Stream,
    StreamState,
)
from sandbox.json_views import composer_id
from sandbox.open_points import Forms
from sandbox.outputs import OUTPUTS, Output
from sandbox.rooms import find_room, running_session, running_stream
from sandbox.webhook_data import session_ended, stream_webhook


def start(
    state: SandboxState,
    now_ms: int,
    room_id: str,
    *,
    output: Output = Output.HLS,
    options: StartOptions = StartOptions(),  # noqa: B008 - frozen
) -> tuple[Stream, Outcome]:
    """Start a stream of an output in the room's running session."""
    room, title = find_room(state, room_id), OUTPUTS[output].title
    forms = state.forms_of(room.id)
    current = running_stream(state, room, output)
    if current is not None and current.state is StreamState.STOPPING:
        raise RefusedError(409, f"The previous {title} is still being processed, try again in a few seconds", 4020)
    if current is not None and forms.second_start != "second-stream":
        raise RefusedError(int(forms.second_start), f"{title} is already running in this room")
    session = running_session(state, room)
    if session is None:
        raise RefusedError(int(forms.no_session), "No active session found in this room")
    if state.quota is not None and _live(state, output) >= state.quota:
        raise RefusedError(400, f"The organisation quota of {title} streams is used up", 4029)
    stream = Stream(
        id=state.next_digits()[:24],
        room_id=room.id,
        session_id=session.id,
        folder=_uuid(state.next_digits()),
        start_ms=now_ms,
        cdn=state.cdn,
        output=output,
        options=_in_form(options, output, forms),
    )
    if forms.composer_ids:
        stream.composer_id = composer_id(stream)
    state.streams[stream.id] = stream
    room.stream_ids[output] = stream.id
    _forget_oldest(state)
    pace = state.pace_of(room.id)
    return stream, Outcome(
        stream_webhook(state, stream),
        (
            ScheduledStep(now_ms + pace.started_ms, stream.id, Step.STARTED),
            ScheduledStep(now_ms + pace.max_duration_ms, stream.id, Step.TOO_LONG),
        ),
    )


def end(
    state: SandboxState, now_ms: int, room_id: str, *, output: Output = Output.HLS, stream_id: str | None = None
) -> tuple[Stream, Outcome]:
    """Stop the room's stream of an output."""
    room, title = find_room(state, room_id), OUTPUTS[output].title
    if stream_id is None:
        stream = running_stream(state, room, output)
    else:
        stream = next((other for other in live_streams(state, room, output) if other.id == stream_id), None)
    if stream is None:
        raise _none_active(output)
    if stream.state is StreamState.STARTING:
        raise RefusedError(400, f"{title} cannot be stopped while it is starting", 4017)
    if stream.state is StreamState.STOPPING:
        raise RefusedError(400, f"{title} is already stopping", 4017)
    return stream, stop(state, stream, now_ms)


def fail(
    state: SandboxState,
    now_ms: int,
    room_id: str,
    *,
    output: Output = Output.HLS,
    reason: str | None = None,
    destinations: tuple[str, ...] = ("*",),
) -> tuple[Stream, Outcome]:
    """Make the room's stream of an output fail.

    REST shows the reason, the webhook does not. `destinations` are patterns of the URLs at which an RTMP stream fails.
    """
    stream = running_stream(state, find_room(state, room_id), output)
    if stream is None:
        raise _none_active(output)
    return stream, _fail(state, stream, now_ms, reason, destinations)


def age(
    state: SandboxState, now_ms: int, room_id: str, by_ms: int, *, output: Output = Output.HLS
) -> tuple[Stream, Outcome]:
    """Move the start of the room's stream into the past, and its duration limit closer."""
    stream = running_stream(state, find_room(state, room_id), output)
    if stream is None:
        raise _none_active(output)
    stream.start_ms -= by_ms
    limit_ms = stream.start_ms + state.pace_of(stream.room_id).max_duration_ms
    return stream, Outcome(due=(ScheduledStep(max(now_ms, limit_ms), stream.id, Step.TOO_LONG),))


def advance(state: SandboxState, now_ms: int, due: ScheduledStep) -> Outcome:
    """What `due` brings, if its stream still waits for it."""
    stream = state.streams.get(due.stream_id)
    if stream is None:
        return Outcome()
    match due.step, stream.state:
        case Step.STARTED, StreamState.STARTING:
            return _started(state, stream, now_ms)
        case Step.PLAYABLE, StreamState.STARTED:
            stream.state = StreamState.PLAYABLE
            return Outcome(stream_webhook(state, stream))
        case Step.STOPPED, StreamState.STOPPING:
            return _over(state, stream, now_ms, StreamState.STOPPED)
        case Step.TOO_LONG, StreamState.STARTING | StreamState.STARTED | StreamState.PLAYABLE:
            return stop(state, stream, now_ms)
        case _:
            return Outcome()


def stop(state: SandboxState, stream: Stream, now_ms: int) -> Outcome:
    """Begin to stop a running stream, from `starting` on."""
    stream.state = StreamState.STOPPING
    stopped = ScheduledStep(now_ms + state.pace_of(stream.room_id).stopped_ms, stream.id, Step.STOPPED)
    return Outcome(stream_webhook(state, stream), (stopped,))


def find_stream(state: SandboxState, stream_id: str, output: Output = Output.HLS) -> Stream:
    """Return a stream of an output by id. Raises `RefusedError` 404 if there is none."""
    stream = state.streams.get(stream_id)
    if stream is None or stream.output is not output:
        raise RefusedError(404, f"{OUTPUTS[output].title} not found")
    return stream


def delete_stream(state: SandboxState, stream_id: str, output: Output = Output.HLS) -> None:
    """Delete an ended stream. Raises `RefusedError` 400 while it is active."""
    if not find_stream(state, stream_id, output).over:
        raise RefusedError(400, f"An active {OUTPUTS[output].title} cannot be deleted")
    del state.streams[stream_id]


def live_streams(state: SandboxState, room: Room, output: Output | None = None) -> list[Stream]:
    """Return the room's streams that have not ended, oldest first, of one output or of all.

    More than one of an output exist only with `second-stream`.
    """
    if not room.stream_ids:
        return []
    return [
        stream
        for stream in state.streams.values()
        if stream.room_id == room.id and not stream.over and output in (None, stream.output)
    ]


def announce_session_end(state: SandboxState, session: Session) -> Outcome:
    """Send `session-ended`, once per session."""
    if session.end_announced:
        return Outcome()
    session.end_announced = True
    return Outcome((session_ended(session, state.forms_of(session.room_id)),))


def _started(state: SandboxState, stream: Stream, now_ms: int) -> Outcome:
    refused = state.forms_of(stream.room_id).refused_destination
    if refused is not None and any(fnmatchcase(each.url, refused) for each in stream.options.destinations):
        return _fail(state, stream, now_ms, "RTMP connection refused", (refused,))
    stream.state = StreamState.STARTED
    webhooks = stream_webhook(state, stream)
    if not stream.spec.is_playable:
        return Outcome(webhooks)
    playable = ScheduledStep(now_ms + state.pace_of(stream.room_id).playable_ms, stream.id, Step.PLAYABLE)
    return Outcome(webhooks, (playable,))


def _fail(
    state: SandboxState, stream: Stream, now_ms: int, reason: str | None, destinations: tuple[str, ...]
) -> Outcome:
    stream.reason = reason
    stream.failed_destinations = tuple(
        destination
        for destination in stream.options.destinations
        if any(fnmatchcase(destination.url, pattern) for pattern in destinations)
    )
    return _over(state, stream, now_ms, StreamState.FAILED)


def _over(state: SandboxState, stream: Stream, now_ms: int, final_state: StreamState) -> Outcome:
    stream.state = final_state
    stream.end_ms = now_ms
    room = state.rooms[stream.room_id]
    others = live_streams(state, room)
    same_output = [other.id for other in others if other.output is stream.output]
    if same_output:
        room.stream_ids[stream.output] = same_output[-1]
    else:
        room.stream_ids.pop(stream.output, None)
    outcome = Outcome(stream_webhook(state, stream))
    session = state.sessions.get(stream.session_id)
    if session is not None and session.end_ms is not None and all(other.session_id != session.id for other in others):
        outcome += announce_session_end(state, session)
    return outcome


def _in_form(options: StartOptions, output: Output, forms: Forms) -> StartOptions:
    """Return the options with what the open points change."""
    ignores_url = output is Output.RTMP and not forms.livestream_webhook_url
    return replace(
        options,
        webhook_url=None if ignores_url else options.webhook_url,
        own_storage=options.own_storage or forms.own_storage,
    )


def _none_active(output: Output) -> RefusedError:
    return RefusedError(404, f"No active {OUTPUTS[output].title} found")


def _live(state: SandboxState, output: Output) -> int:
    return sum(1 for stream in state.streams.values() if stream.output is output and not stream.over)


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _forget_oldest(state: SandboxState) -> None:
    if len(state.streams) > ENDED_MAX:
        oldest = next((stream.id for stream in state.streams.values() if stream.over), None)
        if oldest is not None:
            del state.streams[oldest]
