"""Announcing a stream's new state, and recording why it ended."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.payloads import StreamChanged
from webhook_app.domain.notices.types import STREAM_NOTICES, NoticeType
from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import PendingFailureNotice
from webhook_app.domain.streams.end_causes import StopCause, stopped_because
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import EndedBy, Stream, advance
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND

REASON_WAIT_MS = 2 * SECOND  # no SDK of VideoSDK knows a reason: one that comes later shows on the stream


def announce_stream(context: StepContext, stream: Stream, previous_state: str | None) -> None:
    """Emit `stream.<state>`. A failure without a reason waits a moment for a probe to find it."""
    announce_pending_failure(context)
    is_unexplained = stream.state is StreamState.FAILED and stream.failure is None
    if is_unexplained and context.can_look_up and not context.paused:
        context.change_probing(pending_failure_notice=PendingFailureNotice(stream, previous_state))
        context.set_timer(probe_timer(ProbeSubject.FAILURE), context.event.at)
        context.set_timer(TimerKind.FAILURE_NOTICE, context.event.at + REASON_WAIT_MS)
        context.record_effect(Reason.FAILURE_REASON_AWAITED)
        return
    _emit(context, stream, previous_state)


def announce_pending_failure(context: StepContext) -> None:
    """Emit the failure that waits for its reason, with whatever is known of it by now."""
    pending = context.room.probing.pending_failure_notice
    if pending is None:
        return
    streams = (stream for stream in context.room.streams if stream.stream_id == pending.stream.stream_id)
    stream = next(streams, pending.stream)
    context.change_probing(pending_failure_notice=None)
    context.clear_timer(TimerKind.FAILURE_NOTICE)
    _emit(context, stream, pending.previous_state)


def _emit(context: StepContext, stream: Stream, previous_state: str | None) -> None:
    context.emit(
        STREAM_NOTICES[stream.output, stream.state],
        # As text, as it is read back from the store: the notice's id must be the same after a restart.
        StreamChanged(stream, None if previous_state is None else str(previous_state)),
        because=stream.because,
    )


def announce_files(context: StepContext, before: Stream | None, stream: Stream) -> None:
    """Emit `recording.ready` when a file of a recording has become known."""
    if stream.provisional or stream.output is not Output.RECORDING:
        return
    if not stream.files or (before is not None and before.files == stream.files):
        return
    context.record_effect(Reason.FILE_KNOWN, stream=stream.stream_id)
    context.emit(NoticeType.RECORDING_READY, StreamChanged(stream, str(stream.state)), because=stream.because)


def with_stop_cause(context: StepContext, stream: Stream, *, stop_reported: bool = False) -> Stream:
    """The stream with why it ended, once it has; `stop_reported`: VideoSDK reports its stop at this event.

    A known cause stays, except that a failure outranks it.
    """
    is_known = stream.stopped_because not in (None, StopCause.UNKNOWN)
    if stream.live or (is_known and stream.state is not StreamState.FAILED):
        return stream
    limit_ms = context.config.settings.max_stream_s * 1000
    stop_cause = stopped_because(
        context.room, stream, at=context.event.at, limit_ms=limit_ms, stop_reported=stop_reported
    )
    return replace(stream, stopped_because=None if stop_cause is None else str(stop_cause))


def end_stream(
    context: StepContext,
    stream: Stream,
    reason: Reason,
    *,
    by: EndedBy,
    end: StreamState = StreamState.STOPPED,
    stop_reported: bool = False,
    **fields: object,
) -> None:
    """End a stream other than by a webhook that names it: record why, and announce it."""
    ended = advance(stream, end, at=context.event.at, event_id=context.event.id, by=by)
    ended = with_stop_cause(context, ended, stop_reported=stop_reported)
    context.save_stream(ended)
    context.record_effect(reason, stream=stream.stream_id, **fields)
    announce_stream(context, ended, stream.state)
