"""Applying a webhook's or a call's report to the room's streams: advance one, or open one.

`matching` decides which stream is meant; `observations` does the same for what probes show.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import CallKind, CallState
from webhook_app.domain.explanations import explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import STREAMS_KEPT, Room
from webhook_app.domain.streams.announcements import announce_files, announce_stream, end_stream, with_stop_cause
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.inferred_ends import only_live_stream, schedule_end_inference
from webhook_app.domain.streams.machine import ENDED, ENDING, ON_AIR, StreamState
from webhook_app.domain.streams.matching import MatchKind, match_stream
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.stream import EndedBy, Stream, advance, new_stream, with_names_from
from webhook_app.domain.timers import probe_timer
from webhook_app.domain.times import SECOND

CONFIRM_AFTER_MS = 15 * SECOND
CHECK_OLDER_AFTER_MS = 1 * SECOND
CHECK_DOUBTFUL_AFTER_MS = 5 * SECOND
STOP_TRUSTED_MS = 60 * SECOND


def on_stream_signal(context: StepContext, signal: StreamState, report: StreamReport) -> None:
    """Apply a webhook's signal: advance the stream that it means, open one, or have a probe decide."""
    if report.session_id is None and context.room.session is not None:
        report = replace(report, session_id=context.room.session.session_id)
    unite_streams(context, report)
    stream_match = match_stream(context.room, signal, report)
    match stream_match.kind:
        case MatchKind.KNOWN:
            assert stream_match.stream is not None
            _check_recent_stop(context, signal, stream_match.stream.session_id)
            _check_ended_stream(context, stream_match.stream, signal, report)
            apply_signal(context, stream_match.stream, signal, report)
        case MatchKind.NEW:
            _check_recent_stop(context, signal, report.session_id)
            open_stream(context, signal, report)
        case MatchKind.PROVISIONAL:
            open_stream(context, signal, report, provisional=True)
            context.record_effect(Reason.HELD_BACK, why=explain(stream_match.why))
        case MatchKind.UNSETTLED:
            _on_unsettled_end(context, signal, report, stream_match.why)
        case MatchKind.RETIRED:
            context.record_effect(stream_match.why)


def _on_unsettled_end(context: StepContext, signal: StreamState, report: StreamReport, why: Reason) -> None:
    """An end that may mean several streams, or none: a probe decides, or where none can the only live one ends."""
    only_live = None if context.can_look_up else only_live_stream(context.room, report)
    if only_live is not None:
        context.record_effect(Reason.END_UNCHECKED)
        session_only = StreamReport(session_id=report.session_id, files=report.files)
        apply_signal(context, only_live, signal, session_only, by=EndedBy.INFERRED)
        return
    history = history_of(context.room, report.session_id)
    context.put_history(
        replace(
            history,
            pending_end=history.pending_end or history.stream_count == 0,
            stopped_at=history.stopped_at if signal is StreamState.FAILED else context.event.at,
            unmatched_stop=signal,
            unmatched_stop_at=context.event.at,
        )
    )
    context.set_timer(probe_timer(ProbeSubject.SETTLE), context.event.at)
    schedule_end_inference(context)
    context.record_effect(Reason.END_UNSETTLED, why=explain(why))


def unmatched_stop_since(room: Room, session_id: str | None, at: int) -> int | None:
    """When a stop came in the session that has ended no stream yet; None when there is none, or long ago."""
    since = history_of(room, session_id).unmatched_stop_at
    return since if since is not None and at - since < STOP_TRUSTED_MS else None


def _check_recent_stop(context: StepContext, signal: StreamState, session_id: str | None) -> None:
    """Probe soon when a stream comes on air shortly after an unmatched stop: that may have meant this stream."""
    if signal not in ON_AIR or signal in ENDING:
        return
    if unmatched_stop_since(context.room, session_id, context.event.at) is not None:
        context.set_timer(probe_timer(ProbeSubject.SETTLE), context.event.at + CHECK_DOUBTFUL_AFTER_MS)


def _check_ended_stream(context: StepContext, stream: Stream, signal: StreamState, report: StreamReport) -> None:
    """Handle a signal for a stream that already ended.

    A bare stop may belong to a stream that we have not seen yet; an end known only from a probe may be premature.
    """
    if report.bare and signal in ENDED and not stream.live:
        history = history_of(context.room, stream.session_id)
        context.put_history(replace(history, unmatched_stop=signal, unmatched_stop_at=context.event.at))
    elif stream.ended_by is EndedBy.PROBE and signal in ON_AIR and signal not in ENDING:
        context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + CHECK_DOUBTFUL_AFTER_MS)


def apply_signal(
    context: StepContext, stream: Stream, signal: StreamState, report: StreamReport, *, by: EndedBy = EndedBy.WEBHOOK
) -> Stream:
    """Advance a stream by a signal, add the names that the report brings, and announce what changed.

    Returns the stream as it is now.
    """
    event = context.event
    named = replace(with_names_from(stream, report), last_event_id=event.id)
    moved = advance(named, signal, at=event.at, event_id=event.id, by=by)
    if signal in ENDING and report.failure and moved.failure is None:
        moved = replace(moved, failure=report.failure)
    is_second_signal = signal is not stream.state and not OUTPUTS[stream.output].has_active_lookup
    if moved.provisional and (not report.bare or is_second_signal):
        moved = replace(moved, provisional=False)
        context.record_effect(Reason.CONFIRMED)
    stop_reported = by is not EndedBy.PROBE and signal in (StreamState.STOPPING, StreamState.STOPPED)
    moved = with_stop_cause(context, moved, stop_reported=stop_reported)
    context.save_stream(moved)
    if moved.provisional:
        context.record_effect(Reason.STILL_HELD_BACK)
    elif stream.provisional:
        announce_opened(context, moved)
    elif moved.state is not stream.state:
        context.record_effect(Reason.STREAM_MOVED, stream=stream.stream_id, before=stream.state, after=moved.state)
        announce_stream(context, moved, stream.state)
    elif by is not EndedBy.PROBE:
        reason = Reason.STREAM_REPEAT if signal is stream.state else Reason.STREAM_LATE
        context.record_effect(reason, stream=stream.stream_id, state=stream.state)
    announce_files(context, stream, moved)
    return moved


def open_stream(
    context: StepContext, signal: StreamState, report: StreamReport, *, provisional: bool = False
) -> Stream:
    """Open a stream and return it. An older live one ends as inferred, or is probed when both have ids."""
    event = context.event
    stream = new_stream(
        context.room.room_id,
        event.id,
        event.at,
        signal,
        report,
        output=context.output,
        provisional=provisional,
    )
    stream = replace(stream, failure=report.failure if signal in ENDING else None)
    stream = with_stop_cause(context, _with_start_call(context, stream))
    if stream.live and signal not in ENDING and not provisional:
        _close_older_streams(context, stream)
    _make_space(context)
    context.add_stream(stream)
    if provisional:
        context.set_timer(probe_timer(ProbeSubject.PROVISIONAL), event.at + CONFIRM_AFTER_MS)
    else:
        announce_opened(context, stream)
        announce_files(context, None, stream)
    return stream


def announce_opened(context: StepContext, stream: Stream) -> None:
    """Announce a stream that is new, or confirmed only now."""
    context.record_effect(Reason.STREAM_OPENED, stream=stream.stream_id, state=stream.state)
    if stream.provisional is False and stream.live:
        context.clear_timer(probe_timer(ProbeSubject.PROVISIONAL))
    announce_stream(context, stream, None)


def _make_space(context: StepContext) -> None:
    """When all streams that a room can keep look live, drop a provisional one, or end the oldest as inferred."""
    streams = context.room.streams
    if len(streams) < STREAMS_KEPT or not all(stream.live for stream in streams):
        return
    provisional = next((stream for stream in streams if stream.provisional), None)
    if provisional is not None:
        context.drop_stream(provisional)
        return
    end_stream(context, streams[0], Reason.STREAM_CROWDED_OUT, by=EndedBy.INFERRED, count=STREAMS_KEPT)


def _with_start_call(context: StepContext, stream: Stream) -> Stream:
    """The stream with the cause of our start that is under way, if there is one."""
    call = context.room.control.call
    if call is None or call.kind is not CallKind.START or not stream.live:
        return stream
    if call.state not in (CallState.WAITING, CallState.SENT, CallState.UNKNOWN):
        return stream
    destinations = call.destinations or stream.destinations
    return replace(stream, because=call.because, call_id=call.call_id, destinations=destinations)


def _close_older_streams(context: StepContext, new: Stream) -> None:
    for stream in context.room.streams:
        if not stream.live:
            continue
        if stream.provisional:
            context.drop_stream(stream)
        elif stream.videosdk_id is not None and new.videosdk_id is not None:
            context.set_timer(probe_timer(ProbeSubject.OLDER), context.event.at + CHECK_OLDER_AFTER_MS)
        else:
            end_stream(context, stream, Reason.STREAM_SUPERSEDED, by=EndedBy.INFERRED)
