"""The one transaction that commits a batch: state, effects, indexes and the cursor, together or not at all.

1. Rooms that were forgotten are deleted; what is recorded of them stays until its retention is over.
2. Rooms, with the indexes of those on air, of current calls and of timers.
3. Streams and calls, with their indexes and the queues of calls and probes.
4. Configuration, rule states and alarms.
5. Timelines, the outbox, counters.
6. The cursor, the store's time, and the flags of pending wake-ups.
"""

from collections.abc import Mapping

from webhook_app.domain.alarms.alarm import ALARMS_KEPT
from webhook_app.domain.control.call import CallKind
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.schedules.calendars.calendar import encode_calendar
from webhook_app.domain.state import SystemState
from webhook_app.domain.timers import alarm_timer
from webhook_app.domain.transcodings.transcoding import current_transcode
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.connection.transactions import execute
from webhook_app.store.journal.journal import WAKE_TTL_MS
from webhook_app.store.operations import metrics
from webhook_app.store.scripts import lua
from webhook_app.store.state import outline
from webhook_app.store.state.batch import Batch


def commit(pipe: Client, state: SystemState, batch: Batch) -> tuple[bool, bool]:
    """Write a batch on a pipeline that watches the cursor; `state` is the one before the batch.

    Returns whether `call` and `deliver` want a wake-up. Raises redis.WatchError when the cursor moved, and what
    `transactions.execute` raises.
    """
    pipe.multi()
    _drop_rooms(pipe, state, batch)
    _write_rooms(pipe, state, batch)
    _write_streams(pipe, batch)
    _write_calls(pipe, batch)
    if batch.config is not None:
        _write_config(pipe, state.config, batch.config, batch.rules_changed)
    if batch.rule_states:
        records = {name: codec.encode(rule_state) for name, rule_state in batch.rule_states.items()}
        pipe.hset(keys.RULE_MEMORY, mapping=records)
    if batch.rules_reset:
        pipe.hdel(keys.RULE_MEMORY, *batch.rules_reset)
    if batch.alarms:
        _write_alarms(pipe, batch)
        _write_alarm_timers(pipe, batch)
    outline.append(pipe, batch.effects)
    if batch.notices:
        pipe.eval(lua("append_outbox"), 1, keys.OUTBOX, *(codec.encode(notice) for notice in batch.notices))
    metrics.queue_counts(pipe, batch.counts)
    pipe.set(keys.CURSOR, batch.events[-1].id)
    pipe.time()
    queues = [queue for queue, has_work in (("call", batch.waiting_calls), ("deliver", batch.notices)) if has_work]
    for queue in queues:
        pipe.set(keys.wake(queue), "1", nx=True, px=WAKE_TTL_MS)
    answers = execute(pipe)
    batch.committed_at = time_ms(answers[-len(queues) - 1])
    wakes = dict(zip(queues, answers[len(answers) - len(queues) :], strict=True))
    return bool(wakes.get("call")), bool(wakes.get("deliver"))


def _drop_rooms(pipe: Client, state: SystemState, batch: Batch) -> None:
    for room_id in sorted(batch.forgotten_rooms):
        pipe.zadd(keys.ROOMS_FORGOTTEN, {room_id: int(batch.events[-1].at)})
        if room_id in batch.rooms:
            continue  # known again within the batch: written whole below
        pipe.delete(keys.room(room_id))
        pipe.zrem(keys.ROOMS, room_id)
        pipe.srem(keys.ON_AIR, room_id)
        pipe.srem(keys.ON_AIR_BY_RTMP_ALONE, room_id)
        for output in Output:
            pipe.hdel(keys.current_calls(output), room_id)
        pipe.hdel(keys.TRANSCODES_CURRENT, room_id)
        timers = state.rooms[room_id].all_timers if room_id in state.rooms else {}
        if timers:
            pipe.zrem(keys.TIMERS, *(f"{room_id}|{name}" for name in timers))


def _write_current_calls(pipe: Client, state: SystemState, batch: Batch) -> None:
    calls: dict[Output, dict[str, str]] = {}
    idle: dict[Output, list[str]] = {}
    for room_id, room in batch.rooms.items():
        before = state.rooms.get(room_id)
        outputs = room.outputs if before is None or not before.others else {*room.outputs, *before.outputs}
        for output in outputs:
            control = room.control_of(output)
            if control is not None and control.call is not None:
                calls.setdefault(output, {})[room_id] = control.call.call_id
            else:
                idle.setdefault(output, []).append(room_id)
    for output, current in calls.items():
        pipe.hset(keys.current_calls(output), mapping=current)
    for output, room_ids in idle.items():
        pipe.hdel(keys.current_calls(output), *room_ids)


def _write_current_transcodes(pipe: Client, state: SystemState, batch: Batch) -> None:
    calls: dict[str, str] = {}
    idle: list[str] = []
    for room_id, room in batch.rooms.items():
        call = current_transcode(room.control.transcodings)
        if call is not None:
            calls[room_id] = call.call_id
        elif room_id in state.rooms and state.rooms[room_id].control.transcodings:
            idle.append(room_id)
    if calls:
        pipe.hset(keys.TRANSCODES_CURRENT, mapping=calls)
    if idle:
        pipe.hdel(keys.TRANSCODES_CURRENT, *idle)


def _write_members(pipe: Client, key: str, is_member: Mapping[str, bool]) -> None:
    added = [room_id for room_id, is_in in is_member.items() if is_in]
    removed = [room_id for room_id, is_in in is_member.items() if not is_in]
    if added:
        pipe.sadd(key, *added)
    if removed:
        pipe.srem(key, *removed)


def _write_rooms(pipe: Client, state: SystemState, batch: Batch) -> None:
    if not batch.rooms:
        return
    pipe.mset({keys.room(room_id): codec.encode_room(room) for room_id, room in batch.rooms.items()})
    pipe.zadd(keys.ROOMS, {room_id: room.updated_at for room_id, room in batch.rooms.items()}, nx=True)
    set_timers: dict[str, int] = {}
    cleared_timers: list[str] = []
    for room_id, room in batch.rooms.items():
        before: Mapping[str, int] = state.rooms[room_id].all_timers if room_id in state.rooms else {}
        timers = room.all_timers
        moved = {name: due for name, due in timers.items() if before.get(name) != due}
        set_timers.update({f"{room_id}|{name}": due for name, due in moved.items()})
        cleared_timers += [f"{room_id}|{name}" for name in before if name not in timers]
    _write_members(pipe, keys.ON_AIR, {room_id: room.live for room_id, room in batch.rooms.items()})
    by_rtmp_alone = {room_id: room.live and not room.on_air for room_id, room in batch.rooms.items()}
    _write_members(pipe, keys.ON_AIR_BY_RTMP_ALONE, by_rtmp_alone)
    _write_current_calls(pipe, state, batch)
    _write_current_transcodes(pipe, state, batch)
    if set_timers:
        pipe.zadd(keys.TIMERS, set_timers)
    if cleared_timers:
        pipe.zrem(keys.TIMERS, *cleared_timers)


def _write_streams(pipe: Client, batch: Batch) -> None:
    for stream_id, room_id in batch.dropped.items():
        pipe.delete(keys.stream(stream_id))
        pipe.zrem(keys.STREAMS, stream_id)
        pipe.zrem(keys.room_streams(room_id), stream_id)
    if not batch.streams:
        return
    streams = batch.streams.values()
    pipe.mset({keys.stream(stream.stream_id): codec.encode_stream(stream) for stream in streams})
    pipe.zadd(keys.STREAMS, {stream.stream_id: stream.opened_at for stream in streams})
    by_room: dict[str, dict[str, float]] = {}
    for stream in streams:
        by_room.setdefault(stream.room_id, {})[stream.stream_id] = stream.opened_at
    for room_id, members in by_room.items():
        pipe.zadd(keys.room_streams(room_id), members)


def _write_calls(pipe: Client, batch: Batch) -> None:
    if not batch.calls:
        return
    calls = batch.calls.values()
    pipe.mset({keys.call(call.call_id): codec.encode(call) for call in calls})
    pipe.zadd(keys.CALLS, {call.call_id: call.created_at for call in calls})
    for call in calls:
        pipe.zadd(keys.room_calls(call.room_id), {call.call_id: call.created_at})
    waiting = batch.waiting_calls
    for queue, is_for_probes in ((keys.CALLS_DUE, False), (keys.PROBES_DUE, True)):
        due = {call.call_id: call.created_at for call in waiting if (call.kind is CallKind.PROBE) == is_for_probes}
        if due:
            pipe.zadd(queue, due, nx=True)


def _write_config(pipe: Client, old: Config, new: Config, rules_changed: set[str]) -> None:
    changed = {name: codec.encode_rule(new.rules[name]) for name in sorted(rules_changed) if name in new.rules}
    deleted = sorted(name for name in rules_changed if name not in new.rules)
    if changed:
        pipe.hset(keys.RULES, mapping=changed)
    if deleted:
        pipe.hdel(keys.RULES, *deleted)
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


def _write_alarms(pipe: Client, batch: Batch) -> None:
    active = {key: codec.encode(alarm) for key, alarm in batch.alarms.items() if alarm.is_active}
    cleared = [key for key in batch.alarms if key not in active]
    if active:
        pipe.hset(keys.ALARMS, mapping=active)
    if cleared:
        pipe.hdel(keys.ALARMS, *cleared)
    past = {codec.encode(alarm): alarm.cleared_at for alarm in batch.past_alarms[-ALARMS_KEPT:]}
    if past:
        pipe.zadd(keys.ALARMS_PAST, past)
        pipe.zremrangebyrank(keys.ALARMS_PAST, 0, -ALARMS_KEPT - 1)


def _write_alarm_timers(pipe: Client, batch: Batch) -> None:
    """A timer without a room for each alarm that clears by itself."""
    timers = {key: f"|{alarm_timer(key)}" for key, alarm in batch.alarms.items() if alarm.clears_at is not None}
    due = {timers[key]: batch.alarms[key].clears_at for key in timers if batch.alarms[key].cleared_at is None}
    if due:
        pipe.zadd(keys.TIMERS, due)
    if cleared := [timer for timer in timers.values() if timer not in due]:
        pipe.zrem(keys.TIMERS, *cleared)
