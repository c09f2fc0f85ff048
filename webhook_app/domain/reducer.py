"""The reducer: one event folded into the world. Pure: no clock, no I/O, no randomness."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook_app.domain.alarms.alarm import AlarmName, AlarmReport
from webhook_app.domain.alarms.changes import (
    ACKNOWLEDGE,
    apply_alarm_reports,
    clear_alarms_of_rules,
    on_alarm_acknowledged,
    on_alarm_cleared,
    on_alarm_raised,
)
from webhook_app.domain.alarms.room_alarms import on_start_unknown_timer, update_room_alarms
from webhook_app.domain.alarms.unreadable_webhooks import clear_when_due, report_unreadable
from webhook_app.domain.budget import step_budget
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
from webhook_app.domain.context import StepContext, StepOutcome, SystemState
from webhook_app.domain.control.capture import on_capture_overdue, on_capture_result, request_capture
from webhook_app.domain.control.controller import control, on_call_overdue, on_call_result, settle_unknown_call
from webhook_app.domain.control.desired import (
    drop_desired_of_ended_session,
    release_operator_desired,
    set_operator_desired,
)
from webhook_app.domain.events import Event, Source, stream_report
from webhook_app.domain.fold_limits import fold_limits
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.notice import RECOVER, TEST, Notice, make_notice
from webhook_app.domain.probing.policy import (
    on_probe_result,
    on_probe_timer,
    probe_after_start,
    request_probe,
    schedule_watchdog,
)
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import CallKind, CallState, Room
from webhook_app.domain.rules.engine import (
    evaluate_rules,
    evaluate_when,
    on_hold_elapsed,
    resolve_verifications,
    rules_changed,
)
from webhook_app.domain.rules.rule import Config
from webhook_app.domain.schedules.skips import change_skip, skip_next
from webhook_app.domain.schedules.windows import TIMERS as PLAN_TIMERS
from webhook_app.domain.schedules.windows import (
    monitor_window,
    on_presence_verified,
    on_window_timer,
    reconcile_windows,
)
from webhook_app.domain.sessions.tracking import on_session_webhook
from webhook_app.domain.streams.inferred_ends import infer_ends
from webhook_app.domain.streams.machine import SIGNALS
from webhook_app.domain.streams.tracking import on_stream_signal

SUBSCRIBER_COMMANDS = {"subscriber-test": TEST, "subscriber-recover": RECOVER}
RuleChange = Callable[[SystemState, StepOutcome, Mapping[str, Any]], set[str]]
SKIPS = frozenset({"rule-skip-next", "occurrence-skipped", "occurrence-unskipped"})
CONFIG_CHANGES: dict[str, RuleChange] = {
    "rule-put": put_rule,
    "rule-deleted": delete_rule,
    "rule-paused": pause_rule,
    "rule-resumed": pause_rule,
    "file-applied": apply_file,
    "settings": put_settings,
    "rule-skip-next": skip_next,
    "occurrence-skipped": change_skip,
    "occurrence-unskipped": change_skip,
    "calendar-fetched": put_calendar,
    "room-put": put_room,
    "room-forgotten": forget_room,
}


RULE_EDITS = ("rule-put", "rule-deleted", "rule-paused", "rule-resumed", "file-applied")


def rooms_needed(state: SystemState, event: Event) -> frozenset[str] | None:
    """The rooms that an event may touch, so that they are at hand; None for every room there is."""
    if _changes_rules(event):
        try:
            return rooms_affected(state, event.type, event.data)
        except (KeyError, TypeError, ValueError, AttributeError):
            return frozenset()  # its fold will raise, and be kept as poisoned
    if event.type == "worker-started" or (state.config.settings.paused and event.source is Source.PROBE):
        return None
    return frozenset({event.room_id} if event.room_id else ())


def _changes_rules(event: Event) -> bool:
    return event.type in CONFIG_CHANGES and event.source in (Source.CONFIG, Source.OPERATOR, Source.SYSTEM)


def step(state: SystemState, event: Event) -> StepOutcome:
    """Fold one event: return what it comes to. The world is not touched: `apply` does that when it is kept.

    BudgetExceededError when that takes more steps than `fold_limits` allows, however deep the work is.
    """
    rooms = len(state.rooms) if rooms_needed(state, event) is None else 0
    with step_budget(fold_limits(event, rooms=rooms).steps, "folding this event"):
        return _step(state, event)


def _step(state: SystemState, event: Event) -> StepOutcome:
    outcome = StepOutcome()
    if _changes_rules(event):
        _change_rules(state, event, outcome)
    elif event.source is Source.SYSTEM and event.type == "worker-started":
        _each_room(state, event, outcome, probe_after_start)
        outcome.record_effect(Reason.ROOMS_CHECKED)
    elif event.source is Source.OPERATOR and event.type == ACKNOWLEDGE:
        on_alarm_acknowledged(state, event, outcome)
    elif event.source is Source.SYSTEM and event.type != "replan":
        _hear_system(state, event, outcome)
    elif event.source is Source.OPERATOR and event.type in SUBSCRIBER_COMMANDS:
        _order_for_subscriber(event, outcome)
    elif event.source is Source.CLOCK and event.room_id is None:
        clear_when_due(state, event, outcome)
    elif event.room_id is None:
        outcome.record_effect(Reason.NO_ROOM)
        if event.source is Source.VIDEOSDK and event.type == "unreadable":
            report_unreadable(state, event, outcome)
        if event.source is Source.VIDEOSDK:
            _pass_body_on(state, event, None, outcome)
    else:
        _fold_room(state, event, event.room_id, outcome)
    if outcome.pause is not None:
        _pause(state, event, outcome, paused=outcome.pause)
    apply_alarm_reports(state, event, outcome)
    if outcome.notices:
        outcome.unchanged = None
    if (outcome.config or state.config).settings.observing:
        outcome.notices = [replace(notice, observed=True) for notice in outcome.notices]
    return outcome


def poison_outcome(state: SystemState, event: Event, error: Exception) -> StepOutcome:
    """What is kept of an event whose fold raised: the error as its effect, and an alarm."""
    outcome = StepOutcome()
    outcome.record_effect(Reason.FOLD_ERROR, error=f"{type(error).__name__}: {error}"[:490])
    outcome.raised[AlarmName.POISONED_EVENT] = AlarmReport(
        AlarmName.POISONED_EVENT.value,
        "critical",
        f"event {event.id} ({event.type}) could not be processed and was passed over; its effect names the error",
        room_id=event.room_id,
    )
    apply_alarm_reports(state, event, outcome)
    return outcome


def apply(state: SystemState, outcome: StepOutcome) -> None:
    """Make an outcome part of the world."""
    for room_id in outcome.forgotten_rooms:
        state.rooms.pop(room_id, None)
    state.rooms.update(outcome.rooms)
    state.memory.update(outcome.memory)
    for key, alarm in outcome.alarms.items():
        if alarm.is_active:
            state.alarms[key] = alarm
        else:
            state.alarms.pop(key, None)
    if outcome.config is not None:
        state.config = outcome.config
        for name in outcome.rules_changed:
            if name not in outcome.config.rules:
                state.memory.pop(name, None)


def _fold_room(state: SystemState, event: Event, room_id: str, outcome: StepOutcome) -> None:
    room = state.rooms.get(room_id) or Room(room_id)
    context = StepContext(state, event, room, outcome)
    body_type: str | None = None
    match event.source:
        case Source.VIDEOSDK:
            body_type = event.type
            _hear_webhook(context)
            _pass_body_on(state, event, context.room, outcome)
        case Source.OPERATOR:
            _hear_operator(context)
        case Source.CLOCK:
            _hear_timer(context)
        case Source.CALL if event.data.get("kind") == CallKind.CAPTURE:
            on_capture_result(context, event.data)
        case Source.CALL:
            on_call_result(context, event.data)
        case Source.PROBE:
            if on_probe_result(context, event.data):
                settle_unknown_call(context, event.data)
                resolve_verifications(context, event.data)
                on_presence_verified(context, event.data)
        case Source.SYSTEM if event.type == "replan":
            reconcile_windows(context)
            for rule in context.config.about(room_id):
                if rule.when is not None:
                    evaluate_when(context, rule)
        case _:
            context.record_effect(Reason.NOT_HANDLED)
    drop_desired_of_ended_session(context)
    evaluate_rules(context, body_type)
    if context.room is not context.before and room_id not in state.rooms:
        reconcile_windows(context)
    if context.room is not context.before:
        monitor_window(context)
        control(context)
        _evaluate_rules_again(context)
        schedule_watchdog(context)
    update_room_alarms(context)
    context.finish()
    if not context.effects:
        context.record_effect(Reason.CHANGED if context.room is not context.before else Reason.NO_CHANGE)
    outcome.record_effects(context.effects)
    outcome.unchanged = _unchanged(context)


def _unchanged(context: StepContext) -> str | None:
    """What a timer or a probe found that changed nothing in the room, empty for a timer; None when it did change it."""
    source, outcome = context.event.source, context.outcome
    if source not in (Source.CLOCK, Source.PROBE) or context.room.sequence != context.before.sequence:
        return None
    if outcome.decisions or outcome.pause is not None or outcome.memory:
        return None
    if any(call.kind is not CallKind.PROBE for call in outcome.calls.values()):
        return None
    return " ".join(outcome.reasons) if source is Source.PROBE else ""


def _evaluate_rules_again(context: StepContext) -> None:
    """Let `when` rules see what the controller changed (armed, desired), without a second round of calls."""
    for rule in context.config.about(context.room.room_id):
        if rule.when is not None and ("armed" in rule.when or "desired" in rule.when):
            evaluate_when(context, rule)


def _hear_webhook(context: StepContext) -> None:
    event = context.event
    if event.type == "unreadable":
        context.record_effect(Reason.UNREADABLE)
        return
    on_session_webhook(context, event.data, event.type)
    signal = SIGNALS.get(event.type)
    if signal is not None:
        on_stream_signal(context, signal, stream_report(event.data))
    elif not context.effects:
        context.record_effect(Reason.STATE_NOT_CONCERNED)


def _hear_operator(context: StepContext) -> None:
    match context.event.type:
        case "start":
            set_operator_desired(context, on_air=True, data=context.event.data)
        case "end":
            set_operator_desired(context, on_air=False, data=context.event.data)
        case "capture":
            request_capture(context)
        case "release":
            release_operator_desired(context)
        case other:
            context.record_effect(Reason.UNKNOWN_COMMAND, command=other)


def _hear_timer(context: StepContext) -> None:
    name, due = context.event.data.get("timer"), context.event.data.get("due")
    if not isinstance(name, str) or not isinstance(due, int) or context.room.timers.get(name) != due:
        context.record_effect(Reason.STALE_TIMER)
        return
    context.clear_timer(name)
    kind, _, rest = name.partition(":")
    match kind:
        case "watch" | "ask":
            on_probe_timer(context, name)
            if context.room.probe is not None:
                context.record_effect(Reason.PROBE_DUE)
        case "armed":
            on_probe_timer(context, "ask:armed")
            if context.room.probe is not None:
                context.record_effect(Reason.STILL_WAITING_FOR_SESSION)
        case _ if kind in PLAN_TIMERS:
            on_window_timer(context, kind)
        case "for":
            on_hold_elapsed(context, rest)
        case "until":
            release_operator_desired(context, Reason.OPERATOR_EXPIRED)
        case "backoff":
            context.record_effect(Reason.BACKOFF_OVER)
        case "infer-end":
            infer_ends(context)
        case "call-lost":
            on_call_overdue(context)
        case "untold":
            context.record_effect(Reason.FAILURE_REASON_MISSING)
            context.announce_pending_failure()
        case "start-unknown":
            on_start_unknown_timer(context)
        case "capture-lost":
            on_capture_overdue(context)
        case "probe-lost":
            about = "again" if context.room.probe is None else str(context.room.probe.body.get("about", "again"))
            context.change(probe=None)
            context.record_effect(Reason.PROBE_LOST)
            context.set_timer(f"ask:{about}", context.event.at)
        case _:
            context.record_effect(Reason.STALE_TIMER)


def _change_rules(state: SystemState, event: Event, outcome: StepOutcome) -> None:
    touched = rooms_affected(state, event.type, event.data)
    changed = CONFIG_CHANGES[event.type](state, outcome, {**event.data, "_type": event.type, "_at": event.at})
    outcome.rules_changed = changed
    clear_alarms_of_rules(state, outcome, changed, is_edit=event.type in RULE_EDITS)
    config, all_names = outcome.config or state.config, event.type in ("file-applied", "room-put")
    unseen = {
        room_id: Room(room_id)
        for room_id in _named_rooms(config, changed, all_names=all_names)
        if room_id not in state.rooms and (touched is None or room_id in touched)
    }
    about = state.rooms if touched is None else {one: state.rooms[one] for one in touched if one in state.rooms}
    for room_id, room in sorted({**about, **unseen}.items()):
        if room_id in outcome.forgotten_rooms:
            continue
        context = StepContext(state, event, room, outcome)
        rules_changed(context, changed)
        if state.config.settings.observing and not config.settings.observing:
            _begin_to_act(context)
        if event.type in SKIPS:
            for rule_name in sorted(changed):
                context.record_effect_as_decision(outcome, rule=rule_name)
        if changed:
            reconcile_windows(context)
        monitor_window(context)
        control(context)
        schedule_watchdog(context)
        if room_id in unseen:
            context.change(updated_at=event.at)
        update_room_alarms(context, anew=True)
        context.finish()


def _begin_to_act(context: StepContext) -> None:
    """This copy observed so far: what its event rules wanted meanwhile is dropped, and open calls are settled."""
    desired = context.room.event_wish
    if desired is not None:
        context.change(event_wish=None, waits=None)
        context.record_decision(Reason.DESIRE_DROPPED_OBSERVED, rule=desired.because.removeprefix("rule:"))
    if context.room.call is not None and context.room.call.state is CallState.UNKNOWN:
        request_probe(context, "unknown")


def _each_room(state: SystemState, event: Event, outcome: StepOutcome, look: Callable[[StepContext], None]) -> None:
    for room_id, room in sorted(state.rooms.items()):
        context = StepContext(state, event, outcome.rooms.get(room_id, room), outcome)
        look(context)
        update_room_alarms(context)
        context.finish()


def _pause(state: SystemState, event: Event, outcome: StepOutcome, *, paused: bool) -> None:
    """VideoSDK refuses our token, or answers again: the latter lets every room decide anew."""
    config = outcome.config or state.config
    if config.settings.paused == paused:
        return
    outcome.config = replace(config, settings=replace(config.settings, paused=paused))
    if not paused:
        _each_room(state, event, outcome, _decide_anew)


def _decide_anew(context: StepContext) -> None:
    for why in context.room.asks[:1] if context.room.probe is None else ():
        context.change(asks=context.room.asks[1:])
        request_probe(context, why)
    control(context)
    schedule_watchdog(context)


def _named_rooms(config: Config, changed: set[str], *, all_names: bool) -> set[str]:
    """Rooms that must be kept because the file names them, or a calendar does, though nothing was seen of them."""
    rooms = {known.room_id for known in config.names.values()} if all_names else set()
    for name in changed:
        rule = config.rules.get(name)
        if rule is not None and rule.schedule is not None:
            rooms |= config.rooms_of(rule) or set()
    return rooms


def _hear_system(state: SystemState, event: Event, outcome: StepOutcome) -> None:
    name = event.data.get("name")
    if event.type == "undecodable":
        raise ValueError(f"the entry cannot be read: {event.data.get('error')}")
    if event.type == "alarm-raised" and isinstance(name, str):
        on_alarm_raised(state, event, outcome)
    elif event.type == "alarm-cleared" and isinstance(name, str):
        on_alarm_cleared(event, outcome)
    elif event.type == "subscriber-disabled":
        data = {"subscriber_id": event.data.get("subscriber_id"), "message": event.data.get("reason")}
        outcome.notices.append(_roomless(event, "subscriber.disabled", data))
        outcome.record_effect(Reason.SUBSCRIBER_DISABLED)
    else:
        outcome.record_effect(Reason.NOT_HANDLED)


def _order_for_subscriber(event: Event, outcome: StepOutcome) -> None:
    """The deliver hand is told through the outbox, so that it happens once and in its place among the notices."""
    subscriber_id = str(event.data["subscriber_id"])
    if event.type == "subscriber-test":
        data: dict[str, Any] = {
            "subscriber_id": subscriber_id,
            "message": "A test from Tallylight: notices reach this subscriber.",
        }
        outcome.record_effect(Reason.SUBSCRIBER_TEST, subscriber=subscriber_id)
    else:
        data = {"subscriber_id": subscriber_id, "from": int(event.data["from"]), "to": event.data.get("to")}
        outcome.record_effect(Reason.SUBSCRIBER_RECOVER, subscriber=subscriber_id)
    outcome.notices.append(_roomless(event, SUBSCRIBER_COMMANDS[event.type], data))


def _pass_body_on(state: SystemState, event: Event, room: Room | None, outcome: StepOutcome) -> None:
    if not state.config.settings.bodies:
        return
    outcome.notices.append(
        make_notice(
            event.id,
            f"videosdk.{event.type}",
            event.at,
            room_id=event.room_id,
            sequence=None if room is None else room.sequence,
            because=None,
            data={"body": {"webhookType": event.type, "data": event.data}},
            room_name=state.config.room_name(event.room_id),
        )
    )


def _roomless(event: Event, kind: str, data: Mapping[str, Any]) -> Notice:
    return make_notice(event.id, kind, event.at, room_id=None, sequence=None, because=None, data=data)
