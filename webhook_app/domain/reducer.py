"""The reducer: folds one event into the system's state. Pure: no clock, no I/O, no randomness."""

from typing import assert_never

from webhook_app.domain.alarms.alarm import AlarmName, AlarmReport
from webhook_app.domain.alarms.changes import (
    apply_alarm_reports,
    on_alarm_acknowledged,
    on_alarm_cleared,
    on_alarm_raised,
)
from webhook_app.domain.alarms.room_alarms import update_room_alarms
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.alarms.unreadable_webhooks import clear_when_due, report_unreadable
from webhook_app.domain.budget import step_budget
from webhook_app.domain.configuration.application import change_configuration
from webhook_app.domain.configuration.changes import rooms_affected
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import CallKind
from webhook_app.domain.control.controller import decide_next_call
from webhook_app.domain.control.desired import drop_desired_of_ended_session
from webhook_app.domain.events import JournalEvent, RoomFact, Source
from webhook_app.domain.every_room import on_worker_started, pause_calls
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.commands import (
    AcknowledgeAlarm,
    CaptureSnapshot,
    RecoverSubscriber,
    ReleaseRoom,
    SetOnAir,
    TestSubscriber,
    UnknownCommand,
)
from webhook_app.domain.facts.configuration import (
    ApplyFile,
    CalendarFetched,
    DeleteRule,
    ForgetRoom,
    PauseRule,
    PutRoom,
    PutRule,
    SettingsChanged,
    SkipNextOccurrence,
    SkipOccurrence,
    is_configuration_fact,
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
from webhook_app.domain.facts.results import CallResult, CaptureResult, ProbeResult, TranscodeResult
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
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.probing.watchdog import schedule_watchdog
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_events import apply_to_room
from webhook_app.domain.rules.engine import evaluate_rules, evaluate_rules_on_control
from webhook_app.domain.schedules.windows import monitor_window, reconcile_all_windows
from webhook_app.domain.state import SystemState
from webhook_app.domain.system_events import emit_webhook_notice, on_subscriber_command, on_subscriber_disabled
from webhook_app.domain.transcodings.planning import plan_transcodings


def rooms_needed(state: SystemState, event: JournalEvent) -> frozenset[str] | None:
    """The rooms that an event may change, so that they can be loaded before; None for every room there is."""
    if event.raw_webhook is not None:  # most events; the checks below cost more
        return frozenset({event.room_id} if event.room_id else ())
    payload = event.payload
    if is_configuration_fact(payload):
        return rooms_affected(state, payload)
    if isinstance(payload, WorkerStarted) or (state.config.settings.paused and event.source is Source.PROBE):
        return None
    return frozenset({event.room_id} if event.room_id else ())


def step(state: SystemState, event: JournalEvent) -> StepOutcome:
    """Fold one event and return its outcome. The state is not changed: `apply` does that once it is committed.

    BudgetExceededError when the fold takes more steps than `fold_limits` allows, however deep the work is.
    """
    rooms = len(state.rooms) if rooms_needed(state, event) is None else 0
    with step_budget(fold_limits(event, rooms=rooms).steps, "folding this event"):
        return _step(state, event)


def _step(state: SystemState, event: JournalEvent) -> StepOutcome:
    outcome = StepOutcome()
    _apply_event(state, event, outcome)
    if outcome.pause is not None:
        pause_calls(state, event, outcome, paused=outcome.pause)
    apply_alarm_reports(state, event, outcome)
    if outcome.notices:
        outcome.unchanged = None
    if (outcome.config or state.config).settings.observing:
        outcome.notices = [replace(notice, observed=True) for notice in outcome.notices]
    return outcome


def _apply_event(state: SystemState, event: JournalEvent, outcome: StepOutcome) -> None:
    """Dispatch an event by what it says: to its room's step, or to what handles events without a room."""
    payload = event.payload
    if isinstance(payload, RoomFact) and event.room_id is not None:
        _step_room(state, event, event.room_id, payload, outcome)
        return
    match payload:
        case UnreadableWebhook():
            report_unreadable(state, event, payload, outcome)
            emit_webhook_notice(state, event, None, outcome)
        case (
            StreamSignal()
            | SessionStarted()
            | SessionEnded()
            | ParticipantJoined()
            | ParticipantLeft()
            | OtherWebhook()
        ):
            outcome.record_effect(Reason.NO_ROOM)
            emit_webhook_notice(state, event, None, outcome)
        case TimerFired():
            clear_when_due(state, payload, outcome)
        case SetOnAir() | ReleaseRoom() | CaptureSnapshot() | UnknownCommand():
            outcome.record_effect(Reason.NO_ROOM)
        case CallResult() | CaptureResult() | TranscodeResult() | ProbeResult() | ReconcileWindows():
            outcome.record_effect(Reason.NO_ROOM)
        case TestSubscriber() | RecoverSubscriber():
            on_subscriber_command(event, payload, outcome)
        case AcknowledgeAlarm():
            on_alarm_acknowledged(state, event, payload, outcome)
        case AlarmRaised():
            on_alarm_raised(state, payload, outcome)
        case AlarmCleared():
            on_alarm_cleared(payload, outcome)
        case SubscriberDisabled():
            on_subscriber_disabled(event, payload, outcome)
        case WorkerStarted():
            on_worker_started(state, event, outcome)
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
            change_configuration(state, event, payload, outcome)
        case _ as never:
            assert_never(never)


def _step_room(state: SystemState, event: JournalEvent, room_id: str, fact: RoomFact, outcome: StepOutcome) -> None:
    """One room's step. The order of these stages is its meaning:

    1. Apply the event: a webhook, a command, a timer, the result of a call or a probe. VideoSDK's own webhook is
       passed on as a notice.
    2. Drop what an event rule desires if the session has ended in which it acted.
    3. Evaluate the rules: `on` against the webhook and the domain events of stage 1, `when` against the changed room.
    4. A room that no event has named before: reconcile its windows with the calendars.
    5. Monitor the open window: its `if`, whether viewers can watch, who is there, the stream's length.
    6. Control: compare desired with observed, and decide the next call, or to wait. The same for the room's MP4 files.
    7. Evaluate those `when` again that depend on what stage 6 changed; they decide no second call.
    8. Schedule the watchdog: the next probe that the room's state calls for.
    9. Update the room's alarms.
    10. Finish: advance the room's sequence, and record the event's effects.

    Stages 4 to 8, and the `when` of stage 3, are skipped when nothing has changed in the room. Stages 2, 5, 6, 8 and 9
    run for each output of which the room keeps anything, HLS first; the event of stage 1 is an output's, or the room's.
    """
    room = state.rooms.get(room_id) or Room(room_id)
    context = StepContext(state, event, room, outcome)

    # 1. Apply the event.
    apply_to_room(context, fact)
    webhook_type = None if event.raw_webhook is None else event.type
    if webhook_type is not None:
        emit_webhook_notice(state, event, context.room, outcome)

    # 2. Drop an event rule's desire with its session.
    for _ in context.each_output():
        drop_desired_of_ended_session(context)

    # 3. Evaluate the rules.
    evaluate_rules(context, webhook_type)

    # 4. Reconcile the windows of a new room.
    if context.room is not context.before and room_id not in state.rooms:
        reconcile_all_windows(context)

    if context.room is not context.before:
        for _ in context.each_output():
            # 5. Monitor the open window.
            monitor_window(context)
            # 6. Control.
            decide_next_call(context)
        plan_transcodings(context)  # 6, for the MP4 files of streams that have ended
        # 7. Evaluate what depends on control.
        evaluate_rules_on_control(context)
        for _ in context.each_output():
            # 8. Schedule the watchdog.
            schedule_watchdog(context)

    # 9. Update the room's alarms.
    update_room_alarms(context)

    # 10. Finish.
    context.finish()
    if not context.effects:
        context.record_effect(Reason.CHANGED if context.room is not context.before else Reason.NO_CHANGE)
    outcome.record_effects(context.effects)
    outcome.unchanged = _unchanged_result(context)


def _unchanged_result(context: StepContext) -> str | None:
    """What a timer or a probe found that changed nothing visible, empty for a timer; None when it did change it."""
    source, outcome = context.event.source, context.outcome
    if source not in (Source.CLOCK, Source.PROBE) or context.room.sequence != context.before.sequence:
        return None
    if outcome.decisions or outcome.pause is not None or outcome.memory:
        return None
    if any(call.kind is not CallKind.PROBE for call in outcome.calls.values()):
        return None
    return " ".join(outcome.reasons) if source is Source.PROBE else ""


def poison_outcome(state: SystemState, event: JournalEvent, error: Exception) -> StepOutcome:
    """The outcome of an event whose fold raised: nothing changes; the error is its effect, and an alarm is raised."""
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
    """Apply a committed outcome to the state."""
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
