"""Journal, worker and clock of the simulated world: events are folded and committed, and the worker dies."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.simulation.agenda import SECOND, Agenda, InvariantError
from tests.simulation.videosdk import RoomOutput
from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.events import Event, JournalEvent, Source
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.outputs import Output
from webhook_app.domain.reducer import apply, step
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config, Settings, make_config
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.stream import Stream
from webhook_app.store import codec

SWEEP_MS = 1 * SECOND
BATCH_MAX = 8
EFFECT = tuple[str, str, tuple[str, ...], tuple[str, ...]]


class Worker:
    """Folds what is journaled. Whatever it commits in one step is there together, or not at all."""

    def __init__(self, agenda: Agenda, config: Config) -> None:
        self.agenda = agenda
        self.down_until = {"worker": 0, "clock": 0, "call": 0, "deliver": 0}
        self.base = SystemState(config)  # folding begins here again when it is checked
        self.world = SystemState(config)
        self.journal: list[JournalEvent] = []
        self.cursor = 0
        self.effects: list[EFFECT] = []  # of each event, what it came to
        self.last_id = "0-0"
        self.timers: dict[tuple[str, str], int] = {}
        self.current: dict[RoomOutput, str] = {}
        self.edges: dict[RoomOutput, int] = {}  # when what is wanted of a room's output last changed
        self.closed: dict[RoomOutput, int] = {}  # when a window of it closed that nothing on air has followed
        self.on_call: Callable[[Call], None] = lambda call: None
        self.on_notice: Callable[[Notice], None] = lambda notice: None
        self.on_run: Callable[[Room, Stream], None] = lambda room, run: None
        self._number = 0
        self._wake_at: int | None = None
        self._calls: set[str] = set()
        self._notices: set[str] = set()

    def append(self, source: Source, kind: str, room_id: str | None, data: dict[str, Any]) -> None:
        """Journal an event, and wake the worker; a wake-up that is lost costs a sweep's time."""
        agenda = self.agenda
        self._number += 1
        self.last_id = f"{agenda.now}-{self._number}"
        event = Event(self.last_id, source, kind, room_id, agenda.now, data)
        self.journal.append(codec.journal_event(event))
        lost = agenda.chance(agenda.faults.crash / 4)
        self.wake(SWEEP_MS if lost else agenda.rng.choice((0, 5, 50)))

    def wake(self, ms: int = 0) -> None:
        """Have the worker look within so many ms."""
        at = self.agenda.now + ms
        if self._wake_at is None or at < self._wake_at:
            self._wake_at = at
            self.agenda.later(ms, self._work, at)

    def sweep(self) -> None:
        """Everything that waits is told again: the clock is there."""
        self.wake()
        for (room_id, name), due in sorted(self.timers.items(), key=lambda timer: timer[1]):
            if due <= self.agenda.now:
                self.agenda.later(0, self._tell_timer, room_id, name, due)

    def checkpoint(self) -> None:
        """Trim the journal: what is folded is where folding begins."""
        self.base = read_back(self.world)
        del self.journal[: self.cursor]
        self.cursor = 0
        self.effects.clear()

    def _work(self, at: int) -> None:
        if at != self._wake_at:
            return  # it has looked since
        self._wake_at = None
        if self.agenda.now < self.down_until["worker"]:
            self.wake(self.down_until["worker"] - self.agenda.now)
            return
        while self.cursor < len(self.journal):
            events = self.journal[self.cursor : self.cursor + self.agenda.rng.randint(1, BATCH_MAX)]
            before = self.world
            after = SystemState(before.config, dict(before.rooms), dict(before.memory), dict(before.alarms))
            outcomes = []
            for event in events:
                outcome = step(after, event)
                apply(after, outcome)
                outcomes.append(outcome)
            if self.agenda.dies():
                self.world = read_back(before)
                self.agenda.say("the worker dies before it commits {}", len(events))
                continue
            self._commit(after, events, outcomes)

    def _commit(self, after: SystemState, events: Sequence[Event], outcomes: list[StepOutcome]) -> None:
        before, now = self.world, self.agenda.now
        self.world = after
        self.cursor += len(events)
        self.agenda.count("events", len(events))
        touched: set[str] = set()
        for event, outcome in zip(events, outcomes, strict=True):
            touched |= outcome.rooms.keys()
            self.effects.append(effect_of(event, outcome))
            self._publish(event, outcome)
        for room_id in touched:
            old, room = before.rooms.get(room_id) or Room(room_id), after.rooms[room_id]
            old_timers, timers = old.all_timers, room.all_timers
            if old_timers != timers:
                for name in old_timers.keys() - timers.keys():
                    self.timers.pop((room_id, name), None)
                for name, due in timers.items():
                    if old_timers.get(name) != due:
                        self.timers[room_id, name] = due
                        self.agenda.later(max(0, due - now), self._tell_timer, room_id, name, due)
            for output in Output:
                self._see_output(old.seen_from(output), room.seen_from(output))

    def _see_output(self, old: Room, room: Room) -> None:
        key = (room.room_id, room.output)
        if room.control.call is not None:
            self.current[key] = room.control.call.call_id
        else:
            self.current.pop(key, None)
        if (old.schedule.window is None) != (room.schedule.window is None) or old.desired != room.desired:
            self.edges[key] = self.agenda.now
        self._see_close(old, room)

    def _see_close(self, old: Room, room: Room) -> None:
        key, window = (room.room_id, room.output), old.schedule.window
        if room.desired is not None and room.desired.on_air:
            self.closed.pop(key, None)
        elif window is not None and room.schedule.window is None and self.agenda.now >= window.closes_at:
            # Before its close it is a rule that is gone or paused, which leaves the stream alone, as held ones are.
            is_suppressed = window.suppressed not in (None, SuppressionReason.EMPTY)
            self.closed |= {} if is_suppressed else {key: self.agenda.now}

    def _publish(self, event: Event, outcome: StepOutcome) -> None:
        for call in outcome.calls.values():
            if call.state is CallState.WAITING and call.call_id not in self._calls:
                self._calls.add(call.call_id)
                self.on_call(call)
            elif call.state is CallState.WAITING and call.created_at == event.at:
                raise InvariantError(f"call {call.call_id} is decided twice")
        for run in outcome.streams.values():
            self.on_run(outcome.rooms[run.room_id].seen_from(run.output), run)
        for notice in outcome.notices:
            if notice.notice_id in self._notices:
                raise InvariantError(f"notice {notice.notice_id} is told by two events: {notice}")
            self._notices.add(notice.notice_id)
            self.on_notice(notice)
        if self.agenda.is_verbose:
            for room_id, decisions in outcome.decisions.items():
                for decision in decisions:
                    self.agenda.say("{} {} ({})", room_id[:1], decision.text, decision.rule)

    def _tell_timer(self, room_id: str, name: str, due: int) -> None:
        """Pop a timer that is due and journal it, in one step; another clock may have been quicker."""
        if self.timers.get((room_id, name)) != due:
            return
        if self.agenda.now < self.down_until["clock"]:
            self.agenda.later(self.down_until["clock"] - self.agenda.now, self._tell_timer, room_id, name, due)
            return
        del self.timers[room_id, name]
        self.append(Source.CLOCK, "timer", room_id, {"timer": name, "due": due})


def effect_of(event: Event, outcome: StepOutcome) -> EFFECT:
    """What an event came to, in short."""
    calls = tuple(f"{call_id} {call.state}" for call_id, call in outcome.calls.items())
    return event.id, outcome.effect, tuple(notice.notice_id for notice in outcome.notices), calls


def read_back(world: SystemState) -> SystemState:
    """The world as a new worker reads it from the store."""
    rooms = {room_id: codec.room_of(codec.encode_room(room)) for room_id, room in world.rooms.items()}
    rules = {name: codec.rule_of(codec.encode_rule(rule)) for name, rule in sorted(world.config.rules.items())}
    memory = {name: codec.rule_state_of(codec.encode(rule_state)) for name, rule_state in world.memory.items()}
    alarms = {name: codec.alarm_of(codec.encode(alarm)) for name, alarm in world.alarms.items()}
    settings: Settings = codec.settings_of(codec.encode(world.config.settings))
    read = SystemState(make_config(rules, world.config.names, settings, world.config.calendars), rooms, memory, alarms)
    if read != world:
        raise InvariantError("a world that is read back is not what was written")
    return read
