"""Raises, acknowledges and clears alarms: those that a step reports, and those of the journal's own alarm events."""

from collections.abc import Iterable

from webhook_app.domain.alarms.alarm import (
    ALARMS_ACTIVE_MAX,
    Alarm,
    AlarmName,
    AlarmReport,
    alarm_key,
)
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.events import Event
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.facts.commands import AcknowledgeAlarm
from webhook_app.domain.facts.system import AlarmCleared, AlarmRaised
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.payloads import AlarmChanged, encode_payload
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.config import Config
from webhook_app.domain.state import SystemState

_NOT_LISTED = AlarmReport(
    AlarmName.NOT_LISTED.value, "warning", explain(AlarmSummary.NOT_LISTED, limit=f"{ALARMS_ACTIVE_MAX:,}")
)


def on_alarm_raised(state: SystemState, raised: AlarmRaised, outcome: StepOutcome) -> None:
    """Raise the alarm that a process reported to the journal."""
    report = raised.report
    is_calendar = report.name == AlarmName.CALENDAR_FAILING and raised.keyed
    if is_calendar and raised.key not in calendar_alarm_keys(state.config):
        outcome.record_effect(Reason.ALARM_NOT_CONCERNED, name=report.name)
        return
    outcome.raised[raised.key] = report
    outcome.record_effect(Reason.ALARM_RAISED, name=report.name)


def on_alarm_cleared(cleared: AlarmCleared, outcome: StepOutcome) -> None:
    """Clear the alarm that a process reported as over."""
    outcome.cleared.add(cleared.key)
    outcome.record_effect(Reason.ALARM_CLEARED, name=cleared.name)


def on_alarm_acknowledged(state: SystemState, event: Event, command: AcknowledgeAlarm, outcome: StepOutcome) -> None:
    """Acknowledge an active alarm, until a moment if one is given; one about something past is cleared."""
    alarm = find_active(state.alarms.values(), command.alarm_id)
    if alarm is None:
        effect = Reason.ALARM_ACKNOWLEDGED if command.is_system else Reason.ALARM_NOT_ACTIVE
        outcome.record_effect(effect, name=command.name)
        return
    acknowledged = replace(
        alarm,
        acknowledged_by=command.acknowledged_by,
        acknowledged_at=event.at,
        muted_until=command.until,
    )
    outcome.record_effect(Reason.ALARM_ACKNOWLEDGED, name=alarm.name)
    outcome.acknowledged[alarm.key] = acknowledged
    if alarm.clears_at is not None or alarm.name == AlarmName.POISONED_EVENT:  # what it reports is over
        outcome.cleared.add(alarm.key)


def find_active(alarms: Iterable[Alarm], alarm_id: str) -> Alarm | None:
    """Return the active alarm with an id."""
    return next((alarm for alarm in alarms if alarm.is_active and alarm.id == alarm_id), None)


def clear_alarms_of_rules(state: SystemState, outcome: StepOutcome, changed: set[str], *, is_edit: bool) -> None:
    """Clear what is raised about rules that changed or are gone, forgotten rooms, and calendars that no rule names.

    What still holds is raised again when the rooms are folded, and then it is not cleared. `is_edit`: somebody changed
    the rules themselves, and not only the moments at which they open.
    """
    config = outcome.config or state.config
    sources: set[str] | None = None
    for key, alarm in state.alarms.items():
        if not alarm.is_active:
            continue
        is_of_rule = alarm.rule in changed and (is_edit or alarm.name == AlarmName.SCHEDULE_FAILING)
        is_orphan = alarm.rule is not None and alarm.rule not in config.rules
        if is_of_rule or is_orphan or alarm.room_id in outcome.forgotten_rooms:
            outcome.cleared.add(key)
        elif alarm.name == AlarmName.CALENDAR_FAILING:
            sources = calendar_alarm_keys(config) if sources is None else sources
            if key not in sources:
                outcome.cleared.add(key)


def calendar_alarm_keys(config: Config) -> set[str]:
    """Return the keys that alarms about the calendars of these rules have."""
    sources = {source for rule in config.rules.values() for source in calendar_sources(rule)}
    return {calendar_alarm_key(source) for source in sources}


def calendar_alarm_key(source: str) -> str:
    """Return the key of the alarm about a calendar; its address may be secret, so the key holds a hash."""
    return alarm_key(AlarmName.CALENDAR_FAILING, derive("", source))


def apply_alarm_reports(state: SystemState, event: Event, outcome: StepOutcome) -> None:
    """Turn the reports of a step into alarms and notices.

    1. Keep acknowledgements.
    2. Raise what was reported. An alarm that is active stays the same raising and sends no further notice; when as
       many are active as may be, further ones about a room, a rule or a subscriber count in `alarms-not-listed`.
    3. Clear what is over.
    """
    if not (outcome.raised or outcome.cleared or outcome.acknowledged):
        return
    config = outcome.config or state.config
    outcome.alarms.update(outcome.acknowledged)
    if outcome.raised:
        _raise_all(state, event, outcome)
    room_left = ALARMS_ACTIVE_MAX - len(state.alarms) if outcome.cleared else 0
    for key in sorted(outcome.cleared - outcome.raised.keys()):
        alarm = outcome.alarms.get(key) or state.alarms.get(key)
        if alarm is not None and alarm.is_active:
            _clear(event, outcome, alarm, config)
            room_left += 1
    not_listed = state.alarms.get(AlarmName.NOT_LISTED)
    if room_left > 0 and not_listed is not None and not_listed.is_active and AlarmName.NOT_LISTED not in outcome.raised:
        _clear(event, outcome, not_listed, config)


def _raise_all(state: SystemState, event: Event, outcome: StepOutcome) -> None:
    active, config = len(state.alarms), outcome.config or state.config
    for key, report in sorted(outcome.raised.items()):
        current = outcome.alarms.get(key) or state.alarms.get(key)
        if current is None or not current.is_active:
            if active >= ALARMS_ACTIVE_MAX and key != report.name:
                outcome.raised.setdefault(AlarmName.NOT_LISTED, _NOT_LISTED)
                continue
            active += 1
        _raise(event, outcome, key, report, current, config)
    if AlarmName.NOT_LISTED in outcome.raised:
        _raise(event, outcome, AlarmName.NOT_LISTED, _NOT_LISTED, state.alarms.get(AlarmName.NOT_LISTED), config)


def _raise(
    event: Event, outcome: StepOutcome, key: str, report: AlarmReport, current: Alarm | None, config: Config
) -> None:
    is_new = current is None or not current.is_active
    if not is_new and current is not None and key != AlarmName.NOT_LISTED:
        is_earlier_text = isinstance(current.summary, str) and isinstance(report.summary, Explanation)
        current_as_now = replace(current, summary=report.summary) if is_earlier_text else current
        if _says_the_same(current_as_now, report):
            if is_earlier_text:  # an earlier version stored the text: not another raising
                outcome.alarms[current.key] = current_as_now
            return
    alarm = Alarm(
        str(report.name),
        report.severity,
        report.summary,
        event.at if current is None or is_new else current.since,
        count=1 if current is None or is_new else current.count + 1,
        clears_at=report.clears_at,
        key=str(key),
        room_id=report.room_id,
        rule=report.rule,
        subscriber_id=report.subscriber_id,
        reason=report.reason,
        acknowledged_by=None if current is None or is_new else current.acknowledged_by,
        acknowledged_at=None if current is None or is_new else current.acknowledged_at,
        muted_until=None if current is None or is_new else current.muted_until,
    )
    outcome.alarms[alarm.key] = alarm
    if is_new:
        outcome.notices.append(_notice(event, NoticeType.ALARM_RAISED, alarm, config))


def _says_the_same(alarm: Alarm, report: AlarmReport) -> bool:
    return (
        (alarm.severity, alarm.summary, alarm.reason) == (report.severity, report.summary, report.reason)
        and (alarm.rule, alarm.room_id) == (report.rule, report.room_id)
        and alarm.clears_at == report.clears_at
    )


def _clear(event: Event, outcome: StepOutcome, alarm: Alarm, config: Config) -> None:
    cleared = replace(alarm, cleared_at=event.at)
    outcome.alarms[alarm.key] = cleared
    outcome.notices.append(_notice(event, NoticeType.ALARM_CLEARED, cleared, config))


def _notice(event: Event, kind: NoticeType, alarm: Alarm, config: Config) -> Notice:
    return alarm_notice(event.id, kind, event.at, alarm, room_name=config.room_name(alarm.room_id))


def alarm_notice(origin: str, kind: NoticeType, at: int, alarm: Alarm, *, room_name: str | None = None) -> Notice:
    """Make the notice that an alarm is raised or cleared; one about a room is addressed as that room's notices are."""
    because = None if alarm.rule is None or alarm.room_id is None else f"rule:{alarm.rule}"
    data = encode_payload(AlarmChanged(alarm), at=at, room_name=room_name)
    return make_notice(
        origin, kind, at, room_id=alarm.room_id, sequence=None, because=because, data=data, room_name=room_name
    )
