"""One turn of the reducer: the room as it changes, and everything the turn wants done, gathered in one place."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.alarms.alarm import Alarm, AlarmReport, alarm_key, name_of_key
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.explanations import Explanation, explain, joined_text, render
from webhook_app.domain.facts.system import TimerFired
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.probing.requests import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState, PendingFailureNotice, Room, Session
from webhook_app.domain.rules.rule import Config, RuleState
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import Window
from webhook_app.domain.streams.end_causes import StopCause, stopped_because
from webhook_app.domain.streams.machine import Stream, StreamState
from webhook_app.domain.timers import TimerKind, TimerName, probe_timer
from webhook_app.domain.times import SECOND
from webhook_app.domain.views import stream_view

REASON_WAIT_MS = 2 * SECOND  # no SDK of VideoSDK knows a reason: one that comes later shows on the stream


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule or the controller did at an event, or why it did nothing.

    `reason` is a `Reason` and `arguments` fill its text. Earlier versions stored the text as `did`, some of them
    without a reason.
    """

    reason: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rule: str | None = None
    call_id: str | None = None
    notice_id: str | None = None
    did: str | None = None

    @property
    def text(self) -> str:
        """The decision for people."""
        return self.did if self.did is not None else render(self.reason or "", self.arguments)


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """A change of a room worth a notice and a rule's attention."""

    type: str
    data: Mapping[str, Any]
    because: str | None = None


@dataclass
class SystemState:
    """What the fold has come to so far: every room it has met, and the configuration in force."""

    config: Config = field(default_factory=Config)
    rooms: MutableMapping[str, Room] = field(default_factory=dict)
    memory: MutableMapping[str, RuleState] = field(default_factory=dict)
    alarms: MutableMapping[str, Alarm] = field(default_factory=dict)


@dataclass
class StepOutcome:
    """What one event came to. Nothing of it has happened until it is committed.

    `windows` are those that the fold looked up, by rule, moment and span, so that rooms share them. Alarms are known
    by their keys. `unchanged` is set when a timer or a probe changed nothing that anybody can see: empty for a timer,
    what was found for a probe.
    """

    effects: tuple[Explanation, ...] = ()
    rooms: dict[str, Room] = field(default_factory=dict)
    forgotten_rooms: set[str] = field(default_factory=set)
    streams: dict[str, Stream] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    calls: dict[str, Call] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    decisions: dict[str, list[Decision]] = field(default_factory=dict)
    config: Config | None = None
    rules_changed: set[str] = field(default_factory=set)
    memory: dict[str, RuleState] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    raised: dict[str, AlarmReport] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    acknowledged: dict[str, Alarm] = field(default_factory=dict)
    pause: bool | None = None
    unchanged: str | None = None
    windows: dict[tuple[str, int, int | None], list[Window] | ScheduleError] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of what the event did."""
        return tuple([effect.code for effect in self.effects])

    @property
    def effect(self) -> str:
        """What the event did, for people."""
        return joined_text(self.effects)

    def record_effect(self, reason: Reason, **arguments: object) -> None:
        """Record what an event that is about no single room did."""
        self.record_effects([explain(reason, **arguments)])

    def record_effects(self, effects: Sequence[Explanation]) -> None:
        """Record what the event did, in the order in which it was done."""
        self.effects = tuple(effects)


class StepContext:
    """The changes of one room at one event. Local to `step`; what it gathered leaves as an Outcome.

    `verified` is the room's session exactly as this event's probe found it, without what webhooks said since;
    `arrived` is the same with those who have joined since.
    """

    def __init__(self, state: SystemState, event: JournalEvent, room: Room, outcome: StepOutcome) -> None:
        self.config = outcome.config or state.config
        self.event = event
        self.before = room
        self.room = room
        self.outcome = outcome
        self._memory = state.memory
        self.domain_events: list[DomainEvent] = []
        self.effects: list[Explanation] = []
        self.verified: Session | None = None
        self.arrived: Session | None = None
        self._sequence = room.sequence

    @property
    def room_name(self) -> str | None:
        """The room's name, None when it has none."""
        return self.config.room_name(self.room.room_id)

    def change(self, **changes: Any) -> None:
        """Put new values in the room."""
        self.room = replace(self.room, **changes)

    def record_effect(self, reason: Reason, **arguments: object) -> None:
        """Record what the event did, or why it did nothing; the arguments fill the reason's text."""
        self.effects.append(explain(reason, **arguments))

    def record_decision(
        self,
        reason: Reason,
        *,
        rule: str | None = None,
        call_id: str | None = None,
        notice_id: str | None = None,
        **arguments: object,
    ) -> None:
        """Put a decision on the room's timeline; the arguments fill the reason's text."""
        explanation = explain(reason, **arguments)
        decision = Decision(explanation.code, explanation.arguments, rule, call_id, notice_id)
        self.outcome.decisions.setdefault(self.room.room_id, []).append(decision)

    def record_effect_as_decision(self, outcome: StepOutcome, *, rule: str) -> None:
        """Put what the event did on the room's timeline as a rule's decision."""
        decisions = [Decision(effect.code, effect.arguments, rule) for effect in outcome.effects]
        self.outcome.decisions.setdefault(self.room.room_id, []).extend(decisions)

    def emit(self, kind: str, *, because: str | None = None, **data: Any) -> str:
        """Something changed: count it, tell it, and let rules see it. Returns the notice's id."""
        self._sequence += 1
        self.domain_events.append(DomainEvent(kind, data, because))
        notice = make_notice(
            self.event.id,
            kind,
            self.event.at,
            room_id=self.room.room_id,
            sequence=self._sequence,
            because=because,
            data=data,
            room_name=self.room_name,
        )
        self.outcome.notices.append(notice)
        return notice.notice_id

    def announce_stream(self, stream: Stream, previous: str | None) -> None:
        """Tell a run's new state. A failure without a reason waits a little for VideoSDK to be asked why."""
        self.announce_pending_failure()
        if (
            stream.state is StreamState.FAILED
            and stream.failure is None
            and self.config.settings.calls
            and not self.paused
        ):
            self.change(untold=PendingFailureNotice(stream, previous))
            self.set_timer(probe_timer(ProbeSubject.FAILURE), self.event.at)
            self.set_timer(TimerKind.FAILURE_NOTICE, self.event.at + REASON_WAIT_MS)
            self.record_effect(Reason.FAILURE_REASON_AWAITED)
            return
        self._announce_stream(stream, previous)

    def announce_pending_failure(self) -> None:
        """Tell the failure that waited for its reason, with whatever is known of it by now."""
        untold = self.room.untold
        if untold is None:
            return
        stream = next((one for one in self.room.streams if one.stream_id == untold.run.stream_id), untold.run)
        self.change(untold=None)
        self.clear_timer(TimerKind.FAILURE_NOTICE)
        self._announce_stream(stream, untold.previous)

    def _announce_stream(self, stream: Stream, previous: str | None) -> None:
        self.emit(
            f"stream.{stream.state}",
            because=stream.because,
            stream=stream_view(stream, self.event.at, self.room_name),
            # As text, as it is read back from the store: the notice's id must be the same after a restart.
            previous_state=None if previous is None else str(previous),
        )

    def with_stop_cause(self, stream: Stream, *, heard: bool = False) -> Stream:
        """The run with why it ended, once it has; `heard`: VideoSDK says now that it was stopped.

        A cause that is known stays, but for a failure, which outranks it.
        """
        known = stream.stopped_because not in (None, StopCause.UNKNOWN)
        if stream.live or (known and stream.state is not StreamState.FAILED):
            return stream
        limit_ms = self.config.settings.max_stream_s * 1000
        cause = stopped_because(self.room, stream, at=self.event.at, limit_ms=limit_ms, heard=heard)
        return replace(stream, stopped_because=None if cause is None else str(cause))

    def record_stream(self, stream: Stream) -> None:
        """Record a run, so that it can be listed; provisional ones are shown nowhere."""
        if not stream.provisional:
            self.outcome.streams[stream.stream_id] = stream

    @property
    def paused(self) -> bool:
        """Whether all calls are paused, by what this event says or by what was known."""
        said = self.outcome.pause
        return self.config.settings.paused if said is None else said

    def set_timer(self, timer: TimerName, due: int) -> None:
        """Set or move one of the room's timers.

        One that fires in this very event and is set again is another timer: it may not have the same moment, or the
        store would take it for the one that it has popped.
        """
        fired, name = self.event.payload, str(timer)
        if isinstance(fired, TimerFired) and fired.name == name and fired.due == due:
            due += 1
        if self.room.timers.get(name) != due:
            self.change(timers={**self.room.timers, name: due})

    def clear_timer(self, *names: TimerName) -> None:
        """Clear timers that are no longer wanted."""
        if not self.room.timers.keys().isdisjoint(names):
            self.change(timers={name: due for name, due in self.room.timers.items() if name not in names})

    def new_call(self, kind: CallKind, because: str, body: Mapping[str, Any]) -> Call:
        """A call to be made; its id depends on the event and the kind alone."""
        call = Call(
            call_id=derive("call_", self.event.id, self.room.room_id, kind, because),
            room_id=self.room.room_id,
            kind=kind,
            because=because,
            state=CallState.WAITING,
            created_at=self.event.at,
            event_id=self.event.id,
            body=body,
        )
        self.outcome.calls[call.call_id] = call
        return call

    def memory(self, rule_name: str) -> RuleState:
        """What a rule has done so far."""
        return self.outcome.memory.get(rule_name) or self._memory.get(rule_name) or RuleState()

    def remember(self, rule_name: str, memory: RuleState) -> None:
        """Keep what a rule has done."""
        self.outcome.memory[rule_name] = memory

    def alarm(
        self,
        name: str,
        severity: str,
        summary: Explanation,
        *,
        subject: str | None = None,
        room_id: str | None = None,
        rule: str | None = None,
        reason: str | None = None,
        clears_at: int | None = None,
    ) -> None:
        """Raise an alarm of a kind, unless it is raised; `subject` says about what, for kinds with many alarms."""
        key = alarm_key(name, subject)
        self.outcome.raised[key] = AlarmReport(
            name if subject is not None else name_of_key(key),
            severity,
            summary,
            room_id=room_id,
            rule=rule,
            reason=reason,
            clears_at=clears_at,
        )

    def clear_alarm(self, name: str, subject: str | None = None) -> None:
        """Clear an alarm, if it is raised."""
        self.outcome.cleared.add(alarm_key(name, subject))

    def finish(self) -> None:
        """Hand the room over: its sequence grows by one with each change that others can see."""
        room = self.room
        if room is self.before:
            return
        sequence = self._sequence
        if sequence == self.before.sequence and _looks_other(room, self.before):
            sequence += 1
        self.room = replace(room, sequence=sequence, updated_at=self.event.at)
        self.outcome.rooms[room.room_id] = self.room


def _looks_other(room: Room, before: Room) -> bool:
    """Whether others can see a difference."""
    if room.desired != before.desired or room.armed != before.armed:
        return True
    if room.session is not before.session and _seen_session(room) != _seen_session(before):
        return True
    return room.streams is not before.streams and _seen_run(room) != _seen_run(before)


def _seen_session(room: Room) -> Session | None:
    session = room.session
    return None if session is None else replace(session, last_event_id=None, looked_at=None, emptied_at=None, moves=())


def _seen_run(room: Room) -> Stream | None:
    shown = room.shown
    if shown is None:
        return None
    return replace(
        shown, last_event_id="", call_id=None, end_call_id=None, probed_at=None, began_at=None, end_by_room=False
    )
