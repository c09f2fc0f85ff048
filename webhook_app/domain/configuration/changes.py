"""Changes of rules, calendars and settings: each gives a new configuration, and the names of the rules that changed."""

from typing import assert_never

from webhook_app.domain.configuration.room_changes import drop_mistaken_rooms, rules_affected
from webhook_app.domain.facts.configuration import (
    ApplyFile,
    CalendarFetched,
    ConfigurationFact,
    DeleteRule,
    ForgetRoom,
    PauseRule,
    PutRoom,
    PutRule,
    SettingsChanged,
    SkipNextOccurrence,
    SkipOccurrence,
)
from webhook_app.domain.frozen import replace
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.config import Config, make_config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ConditionTrigger, EventTrigger, ScheduleTrigger, Trigger
from webhook_app.domain.schedules.calendars.calendar import horizon_at
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.domain.schedules.skips import retain_valid_skips, skips_of
from webhook_app.domain.state import SystemState
from webhook_app.domain.times import format_duration


def put_rule(state: SystemState, outcome: StepOutcome, change: PutRule, at: int) -> set[str]:
    """Add or replace a rule; one of the configuration file stays as the file says."""
    rule = change.rule
    current = state.config.rules.get(rule.name)
    if current is not None:
        rule = retain_valid_skips(rule, skips_of(current), state.config.calendars, at)
    if current is not None and current.from_file:
        outcome.record_effect(Reason.RULE_FROM_FILE, rule=rule.name)
        return set()
    if current == rule:
        outcome.record_effect(Reason.RULE_UNCHANGED, rule=rule.name)
        return set()
    outcome.config = state.config.with_rule(rule)
    outcome.record_effect(Reason.RULE_CHANGED if current else Reason.RULE_ADDED, rule=rule.name)
    return {rule.name}


def delete_rule(state: SystemState, outcome: StepOutcome, change: DeleteRule) -> set[str]:
    """Delete a rule that the API added."""
    name = change.name
    current = state.config.rules.get(name)
    if current is None or current.from_file:
        outcome.record_effect(Reason.RULE_NOT_FOUND, rule=name)
        return set()
    outcome.config = state.config.without_rule(current)
    outcome.record_effect(Reason.RULE_DELETED, rule=name)
    return {name}


def pause_rule(state: SystemState, outcome: StepOutcome, change: PauseRule) -> set[str]:
    """Pause a rule, or resume it."""
    name, paused = change.name, change.paused
    current = state.config.rules.get(name)
    if current is None or current.paused == paused:
        outcome.record_effect(Reason.RULE_NOT_FOUND if current is None else Reason.RULE_STATE_UNCHANGED, rule=name)
        return set()
    outcome.config = state.config.with_rule(replace(current, paused=paused))
    outcome.record_effect(Reason.RULE_PAUSED if paused else Reason.RULE_RESUMED, rule=name)
    return {name}


def apply_file(state: SystemState, outcome: StepOutcome, change: ApplyFile, at: int) -> set[str]:
    """Apply the configuration file: rules that left it are deleted, those that the API added stay."""
    old = state.config.rules
    new = {rule.name: rule for rule in change.rules}
    for name, rule in new.items():
        if name in old:
            rule = retain_valid_skips(rule, skips_of(old[name]), state.config.calendars, at)
            new[name] = replace(rule, paused=rule.paused or old[name].paused)
    names = dict(change.rooms)
    retained = {name: rule for name, rule in old.items() if not rule.from_file and name not in new}
    rules = {**retained, **new}
    changed = {name for name in old.keys() | rules.keys() if old.get(name) != rules.get(name)}
    count, names = len(names), _with_added_rooms(names, state.config)
    if names != state.config.names:
        changed |= {name for name, rule in rules.items() if _depends_on_names(rule.trigger)}
    if not changed and names == state.config.names:
        outcome.record_effect(Reason.FILE_UNCHANGED)
        return set()
    outcome.config = make_config(rules, names, state.config.settings, state.config.calendars)
    outcome.record_effect(Reason.FILE_APPLIED, rules=len(new), rooms=count)
    drop_mistaken_rooms(state, outcome)
    return changed | rules_affected(state.config, outcome.config)


def _depends_on_names(trigger: Trigger) -> bool:
    """Whether a rule is evaluated anew when rooms get other names, which its condition may use."""
    match trigger:
        case ConditionTrigger():
            return True
        case ScheduleTrigger() | EventTrigger():
            return False
        case _ as never:
            assert_never(never)


def _with_added_rooms(names: dict[str, ConfiguredRoom], config: Config) -> dict[str, ConfiguredRoom]:
    """The file's rooms with those that the API added. A room that the file names is the file's, and so is a name."""
    ids = {room.room_id for room in names.values()}
    added = [room for room in config.names.values() if not room.from_file and room.room_id not in ids]
    added = [replace(room, name=None) if room.name in names or room.name in ids else room for room in added]
    return {**{room.key: room for room in added}, **names}


def put_calendar(state: SystemState, outcome: StepOutcome, change: CalendarFetched, at: int) -> set[str]:
    """Store a calendar that was fetched, and return the rules that use it. Calendars that no rule uses are dropped.

    Events of earlier versions hold the calendar's text: it is read as it was at the time of the event.
    """
    source, calendar = change.source, change.calendar
    if calendar is None:
        calendar = read_calendar(change.text.encode(), horizon_at(at))
    if state.config.calendars.get(source) == calendar:
        outcome.record_effect(Reason.CALENDAR_UNCHANGED)
        return set()
    referenced = {name for rule in state.config.rules.values() for name in calendar_sources(rule)}
    retained = {name: current for name, current in state.config.calendars.items() if name in referenced}
    config = replace(state.config, calendars={**retained, source: calendar}, rules_by_room={})
    users = {name: rule for name, rule in state.config.rules.items() if source in calendar_sources(rule)}
    for rule in users.values():
        left = retain_valid_skips(rule, skips_of(rule), config.calendars, at)
        if left != rule:
            config = config.with_rule(left)
    outcome.config = config
    outcome.record_effect(Reason.CALENDAR_UPDATED)
    return set(users)


def calendar_sources(rule: Rule) -> set[str]:
    """The addresses and files of the calendars that a rule uses."""
    trigger = rule.schedule_trigger
    if trigger is None:
        return set()
    schedule = trigger.schedule
    refs = [*schedule.except_calendars, *((schedule.ics,) if schedule.ics else ())]
    return {ref.source for ref in refs}


def put_settings(state: SystemState, outcome: StepOutcome, change: SettingsChanged) -> set[str]:
    """Take over runtime settings that the reducer depends on."""
    current = state.config.settings
    settings = replace(
        current,
        calls=current.calls if change.calls is None else change.calls,
        bodies=current.bodies if change.bodies is None else change.bodies,
        max_stream_s=current.max_stream_s if change.max_stream_s is None else change.max_stream_s,
        observing=current.observing if change.observing is None else change.observing,
    )
    if settings == current:
        outcome.record_effect(Reason.SETTINGS_UNCHANGED)
        return set()
    outcome.config = replace(state.config, settings=settings)
    changes = f"calls {'on' if settings.calls else 'off'}, bodies {'sent' if settings.bodies else 'not sent'}"
    if settings.max_stream_s != current.max_stream_s:
        changes += f", streams of at most {format_duration(settings.max_stream_s)}"
    if settings.observing != current.observing:
        changes += f", observing {'on' if settings.observing else 'off'}"
    outcome.record_effect(Reason.SETTINGS_CHANGED, changes=changes)
    return set()


def rooms_affected(state: SystemState, change: ConfigurationFact) -> frozenset[str] | None:
    """The rooms that a change may touch, or None for all of them."""
    match change:
        case PutRoom(room):
            return _ids_or_names(state.config, room.room_id, room.name)
        case ForgetRoom(room_id):
            return _ids_or_names(state.config, room_id, None)
        case PutRule(rule):
            return _rooms_of_rules(state.config, state.config.rules.get(rule.name), rule)
        case DeleteRule(name) | PauseRule(name) | SkipNextOccurrence(name) | SkipOccurrence(name):
            return _rooms_of_rules(state.config, state.config.rules.get(name))
        case ApplyFile() | CalendarFetched() | SettingsChanged():
            return None
        case _ as never:
            assert_never(never)


def _ids_or_names(config: Config, room_id: str, name: str | None) -> frozenset[str]:
    """A room's id with its new and old name, for which an earlier rule or command may have made a room."""
    room = config.named(room_id)
    names = (room_id, name, room.name if room is not None else None)
    return frozenset(name for name in names if name is not None)


def _rooms_of_rules(config: Config, *rules: Rule | None) -> frozenset[str] | None:
    """The rooms that rules are about, None when one of them is about all rooms."""
    affected: set[str] = set()
    for rule in rules:
        if rule is not None:
            rooms = config.rooms_of(rule)
            if rooms is None:
                return None
            affected |= rooms
    return frozenset(affected)
