"""The step context: one room at one event, as it changes, and everything the step wants to have done."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Unpack

from webhook_app.domain.alarms.alarm import AlarmReport, alarm_key, name_of_key
from webhook_app.domain.control.call import Call, CallRequest, CallState
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.facts.system import TimerFired
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.payloads import RoomPayload, encode_payload
from webhook_app.domain.notices.types import NoticeType, RuleNoticeType
from webhook_app.domain.outcome import Decision, DomainEvent, StepOutcome
from webhook_app.domain.outputs import OTHER_OUTPUTS, OUTPUTS, Output
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_changes import (
    ControlChange,
    DesiresChange,
    ProbingChange,
    RoomChange,
    RulesChange,
    ScheduleChange,
    WindowChange,
)
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.sessions.session import Session, SessionHistory
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams import collection
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.timers import TimerName
from webhook_app.domain.visible_changes import is_visibly_changed

_SAME_OUTPUT = nullcontext()
_HLS_ALONE = (Output.HLS,)  # most rooms: nothing is to be exchanged


class StepContext:
    """The changes of one room at one event. It lives for one step; what it gathers leaves as a StepOutcome.

    `before` is the room as it was and `room` as it is now. Only the methods of this class write `room`.
    `verified` is the session exactly as this event's probe found it, without what webhooks reported since;
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

    @property
    def paused(self) -> bool:
        """Whether all calls are paused, by this event or before it."""
        pause = self.outcome.pause
        return self.config.settings.paused if pause is None else pause

    @property
    def output(self) -> Output:
        """The output that the step is about at the moment."""
        return self.room.output

    @property
    def can_look_up(self) -> bool:
        """Whether a probe can conclude that none is active: we have credentials, and VideoSDK tells for the output."""
        return self.config.settings.calls and OUTPUTS[self.room.output].has_active_lookup

    def in_output(self, output: Output) -> AbstractContextManager[None]:
        """See the room, as it was and as it is, from this output inside the `with`."""
        return _SAME_OUTPUT if output is self.room.output else self._seen_from(output)

    @contextmanager
    def _seen_from(self, output: Output) -> Iterator[None]:
        outer = self.room.output
        before, room = self.before, self.room
        self.before, view = before.seen_from(output), room.seen_from(output)
        self.room = view if room is not before else self.before
        entered = self.room
        try:
            yield
        finally:
            # Unchanged it must stay the very same object, as that is how a change is noticed.
            self.room = room if self.room is entered else self.room.seen_from(outer)
            self.before = before

    def each_output(self) -> Iterable[Output]:
        """See the room from each output in turn of which anything is kept, HLS first. For a room that HLS sees."""
        return self._seen_from_each() if self.room.others else _HLS_ALONE

    def _seen_from_each(self) -> Iterator[Output]:
        yield Output.HLS
        for output in OTHER_OUTPUTS:
            if output in self.room.others:
                with self.in_output(output):
                    yield output

    # Writing the room

    def change(self, **changes: Unpack[RoomChange]) -> None:
        """Set fields of the room itself."""
        self.room = replace(self.room, **changes)

    def change_desires(self, **changes: Unpack[DesiresChange]) -> None:
        """Set what is desired: `operator`, `schedule`, `event`."""
        self.room = replace(self.room, desires=replace(self.room.desires, **changes))

    def change_control(self, **changes: Unpack[ControlChange]) -> None:
        """Set fields of the controller's state."""
        self.room = replace(self.room, control=replace(self.room.control, **changes))

    def change_probing(self, **changes: Unpack[ProbingChange]) -> None:
        """Set fields of the probing state."""
        self.room = replace(self.room, probing=replace(self.room.probing, **changes))

    def change_rules(self, **changes: Unpack[RulesChange]) -> None:
        """Set what the rules remember of the room."""
        self.room = replace(self.room, rules=replace(self.room.rules, **changes))

    def change_schedule(self, **changes: Unpack[ScheduleChange]) -> None:
        """Set the open window, the next one, or the last reminder."""
        self.room = replace(self.room, schedule=replace(self.room.schedule, **changes))

    def change_window(self, **changes: Unpack[WindowChange]) -> None:
        """Set fields of the open window, if there is one."""
        window = self.room.schedule.window
        if window is not None:
            self.change_schedule(window=replace(window, **changes))

    def add_stream(self, stream: Stream) -> None:
        """Add a new stream to the room and record it."""
        self.room = collection.add_stream(self.room, stream)
        self.record_stream(stream)

    def put_stream(self, stream: Stream) -> None:
        """Replace a stream in the room by its newer value, without recording it."""
        self.room = collection.put_stream(self.room, stream)

    def save_stream(self, stream: Stream) -> None:
        """Replace a stream in the room by its newer value and record it."""
        self.put_stream(stream)
        self.record_stream(stream)

    def drop_stream(self, stream: Stream) -> None:
        """Remove a stream from the room."""
        self.room = collection.drop_stream(self.room, stream)

    def record_stream(self, stream: Stream) -> None:
        """Write the stream's record, so that it can be listed; provisional streams are listed nowhere."""
        if not stream.provisional:
            self.outcome.streams[stream.stream_id] = stream

    def put_history(self, history: SessionHistory) -> None:
        """Replace or add what is remembered of a session."""
        self.room = collection.put_history(self.room, history)

    def set_timer(self, timer: TimerName, due: int) -> None:
        """Set or move one of the room's timers.

        A timer that fires in this very event and is set again is a new one: it must not have the same moment, or the
        store would take it for the one that has just fired.
        """
        fired, name = self.event.payload, str(timer)
        if isinstance(fired, TimerFired) and (fired.output, fired.name, fired.due) == (self.output, name, due):
            due += 1
        if self.room.timers.get(name) != due:
            self.change(timers={**self.room.timers, name: due})

    def clear_timer(self, *names: TimerName) -> None:
        """Clear timers, whether or not they are set."""
        if not self.room.timers.keys().isdisjoint(names):
            self.change(timers={name: due for name, due in self.room.timers.items() if name not in names})

    # Recording what happened

    def record_effect(self, reason: Reason, **arguments: object) -> None:
        """Record what the event did, or why it did nothing; the arguments fill the reason's text."""
        self.effects.append(self.explain(reason, **arguments))

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
        explanation = self.explain(reason, **arguments)
        decision = Decision(explanation.code, explanation.arguments, rule, call_id, notice_id)
        self.outcome.decisions.setdefault(self.room.room_id, []).append(decision)

    def explain(self, code: str, /, **arguments: object) -> Explanation:
        """Explain by a code, in the words of the output."""
        return explain(code, **arguments).of_output(self.output)

    def record_effect_as_decision(self, outcome: StepOutcome, *, rule: str) -> None:
        """Put the event's effects on the room's timeline as a rule's decisions."""
        decisions = [Decision(effect.code, effect.arguments, rule) for effect in outcome.effects]
        self.outcome.decisions.setdefault(self.room.room_id, []).extend(decisions)

    def emit(self, kind: NoticeType | RuleNoticeType, payload: RoomPayload, *, because: str | None = None) -> str:
        """Emit a domain event: it becomes a notice, and rules can react to it. Returns the notice's id."""
        self._sequence += 1
        room_name = self.room_name
        data = encode_payload(payload, at=self.event.at, room_name=room_name)
        self.domain_events.append(DomainEvent(str(kind), payload, data, because, self.output))
        notice = make_notice(
            self.event.id,
            kind,
            self.event.at,
            room_id=self.room.room_id,
            sequence=self._sequence,
            because=because,
            data=data,
            room_name=room_name,
        )
        self.outcome.notices.append(notice)
        return notice.notice_id

    def new_call(self, request: CallRequest, because: str) -> Call:
        """A call to be made; its id derives from the event, the kind, the cause and the output alone."""
        parts = () if self.output is Output.HLS else (self.output.value,)
        call = Call(
            call_id=derive("call_", self.event.id, self.room.room_id, request.kind, because, *parts),
            room_id=self.room.room_id,
            kind=request.kind,
            because=because,
            state=CallState.WAITING,
            created_at=self.event.at,
            event_id=self.event.id,
            body=request.body(),
            output=self.output,
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
        """Raise an alarm unless it is active; `subject` tells several alarms of one kind apart."""
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
        """Clear an alarm if it is active."""
        self.outcome.cleared.add(alarm_key(name, subject))

    def finish(self) -> None:
        """Put the room into the outcome; its sequence grows by one with each change that others can see."""
        room = self.room
        if room is self.before:
            return
        sequence = self._sequence
        if sequence == self.before.sequence and is_visibly_changed(self.before, room):
            sequence += 1
        self.room = replace(room, sequence=sequence, updated_at=self.event.at)
        self.outcome.rooms[room.room_id] = self.room
