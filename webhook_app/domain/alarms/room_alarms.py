"""Alarms about a room: raised with the notices that say the same, cleared when what they name is over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.notice_alarms import alarm_subject, missed_subject, record_notice, room_label
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import CallKind, CallState
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.ids import derive
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.schedules.broadcasts import why_off_air
from webhook_app.domain.timers import TimerKind, is_probe_timer
from webhook_app.domain.times import MINUTE, moment_text

START_UNKNOWN_AFTER_MS = 2 * MINUTE
_RECORDED = ("broadcast.", "call.")  # types of notices that alarms follow


@dataclass(frozen=True, slots=True)
class _Report:
    """What an alarm says of a room."""

    severity: str
    summary: Explanation
    rule: str | None
    reason: str


def update_room_alarms(context: StepContext, *, rules_changed: bool = False) -> None:
    """Raise and clear the alarms about a room after an event.

    1. Record what the event's notices say: that the room is late, or that a start was refused.
    2. Drop what is over: a refused start of a room that is on air, or is no longer desired on air.
    3. Raise each alarm that holds, which changes nothing when it is raised and says the same, and clear each that
       held and does not. With `rules_changed` also in an unchanged room: a change of rules has cleared its alarms.
    """
    for _ in context.each_output():
        if rules_changed or not _is_steady(context):
            _update_alarms(context)


def _update_alarms(context: StepContext) -> None:
    for domain_event in context.domain_events:
        if domain_event.output is context.output:
            record_notice(context, domain_event)
    _drop_refused_start(context)
    _time_unknown_start(context)
    for name, (holds, report) in _ALARMS.items():
        if holds(context.room):
            _raise(context, name, report(context))
        elif holds(context.before):
            context.clear_alarm(name, alarm_subject(context.room))
    _clear_past(context)


def _is_steady(context: StepContext) -> bool:
    """Whether nothing has changed that alarms depend on, and none holds: most events, so that these stay cheap."""
    before, room = context.before, context.room
    if room is before:
        return True
    return (
        room.schedule.window is before.schedule.window
        and room.streams is before.streams
        and room.desires.operator is before.desires.operator
        and room.desires.schedule is before.desires.schedule
        and room.desires.event is before.desires.event
        and room.control.call is before.control.call is None
        and room.control.refused_start is before.control.refused_start is None
        and room.control.unknown_start is before.control.unknown_start is None
        and room.control.given_up_start is before.control.given_up_start is None
        and room.late_since is None
        and not room.probing.unreadable
        and not any(domain_event.type.startswith(_RECORDED) for domain_event in context.domain_events)
    )


def _drop_refused_start(context: StepContext) -> None:
    room = context.room
    if room.control.refused_start is None:
        return
    desired = room.desired
    is_made_good = _is_live(room) or any(
        call.kind is CallKind.START and call.state is CallState.SUCCEEDED for call in context.outcome.calls.values()
    )
    if is_made_good or desired is None or not desired.on_air:
        context.change_control(refused_start=None)


def _time_unknown_start(context: StepContext) -> None:
    call = context.room.call_of_unknown_start
    if call is None:
        context.clear_timer(TimerKind.START_UNKNOWN)
        if context.room.control.unknown_start is not None:
            context.change_control(unknown_start=None)
        if context.room.control.given_up_start is not None and _is_live(context.room):
            context.change_control(given_up_start=None)
    elif TimerKind.START_UNKNOWN not in context.room.timers and context.room.control.unknown_start != call.call_id:
        context.set_timer(TimerKind.START_UNKNOWN, context.event.at + START_UNKNOWN_AFTER_MS)


def _clear_past(context: StepContext) -> None:
    """Clear the alarms that do not follow from the room's state alone, once they are over.

    - A missed broadcast: when the next window opens.
    - A start that was given up: when the room is on air or desired on air again, or its window closes.
    - A forbidden call: when the room is in its desired state, or nothing is desired of it.
    - An unreadable answer: when the room is not probed any more.
    """
    before, room = context.before, context.room
    window, earlier = room.schedule.window, before.schedule.window
    if window is not None and (earlier is None or earlier.opens_at != window.opens_at):
        for rule in window.rules:
            context.clear_alarm(AlarmName.BROADCAST_MISSED, missed_subject(room, rule))
    is_over = (
        (_is_live(room) and not _is_live(before))
        or (_is_desired_on_air(room) and not _is_desired_on_air(before))
        or (before.schedule.window is not None and room.schedule.window is None)
    )
    if room.control.refused_start is None and is_over:
        context.clear_alarm(AlarmName.START_REFUSED, alarm_subject(room))
    if _is_as_desired(room) and not _is_as_desired(before):
        context.clear_alarm(forbidden_key(room))
    if room.probing.unreadable and not _is_probed(room):
        context.change_probing(unreadable=False)
        context.clear_alarm(AlarmName.VIDEOSDK_UNREADABLE, alarm_subject(room))


def forbidden_key(room: Room) -> str:
    """The key of the alarm that VideoSDK forbids calls for an output of a room."""
    return derive("videosdk-forbidden-", alarm_subject(room))


def _raise(context: StepContext, name: AlarmName, report: _Report) -> None:
    context.alarm(
        name,
        report.severity,
        report.summary,
        subject=alarm_subject(context.room),
        room_id=context.room.room_id,
        rule=report.rule,
        reason=report.reason,
    )


def _is_late(room: Room) -> bool:
    return room.late_since is not None


def _late(context: StepContext) -> _Report:
    window = context.room.schedule.window
    assert window is not None
    reason = why_off_air(context.room, window, context.config.settings)
    opened = moment_text(window.entered_at if window.endless else window.opens_at)
    room = room_label(context)
    summary = context.explain(AlarmSummary.BROADCAST_LATE, room=room, rule=window.rule, opened_at=opened, why=reason)
    return _Report("critical", summary, window.rule, str(reason.code))


def _is_refused(room: Room) -> bool:
    return room.control.refused_start is not None


def _refused_start(context: StepContext) -> _Report:
    refused = context.room.control.refused_start
    assert refused is not None
    window = context.room.schedule.window
    if window is not None and window.playable:
        summary = context.explain(AlarmSummary.RESTART_REFUSED, room=room_label(context), answer=refused.answer)
        return _Report("critical", summary, refused.rule, Reason.CALL_REFUSED.value)
    summary = context.explain(AlarmSummary.START_REFUSED, room=room_label(context), answer=refused.answer)
    return _Report("warning", summary, refused.rule, Reason.CALL_REFUSED.value)


def _is_unknown(room: Room) -> bool:
    call = room.call_of_unknown_start
    return room.control.given_up_start is not None or (call is not None and room.control.unknown_start == call.call_id)


def _start_unknown(context: StepContext) -> _Report:
    given_up, call = context.room.control.given_up_start, context.room.control.call
    if given_up is not None:
        sent_at = moment_text(given_up.sent_at)
        summary = context.explain(AlarmSummary.START_UNKNOWN_GIVEN_UP, room=room_label(context), sent_at=sent_at)
        return _Report("critical", summary, rule_of(given_up.because), Reason.START_UNKNOWN_GIVEN_UP.value)
    assert call is not None
    sent_at = moment_text(call.created_at)
    summary = context.explain(AlarmSummary.START_UNKNOWN, room=room_label(context), sent_at=sent_at)
    return _Report("warning", summary, rule_of(call.because), Reason.START_STILL_UNKNOWN.value)


_ALARMS: Mapping[AlarmName, tuple[Callable[[Room], bool], Callable[[StepContext], _Report]]] = {
    AlarmName.BROADCAST_LATE: (_is_late, _late),
    AlarmName.START_REFUSED: (_is_refused, _refused_start),
    AlarmName.START_UNKNOWN: (_is_unknown, _start_unknown),
}


def _is_live(room: Room) -> bool:
    return bool(room.live_streams)


def _is_as_desired(room: Room) -> bool:
    return room.desired is None or room.desired.on_air == _is_live(room)


def _is_probed(room: Room) -> bool:
    """Whether the room is probed, or will be as long as nothing changes."""
    session_goes_on = room.session is not None and room.session.live
    if room.desired is not None or session_goes_on or room.control.call is not None:
        return True
    if room.probing.probe is not None or room.probing.queue:
        return True
    return any(stream.live for stream in room.streams) or any(is_probe_timer(name) for name in room.timers)


def _is_desired_on_air(room: Room) -> bool:
    return room.desired is not None and room.desired.on_air
