"""When VideoSDK is asked what it sees, and what is made of its answer."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.results import FailureReport, ProbeResult, SessionReport
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import draw
from webhook_app.domain.probing.delivery_record import expected_streams, record_delivery_records, unended_ids
from webhook_app.domain.probing.requests import WITH_SESSION, ProbeSubject, read_subject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState, Room, Session
from webhook_app.domain.sessions.presence import is_verification_due, verification_due
from webhook_app.domain.sessions.roster import is_covered
from webhook_app.domain.sessions.tracking import end_session, observe_participants, record_presence_probe, start_session
from webhook_app.domain.streams.machine import Stream, StreamState, with_names_from
from webhook_app.domain.streams.matching import history_of, put_stream
from webhook_app.domain.streams.tracking import TRUST_END_MS, observe_active, observe_inactive, unmatched_stop_since
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import MINUTE, SECOND

ANSWERED_START_MS = 15 * SECOND
BARE_STARTING_MS = 60 * SECOND
NOT_PLAYABLE_MS = 120 * SECOND
STOPPING_MS = 60 * SECOND
SESSION_GONE_MS = 60 * SECOND
ROUTINE_PROBE_MS = 90 * SECOND
ARMED_PROBE_MS = 30 * SECOND
PULSE_GRID_MS = 10 * SECOND
PULSE_EARLY_MAX = 3
PRECISE_EVERY = 4
START_SPREAD_MS = 10 * SECOND
START_GRID_MS = 2 * SECOND
WATCH_GAP_MS = 15 * SECOND
REPROBE_MS = 2 * SECOND
SETTLE_AGAIN_MS = 5 * SECOND
PROBE_RETRY_FIRST_MS = 15 * SECOND
PROBE_RETRY_MAX_MS = 60 * SECOND
PROBES_PAUSED_MAX_MS = 5 * MINUTE
WHY_AGAIN_MS = 30 * SECOND
WHY_ASKED_MS = 10 * MINUTE
PROBE_LOST_MS = 60 * SECOND
UNREADABLE_ALARM = "videosdk-unreadable"


def schedule_watchdog(context: StepContext) -> None:
    """Keep the room's one watchdog at the next moment its state would want a look."""
    if not context.config.settings.calls:
        return
    asking = context.room.probe is not None or context.paused
    due = None if asking else watchdog_due(context.room, verification_due(context))
    if due is None:
        context.clear_timer(TimerKind.WATCH)
    elif context.room.timers.get(TimerKind.WATCH) != due:
        context.set_timer(TimerKind.WATCH, due)


def watchdog_due(room: Room, people_due: int | None) -> int | None:
    """When to probe next, in ms: for the room's live streams, or for who is there; None when for neither."""
    dues = [_look_due(stream, room.session) for stream in room.live_streams]
    if people_due is not None:
        dues.append(people_due)
    if not dues:
        return None
    return max(min(dues), 0 if room.asked_at is None else room.asked_at + WATCH_GAP_MS, room.ask_after or 0)


def _look_due(stream: Stream, session: Session | None) -> int:
    waits = {
        StreamState.STARTING: (
            (ANSWERED_START_MS if stream.call_id and stream.videosdk_id else BARE_STARTING_MS,),
            stream.starting_at,
        ),
        StreamState.STARTED: ((ROUTINE_PROBE_MS, NOT_PLAYABLE_MS), stream.started_at),
        StreamState.STOPPING: ((STOPPING_MS,), stream.stopping_at),
    }
    if stream.state in waits:
        patience, since = waits[stream.state]
        moments = [(since if since is not None else stream.opened_at) + after for after in patience]
    else:
        moments = [
            _routine_probe_at(
                stream.stream_id, stream.playable_at if stream.playable_at is not None else stream.opened_at
            )
        ]
    if session is not None and not session.live and session.session_id == stream.session_id and session.ended_at:
        moments.append(session.ended_at + SESSION_GONE_MS)
    if stream.probed_at is None:
        return min(moments)
    ahead = [moment for moment in moments if moment > stream.probed_at]
    return min([*ahead, _routine_probe_at(stream.stream_id, stream.probed_at)])


@lru_cache(maxsize=20_000)
def _routine_probe_at(stream_id: str, since: int) -> int:
    """The next routine look, at most 90 s after the last: rooms share a few moments, so that one list serves many,
    and are drawn over several of them, so that not all are looked at together.
    """
    latest = since + ROUTINE_PROBE_MS
    return latest - latest % PULSE_GRID_MS - draw(PULSE_EARLY_MAX, stream_id, str(since)) * PULSE_GRID_MS


def request_probe(context: StepContext, why: ProbeSubject) -> None:
    """Ask VideoSDK about the room; one question at a time, a further one waits for the answer."""
    if not context.config.settings.calls:
        context.record_effect(context.config.settings.reason_for_no_calls(Reason.PROBE_NO_CREDENTIALS))
        return
    if context.room.probe is not None or (context.paused and why is not ProbeSubject.CREDENTIALS):
        if why not in context.room.asks:
            context.change(asks=(*context.room.asks, why.value)[-8:])
        return
    quiet_until = context.room.quiet_until
    if quiet_until is not None and context.event.at < quiet_until and why is not ProbeSubject.CREDENTIALS:
        context.set_timer(probe_timer(why), quiet_until)
        context.record_effect(Reason.PROBE_PUT_OFF)
        return
    session = context.room.session
    body: dict[str, Any] = {"about": why.value}
    expected = expected_streams(context.room, context.event.at, overdue_ms=NOT_PLAYABLE_MS)
    if expected:
        body["expected"] = expected
    who = why in WITH_SESSION or session is None or not session.complete
    if who or (why is ProbeSubject.WATCH and is_verification_due(context)):
        body["session_id"] = session.session_id if session is not None and session.live else None
        body["session"] = True
    elif why in (ProbeSubject.WATCH, ProbeSubject.START_UP) and _is_routine(context.room) and not _is_precise(context):
        body["routine"] = True
        body["known"] = [
            stream.videosdk_id for stream in context.room.streams if stream.live and stream.videosdk_id is not None
        ]
    if why is ProbeSubject.FAILURE:
        failed = unexplained_failure(context.room)
        if failed is None:
            context.record_effect(Reason.FAILURE_ALL_EXPLAINED)
            return
        body["failed"] = {
            "stream_id": failed.stream_id,
            "id": failed.videosdk_id,
            "session_id": failed.session_id,
            "url_key": failed.url_key,
        }
    probe = context.new_call(CallKind.PROBE, why.value, body)
    context.change(probe=probe, asked_at=context.event.at)
    context.set_timer(TimerKind.PROBE_LOST, context.event.at + PROBE_LOST_MS)


def _is_routine(room: Room) -> bool:
    """Whether nothing is expected to have changed: then a list of all streams may answer for the room."""
    settled = all(
        stream.state is StreamState.PLAYABLE and not stream.provisional for stream in room.streams if stream.live
    )
    return settled and room.call is None and (room.session is None or room.session.live)


def _is_precise(context: StepContext) -> bool:
    # Whether a list shows a stream's end as soon as `active` does is not documented: now and then `active` is asked.
    return draw(PRECISE_EVERY, context.room.room_id, context.event.id) == 0


def probe_after_start(context: StepContext) -> None:
    """We have just started: a room that looks on air is asked about soon, each at a moment of its own."""
    if any(stream.live for stream in context.room.streams) and context.room.probe is None:
        spread = draw(START_SPREAD_MS // START_GRID_MS, context.room.room_id) * START_GRID_MS
        context.set_timer(probe_timer(ProbeSubject.START_UP), context.event.at + spread)


def on_probe_overdue(context: StepContext) -> None:
    """A probe got no answer: make it again."""
    probe = context.room.probe
    subject = read_subject(None if probe is None else probe.body.get("about"))
    context.change(probe=None)
    context.record_effect(Reason.PROBE_LOST)
    context.set_timer(probe_timer(subject), context.event.at)


def on_probe_result(context: StepContext, result: ProbeResult) -> bool:
    """Apply what a probe found. False when the room does not wait for this probe."""
    probe = context.room.probe
    if probe is None or result.call_id != probe.call_id:
        context.record_effect(Reason.PROBE_LATE)
        return False
    reached = result.reached
    answered = replace(
        probe,
        state=CallState.SUCCEEDED if reached else CallState.UNKNOWN,
        answer_event_id=context.event.id,
        answered_at=context.event.at,
        status=result.status.code,
        message=result.message,
    )
    context.outcome.calls[probe.call_id] = answered
    context.change(probe=None)
    context.clear_timer(TimerKind.PROBE_LOST)
    if reached and context.paused:
        context.outcome.pause = False
        context.clear_alarm("videosdk-credentials")
    asked = probe.body.get("failed")
    if isinstance(asked, Mapping) and (reached or context.room.untold is not None):
        _on_failure_report(context, asked, result.failure)
    record_readability(context, result.unreadable, understood=reached)
    if reached:
        if context.room.misses or context.room.quiet_until is not None:
            context.change(misses=0, ask_after=None, quiet_until=None)
        _conclude(context, result, asked_for=read_subject(probe.body.get("about")))
        if probe.body.get("session"):
            record_presence_probe(context)
    else:
        _miss(context, probe, result)
    for why in context.room.asks[:1]:
        context.change(asks=context.room.asks[1:])
        request_probe(context, read_subject(why))
    return True


def record_readability(context: StepContext, unreadable: str | None, *, understood: bool) -> None:
    """Raise an alarm that quotes an answer in an unknown form; clear it when one about the room is understood."""
    if unreadable is not None:
        context.change(unreadable=True)
        context.alarm(
            UNREADABLE_ALARM,
            "critical",
            explain(AlarmSummary.ANSWER_UNREADABLE, room=context.room.room_id, answer=unreadable),
            subject=context.room.room_id,
            room_id=context.room.room_id,
            reason=Reason.VIDEOSDK_UNREADABLE.value,
        )
    elif understood and context.room.unreadable:
        context.change(unreadable=False)
        context.clear_alarm(UNREADABLE_ALARM, context.room.room_id)


def _is_recent(context: StepContext, stream: Stream) -> bool:
    return context.event.at - (stream.ended_at or 0) < WHY_ASKED_MS


def _miss(context: StepContext, probe: Call, result: ProbeResult) -> None:
    """VideoSDK could not be asked, or would not be: nothing is concluded, and the question is put later."""
    at, misses = context.event.at, context.room.misses
    wait = min(PROBE_RETRY_MAX_MS, PROBE_RETRY_FIRST_MS * 2 ** min(misses, 8))
    if result.retry_after_ms is not None:
        wait = max(wait, min(result.retry_after_ms, PROBES_PAUSED_MAX_MS))
    after = at + wait + draw(wait // 5, probe.call_id)
    quiet = after if result.status.rate_limited else None
    context.change(misses=misses + 1, ask_after=after, quiet_until=quiet)
    if result.unreadable is not None:
        context.record_effect(Reason.PROBE_UNREADABLE)
    else:
        context.record_effect(Reason.PROBE_RATE_LIMITED if quiet else Reason.PROBE_UNREACHED)
    for subject in (probe.body.get("about"), *context.room.asks):
        why = read_subject(subject)
        if why is ProbeSubject.ARMED:
            context.set_timer(TimerKind.ARMED, after)
        elif why is not ProbeSubject.WATCH:
            context.set_timer(probe_timer(why), after)
    context.change(asks=())


def unexplained_failure(room: Room) -> Stream | None:
    """The run whose failure waits to be told, else the newest that failed without saying why."""
    if room.untold is not None:
        return room.untold.run
    failed = (
        stream for stream in reversed(room.streams) if stream.state is StreamState.FAILED and stream.failure is None
    )
    return next(failed, None)


def _on_failure_report(context: StepContext, asked: Mapping[str, Any], found: FailureReport | None) -> None:
    """Keep the reason of a failure that a probe found, and send the notice that waited for it."""
    stream_id = asked.get("stream_id")
    stream = next((known for known in context.room.streams if known.stream_id == stream_id), None)
    report = found.stream if found is not None else None
    if stream is not None and report is not None and report.failure is not None and stream.failure is None:
        explained = replace(with_names_from(stream, report), failure=report.failure)
        context.room = put_stream(context.room, explained)
        context.record_stream(explained)
        context.record_effect(Reason.FAILURE_REASON_FOUND, stream=stream.stream_id, failure=report.failure)
    elif stream is not None and found is not None and not found.reached and _is_recent(context, stream):
        context.record_effect(Reason.FAILURE_REASON_UNREACHED)
        context.set_timer(probe_timer(ProbeSubject.FAILURE), context.event.at + WHY_AGAIN_MS)
    else:
        context.record_effect(Reason.FAILURE_REASON_MISSING)
    untold = context.room.untold
    if untold is not None and untold.run.stream_id == asked.get("stream_id"):
        context.announce_pending_failure()


def _conclude(context: StepContext, result: ProbeResult, *, asked_for: ProbeSubject) -> None:
    asked_id, before = result.asked_id, context.room.streams
    unended = unended_ids(result.records)
    if result.active is not None:
        overdue = any(
            stream.state is StreamState.STARTED
            and context.event.at - (stream.started_at or stream.opened_at) >= NOT_PLAYABLE_MS
            for stream in context.room.streams
        )
        seen = observe_active(context, result.active, asked_id, playable=overdue)
        again = observe_inactive(context, asked_id, but=seen, unended=unended)
        if asked_for is ProbeSubject.SETTLE:
            _settle_again(context)
    else:
        again = observe_inactive(context, asked_id, unended=unended)
    record_delivery_records(context, before, result.records)
    if again:
        context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + REPROBE_MS)
    context.change(
        streams=tuple(
            replace(stream, probed_at=context.event.at) if stream.live else stream for stream in context.room.streams
        )
    )
    if result.session is not None:
        _on_session_report(context, result.session, asked_id)
    if not context.effects:
        context.record_effect(Reason.PROBE_NO_CHANGE)


def _settle_again(context: StepContext) -> None:
    """A run is shown although an end was heard of: perhaps not yet gone, so it is asked about again, ever less."""
    at = context.event.at
    heard = [
        since
        for history in context.room.marks
        if (since := unmatched_stop_since(context.room, history.session_id, at)) is not None
    ]
    due = at + max(SETTLE_AGAIN_MS, at - max(heard)) if heard else None
    if due is not None and due - max(heard) < TRUST_END_MS:
        context.set_timer(probe_timer(ProbeSubject.SETTLE), due)


def _on_session_report(context: StepContext, found: SessionReport, asked_id: str) -> None:
    session_id = found.session_id
    if session_id is None or history_of(context.room, session_id).ended:
        return
    current = context.room.session
    if not found.live:
        if current is not None and current.session_id == session_id:
            end_session(context, session_id)
        return
    if current is None or current.session_id != session_id:
        start_session(context, session_id, complete=False)
    elif not is_covered(current, asked_id):
        context.record_effect(Reason.SESSION_NEWER_THAN_PROBE)
        context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + REPROBE_MS)
        return
    if found.present is not None:
        observe_participants(context, session_id, found.present, asked_id)
