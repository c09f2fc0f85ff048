"""memory: store memory per event: journaled, processed, and delivered to one subscriber."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench import bodies, deliver, product, seeding, sink
from bench.results import Result
from bench.scale import Scale
from webhook_app.store.connection.clients import Client, connect

ROOMS = 100


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure with events that each change a stream, so that each is delivered."""
    with product.store(directory) as store, sink.running(directory) as other:
        client = connect(store.url)
        deliver.subscribe(client, other.url, 1)
        events = scale.memory_events
        entries = seeding.entries(bodies.runs(ROOMS, events // (ROOMS * len(bodies.STATES)) + 1))[:events]
        empty = _used(client)
        seeding.append(client, entries)
        yield _figure("in the journal", _used(client) - empty, events, {"body_bytes": _mean(entries)})
        seeding.fold(client)
        yield _figure("once processed", _used(client) - empty, events, {})
        other.forget()
        asyncio.run(deliver.deliver(store.url, other, events))
        yield _figure("once delivered", _used(client) - empty, events, {"by_key": _by_family(client, events)})
        client.close()


def _figure(when: str, used_bytes: int, events: int, detail: dict[str, object]) -> Result:
    return Result("memory", f"bytes per event, {when}", "B", used_bytes / events, detail=detail)


def _used(client: Client) -> int:
    return int(client.info("memory")["used_memory"])


def _mean(entries: list[seeding.Entry]) -> float:
    return sum(len(entry.data) for entry in entries) / len(entries)


def _by_family(client: Client, events: int) -> dict[str, float]:
    """Return bytes per event by key prefix, largest first."""
    bytes_by_family: Counter[str] = Counter()
    names = list(client.scan_iter(count=5_000))
    for at in range(0, len(names), 1_000):
        chunk = names[at : at + 1_000]
        with client.pipeline(transaction=False) as pipe:
            for name in chunk:
                pipe.execute_command("MEMORY", "USAGE", name, "SAMPLES", 50)
            for name, size in zip(chunk, pipe.execute(), strict=True):
                bytes_by_family[":".join(name.decode().split(":")[:2])] += size or 0
    return {name: round(size / events, 1) for name, size in bytes_by_family.most_common(12)}
