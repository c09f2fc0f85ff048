"""rules: the cost of ten thousand rules on other rooms: per event, per added rule, and per idle clock tick."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import bodies, product, seeding
from bench.results import Goal, Result, rounds
from bench.scale import Scale
from webhook_app.domain.events import Source
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal.journal import entry
from webhook_app.store.journal.timers import Timers
from workers.reduce.reducer import Reducer

MANY = 10_000
FEW = 10
ROOMS = 100
ADDED = 50
TICKS = 2_000


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure each with many rules and with ten rules, alternating on two stores."""
    with product.store(directory / "few") as few, product.store(directory / "many") as many:
        clients = (connect(many.url), connect(few.url))
        reducers = tuple(Reducer(client, seeding.Asleep()) for client in clients)
        for client, reducer, count in zip(clients, reducers, (MANY, FEW), strict=True):
            seeding.append(client, [_rule(f"other-{at}", f"elsewhere-{at}") for at in range(count)])
            _fold(reducer)
        times = scale.rounds + 2
        events = seeding.entries(bodies.runs(ROOMS, scale.reduce_events // 10 // ROOMS))
        figures = (
            ("an event", partial(_events, events=events), Goal(1.10, at_most=True)),
            ("a rule added", _added, None),
            ("a clock's tick", lambda client, reducer: _ticks(client), None),
        )
        for what, measure, goal in figures:
            pairs = []
            for _ in range(times):
                many_s, few_s = (measure(client, reducer) for client, reducer in zip(clients, reducers, strict=True))
                pairs.append((many_s * 1e6, few_s * 1e6))
            baseline = f"with {FEW} other rules"
            yield rounds(
                "rules", f"{what} with {MANY:,} other rules, CPU", "µs", pairs, baseline_name=baseline, goal=goal
            )
        for client in clients:
            client.close()


def _events(client: Client, reducer: Reducer, *, events: list[seeding.Entry]) -> float:
    seeding.append(client, events)
    started_at = time.process_time()
    count = _fold(reducer)
    return (time.process_time() - started_at) / count


def _added(client: Client, reducer: Reducer) -> float:
    spent = 0.0
    for at in range(ADDED):
        seeding.append(client, [_rule(f"added-{time.monotonic_ns()}", f"new-{at}")])
        started_at = time.process_time()
        _fold(reducer)
        spent += time.process_time() - started_at
    return spent / ADDED


def _ticks(client: Client) -> float:
    timers = Timers(client)
    timers.pop()
    started_at = time.process_time()
    for _ in range(TICKS):
        timers.pop()
    return (time.process_time() - started_at) / TICKS


def _rule(name: str, room: str) -> seeding.Entry:
    schedule = {"cron": "0 9 1 1 *", "duration_s": 3600}
    return entry(Source.CONFIG, "rule-put", None, {"rule": {"name": name, "rooms": [room], "schedule": schedule}})


def _fold(reducer: Reducer) -> int:
    done = 0
    while count := reducer.reduce():
        done += count
    return done
