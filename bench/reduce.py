"""reduce: events processed and committed per second on one core, compared with only reading the same journal."""

import gc
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import bodies, product, seeding
from bench.results import Goal, Result, rounds
from bench.scale import Scale
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect
from workers.reduce.reducer import Reducer

ROOMS = 100
GOAL = Goal(15_000, absolute=True)
READ = 500


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure with and without deciding calls, on the same rules and rooms."""
    sessions_per_room = scale.reduce_events // ROOMS
    entries = seeding.entries(bodies.sessions(ROOMS, sessions_per_room // bodies.PER_SESSION + 1))[
        : scale.reduce_events
    ]
    with product.store(directory) as store:
        client = connect(store.url)
        for calls in (False, True):
            yield from _both(client, entries, calls=calls, times=scale.rounds)
        client.close()


def _both(client: Client, entries: list[seeding.Entry], *, calls: bool, times: int) -> Iterator[Result]:
    cpu: list[tuple[float, float]] = []
    wall: list[tuple[float, float]] = []
    for _ in range(times):
        client.flushall()
        reducer = Reducer(client, seeding.Asleep())
        seeding.append(client, seeding.setup([bodies.room_id(room) for room in range(ROOMS)], calls=calls))
        _fold(reducer)
        after = seeding.last_id(client)
        seeding.append(client, entries)
        read = _timed(partial(_read, client, after), len(entries))
        folded = _timed(partial(_fold, reducer), len(entries))
        cpu.append((folded[0], read[0]))
        wall.append((folded[1], read[1]))
    mode = "calls on" if calls else "calls off"
    baseline_name = "read only"
    yield rounds("reduce", f"events/s of CPU, {mode}", "/s", cpu, baseline_name=baseline_name, goal=GOAL)
    yield rounds("reduce", f"events/s, {mode}", "/s", wall, baseline_name=baseline_name)


def _timed(work: Callable[[], int], expected: int) -> tuple[float, float]:
    """Return events per second of this process's CPU time, and of wall time."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert done == expected, f"{done} events, expected {expected}"
    return done / cpu, done / wall


def _fold(reducer: Reducer) -> int:
    done = 0
    while count := reducer.reduce():
        done += count
    return done


def _read(client: Client, after: str) -> int:
    done = 0
    while batch := client.xrange(keys.JOURNAL, min=f"({after}", count=READ):
        for _, fields in batch:
            json.loads(fields[b"d"])
        after = batch[-1][0].decode()
        done += len(batch)
    return done
