"""lag: time from a webhook's POST to its notice at the subscriber at a low rate; load and sink share one clock."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import bodies, children, product, signing
from bench.http_client import HttpClient, as_request, pace, percentile
from bench.results import Goal, Result
from bench.scale import Scale
from bench.sink import SinkProtocol

ROOMS = 100
PER_S = 100
WARM_UP_S = 2.0
CONNECTIONS = 16
GOALS = {50: Goal(15, absolute=True, at_most=True), 99: Goal(60, absolute=True, at_most=True)}
LATE_S = 5.0

Key = tuple[str, str]


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure median and 99th percentile, compared with plain POSTs to the same sink made in between."""
    count = int(PER_S * (WARM_UP_S + scale.lag_s))
    signed = signing.sign(list(bodies.runs(ROOMS, count // (ROOMS * len(bodies.STATES)) + 1))[:count])
    port = children.free_port()
    lags, bare = asyncio.run(_measure(directory, port, signed))
    for percent, goal in GOALS.items():
        yield Result(
            "lag",
            f"webhook in to notice out at {PER_S}/s, p{percent}",
            "ms",
            percentile(lags, percent) * 1000,
            percentile(bare, percent) * 1000,
            "plain POST to the sink",
            goal=goal,
            detail={"notices": len(lags), "max_ms": max(lags) * 1000, "lost": count - len(lags) - _warm()},
        )


async def _measure(directory: Path, port: int, signed: list[signing.Signed]) -> tuple[list[float], list[float]]:
    loop = asyncio.get_running_loop()
    came: dict[Key, float] = {}
    sent: dict[Key, float] = {}
    bare: list[float] = []

    def taken(head: bytes, body: bytes) -> None:
        if body:
            came.setdefault(_key(body), time.monotonic())

    server = await loop.create_server(lambda: SinkProtocol(taken), "127.0.0.1", port)
    with product.up(directory, port) as served:
        client = await HttpClient.open(port)
        nothing = as_request("/bare", b"")

        async def post_bare() -> None:
            started_at = loop.time()
            await client.send(nothing)
            bare.append(loop.time() - started_at)

        def note(number: int, due: float) -> None:
            sent[_posted(signed[number].body)] = due
            if number % 2 == 0:
                loop.call_later(0.5 / PER_S, lambda: tasks.append(loop.create_task(post_bare())))

        tasks: list[asyncio.Task[None]] = []
        requests = [as_request(product.PATH, webhook.body, webhook.signature) for webhook in signed]
        await pace(served.port, requests, per_s=PER_S, seconds=len(signed) / PER_S, connections=CONNECTIONS, sent=note)
        until = loop.time() + LATE_S
        while len(came) < len(sent) and loop.time() < until:
            await asyncio.sleep(children.POLL_S)
        await asyncio.gather(*tasks)
        client.close()
    server.close()
    counted = list(sent)[_warm() :]
    return [came[key] - sent[key] for key in counted if key in came], bare


def _warm() -> int:
    return int(PER_S * WARM_UP_S)


def _posted(body: bytes) -> Key:
    webhook = msgspec.json.decode(body)
    return webhook["data"]["id"], webhook["webhookType"].removeprefix("hls-")


def _key(body: bytes) -> Key:
    notice = msgspec.json.decode(body)
    return notice["data"]["stream"]["videosdk_id"], notice["type"].removeprefix("stream.")
