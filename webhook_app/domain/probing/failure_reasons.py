"""Finding out from VideoSDK's REST API why a stream failed, as its webhooks do not say."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.results import FailureReport
from webhook_app.domain.frozen import replace
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.announcements import announce_pending_failure
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream, with_names_from
from webhook_app.domain.timers import probe_timer
from webhook_app.domain.times import MINUTE, SECOND

RETRY_AFTER_MS = 30 * SECOND
RETRIED_FOR_MS = 10 * MINUTE


def unexplained_failure(room: Room) -> Stream | None:
    """The stream whose failure notice is pending, else the newest that failed without a reason."""
    pending = room.probing.pending_failure_notice
    if pending is not None:
        return pending.stream
    newest_first = reversed(room.streams)
    return next(
        (stream for stream in newest_first if stream.state is StreamState.FAILED and stream.failure is None), None
    )


def on_failure_report(context: StepContext, stream_id: str, answer: FailureReport | None) -> None:
    """Keep the reason of a failure that a probe found, and announce a pending failure."""
    stream = next((stream for stream in context.room.streams if stream.stream_id == stream_id), None)
    report = None if answer is None else answer.stream
    if stream is not None and report is not None and report.failure is not None and stream.failure is None:
        context.save_stream(replace(with_names_from(stream, report), failure=report.failure))
        context.record_effect(Reason.FAILURE_REASON_FOUND, stream=stream.stream_id, failure=report.failure)
    elif stream is not None and answer is not None and not answer.reached and _is_recent(context, stream):
        context.record_effect(Reason.FAILURE_REASON_UNREACHED)
        context.set_timer(probe_timer(ProbeSubject.FAILURE), context.event.at + RETRY_AFTER_MS)
    else:
        context.record_effect(Reason.FAILURE_REASON_MISSING)
    pending = context.room.probing.pending_failure_notice
    if pending is not None and pending.stream.stream_id == stream_id:
        announce_pending_failure(context)


def on_failure_wait_over(context: StepContext) -> None:
    """Handle the timer of a pending failure notice: announce the failure without a reason."""
    context.record_effect(Reason.FAILURE_REASON_MISSING)
    announce_pending_failure(context)


def _is_recent(context: StepContext, stream: Stream) -> bool:
    return context.event.at - (stream.ended_at or 0) < RETRIED_FOR_MS
