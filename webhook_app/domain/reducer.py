"""The reducer: one event folded into the world. Pure: no clock, no I/O, no randomness."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook_app.domain.alarms.alarm import AlarmName, AlarmReport
from webhook_app.domain.alarms.changes import (
    ACKNOWLEDGE,
    clear_alarms_of_rules,
    on_alarm_acknowledged,
    on_alarm_cleared,
    on_alarm_raised,
    settle_alarms,
)
from webhook_app.domain.alarms.room_alarms import settle_room_alarms, start_stays_unknown
from webhook_app.domain.alarms.unreadable_webhooks import clear_when_due, report_unreadable
from webhook_app.domain.budget import step_budget
from webhook_app.domain.configuration.changes import (
    apply_file,
    delete_rule,
    pause_rule,
    put_calendar,
    put_rule,
    put_settings,
    rooms_touched,
)
from webhook_app.domain.configuration.room_changes import forget_room, put_room
from webhook_app.domain.context import Outcome, Turn, World
from webhook_app.domain.control.capture import hear_capture, lose_capture, order_capture
from webhook_app.domain.control.controller import control, hear_answer, hear_look, lose_call
from webhook_app.domain.control.desired import drop_wish_of_session, operator_releases, operator_wishes
from webhook_app.domain.events import Event, Source, stream_fact
from webhook_app.domain.fold_limits import fold_limits
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.types import RECOVER, TEST, Notice, make_notice
from webhook_app.domain.probing.policy import ask, ask_when_due, hear_probe, look_after_start, watch
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import CallKind, CallState, Room
from webhook_app.domain.rules.engine import confirmed, held_long_enough, judge, rules_changed, weigh
from webhook_app.domain.rules.rule import Config
from webhook_app.domain.schedules.skips import change_skip, skip_next
from webhook_app.domain.schedules.windows import TIMERS as PLAN_TIMERS
from webhook_app.domain.schedules.windows import follow, people_confirmed, replan, window_timer
from webhook_app.domain.sessions.tracking import notice_session
from webhook_app.domain.streams.inferred_ends import infer_ends
from webhook_app.domain.streams.machine import SIGNALS
from webhook_app.domain.streams.tracking import hear

SUBSCRIBER_ORDERS = {"subscriber-test": TEST, "subscriber-recover": RECOVER}
RuleChange = Callable[[World, Outcome, Mapping[str, Any]], set[str]]
SKIPS = frozenset({"rule-skip-next", "occurrence-skipped", "occurrence-unskipped"})
RULE_CHANGES: dict[str, RuleChange] = {
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


def rooms_needed(world: World, event: Event) -> frozenset[str] | None:
    """The rooms that an event may touch, so that they are at hand; None for every room there is."""
    if _changes_rules(event):
        try:
            return rooms_touched(world, event.type, event.data)
        except (KeyError, TypeError, ValueError, AttributeError):
            return frozenset()  # its fold will raise, and be kept as poisoned
    if event.type == "worker-started" or (world.config.settings.paused and event.source is Source.PROBE):
        return None
    return frozenset({event.room_id} if event.room_id else ())


def _changes_rules(event: Event) -> bool:
    return event.type in RULE_CHANGES and event.source in (Source.CONFIG, Source.OPERATOR, Source.SYSTEM)


def step(world: World, event: Event) -> Outcome:
    """Fold one event: return what it comes to. The world is not touched: `apply` does that when it is kept.

    BudgetExceededError when that takes more steps than `fold_limits` allows, however deep the work is.
    """
    rooms = len(world.rooms) if rooms_needed(world, event) is None else 0
    with step_budget(fold_limits(event, rooms=rooms).steps, "folding this event"):
        return _step(world, event)


def _step(world: World, event: Event) -> Outcome:
    outcome = Outcome()
    if _changes_rules(event):
        _change_rules(world, event, outcome)
    elif event.source is Source.SYSTEM and event.type == "worker-started":
        _each_room(world, event, outcome, look_after_start)
        outcome.record_effect(Reason.ROOMS_CHECKED)
    elif event.source is Source.OPERATOR and event.type == ACKNOWLEDGE:
        on_alarm_acknowledged(world, event, outcome)
    elif event.source is Source.SYSTEM and event.type != "replan":
        _hear_system(world, event, outcome)
    elif event.source is Source.OPERATOR and event.type in SUBSCRIBER_ORDERS:
        _order_for_subscriber(event, outcome)
    elif event.source is Source.CLOCK and event.room_id is None:
        clear_when_due(world, event, outcome)
    elif event.room_id is None:
        outcome.record_effect(Reason.NO_ROOM)
        if event.source is Source.VIDEOSDK and event.type == "unreadable":
            report_unreadable(world, event, outcome)
        if event.source is Source.VIDEOSDK:
            _pass_body_on(world, event, None, outcome)
    else:
        _fold_room(world, event, event.room_id, outcome)
    if outcome.pause is not None:
        _pause(world, event, outcome, paused=outcome.pause)
    settle_alarms(world, event, outcome)
    if outcome.notices:
        outcome.unchanged = None
    if (outcome.config or world.config).settings.observing:
        outcome.notices = [replace(notice, observed=True) for notice in outcome.notices]
    return outcome


def poisoned(world: World, event: Event, error: Exception) -> Outcome:
    """What is kept of an event whose fold raised: the error as its effect, and an alarm."""
    outcome = Outcome()
    outcome.record_effect(Reason.FOLD_ERROR, error=f"{type(error).__name__}: {error}"[:490])
    outcome.raised[AlarmName.POISONED_EVENT] = AlarmReport(
        AlarmName.POISONED_EVENT.value,
        "critical",
        f"event {event.id} ({event.type}) could not be processed and was passed over; its effect names the error",
        room_id=event.room_id,
    )
    settle_alarms(world, event, outcome)
    return outcome


def apply(world: World, outcome: Outcome) -> None:
    """Make an outcome part of the world."""
    for room_id in outcome.forgotten_rooms:
        world.rooms.pop(room_id, None)
    world.rooms.update(outcome.rooms)
    world.memory.update(outcome.memory)
    for key, alarm in outcome.alarms.items():
        if alarm.is_active:
            world.alarms[key] = alarm
        else:
            world.alarms.pop(key, None)
    if outcome.config is not None:
        world.config = outcome.config
        for name in outcome.rules_changed:
            if name not in outcome.config.rules:
                world.memory.pop(name, None)


def _fold_room(world: World, event: Event, room_id: str, outcome: Outcome) -> None:
    room = world.rooms.get(room_id) or Room(room_id)
    turn = Turn(world, event, room, outcome)
    body_type: str | None = None
    match event.source:
        case Source.VIDEOSDK:
            body_type = event.type
            _hear_webhook(turn)
            _pass_body_on(world, event, turn.room, outcome)
        case Source.OPERATOR:
            _hear_operator(turn)
        case Source.CLOCK:
            _hear_timer(turn)
        case Source.CALL if event.data.get("kind") == CallKind.CAPTURE:
            hear_capture(turn, event.data)
        case Source.CALL:
            hear_answer(turn, event.data)
        case Source.PROBE:
            if hear_probe(turn, event.data):
                hear_look(turn, event.data)
                confirmed(turn, event.data)
                people_confirmed(turn, event.data)
        case Source.SYSTEM if event.type == "replan":
            replan(turn)
            for rule in turn.config.about(room_id):
                if rule.when is not None:
                    weigh(turn, rule)
        case _:
            turn.note(Reason.NOT_HANDLED)
    drop_wish_of_session(turn)
    judge(turn, body_type)
    if turn.room is not turn.before and room_id not in world.rooms:
        replan(turn)
    if turn.room is not turn.before:
        follow(turn)
        control(turn)
        _judge_again(turn)
        watch(turn)
    settle_room_alarms(turn)
    turn.finish()
    if not turn.effects:
        turn.note(Reason.CHANGED if turn.room is not turn.before else Reason.NO_CHANGE)
    outcome.record_effects(turn.effects)
    outcome.unchanged = _unchanged(turn)


def _unchanged(turn: Turn) -> str | None:
    """What a timer or a probe found that changed nothing in the room, empty for a timer; None when it did change it."""
    source, outcome = turn.event.source, turn.outcome
    if source not in (Source.CLOCK, Source.PROBE) or turn.room.sequence != turn.before.sequence:
        return None
    if outcome.decisions or outcome.pause is not None or outcome.memory:
        return None
    if any(call.kind is not CallKind.PROBE for call in outcome.calls.values()):
        return None
    return " ".join(outcome.reasons) if source is Source.PROBE else ""


def _judge_again(turn: Turn) -> None:
    """Let `when` rules see what the controller changed (armed, desired), without a second round of calls."""
    for rule in turn.config.about(turn.room.room_id):
        if rule.when is not None and ("armed" in rule.when or "desired" in rule.when):
            weigh(turn, rule)


def _hear_webhook(turn: Turn) -> None:
    event = turn.event
    if event.type == "unreadable":
        turn.note(Reason.UNREADABLE)
        return
    notice_session(turn, event.data, event.type)
    signal = SIGNALS.get(event.type)
    if signal is not None:
        hear(turn, signal, stream_fact(event.data))
    elif not turn.effects:
        turn.note(Reason.STATE_NOT_CONCERNED)


def _hear_operator(turn: Turn) -> None:
    match turn.event.type:
        case "start":
            operator_wishes(turn, on_air=True, data=turn.event.data)
        case "end":
            operator_wishes(turn, on_air=False, data=turn.event.data)
        case "capture":
            order_capture(turn)
        case "release":
            operator_releases(turn)
        case other:
            turn.note(Reason.UNKNOWN_COMMAND, command=other)


def _hear_timer(turn: Turn) -> None:
    name, due = turn.event.data.get("timer"), turn.event.data.get("due")
    if not isinstance(name, str) or not isinstance(due, int) or turn.room.timers.get(name) != due:
        turn.note(Reason.STALE_TIMER)
        return
    turn.clear_timer(name)
    kind, _, rest = name.partition(":")
    match kind:
        case "watch" | "ask":
            ask_when_due(turn, name)
            if turn.room.probe is not None:
                turn.note(Reason.PROBE_DUE)
        case "armed":
            ask_when_due(turn, "ask:armed")
            if turn.room.probe is not None:
                turn.note(Reason.STILL_WAITING_FOR_SESSION)
        case _ if kind in PLAN_TIMERS:
            window_timer(turn, kind)
        case "for":
            held_long_enough(turn, rest)
        case "until":
            operator_releases(turn, Reason.OPERATOR_EXPIRED)
        case "backoff":
            turn.note(Reason.BACKOFF_OVER)
        case "infer-end":
            infer_ends(turn)
        case "call-lost":
            lose_call(turn)
        case "untold":
            turn.note(Reason.FAILURE_REASON_MISSING)
            turn.tell_untold()
        case "start-unknown":
            start_stays_unknown(turn)
        case "capture-lost":
            lose_capture(turn)
        case "probe-lost":
            about = "again" if turn.room.probe is None else str(turn.room.probe.body.get("about", "again"))
            turn.change(probe=None)
            turn.note(Reason.PROBE_LOST)
            turn.set_timer(f"ask:{about}", turn.event.at)
        case _:
            turn.note(Reason.STALE_TIMER)


def _change_rules(world: World, event: Event, outcome: Outcome) -> None:
    touched = rooms_touched(world, event.type, event.data)
    changed = RULE_CHANGES[event.type](world, outcome, {**event.data, "_type": event.type, "_at": event.at})
    outcome.rules_changed = changed
    clear_alarms_of_rules(world, outcome, changed, is_edit=event.type in RULE_EDITS)
    config, all_names = outcome.config or world.config, event.type in ("file-applied", "room-put")
    unseen = {
        room_id: Room(room_id)
        for room_id in _named_rooms(config, changed, all_names=all_names)
        if room_id not in world.rooms and (touched is None or room_id in touched)
    }
    about = world.rooms if touched is None else {one: world.rooms[one] for one in touched if one in world.rooms}
    for room_id, room in sorted({**about, **unseen}.items()):
        if room_id in outcome.forgotten_rooms:
            continue
        turn = Turn(world, event, room, outcome)
        rules_changed(turn, changed)
        if world.config.settings.observing and not config.settings.observing:
            _begin_to_act(turn)
        if event.type in SKIPS:
            for rule_name in sorted(changed):
                turn.decide_as(outcome, rule=rule_name)
        if changed:
            replan(turn)
        follow(turn)
        control(turn)
        watch(turn)
        if room_id in unseen:
            turn.change(updated_at=event.at)
        settle_room_alarms(turn, anew=True)
        turn.finish()


def _begin_to_act(turn: Turn) -> None:
    """This copy observed so far: what its event rules wanted meanwhile is dropped, and open calls are settled."""
    desired = turn.room.event_wish
    if desired is not None:
        turn.change(event_wish=None, waits=None)
        turn.decide(Reason.DESIRE_DROPPED_OBSERVED, rule=desired.because.removeprefix("rule:"))
    if turn.room.call is not None and turn.room.call.state is CallState.UNKNOWN:
        ask(turn, "unknown")


def _each_room(world: World, event: Event, outcome: Outcome, look: Callable[[Turn], None]) -> None:
    for room_id, room in sorted(world.rooms.items()):
        turn = Turn(world, event, outcome.rooms.get(room_id, room), outcome)
        look(turn)
        settle_room_alarms(turn)
        turn.finish()


def _pause(world: World, event: Event, outcome: Outcome, *, paused: bool) -> None:
    """VideoSDK refuses our token, or answers again: the latter lets every room decide anew."""
    config = outcome.config or world.config
    if config.settings.paused == paused:
        return
    outcome.config = replace(config, settings=replace(config.settings, paused=paused))
    if not paused:
        _each_room(world, event, outcome, _decide_anew)


def _decide_anew(turn: Turn) -> None:
    for why in turn.room.asks[:1] if turn.room.probe is None else ():
        turn.change(asks=turn.room.asks[1:])
        ask(turn, why)
    control(turn)
    watch(turn)


def _named_rooms(config: Config, changed: set[str], *, all_names: bool) -> set[str]:
    """Rooms that must be kept because the file names them, or a calendar does, though nothing was seen of them."""
    rooms = {known.room_id for known in config.names.values()} if all_names else set()
    for name in changed:
        rule = config.rules.get(name)
        if rule is not None and rule.schedule is not None:
            rooms |= config.rooms_of(rule) or set()
    return rooms


def _hear_system(world: World, event: Event, outcome: Outcome) -> None:
    name = event.data.get("name")
    if event.type == "undecodable":
        raise ValueError(f"the entry cannot be read: {event.data.get('error')}")
    if event.type == "alarm-raised" and isinstance(name, str):
        on_alarm_raised(world, event, outcome)
    elif event.type == "alarm-cleared" and isinstance(name, str):
        on_alarm_cleared(event, outcome)
    elif event.type == "subscriber-disabled":
        data = {"subscriber_id": event.data.get("subscriber_id"), "message": event.data.get("reason")}
        outcome.notices.append(_roomless(event, "subscriber.disabled", data))
        outcome.record_effect(Reason.SUBSCRIBER_DISABLED)
    else:
        outcome.record_effect(Reason.NOT_HANDLED)


def _order_for_subscriber(event: Event, outcome: Outcome) -> None:
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
    outcome.notices.append(_roomless(event, SUBSCRIBER_ORDERS[event.type], data))


def _pass_body_on(world: World, event: Event, room: Room | None, outcome: Outcome) -> None:
    if not world.config.settings.bodies:
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
            room_name=world.config.room_name(event.room_id),
        )
    )


def _roomless(event: Event, kind: str, data: Mapping[str, Any]) -> Notice:
    return make_notice(event.id, kind, event.at, room_id=None, sequence=None, because=None, data=data)
