"""memory: what the store holds for each event: in the journal, once folded, and once delivered to one subscriber."""

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
    """Every event is a change of a stream, so that each is told."""
    with product.store(directory) as store, sink.running(directory) as other:
        client = connect(store.url)
        deliver.subscribe(client, other.url, 1)
        events = scale.memory_events
        made = seeding.entries(bodies.runs(ROOMS, events // (ROOMS * len(bodies.STATES)) + 1))[:events]
        empty = _used(client)
        seeding.append(client, made)
        yield _figure("in the journal", _used(client) - empty, events, {"body_bytes": _mean(made)})
        seeding.fold(client)
        yield _figure("once folded", _used(client) - empty, events, {})
        other.forget()
        asyncio.run(deliver.deliver(store.url, other, events))
        yield _figure("once delivered", _used(client) - empty, events, {"by_key": _by_family(client, events)})
        client.close()


def _figure(when: str, held: int, events: int, detail: dict[str, object]) -> Result:
    return Result("memory", f"bytes per event, {when}", "B", held / events, detail=detail)


def _used(client: Client) -> int:
    return int(client.info("memory")["used_memory"])


def _mean(made: list[seeding.Entry]) -> float:
    return sum(len(one.data) for one in made) / len(made)


def _by_family(client: Client, events: int) -> dict[str, float]:
    """Bytes per event by the first words of the keys, the largest first."""
    found: Counter[str] = Counter()
    names = list(client.scan_iter(count=5_000))
    for at in range(0, len(names), 1_000):
        chunk = names[at : at + 1_000]
        with client.pipeline(transaction=False) as pipe:
            for name in chunk:
                pipe.execute_command("MEMORY", "USAGE", name, "SAMPLES", 50)
            for name, size in zip(chunk, pipe.execute(), strict=True):
                found[":".join(name.decode().split(":")[:2])] += size or 0
    return {name: round(size / events, 1) for name, size in found.most_common(12)}
