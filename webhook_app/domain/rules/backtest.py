"""Backtest: recorded events folded through draft rules, to see what would have been done beside what was.

The draft world has timers of its own, and a VideoSDK that does what it is told: a start that would have been made
gives a run that becomes playable, an end that would have been made ends it. What came of calls that were really made
(their answers, and the webhooks of the runs they started) is passed over; runs that people started are kept.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import heappop, heappush

from webhook_app.domain.budget import BudgetExceededError, spend, step_budget
from webhook_app.domain.control.call import CallKind, CallState
from webhook_app.domain.events import JournalEvent, Source
from webhook_app.domain.facts.configuration import (
    ApplyFile,
    CalendarFetched,
    ConfigurationFact,
    DeleteRule,
    PauseRule,
    PutRule,
    SkipNextOccurrence,
    SkipOccurrence,
)
from webhook_app.domain.facts.provider import StreamSignal
from webhook_app.domain.facts.results import CallOutcome, CallResult, CaptureResult, ProbeResult
from webhook_app.domain.facts.system import ReconcileWindows, TimerFired
from webhook_app.domain.frozen import replace
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.probing.watchdog import SESSION_GONE_MS
from webhook_app.domain.reducer import apply, poison_outcome, step
from webhook_app.domain.room import Room
from webhook_app.domain.rules.comparison import Comparison, RuleAction, compare
from webhook_app.domain.rules.conditions import stored_condition
from webhook_app.domain.rules.draft_replay import BacktestLimits, DraftReplay, StreamWebhook, answer, make_event
from webhook_app.domain.rules.rule import Config, ConfiguredRoom, Rule, make_config
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.timers import TimerKind, read_timer

TOLD = ("broadcast.", "rule.")
NARROWING_ADVICE = "choose a shorter span, fewer rules or rules with fewer windows"


LIMITS = BacktestLimits()


class BacktestTooLargeError(ValueError):
    """A backtest of more work than one may take; the message says what to narrow."""


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
    """Fold recorded events, oldest first, from a world as it was before them.

    Up to `since` everything is folded as it was; from there on the draft rules stand in place of all rules. `names`
    are what the drafts call the rooms; those of `since` when left out. With `others` the drafts stand in place of the
    rules of their names alone: each other rule stands beside them as it did, from when it was put until it was gone.

    BacktestTooLargeError when that exceeds the limits.
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
    ours = _OwnStreams()
    did: list[RuleAction] = []
    for count, event in enumerate(events, 1):
        if event.at >= until:
            break
        if draft is None and event.at >= since:
            draft = _begin(actual, rules, since, names, limits, webhook_for, others=others)
        outcome = _fold_actual(actual, event)
        if event.at >= since:
            did += _acts(outcome, event.at)
        ours.note(event)
        if others and draft is not None and isinstance(event.payload, ConfigurationFact):
            changed = _without_drafts(event, drafted, draft.state.config)
            if changed is not None:
                _run_to(draft, changed.at)
                _fold_in_draft(draft, changed)
        elif draft is not None and not _passed_over(event, ours):
            _run_to(draft, event.at)
            _fold_in_draft(draft, event)
        if count % 1_000 == 0:
            progress(count)
    if draft is None:
        draft = _begin(actual, rules, since, names, limits, webhook_for, others=others)
    _run_to(draft, until)
    return compare(draft.acts, did)


class _OwnStreams:
    """Which runs our real calls started, so that their webhooks can be told from a person's."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._rooms: set[str] = set()

    def note(self, event: JournalEvent) -> None:
        """Remember the stream that a start of ours has started."""
        result = event.payload
        if not isinstance(result, CallResult) or result.kind is not CallKind.START or event.room_id is None:
            return
        if result.outcome is CallOutcome.SUCCEEDED and result.stream is not None:
            self._names.update(result.stream.names)
            self._rooms.add(event.room_id)

    def started(self, event: JournalEvent, signal: StreamSignal) -> bool:
        """Whether a webhook is about a stream that a start of ours has started."""
        if signal.stream.bare:
            return event.room_id in self._rooms
        return not self._names.isdisjoint(signal.stream.names)


def _passed_over(event: JournalEvent, ours: _OwnStreams) -> bool:
    match event.payload:
        case TimerFired() | CallResult() | CaptureResult() | ProbeResult():
            return True
        case StreamSignal() as signal:
            return ours.started(event, signal)
        case payload:
            return isinstance(payload, ConfigurationFact) and not isinstance(payload, CalendarFetched)


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
    known: Config = actual.config
    settings = replace(known.settings, calls=True, paused=False, bodies=False)
    drafts = {rule.name: replace(rule, from_file=False, paused=False) for rule in rules}
    if others:
        drafts = {**dict(known.rules), **drafts}
    config = make_config(drafts, known.names if names is None else names, settings, known.calendars)
    state = SystemState(config, {room_id: _without_desires(room) for room_id, room in actual.rooms.items()})
    draft = DraftReplay(state, since, limits, _looks_matter(drafts.values()), webhook_for)
    for room_id in sorted({*state.rooms, *(room for rule in drafts.values() for room in config.rooms_of(rule) or ())}):
        _fold_in_draft(draft, make_event(draft, since, Source.SYSTEM, "replan", room_id, ReconcileWindows()))
    return draft


def _without_drafts(event: JournalEvent, drafted: Collection[str], config: Config) -> JournalEvent | None:
    """A change of rules as the draft world takes it: what it says of the drafts' names is left out, and of the rooms.

    None when nothing is left of it.
    """
    match event.payload:
        case CalendarFetched():
            return event
        case ApplyFile() as file:
            rules = tuple(rule for rule in file.rules if rule.name not in drafted)
            rooms = {
                name: ConfiguredRoom(name, room.room_id, room.groups)
                for name, room in config.names.items()
                if room.name is not None and room.from_file
            }
            return replace(event, payload=ApplyFile(rules, rooms))
        case PutRule(rule):
            return event if rule.name not in drafted else None
        case DeleteRule(name) | PauseRule(name) | SkipNextOccurrence(name) | SkipOccurrence(name):
            return event if name not in drafted else None
        case _:
            return None


def _without_desires(room: Room) -> Room:
    """The room with what was seen of it, and nothing of what anybody but the operator wanted."""
    return replace(
        room,
        event_wish=None,
        schedule_wish=None,
        window=None,
        next_window=None,
        call=None,
        probe=None,
        asks=(),
        timers={name: due for name, due in room.timers.items() if name == TimerKind.OPERATOR_UNTIL},
        holding={},
        fired={},
        confirming=(),
        tries=0,
        waits=None,
        replace_run=None,
        reminded_at=None,
    )


def _run_to(draft: DraftReplay, moment: int) -> None:
    while True:
        if draft.number > draft.limits.events:
            raise BacktestTooLargeError(f"the rules lead to more than {draft.limits.events} events; {NARROWING_ADVICE}")
        if len(draft.acts) > draft.limits.acts:
            raise BacktestTooLargeError(f"the rules would act more than {draft.limits.acts} times; {NARROWING_ADVICE}")
        due = draft.timers[0][0] if draft.timers else None
        told = draft.coming[0][0] if draft.coming else None
        if told is not None and told <= moment and (due is None or told <= due):
            _fold_in_draft(draft, heappop(draft.coming)[2])
        elif due is not None and due <= moment:
            when, room_id, name, due = heappop(draft.timers)
            room = draft.state.rooms.get(room_id)
            if room is not None and room.timers.get(name) == due and (draft.looks or _may_matter(room, name)):
                fired = TimerFired(read_timer(name), name, due)
                _fold_in_draft(draft, make_event(draft, max(when, draft.since), Source.CLOCK, "timer", room_id, fired))
        else:
            return


def _may_matter(room: Room, timer: str) -> bool:
    """Whether a timer can change anything: the draft's VideoSDK, when it is asked, sees what we know already.

    A look at a run that is on its way may still move it on; one that finds a room on air as it was, or nobody
    there, may not. These are most of all there is to fold.
    """
    if timer == TimerKind.ARMED:
        return False
    over = room.session is not None and not room.session.live
    return (
        timer != TimerKind.WATCH
        or over
        or any(stream.state in (StreamState.STARTING, StreamState.STARTED) for stream in room.streams)
    )


def _looks_matter(rules: Iterable[Rule]) -> bool:
    """Whether a condition sees how long a stream has been on: then every look is a moment at which it may hold."""
    for rule in rules:
        inside = stored_condition(rule.when).room_paths.get("stream", frozenset()) if rule.when else frozenset()
        if inside is None or "duration_s" in inside:
            return True
    return False


def _fold_in_draft(draft: DraftReplay, event: JournalEvent) -> None:
    state = draft.state
    outcome = _outcome(state, event)
    before = {room_id: state.rooms[room_id].timers for room_id in outcome.rooms if room_id in state.rooms}
    apply(state, outcome)
    for room_id, room in outcome.rooms.items():
        old = before.get(room_id, {})
        for name, due in room.timers.items():
            if old.get(name) != due:
                heappush(draft.timers, (due, room_id, name, due))
        missed = room.timers.get(TimerKind.WATCH)
        if missed is not None and missed <= event.at and not draft.looks and _may_matter(room, "watch"):
            # It was passed over while it could not matter, and now it may.
            heappush(draft.timers, (event.at + SESSION_GONE_MS, room_id, TimerKind.WATCH, missed))
    draft.acts += _acts(outcome, event.at)
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
    except Exception as error:  # what is poisoned was poisoned then, too
        outcome = poison_outcome(state, event, error)
    # When it was the backtest's own limit that the fold ran into, this ends the backtest.
    spend(0)
    return outcome


def _acts(outcome: StepOutcome, at: int) -> list[RuleAction]:
    calls = [
        RuleAction(call.created_at, call.room_id, call.kind.value, call.because)
        for call in outcome.calls.values()
        if call.state is CallState.WAITING and call.kind in (CallKind.START, CallKind.END) and call.created_at == at
    ]
    told = [
        RuleAction(at, notice.room_id or "", notice.type, notice.because or "")
        for notice in outcome.notices
        if notice.type.startswith(TOLD)
    ]
    return calls + told
