"""Backtest: folds recorded events through draft rules, and compares what they would have done with what was done.

1. Up to `since`, events are folded as they were recorded. That gives the actual state.
2. At `since` the draft begins: the same state with the draft rules, and without what rules had requested.
3. From there on each recorded event is folded into the actual state, and, unless it is left out, into the draft. Left
   out are timers, results of our calls and the webhooks of streams that our calls started: the draft has its own.
4. Between recorded events the draft's own events are folded as they come due: its timers, and the answers and
   webhooks of its simulated VideoSDK, where each start and end succeeds (`draft_replay`).
5. The actions of both are compared.
"""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import assert_never

from webhook_app.domain.budget import BudgetExceededError, spend, step_budget
from webhook_app.domain.control.call import CallKind, CallState
from webhook_app.domain.events import JournalEvent, Source
from webhook_app.domain.facts.configuration import is_configuration_fact
from webhook_app.domain.facts.system import ReconcileWindows, TimerFired
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.domain.probing.watchdog import SESSION_GONE_MS
from webhook_app.domain.reducer import apply, poison_outcome, step
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import Desires, RoomRules, ScheduleState
from webhook_app.domain.rules.comparison import Comparison, RuleAction, compare
from webhook_app.domain.rules.conditions import stored_condition
from webhook_app.domain.rules.config import Config, make_config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.draft_replay import BacktestLimits, DraftReplay, StreamWebhook, answer, make_event
from webhook_app.domain.rules.recorded_events import OwnStreams, is_left_out, without_drafts
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ConditionTrigger, EventTrigger, ScheduleTrigger, Trigger
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.timers import TimerKind, read_timer, split_output, timer_of_output

ACTION_NOTICES = ("broadcast.", "rule.")  # types of notices that count as actions of a rule
NARROWING_ADVICE = "choose a shorter span, fewer rules or rules with fewer windows"


LIMITS = BacktestLimits()


class BacktestTooLargeError(ValueError):
    """A backtest that exceeds its limits; the message says what to narrow."""


def backtest(
    before: SystemState,
    events: Iterable[JournalEvent],
    rules: Iterable[Rule],
    *,
    since: int,
    until: int,
    names: Mapping[str, ConfiguredRoom] | None = None,
    others: bool = False,
    progress: Callable[[int], None] = lambda count: None,
    limits: BacktestLimits = LIMITS,
    webhook_for: StreamWebhook,
) -> Comparison:
    """Compare draft rules with what was done in [since, until), in ms.

    `before` is the state before the events, which are the oldest first. The drafts replace all rules; with `others`
    they replace the rules of their names alone, and each other rule is in force from when it was put until it was
    deleted. `names` are the configured rooms of the drafts, by default those in force at `since`. `webhook_for` makes
    the webhooks of the simulated VideoSDK. `progress` is called with the number of events folded so far.

    BacktestTooLargeError when the limits are exceeded.
    """
    try:
        with step_budget(limits.steps, "the backtest"):
            return _backtest(
                before,
                events,
                list(rules),
                since=since,
                until=until,
                names=names,
                others=others,
                progress=progress,
                limits=limits,
                webhook_for=webhook_for,
            )
    except BudgetExceededError as error:
        raise BacktestTooLargeError(f"{error}; {NARROWING_ADVICE}") from None


def _backtest(
    before: SystemState,
    events: Iterable[JournalEvent],
    rules: Iterable[Rule],
    *,
    since: int,
    until: int,
    names: Mapping[str, ConfiguredRoom] | None,
    others: bool,
    progress: Callable[[int], None],
    limits: BacktestLimits,
    webhook_for: StreamWebhook,
) -> Comparison:
    drafted = {rule.name for rule in rules}
    actual = SystemState(before.config, dict(before.rooms), dict(before.memory), dict(before.alarms))
    draft: DraftReplay | None = None
    own_streams = OwnStreams()
    recorded: list[RuleAction] = []
    for count, event in enumerate(events, 1):
        if event.at >= until:
            break
        if draft is None and event.at >= since:
            draft = _begin(actual, rules, since, names, limits, webhook_for, others=others)
        outcome = _fold_actual(actual, event)
        if event.at >= since:
            recorded += _actions(outcome, event.at)
        own_streams.observe(event)
        if others and draft is not None and is_configuration_fact(event.payload):
            change = without_drafts(event, drafted, draft.state.config)
            if change is not None:
                _run_to(draft, change.at)
                _fold_in_draft(draft, change)
        elif draft is not None and not is_left_out(event, own_streams, actual.rooms.get(event.room_id or "")):
            _run_to(draft, event.at)
            _fold_in_draft(draft, event)
        if count % 1_000 == 0:
            progress(count)
    if draft is None:
        draft = _begin(actual, rules, since, names, limits, webhook_for, others=others)
    _run_to(draft, until)
    return compare(draft.actions, recorded)


def _begin(
    actual: SystemState,
    rules: Iterable[Rule],
    since: int,
    names: Mapping[str, ConfiguredRoom] | None,
    limits: BacktestLimits,
    webhook_for: StreamWebhook,
    *,
    others: bool,
) -> DraftReplay:
    current: Config = actual.config
    settings = replace(current.settings, calls=True, paused=False, bodies=False)
    drafts = {rule.name: replace(rule, from_file=False, paused=False) for rule in rules}
    if others:
        drafts = {**dict(current.rules), **drafts}
    config = make_config(drafts, current.names if names is None else names, settings, current.calendars)
    state = SystemState(config, {room_id: _without_desires(room) for room_id, room in actual.rooms.items()})
    draft = DraftReplay(state, since, limits, _is_probe_timing_relevant(drafts.values()), webhook_for)
    for room_id in sorted({*state.rooms, *(room for rule in drafts.values() for room in config.rooms_of(rule) or ())}):
        _fold_in_draft(draft, make_event(draft, since, Source.SYSTEM, "replan", room_id, ReconcileWindows()))
    return draft


def _without_desires(room: Room) -> Room:
    """The room as it was observed, with operators' desires, and without what rules and controllers kept of it."""
    for output in room.outputs:
        room = _without_desire(room.seen_from(output))
    return room.seen_from(Output.HLS)


def _without_desire(room: Room) -> Room:
    return replace(
        room,
        desires=Desires(operator=room.desires.operator),
        control=replace(room.control, call=None, retries=0, waiting_for=None, replace_stream=None, given_up_start=None),
        probing=replace(room.probing, probe=None, queue=()),
        rules=RoomRules(),
        schedule=ScheduleState(),
        timers={name: due for name, due in room.timers.items() if name == TimerKind.OPERATOR_UNTIL},
    )


def _run_to(draft: DraftReplay, moment: int) -> None:
    while True:
        if draft.number > draft.limits.events:
            raise BacktestTooLargeError(f"the rules lead to more than {draft.limits.events} events; {NARROWING_ADVICE}")
        if len(draft.actions) > draft.limits.actions:
            raise BacktestTooLargeError(
                f"the rules would act more than {draft.limits.actions} times; {NARROWING_ADVICE}"
            )
        timer_at = draft.timers[0][0] if draft.timers else None
        event_at = draft.events[0][0] if draft.events else None
        if event_at is not None and event_at <= moment and (timer_at is None or event_at <= timer_at):
            _fold_in_draft(draft, heappop(draft.events)[2])
        elif timer_at is not None and timer_at <= moment:
            fires_at, room_id, stored_name, due = heappop(draft.timers)
            room = draft.state.rooms.get(room_id)
            output, name = split_output(stored_name)
            if (
                room is not None
                and room.all_timers.get(stored_name) == due
                and (draft.folds_all_probes or _may_matter(room.seen_from(output), name))
            ):
                fired = TimerFired(read_timer(name), name, due, output)
                _fold_in_draft(
                    draft, make_event(draft, max(fires_at, draft.since), Source.CLOCK, "timer", room_id, fired)
                )
        else:
            return


def _may_matter(room: Room, timer: str) -> bool:
    """Whether a timer of the output that sees the room can change anything; most cannot, and are not folded.

    The draft's VideoSDK shows a probe what the draft's state holds already. So a probe may advance a stream that is
    about to start, and end one whose session is over; other probes find the room as it is.
    """
    if timer == TimerKind.ARMED:
        return False
    is_session_over = room.session is not None and not room.session.live
    before_its_last = (
        (StreamState.STARTING, StreamState.STARTED) if OUTPUTS[room.output].has_playable else (StreamState.STARTING,)
    )
    return (
        timer != TimerKind.WATCH or is_session_over or any(stream.state in before_its_last for stream in room.streams)
    )


def _is_probe_timing_relevant(rules: Iterable[Rule]) -> bool:
    """Whether a condition uses how long a stream has been on: then each probe is a moment at which it may be true."""
    return any(_uses_stream_duration(rule.trigger) for rule in rules)


def _uses_stream_duration(trigger: Trigger) -> bool:
    match trigger:
        case ConditionTrigger():
            return stored_condition(trigger.when).uses_stream_duration
        case ScheduleTrigger() | EventTrigger():
            return False
        case _ as never:
            assert_never(never)


def _fold_in_draft(draft: DraftReplay, event: JournalEvent) -> None:
    state = draft.state
    outcome = _outcome(state, event)
    before = {room_id: state.rooms[room_id].all_timers for room_id in outcome.rooms if room_id in state.rooms}
    apply(state, outcome)
    for room_id, room in outcome.rooms.items():
        old = before.get(room_id, {})
        for stored_name, due in room.all_timers.items():
            if old.get(stored_name) != due:
                heappush(draft.timers, (due, room_id, stored_name, due))
        for output in room.outputs:
            view = room.seen_from(output)
            skipped = view.timers.get(TimerKind.WATCH)
            if skipped is None or skipped > event.at or draft.folds_all_probes:
                continue
            if _may_matter(view, TimerKind.WATCH):
                # The probe was left out while it could change nothing, and now it can.
                stored_name = timer_of_output(output, TimerKind.WATCH)
                heappush(draft.timers, (event.at + SESSION_GONE_MS, room_id, stored_name, skipped))
    draft.actions += _actions(outcome, event.at)
    for call in outcome.calls.values():
        if call.state is CallState.WAITING:
            answer(draft, call, event.at)


def _fold_actual(state: SystemState, event: JournalEvent) -> StepOutcome:
    outcome = _outcome(state, event)
    apply(state, outcome)
    return outcome


def _outcome(state: SystemState, event: JournalEvent) -> StepOutcome:
    try:
        outcome = step(state, event)
    except Exception as error:  # an event that is poison now was poison when it was recorded
        outcome = poison_outcome(state, event, error)
    # Ends the backtest if the fold has used up the backtest's own budget.
    spend(0)
    return outcome


def _actions(outcome: StepOutcome, at: int) -> list[RuleAction]:
    calls = [
        RuleAction(call.created_at, call.room_id, call.kind.value, call.because, call.output)
        for call in outcome.calls.values()
        if call.state is CallState.WAITING and call.kind in (CallKind.START, CallKind.END) and call.created_at == at
    ]
    notices = [
        RuleAction(at, notice.room_id or "", notice.type, notice.because or "", _output_of(notice))
        for notice in outcome.notices
        if notice.type.startswith(ACTION_NOTICES)
    ]
    return calls + notices


def _output_of(notice: Notice) -> Output:
    """The output that a notice of a broadcast names; other notices count as HLS's."""
    return Output(notice.data.get("output", Output.HLS)) if notice.type.startswith("broadcast.") else Output.HLS
