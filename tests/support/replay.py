"""Folding a journal again: from its start or from the snapshot, and what then differs from what is stored."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.events import Event
from webhook_app.domain.ids import order
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import Decision
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.transcodings.transcoding import current_transcode
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import SkippedEventStore
from webhook_app.store.state import outline
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from workers.folding import fold

T = TypeVar("T")
Timeline = list[tuple[str, str, list[Decision]]]


@dataclass
class Refolded:
    """What folding gives: the world, and everything that was written on the way."""

    world: SystemState
    whole: bool  # from the journal's start, not from a snapshot
    events: list[Event] = field(default_factory=list)
    streams: dict[str, Stream] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    notices: list[tuple[str, Notice]] = field(default_factory=list)  # with the event's id
    timelines: dict[str, Timeline] = field(default_factory=dict)


def refold(client: Client) -> Refolded:
    """Fold up to the reducer's cursor in batches of one event, unlike the reducer."""
    world, at = Snapshots(client).load()
    refolded = Refolded(world, whole=at == "0-0")
    cursor = StateStore(client).cursor()
    skipped = SkippedEventStore(client).load()
    for event in _after(client, at):
        if order(event.id) > order(cursor):
            break
        batch, refolded.world = fold(refolded.world, [event], skipped)
        refolded.events.append(event)
        refolded.streams |= batch.streams
        refolded.streams = {name: run for name, run in refolded.streams.items() if name not in batch.dropped}
        refolded.calls |= batch.calls
        refolded.notices += [(event.id, notice) for notice in batch.notices]
        for effect in batch.effects:
            row = (effect.event_id, effect.text, list(effect.decisions))
            refolded.timelines.setdefault(effect.room_id, []).append(row)
    return refolded


def differences(client: Client, refolded: Refolded) -> list[str]:
    """A line for each thing that is stored otherwise than folding gives it; nothing may write meanwhile."""
    state, world = StateStore(client), refolded.world
    stored = state.load_state()
    streams = _records(client, keys.STREAMS, keys.stream, codec.stream_of)
    calls = _records(client, keys.CALLS, keys.call, codec.call_of)
    if not refolded.whole:  # what was folded before the snapshot has its records too
        streams = {name: run for name, run in streams.items() if name in refolded.streams}
        calls = {name: call for name, call in calls.items() if name in refolded.calls}
    rooms = world.rooms
    timers = {f"{room_id}|{name}": due for room_id, room in rooms.items() for name, due in room.all_timers.items()}
    timers |= {
        f"|alarm:{name}": alarm.clears_at
        for name, alarm in world.alarms.items()
        if alarm.clears_at is not None and alarm.cleared_at is None
    }
    current = {room_id: room.control.call.call_id for room_id, room in rooms.items() if room.control.call is not None}
    transcodes = {
        room_id: call.call_id
        for room_id, room in rooms.items()
        if (call := current_transcode(room.control.transcodings)) is not None
    }
    timelines = {room_id: _timeline(client, room_id) for room_id in refolded.timelines}
    lines = [
        *_differ(
            "room",
            state.rooms(_members(client, keys.ROOMS)),
            {name: codec.room_of(codec.encode_room(room)) for name, room in rooms.items()},
        ),
        *_differ("rule", stored.config.rules, codec.rules_of(codec.encode_rules(world.config.rules))),
        *_differ("name", stored.config.names, world.config.names),
        *_differ("settings", {"": stored.config.settings}, {"": world.config.settings}),
        *_differ("memory of rule", stored.memory, world.memory),
        *_differ("alarm", stored.alarms, world.alarms),
        *_differ("stream", streams, refolded.streams),
        *_differ("call", calls, _as_stored(refolded.calls, codec.call_of)),
        *_differ("timeline of", timelines, refolded.timelines),
        *_differ("current call of", _fields(client, keys.CALLS_CURRENT), current),
        *_differ("current request for an MP4 of", _fields(client, keys.TRANSCODES_CURRENT), transcodes),
        *_differ("on air", _flags(client.smembers(keys.ON_AIR)), {room: True for room in rooms if rooms[room].live}),
        *_differ(
            "on air by RTMP alone",
            _flags(client.smembers(keys.ON_AIR_BY_RTMP_ALONE)),
            {room: True for room in rooms if rooms[room].live and not rooms[room].on_air},
        ),
    ]
    if state.cursor() == Journal(client).last_id():  # else a timer or an answer may wait in the journal
        lines += _differ("timer", {name: int(due) for name, due in _scored(client, keys.TIMERS)}, timers)
        lines += _unscheduled_calls(client, world)
    return lines


def outbox(client: Client) -> list[Notice]:
    """Every notice in the outbox, in order; it is trimmed behind its reader now and then."""
    return [codec.notice_of(fields[b"n"]) for _, fields in client.xrange(keys.OUTBOX)]


def _after(client: Client, after: str) -> Iterator[Event]:
    journal = Journal(client)
    while events := journal.read(after, 500):
        yield from events
        after = events[-1].id


def _unscheduled_calls(client: Client, world: SystemState) -> list[str]:
    """The calls that rooms wait for and that no caller would claim."""
    due = _members(client, keys.CALLS_DUE) + _members(client, keys.PROBES_DUE)
    waited_for = [
        call for room in world.rooms.values() for call in (room.control.call, room.probing.probe) if call is not None
    ]
    return [
        f"call {call.call_id} waits and is not scheduled"
        for call in waited_for
        if call.state is CallState.WAITING and call.call_id not in due
    ]


def _differ(what: str, stored: Mapping[str, Any], folded: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {name} is stored as {stored.get(name)} and folds to {folded.get(name)}"
        for name in sorted(stored.keys() | folded.keys())
        if stored.get(name) != folded.get(name)
    ]


def _as_stored(values: Mapping[str, Any], read: Callable[[bytes], T]) -> dict[str, T]:
    """Values as they look once they were written and read."""
    return {name: read(codec.encode(value)) for name, value in values.items()}


def _records(client: Client, index: str, key: Callable[[str], str], read: Callable[[bytes], T]) -> dict[str, T]:
    names = iter(_members(client, index))
    records: dict[str, T] = {}
    while some := list(islice(names, 500)):
        raws = client.mget([key(name) for name in some])
        records |= {name: read(raw) for name, raw in zip(some, raws, strict=True)}
    return records


def _timeline(client: Client, room_id: str) -> Timeline:
    entries = client.xrange(keys.timeline(room_id))
    return [
        (entry_id.decode(), outline.effect_text(fields), codec.decisions_of(fields[b"d"]) if fields[b"d"] else [])
        for entry_id, fields in entries
    ]


def _members(client: Client, key: str) -> list[str]:
    return [name for name, _ in _scored(client, key)]


def _scored(client: Client, key: str) -> list[tuple[str, float]]:
    return [(member.decode(), score) for member, score in client.zrange(key, 0, -1, withscores=True)]


def _fields(client: Client, key: str) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in client.hgetall(key).items()}


def _flags(members: Any) -> dict[str, bool]:
    return {member.decode(): True for member in members}
