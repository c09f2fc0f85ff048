"""What a probe's result means for the room.

Nothing is concluded from a probe that could not be made or whose answer is in an unknown form; it is made again
later. A usable result updates, in this order: the reason of a failed stream, the streams, the session.
"""

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.notice_alarms import alarm_subject
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.facts.results import ProbeResult, SessionReport
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import draw
from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.delivery_record import record_delivery_records, unended_ids
from webhook_app.domain.probing.failure_reasons import on_failure_report
from webhook_app.domain.probing.listings import conclude_from_list
from webhook_app.domain.probing.requests import REPROBE_MS, request_next_in_queue
from webhook_app.domain.probing.subjects import ProbeSubject, read_subject
from webhook_app.domain.probing.watchdog import NOT_PLAYABLE_MS
from webhook_app.domain.reasons import Reason
from webhook_app.domain.sessions.roster import is_covered
from webhook_app.domain.sessions.tracking import end_session, observe_participants, record_presence_probe, start_session
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.observations import observe_active, observe_inactive
from webhook_app.domain.streams.tracking import STOP_TRUSTED_MS, unmatched_stop_since
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import MINUTE, SECOND

SETTLE_AGAIN_MS = 5 * SECOND
PROBE_RETRY_FIRST_MS = 15 * SECOND
PROBE_RETRY_MAX_MS = 60 * SECOND
PROBES_PAUSED_MAX_MS = 5 * MINUTE


def on_probe_result(context: StepContext, result: ProbeResult) -> bool:
    """Apply a probe's result. Returns False when the room no longer waits for this probe."""
    probe = context.room.probing.probe
    if probe is None or result.call_id != probe.call_id:
        context.record_effect(Reason.PROBE_LATE)
        return False
    understood = result.understood
    context.outcome.calls[probe.call_id] = replace(
        probe,
        state=CallState.SUCCEEDED if understood else CallState.UNKNOWN,
        answer_event_id=context.event.id,
        answered_at=context.event.at,
        status=result.status.code,
        message=result.message,
    )
    context.change_probing(probe=None)
    context.clear_timer(TimerKind.PROBE_LOST)
    if understood and context.paused:
        context.outcome.pause = False
        context.clear_alarm(AlarmName.VIDEOSDK_CREDENTIALS)
    request = probe.probe_request
    if request.failed is not None and (understood or context.room.probing.pending_failure_notice is not None):
        on_failure_report(context, request.failed.stream_id, result.failure)
    record_readability(context, result.unreadable, understood=understood)
    if understood:
        probing = context.room.probing
        if probing.failures or probing.paused_until is not None:
            context.change_probing(failures=0, not_before=None, paused_until=None)
        if request.listed is not None:
            conclude_from_list(context, result)
        else:
            _conclude(context, result, about=request.subject)
        streams, at = context.room.streams, context.event.at
        context.change(streams=tuple(replace(stream, probed_at=at) if stream.live else stream for stream in streams))
        if result.session is not None:
            with context.in_output(Output.HLS):
                _observe_session(context, result.session, result.asked_id)
        if not context.effects:
            context.record_effect(Reason.PROBE_NO_CHANGE)
        if request.with_session:
            record_presence_probe(context)
    else:
        _retry_later(context, probe, request.subject, result)
    request_next_in_queue(context)
    return True


def record_readability(context: StepContext, unreadable: str | None, *, understood: bool) -> None:
    """Raise an alarm that quotes an answer in an unknown form; clear it once one about the room is understood."""
    room = context.room
    if unreadable is not None:
        context.change_probing(unreadable=True)
        context.alarm(
            AlarmName.VIDEOSDK_UNREADABLE,
            "critical",
            context.explain(AlarmSummary.ANSWER_UNREADABLE, room=room.room_id, answer=unreadable),
            subject=alarm_subject(room),
            room_id=room.room_id,
            reason=Reason.VIDEOSDK_UNREADABLE.value,
        )
    elif understood and room.probing.unreadable:
        context.change_probing(unreadable=False)
        context.clear_alarm(AlarmName.VIDEOSDK_UNREADABLE, alarm_subject(room))


def _retry_later(context: StepContext, probe: Call, subject: ProbeSubject, result: ProbeResult) -> None:
    """Put off this probe and those in the queue: VideoSDK could not be reached, or asks for fewer requests."""
    at, failures = context.event.at, context.room.probing.failures
    wait = min(PROBE_RETRY_MAX_MS, PROBE_RETRY_FIRST_MS * 2 ** min(failures, 8))
    if result.retry_after_ms is not None:
        wait = max(wait, min(result.retry_after_ms, PROBES_PAUSED_MAX_MS))
    not_before = at + wait + draw(wait // 5, probe.call_id)
    is_rate_limited = result.status.rate_limited
    subjects = (subject, *map(read_subject, context.room.probing.queue))
    context.change_probing(
        failures=failures + 1,
        not_before=not_before,
        paused_until=not_before if is_rate_limited else None,
        queue=(),
    )
    if result.unreadable is not None:
        context.record_effect(Reason.PROBE_UNREADABLE)
    else:
        context.record_effect(Reason.PROBE_RATE_LIMITED if is_rate_limited else Reason.PROBE_UNREACHED)
    for about in subjects:
        if about is ProbeSubject.ARMED:
            context.set_timer(TimerKind.ARMED, not_before)
        elif about is not ProbeSubject.WATCH:
            context.set_timer(probe_timer(about), not_before)


def _conclude(context: StepContext, result: ProbeResult, *, about: ProbeSubject) -> None:
    asked_id, before = result.asked_id, context.room.streams
    unended = unended_ids(result.records)
    if result.active is not None:
        stream = observe_active(context, result.active, asked_id, playable=_is_playable_overdue(context))
        is_outdated = observe_inactive(context, asked_id, active=stream, unended=unended)
        if about is ProbeSubject.SETTLE:
            _settle_again(context)
    else:
        is_outdated = observe_inactive(context, asked_id, unended=unended)
    record_delivery_records(context, before, result.records)
    if is_outdated:
        context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + REPROBE_MS)


def _is_playable_overdue(context: StepContext) -> bool:
    """Whether a stream started so long ago that, being active, it must be playable."""
    return any(
        stream.state is StreamState.STARTED
        and context.event.at - (stream.started_at or stream.opened_at) >= NOT_PLAYABLE_MS
        for stream in context.room.streams
    )


def _settle_again(context: StepContext) -> None:
    """Probe again, at growing intervals, while a stream is shown although a stop was reported shortly before."""
    at = context.event.at
    stops = [
        since
        for history in context.room.session_history
        if (since := unmatched_stop_since(context.room, history.session_id, at)) is not None
    ]
    if not stops:
        return
    due = at + max(SETTLE_AGAIN_MS, at - max(stops))
    if due - max(stops) < STOP_TRUSTED_MS:
        context.set_timer(probe_timer(ProbeSubject.SETTLE), due)


def _observe_session(context: StepContext, report: SessionReport, asked_id: str) -> None:
    session_id = report.session_id
    if session_id is None or history_of(context.room, session_id).ended:
        return
    current = context.room.session
    if not report.live:
        if current is not None and current.session_id == session_id:
            end_session(context, session_id)
        return
    if current is None or current.session_id != session_id:
        start_session(context, session_id, complete=False)
    elif not is_covered(current, asked_id):
        context.record_effect(Reason.SESSION_NEWER_THAN_PROBE)
        context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + REPROBE_MS)
        return
    if report.present is not None:
        observe_participants(context, session_id, report.present, asked_id)
