"""The reducer: one event folded into the world. Pure: no clock, no I/O, no randomness."""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from webhook_app.domain.alarms.alarm import AlarmName, AlarmReport
from webhook_app.domain.alarms.changes import (
    apply_alarm_reports,
    clear_alarms_of_rules,
    on_alarm_acknowledged,
    on_alarm_cleared,
    on_alarm_raised,
)
from webhook_app.domain.alarms.room_alarms import on_start_unknown_timer, update_room_alarms
from webhook_app.domain.alarms.summaries import AlarmSummary
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
from webhook_app.domain.events import JournalEvent, RoomFact, Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.commands import (
    AcknowledgeAlarm,
    CaptureSnapshot,
    RecoverSubscriber,
    ReleaseRoom,
    SetOnAir,
    SubscriberCommand,
    TestSubscriber,
    UnknownCommand,
)
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
from webhook_app.domain.facts.provider import (
    OtherWebhook,
    ParticipantJoined,
    ParticipantLeft,
    SessionEnded,
    SessionStarted,
    StreamSignal,
    UnreadableWebhook,
)
from webhook_app.domain.facts.results import CallResult, CaptureResult, ProbeResult
from webhook_app.domain.facts.system import (
    AlarmCleared,
    AlarmRaised,
    ReconcileWindows,
    SubscriberDisabled,
    TimerFired,
    Undecodable,
    UnknownFact,
    WorkerStarted,
)
from webhook_app.domain.fold_limits import fold_limits
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.notice import RECOVER, TEST, Notice, make_notice
from webhook_app.domain.probing.policy import (
    on_probe_overdue,
    on_probe_result,
    probe_after_start,
    request_probe,
    schedule_watchdog,
)
from webhook_app.domain.probing.requests import ProbeSubject, read_subject
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
from webhook_app.domain.schedules.windows import (
    monitor_window,
    on_presence_verified,
    on_window_timer,
    reconcile_windows,
)
from webhook_app.domain.sessions.tracking import on_session_webhook
from webhook_app.domain.streams.inferred_ends import infer_ends
from webhook_app.domain.streams.tracking import on_stream_signal
from webhook_app.domain.timers import SubjectTimerName, TimerKind


def rooms_needed(state: SystemState, event: JournalEvent) -> frozenset[str] | None:
    """The rooms that an event may touch, so that they are at hand; None for every room there is."""
    payload = event.payload
    if isinstance(payload, ConfigurationFact):
        return rooms_affected(state, payload)
    if isinstance(payload, WorkerStarted) or (state.config.settings.paused and event.source is Source.PROBE):
        return None
    return frozenset({event.room_id} if event.room_id else ())


def step(state: SystemState, event: JournalEvent) -> StepOutcome:
    """Fold one event: return what it comes to. The world is not touched: `apply` does that when it is kept.

    BudgetExceededError when that takes more steps than `fold_limits` allows, however deep the work is.
    """
    rooms = len(state.rooms) if rooms_needed(state, event) is None else 0
    with step_budget(fold_limits(event, rooms=rooms).steps, "folding this event"):
        return _step(state, event)


def _step(state: SystemState, event: JournalEvent) -> StepOutcome:
    outcome = StepOutcome()
    _apply_event(state, event, outcome)
    if outcome.pause is not None:
        _pause(state, event, outcome, paused=outcome.pause)
    apply_alarm_reports(state, event, outcome)
    if outcome.notices:
        outcome.unchanged = None
    if (outcome.config or state.config).settings.observing:
        outcome.notices = [replace(notice, observed=True) for notice in outcome.notices]
    return outcome


def _apply_event(state: SystemState, event: JournalEvent, outcome: StepOutcome) -> None:
    payload = event.payload
    if isinstance(payload, RoomFact) and event.room_id is not None:
        _fold_room(state, event, event.room_id, payload, outcome)
        return
    match payload:
        case UnreadableWebhook():
            report_unreadable(state, event, payload, outcome)
            _send_raw_webhook(state, event, None, outcome)
        case (
            StreamSignal()
            | SessionStarted()
            | SessionEnded()
            | ParticipantJoined()
            | ParticipantLeft()
            | OtherWebhook()
        ):
            outcome.record_effect(Reason.NO_ROOM)
            _send_raw_webhook(state, event, None, outcome)
        case TimerFired():
            clear_when_due(state, payload, outcome)
        case SetOnAir() | ReleaseRoom() | CaptureSnapshot() | UnknownCommand():
            outcome.record_effect(Reason.NO_ROOM)
        case CallResult() | CaptureResult() | ProbeResult() | ReconcileWindows():
            outcome.record_effect(Reason.NO_ROOM)
        case TestSubscriber() | RecoverSubscriber():
            _on_subscriber_command(event, payload, outcome)
        case AcknowledgeAlarm():
            on_alarm_acknowledged(state, event, payload, outcome)
        case AlarmRaised():
            on_alarm_raised(state, payload, outcome)
        case AlarmCleared():
            on_alarm_cleared(payload, outcome)
        case SubscriberDisabled():
            _on_subscriber_disabled(event, payload, outcome)
        case WorkerStarted():
            _each_room(state, event, outcome, probe_after_start)
            outcome.record_effect(Reason.ROOMS_CHECKED)
        case UnknownFact():
            outcome.record_effect(Reason.NOT_HANDLED)
        case Undecodable():
            raise payload.error
        case (
            PutRule()
            | DeleteRule()
            | PauseRule()
            | SkipNextOccurrence()
            | SkipOccurrence()
            | ApplyFile()
            | CalendarFetched()
            | PutRoom()
            | ForgetRoom()
            | SettingsChanged()
        ):
            _change_configuration(state, event, payload, outcome)
        case _ as never:
            assert_never(never)


def poison_outcome(state: SystemState, event: JournalEvent, error: Exception) -> StepOutcome:
    """What is kept of an event whose fold raised: the error as its effect, and an alarm."""
    outcome = StepOutcome()
    outcome.record_effect(Reason.FOLD_ERROR, error=f"{type(error).__name__}: {error}"[:490])
    outcome.raised[AlarmName.POISONED_EVENT] = AlarmReport(
        AlarmName.POISONED_EVENT.value,
        "critical",
        explain(AlarmSummary.EVENT_POISONED, event=event.id, type=event.type),
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


def _fold_room(state: SystemState, event: JournalEvent, room_id: str, fact: RoomFact, outcome: StepOutcome) -> None:
    room = state.rooms.get(room_id) or Room(room_id)
    context = StepContext(state, event, room, outcome)
    webhook_type = None if event.raw_webhook is None else event.type
    _apply_to_room(context, fact)
    if webhook_type is not None:
        _send_raw_webhook(state, event, context.room, outcome)
    drop_desired_of_ended_session(context)
    evaluate_rules(context, webhook_type)
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


def _apply_to_room(context: StepContext, fact: RoomFact) -> None:
    match fact:
        case StreamSignal():
            on_session_webhook(context, fact)
            on_stream_signal(context, fact.state, fact.stream)
        case SessionStarted() | SessionEnded() | ParticipantJoined() | ParticipantLeft() | OtherWebhook():
            on_session_webhook(context, fact)
            if not context.effects:
                context.record_effect(Reason.STATE_NOT_CONCERNED)
        case UnreadableWebhook():
            context.record_effect(Reason.UNREADABLE)
        case TimerFired():
            _on_timer(context, fact)
        case ProbeResult():
            if on_probe_result(context, fact):
                settle_unknown_call(context, fact)
                resolve_verifications(context, fact)
                on_presence_verified(context, fact)
        case CallResult():
            on_call_result(context, fact)
        case CaptureResult():
            on_capture_result(context, fact)
        case SetOnAir():
            set_operator_desired(context, fact)
        case ReleaseRoom():
            release_operator_desired(context)
        case CaptureSnapshot():
            request_capture(context)
        case UnknownCommand():
            context.record_effect(Reason.UNKNOWN_COMMAND, command=fact.command)
        case ReconcileWindows():
            reconcile_windows(context)
            for rule in context.config.about(context.room.room_id):
                if rule.when is not None:
                    evaluate_when(context, rule)
        case _ as never:
            assert_never(never)


def _on_timer(context: StepContext, fired: TimerFired) -> None:
    if context.room.timers.get(fired.name) != fired.due:
        context.record_effect(Reason.STALE_TIMER)
        return
    context.clear_timer(SubjectTimerName(fired.name))
    timer = fired.timer
    if timer is None:
        context.record_effect(Reason.STALE_TIMER)
        return
    match timer.kind:
        case TimerKind.WATCH:
            request_probe(context, ProbeSubject.WATCH)
            if context.room.probe is not None:
                context.record_effect(Reason.PROBE_DUE)
        case TimerKind.PROBE:
            request_probe(context, timer.probe_subject)
            if context.room.probe is not None:
                context.record_effect(Reason.PROBE_DUE)
        case TimerKind.ARMED:
            request_probe(context, ProbeSubject.ARMED)
            if context.room.probe is not None:
                context.record_effect(Reason.STILL_WAITING_FOR_SESSION)
        case (
            TimerKind.WINDOW
            | TimerKind.REMIND
            | TimerKind.LATE
            | TimerKind.EMPTY
            | TimerKind.OVERRUN
            | TimerKind.MAX_RUN
        ):
            on_window_timer(context, timer.kind)
        case TimerKind.RULE:
            on_hold_elapsed(context, timer.subject)
        case TimerKind.OPERATOR_UNTIL:
            release_operator_desired(context, Reason.OPERATOR_EXPIRED)
        case TimerKind.BACKOFF:
            context.record_effect(Reason.BACKOFF_OVER)
        case TimerKind.INFER_END:
            infer_ends(context)
        case TimerKind.CALL_LOST:
            on_call_overdue(context)
        case TimerKind.FAILURE_NOTICE:
            context.record_effect(Reason.FAILURE_REASON_MISSING)
            context.announce_pending_failure()
        case TimerKind.START_UNKNOWN:
            on_start_unknown_timer(context)
        case TimerKind.CAPTURE_LOST:
            on_capture_overdue(context)
        case TimerKind.PROBE_LOST:
            on_probe_overdue(context)
        case TimerKind.ALARM:
            context.record_effect(Reason.STALE_TIMER)
        case _ as never:
            assert_never(never)


def _change_configuration(
    state: SystemState, event: JournalEvent, change: ConfigurationFact, outcome: StepOutcome
) -> None:
    touched = rooms_affected(state, change)
    changed = _change_config(state, event.at, change, outcome)
    outcome.rules_changed = changed
    clear_alarms_of_rules(state, outcome, changed, is_edit=isinstance(change, RULE_EDITS))
    config, all_names = outcome.config or state.config, isinstance(change, ApplyFile | PutRoom)
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
        if isinstance(change, SkipNextOccurrence | SkipOccurrence):
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


def _begin_to_act(context: StepContext) -> None:
    """This copy observed so far: what its event rules wanted meanwhile is dropped, and open calls are settled."""
    desired = context.room.event_wish
    if desired is not None:
        context.change(event_wish=None, waits=None)
        context.record_decision(Reason.DESIRE_DROPPED_OBSERVED, rule=desired.because.removeprefix("rule:"))
    if context.room.call is not None and context.room.call.state is CallState.UNKNOWN:
        request_probe(context, ProbeSubject.UNKNOWN)


def _each_room(
    state: SystemState, event: JournalEvent, outcome: StepOutcome, look: Callable[[StepContext], None]
) -> None:
    for room_id, room in sorted(state.rooms.items()):
        context = StepContext(state, event, outcome.rooms.get(room_id, room), outcome)
        look(context)
        update_room_alarms(context)
        context.finish()


def _pause(state: SystemState, event: JournalEvent, outcome: StepOutcome, *, paused: bool) -> None:
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
        request_probe(context, read_subject(why))
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


def _on_subscriber_disabled(event: JournalEvent, disabled: SubscriberDisabled, outcome: StepOutcome) -> None:
    data = {"subscriber_id": disabled.subscriber_id, "message": disabled.reason}
    outcome.notices.append(_roomless(event, "subscriber.disabled", data))
    outcome.record_effect(Reason.SUBSCRIBER_DISABLED)


def _on_subscriber_command(event: JournalEvent, command: SubscriberCommand, outcome: StepOutcome) -> None:
    """The deliver worker gets the command through the outbox: exactly once, in its place among the notices."""
    match command:
        case TestSubscriber(subscriber_id):
            message = explain(Reason.TEST_MESSAGE).stored
            data: dict[str, Any] = {"subscriber_id": subscriber_id, "message": message}
            outcome.notices.append(_roomless(event, TEST, data))
            outcome.record_effect(Reason.SUBSCRIBER_TEST, subscriber=subscriber_id)
        case RecoverSubscriber(subscriber_id, since, until):
            data = {"subscriber_id": subscriber_id, "from": since, "to": until}
            outcome.notices.append(_roomless(event, RECOVER, data))
            outcome.record_effect(Reason.SUBSCRIBER_RECOVER, subscriber=subscriber_id)
        case _ as never:
            assert_never(never)


def _send_raw_webhook(state: SystemState, event: JournalEvent, room: Room | None, outcome: StepOutcome) -> None:
    """Pass a webhook on as it came, if a subscriber wants that."""
    if not state.config.settings.bodies:
        return
    outcome.notices.append(
        make_notice(
            event.id,
            f"{event.source}.{event.type}",
            event.at,
            room_id=event.room_id,
            sequence=None if room is None else room.sequence,
            because=None,
            data={"body": event.raw_webhook},
            room_name=state.config.room_name(event.room_id),
        )
    )


def _roomless(event: JournalEvent, kind: str, data: Mapping[str, Any]) -> Notice:
    return make_notice(event.id, kind, event.at, room_id=None, sequence=None, because=None, data=data)
