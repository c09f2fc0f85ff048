"""The reducer's store: the world as it was committed, and the one transaction that commits a turn of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from webhook_app.domain.alarms.alarm import ALARMS_KEPT, Alarm
from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.events import Event, JournalEvent
from webhook_app.domain.explanations import Explanation, joined_text
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import Decision, StepOutcome
from webhook_app.domain.overlay import Overlay
from webhook_app.domain.reducer import rooms_needed
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import Config, Rule, RuleState, Settings, make_config
from webhook_app.domain.schedules.calendars.calendar import Calendar, encode_calendar
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.timers import alarm_timer
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.connection.transactions import execute
from webhook_app.store.journal.journal import WAKE_TTL_MS
from webhook_app.store.operations import metrics
from webhook_app.store.scripts import lua
from webhook_app.store.state import outline

READ_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of a timeline: what an event did to a room, and what was decided."""

    event_id: str
    room_id: str  # "" for an event that names no room
    explanations: tuple[Explanation, ...]
    decisions: Sequence[Decision]

    @property
    def text(self) -> str:
        """What the event did, for people."""
        return joined_text(self.explanations)


@dataclass
class Batch:
    """What a run of events came to, together: the newest of each thing, every effect in order."""

    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    # By event and room: the notices' ids and types, and when the window opens that a notice names.
    told: dict[tuple[str, str], list[tuple[str, ...]]] = field(default_factory=dict)
    unchanged: dict[tuple[str, str], str] = field(default_factory=dict)  # by event and room: see `Outcome.unchanged`
    rooms: dict[str, Room] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)  # streams that were another one: the room by the stream's id
    calls: dict[str, Call] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    past_alarms: list[Alarm] = field(default_factory=list)  # an alarm may be cleared and raised again in one batch
    config: Config | None = None
    rules_changed: set[str] = field(default_factory=set)
    memory: dict[str, RuleState] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    forgotten_rooms: set[str] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)
    committed_at: int = 0  # the store's time, ms

    def add(self, event: Event, outcome: StepOutcome) -> None:
        """Take one event's outcome in."""
        self.events.append(event)
        home = event.room_id or ""
        decisions = outcome.decisions.get(home, [])
        self.effects.append(Effect(event.id, home, outcome.effects, decisions))
        if outcome.unchanged is not None:
            self.unchanged[event.id, home] = outcome.unchanged
        for room_id, decisions in outcome.decisions.items():
            if room_id != home:
                self.effects.append(Effect(event.id, room_id, outcome.effects, decisions))
        for notice in outcome.notices:
            told = self.told.setdefault((event.id, notice.room_id or home), [])
            opens_at = notice.data.get("opens_at")
            told.append((notice.notice_id, notice.type, *((str(opens_at),) if opens_at else ())))
        if outcome.notices or event.source in metrics.RESULT_SOURCES:  # most events count nothing
            for name in metrics.counted(event, outcome.notices):
                self.counted[name] += 1
        for room_id in outcome.forgotten_rooms:
            self.rooms.pop(room_id, None)
            self.forgotten_rooms.add(room_id)
        self.rooms.update(outcome.rooms)
        self.streams.update(outcome.streams)
        for stream_id in outcome.dropped:
            self.streams.pop(stream_id, None)
            self.dropped[stream_id] = home
        self.calls.update(outcome.calls)
        self.notices += outcome.notices
        if outcome.alarms:
            self.alarms.update(outcome.alarms)
            self.past_alarms += [alarm for alarm in outcome.alarms.values() if not alarm.is_active]
        if outcome.config is not None:
            self.config = outcome.config
            self.rules_changed |= outcome.rules_changed

    def remember(self, memory: Overlay[RuleState]) -> None:
        """Take in what rules have done: a rule may have acted, been deleted and been put again in one batch."""
        self.memory = dict(memory.changed)
        self.forgotten = sorted(name for name in memory.removed if name not in memory.changed and name in memory.base)


class StateStore:
    """Reads the committed world, and commits batches to it when the cursor has not moved."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def cursor(self, client: Any = None) -> str:
        """The id of the last folded event."""
        value = (client or self._client).get(keys.CURSOR)
        return value.decode() if value else "0-0"

    def config(self) -> Config:
        """Rules, names and settings in force."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.RULES)
            pipe.get(keys.NAMES)
            pipe.get(keys.SETTINGS)
            pipe.hgetall(keys.CALENDARS)
            pipe.get(keys.CURSOR)
            rules, names, settings, calendars, cursor = pipe.execute()
        return make_config(
            {name.decode(): codec.rule_of(raw) for name, raw in sorted(rules.items())},
            codec.names_of(names) if names else {},
            codec.settings_of(settings) if settings else Settings(),
            codec.calendar_sources(calendars, cursor_ms(cursor)),
        )

    def names(self) -> Config:
        """Room names and settings without the rules, for showing rooms."""
        return _config_without_rules(*self._client.mget([keys.NAMES, keys.SETTINGS]))

    def calendars(self, sources: Iterable[str]) -> dict[str, Calendar]:
        """Fetched calendars by their source."""
        wanted = sorted(sources)
        if not wanted:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.CALENDARS, wanted)
            pipe.get(keys.CURSOR)
            stored, cursor = pipe.execute()
        raw = {source.encode(): value for source, value in zip(wanted, stored, strict=True) if value is not None}
        return codec.calendar_sources(raw, cursor_ms(cursor))

    def rule(self, name: str) -> Rule | None:
        """One rule, None when there is none."""
        raw = self._client.hget(keys.RULES, name)
        return codec.rule_of(raw) if raw else None

    def load_state(self) -> SystemState:
        """Everything but the rooms, which are loaded as events name them."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.RULE_MEMORY)
            pipe.hvals(keys.ALARMS)
            memory, alarms = pipe.execute()
        return SystemState(
            config=self.config(),
            memory={name.decode(): codec.rule_state_of(raw) for name, raw in memory.items()},
            alarms=codec.active_alarms_of(alarms),
        )

    def load_rooms(self, state: SystemState, events: Iterable[JournalEvent]) -> None:
        """Bring the rooms that these events may touch into the world."""
        wanted: set[str] = set()
        for event in events:
            needed = rooms_needed(state, event)
            if needed is None:
                wanted.update(room_id.decode() for room_id in self._client.zrange(keys.ROOMS, 0, -1))
                break
            wanted |= needed
        state.rooms.update(self.rooms(sorted(one for one in wanted if one not in state.rooms)))

    def rooms(self, room_ids: Sequence[str]) -> dict[str, Room]:
        """Rooms by id, those that are known."""
        found: dict[str, Room] = {}
        for start in range(0, len(room_ids), READ_CHUNK):
            chunk = room_ids[start : start + READ_CHUNK]
            for room_id, raw in zip(chunk, self._client.mget([keys.room(known) for known in chunk]), strict=True):
                if raw is not None:
                    found[room_id] = codec.room_of(raw)
        return found

    def room(self, room_id: str) -> Room | None:
        """One room, None when it was never seen."""
        return self.rooms([room_id]).get(room_id)

    def newest_room_ids(self, count: int) -> list[str]:
        """Ids of the rooms with a state, those that became known last first."""
        return [room_id.decode() for room_id in self._client.zrevrange(keys.ROOMS, 0, count - 1)]

    def commit(self, pipe: Client, state: SystemState, batch: Batch) -> tuple[bool, bool]:
        """Write a batch in one transaction on a pipeline that watches the cursor.

        `world` is the one before the batch; it is brought up to date when the commit has succeeded.
        Returns whether `call` and `deliver` want a wake-up. Raises redis.WatchError when the cursor moved.
        """
        pipe.multi()
        _drop_rooms(pipe, state, batch)
        self._write_rooms(pipe, state, batch)
        self._write_records(pipe, batch)
        if batch.config is not None:
            _write_config(pipe, state.config, batch.config, batch.rules_changed)
        if batch.memory:
            pipe.hset(keys.RULE_MEMORY, mapping={name: codec.encode(known) for name, known in batch.memory.items()})
        if batch.forgotten:
            pipe.hdel(keys.RULE_MEMORY, *batch.forgotten)
        if batch.alarms:
            _write_alarms(pipe, batch)
            _write_past_alarms(pipe, batch)
            _write_alarm_timers(pipe, batch)
        _write_timelines(pipe, batch)
        if batch.notices:
            pipe.eval(lua("append_outbox"), 1, keys.OUTBOX, *(codec.encode(notice) for notice in batch.notices))
        metrics.queue_counts(pipe, batch.counted)
        pipe.set(keys.CURSOR, batch.events[-1].id)
        pipe.time()
        wanted = [name for name, due in (("call", _waiting(batch)), ("deliver", batch.notices)) if due]
        for name in wanted:
            pipe.set(keys.wake(name), "1", nx=True, px=WAKE_TTL_MS)
        answers = execute(pipe)
        batch.committed_at = time_ms(answers[-len(wanted) - 1])
        woken = dict(zip(wanted, answers[len(answers) - len(wanted) :], strict=True))
        return bool(woken.get("call")), bool(woken.get("deliver"))

    def _write_rooms(self, pipe: Client, state: SystemState, batch: Batch) -> None:
        if not batch.rooms:
            return
        pipe.mset({keys.room(room_id): codec.encode_room(room) for room_id, room in batch.rooms.items()})
        pipe.zadd(keys.ROOMS, {room_id: room.updated_at for room_id, room in batch.rooms.items()}, nx=True)
        on: list[str] = []
        off: list[str] = []
        current: dict[str, str] = {}
        idle: list[str] = []
        set_timers: dict[str, int] = {}
        cleared: list[str] = []
        for room_id, room in batch.rooms.items():
            (on if room.on_air else off).append(room_id)
            if room.control.call is not None:
                current[room_id] = room.control.call.call_id
            else:
                idle.append(room_id)
            before: Mapping[str, int] = state.rooms[room_id].timers if room_id in state.rooms else {}
            moved = {name: due for name, due in room.timers.items() if before.get(name) != due}
            set_timers.update({f"{room_id}|{name}": due for name, due in moved.items()})
            cleared += [f"{room_id}|{name}" for name in before if name not in room.timers]
        if on:
            pipe.sadd(keys.ON_AIR, *on)
        if off:
            pipe.srem(keys.ON_AIR, *off)
        if current:
            pipe.hset(keys.CALLS_CURRENT, mapping=current)
        if idle:
            pipe.hdel(keys.CALLS_CURRENT, *idle)
        if set_timers:
            pipe.zadd(keys.TIMERS, set_timers)
        if cleared:
            pipe.zrem(keys.TIMERS, *cleared)

    def _write_records(self, pipe: Client, batch: Batch) -> None:
        documents = {keys.stream(run.stream_id): codec.encode_stream(run) for run in batch.streams.values()}
        documents |= {keys.call(call.call_id): codec.encode(call) for call in batch.calls.values()}
        if documents:
            pipe.mset(documents)
        for stream_id, room_id in batch.dropped.items():
            pipe.delete(keys.stream(stream_id))
            pipe.zrem(keys.STREAMS, stream_id)
            pipe.zrem(keys.room_streams(room_id), stream_id)
        if batch.streams:
            pipe.zadd(keys.STREAMS, {run.stream_id: run.opened_at for run in batch.streams.values()})
            by_room: dict[str, dict[str, float]] = {}
            for run in batch.streams.values():
                by_room.setdefault(run.room_id, {})[run.stream_id] = run.opened_at
            for room_id, members in by_room.items():
                pipe.zadd(keys.room_streams(room_id), members)
        if batch.calls:
            pipe.zadd(keys.CALLS, {call.call_id: call.created_at for call in batch.calls.values()})
            for call in batch.calls.values():
                pipe.zadd(keys.room_calls(call.room_id), {call.call_id: call.created_at})
        for line, probes in ((keys.CALLS_DUE, False), (keys.PROBES_DUE, True)):
            calls = [call for call in _waiting(batch) if (call.kind is CallKind.PROBE) == probes]
            if calls:
                pipe.zadd(line, {call.call_id: call.created_at for call in calls}, nx=True)


def _drop_rooms(pipe: Client, state: SystemState, batch: Batch) -> None:
    """Delete the state of rooms that were forgotten; what is recorded of them stays until its retention is over."""
    for room_id in sorted(batch.forgotten_rooms):
        pipe.zadd(keys.ROOMS_FORGOTTEN, {room_id: int(batch.events[-1].at)})
        if room_id in batch.rooms:
            continue  # known again within the batch: written whole below
        pipe.delete(keys.room(room_id))
        pipe.zrem(keys.ROOMS, room_id)
        pipe.srem(keys.ON_AIR, room_id)
        pipe.hdel(keys.CALLS_CURRENT, room_id)
        timers = state.rooms[room_id].timers if room_id in state.rooms else {}
        if timers:
            pipe.zrem(keys.TIMERS, *(f"{room_id}|{name}" for name in timers))


def _write_alarms(pipe: Client, batch: Batch) -> None:
    active = {key: codec.encode(alarm) for key, alarm in batch.alarms.items() if alarm.is_active}
    cleared = [key for key in batch.alarms if key not in active]
    if active:
        pipe.hset(keys.ALARMS, mapping=active)
    if cleared:
        pipe.hdel(keys.ALARMS, *cleared)


def _write_past_alarms(pipe: Client, batch: Batch) -> None:
    past = {codec.encode(alarm): alarm.cleared_at for alarm in batch.past_alarms[-ALARMS_KEPT:]}
    if past:
        pipe.zadd(keys.ALARMS_PAST, past)
        pipe.zremrangebyrank(keys.ALARMS_PAST, 0, -ALARMS_KEPT - 1)


def _write_alarm_timers(pipe: Client, batch: Batch) -> None:
    """A timer without a room for each alarm that clears by itself."""
    timers = {name: f"|{alarm_timer(name)}" for name, alarm in batch.alarms.items() if alarm.clears_at is not None}
    due = {timers[name]: batch.alarms[name].clears_at for name in timers if batch.alarms[name].cleared_at is None}
    if due:
        pipe.zadd(keys.TIMERS, due)
    if gone := [timer for timer in timers.values() if timer not in due]:
        pipe.zrem(keys.TIMERS, *gone)


def _write_timelines(pipe: Client, batch: Batch) -> None:
    outline.append(
        pipe,
        [
            outline.TimelineEntry(
                event_id=effect.event_id,
                room_id=effect.room_id,
                reasons=" ".join([explanation.code for explanation in effect.explanations]),
                arguments=outline.encode_arguments(effect.explanations),
                decisions=codec.encode(effect.decisions) if effect.decisions else b"",
                notices=codec.encode(told) if (told := batch.told.get((effect.event_id, effect.room_id))) else b"",
                unchanged=batch.unchanged.get((effect.event_id, effect.room_id)),
            )
            for effect in batch.effects
        ],
    )


@lru_cache(maxsize=8)
def _config_without_rules(names: bytes | None, settings: bytes | None) -> Config:
    """Read anew when it has changed only: most requests show rooms, and thousands of them may be configured."""
    return make_config(
        {}, codec.names_of(names) if names else {}, codec.settings_of(settings) if settings else Settings()
    )


def cursor_ms(cursor: bytes | None) -> int:
    """The time of the last folded event in ms, as its id says; 0 when there is none."""
    return int(cursor.partition(b"-")[0]) if cursor else 0


def _waiting(batch: Batch) -> list[Call]:
    return [call for call in batch.calls.values() if call.state is CallState.WAITING]


def _write_config(pipe: Client, old: Config, new: Config, touched: set[str]) -> None:
    changed = {name: codec.encode(new.rules[name]) for name in sorted(touched) if name in new.rules}
    gone = sorted(name for name in touched if name not in new.rules)
    if changed:
        pipe.hset(keys.RULES, mapping=changed)
    if gone:
        pipe.hdel(keys.RULES, *gone)
    fetched = {
        source: codec.encode(encode_calendar(calendar))
        for source, calendar in new.calendars.items()
        if old.calendars.get(source) != calendar
    }
    if fetched:
        pipe.hset(keys.CALENDARS, mapping=fetched)
    dropped = sorted(old.calendars.keys() - new.calendars.keys())
    if dropped:
        pipe.hdel(keys.CALENDARS, *dropped)
    if old.names != new.names:
        pipe.set(keys.NAMES, codec.encode(new.names))
    if old.settings != new.settings:
        pipe.set(keys.SETTINGS, codec.encode(new.settings))
