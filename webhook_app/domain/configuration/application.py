"""Applying a change of rules, rooms or settings to the configuration, and to the rooms that it concerns."""

from collections.abc import Mapping
from typing import assert_never

from webhook_app.domain.alarms.changes import clear_alarms_of_rules
from webhook_app.domain.alarms.room_alarms import update_room_alarms
from webhook_app.domain.configuration.changes import (
    apply_file,
    delete_rule,
    pause_rule,
    put_calendar,
    put_rule,
    put_settings,
    rooms_affected,
)
from webhook_app.domain.configuration.room_changes import forget_room, put_room
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import CallState
from webhook_app.domain.control.controller import decide_next_call
from webhook_app.domain.control.desired import drop_event_desired
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.facts.configuration import (
    RULE_EDITS,
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
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.probing.requests import request_probe
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.probing.watchdog import schedule_watchdog
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.engine import apply_rule_changes
from webhook_app.domain.schedules.skips import change_skip, skip_next
from webhook_app.domain.schedules.windows import monitor_window, reconcile_all_windows
from webhook_app.domain.state import SystemState


def change_configuration(
    state: SystemState, event: JournalEvent, change: ConfigurationFact, outcome: StepOutcome
) -> None:
    """Apply the change to the configuration, then to each room that it may concern, in the order of their ids.

    A room that a rule's schedule or the file names is created if no event has named it yet.
    """
    affected = rooms_affected(state, change)
    changed = _change_config(state, event.at, change, outcome)
    outcome.rules_changed = changed
    clear_alarms_of_rules(state, outcome, changed, is_edit=isinstance(change, RULE_EDITS))
    config = outcome.config or state.config
    named = _named_rooms(config, changed, all_names=isinstance(change, ApplyFile | PutRoom))
    new_rooms = {
        room_id: Room(room_id)
        for room_id in named
        if room_id not in state.rooms and (affected is None or room_id in affected)
    }
    known_rooms: Mapping[str, Room] = state.rooms
    if affected is not None:
        known_rooms = {room_id: state.rooms[room_id] for room_id in affected if room_id in state.rooms}
    for room_id, room in sorted({**known_rooms, **new_rooms}.items()):
        if room_id not in outcome.forgotten_rooms:
            context = StepContext(state, event, room, outcome)
            _change_room(context, change, changed, was_observing=state.config.settings.observing)
            if room_id in new_rooms:
                context.change(updated_at=event.at)
            update_room_alarms(context, rules_changed=True)
            context.finish()


def _change_config(state: SystemState, at: int, change: ConfigurationFact, outcome: StepOutcome) -> set[str]:
    """Change the configuration; returns the names of the rules that mean something else from now on."""
    match change:
        case PutRule():
            return put_rule(state, outcome, change, at)
        case DeleteRule():
            return delete_rule(state, outcome, change)
        case PauseRule():
            return pause_rule(state, outcome, change)
        case SkipNextOccurrence():
            return skip_next(state, outcome, change, at)
        case SkipOccurrence():
            return change_skip(state, outcome, change, at)
        case ApplyFile():
            return apply_file(state, outcome, change, at)
        case CalendarFetched():
            return put_calendar(state, outcome, change, at)
        case PutRoom():
            return put_room(state, outcome, change)
        case ForgetRoom():
            return forget_room(state, outcome, change)
        case SettingsChanged():
            return put_settings(state, outcome, change)
        case _ as never:
            assert_never(never)


def _change_room(context: StepContext, change: ConfigurationFact, changed: set[str], *, was_observing: bool) -> None:
    """Apply a changed configuration to a room.

    1. Reset what the room remembers of the changed rules, and evaluate them.
    2. When this copy stops observing, drop what its event rules desired meanwhile.
    3. Record a skipped or restored opening as the rule's decision.
    4. Reconcile its windows with the calendars, and monitor the open one.
    5. Decide the next call, and schedule the watchdog.
    """
    apply_rule_changes(context, changed)
    if was_observing and not context.config.settings.observing:
        for _ in context.each_output():
            _begin_to_act(context)
    if isinstance(change, SkipNextOccurrence | SkipOccurrence):
        for rule_name in sorted(changed):
            context.record_effect_as_decision(context.outcome, rule=rule_name)
    if changed:
        reconcile_all_windows(context)
    for _ in context.each_output():
        monitor_window(context)
        decide_next_call(context)
        schedule_watchdog(context)


def _begin_to_act(context: StepContext) -> None:
    drop_event_desired(context, Reason.DESIRE_DROPPED_OBSERVED)
    call = context.room.control.call
    if call is not None and call.state is CallState.UNKNOWN:
        request_probe(context, ProbeSubject.UNKNOWN)


def _named_rooms(config: Config, changed: set[str], *, all_names: bool) -> set[str]:
    """The rooms that the file or a changed rule's schedule names."""
    rooms = {room.room_id for room in config.names.values()} if all_names else set()
    for name in changed:
        rule = config.rules.get(name)
        if rule is not None and rule.schedule_trigger is not None:
            rooms |= config.rooms_of(rule) or set()
    return rooms
