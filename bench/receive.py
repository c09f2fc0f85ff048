"""receive: webhooks per second, verified and on disk, compared with a no-op route on the same server."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from bench import bodies, children, load, product, signing, slow_store
from bench.http_client import as_request, pace, percentile, read_posts
from bench.results import Goal, Result, rounds
from bench.scale import Scale

ROOMS = 100
BODIES = 2_000
CONNECTIONS = (64, 16)
PACE = 0.7
GOAL = Goal(0.40)
SLOW_GOAL = Goal(0.25)
BESIDE = "no-op"


@dataclass(frozen=True)
class Servers:
    """The servers to compare, and the requests to post."""

    web: product.Served
    far: product.Served
    noop: product.Served
    posts: Path
    client: "redis.Redis"


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure throughput, latency at a steady rate, and throughput with a store that is 5 ms further away."""
    with _sides(directory) as sides:
        for connections in CONNECTIONS:
            yield _throughput(sides, sides.web, connections, scale, f"webhooks/s, {connections} connections", GOAL)
        yield _steady(sides, scale)
        delay_ms = slow_store.DELAY_S * 1000
        yield _throughput(
            sides, sides.far, CONNECTIONS[0], scale, f"webhooks/s, store {delay_ms:.0f} ms away", SLOW_GOAL
        )


@contextmanager
def _sides(directory: Path) -> Iterator[Servers]:
    signed = signing.sign(bodies.runs(ROOMS, BODIES // (ROOMS * len(bodies.STATES))))
    posts = signing.write(directory / "posts", signed)
    with ExitStack() as stack:
        enter = stack.enter_context
        store = enter(product.store(directory / "near"))
        slow = enter(slow_store.before(store.url, directory))
        yield Servers(
            web=enter(product.web(directory / "near", store.url)),
            far=enter(product.web(directory / "far", slow)),
            noop=enter(product.serve_app("bench.noop:application", directory, store.url)),
            posts=posts,
            client=redis.Redis.from_url(store.url),
        )


def _throughput(
    sides: Servers, server: product.Served, connections: int, scale: Scale, what: str, goal: Goal
) -> Result:
    pairs: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    refused = 0
    for at in range(scale.rounds + 1):
        seconds = scale.load_s if at else 1.0  # the first round warms up both servers
        runs = [_hammered(sides, served, connections, seconds) for served in (server, sides.noop)]
        if at:
            pairs.append((runs[0][0].per_s, runs[1][0].per_s))
            cpu.append((runs[0][1], runs[1][1]))
            refused += sum(load_result.refused + load_result.broken for load_result, _ in runs)
    detail = {"cpu_us_per_request": [list(pair) for pair in cpu], "refused": refused, "tool": load.tool() or "own"}
    return rounds("receive", what, "/s", pairs, baseline_name=BESIDE, goal=goal, detail=detail)


def _hammered(sides: Servers, served: product.Served, connections: int, seconds: float) -> tuple[load.Load, float]:
    sides.client.flushall()
    before = children.cpu_s(served.pid)
    done = load.run_load(served.port, sides.posts, connections=connections, seconds=seconds)
    return done, (children.cpu_s(served.pid) - before) / max(1, done.posts) * 1e6


def _steady(sides: Servers, scale: Scale) -> Result:
    sides.client.flushall()
    full = load.run_load(sides.web.port, sides.posts, connections=CONNECTIONS[0], seconds=scale.load_s).per_s
    requests = [as_request(product.PATH, body, signature) for signature, body in read_posts(sides.posts)]
    pairs: list[tuple[float, float]] = []
    p50: list[tuple[float, float]] = []
    for _ in range(scale.rounds):
        took = []
        for served in (sides.web, sides.noop):
            sides.client.flushall()
            took.append(
                asyncio.run(
                    pace(served.port, requests, per_s=PACE * full, seconds=scale.load_s, connections=CONNECTIONS[0])
                )
            )
        pairs.append((percentile(took[0], 99) * 1000, percentile(took[1], 99) * 1000))
        p50.append((percentile(took[0], 50) * 1000, percentile(took[1], 50) * 1000))
    return rounds(
        "receive",
        f"p99 at {PACE:.0%} of that, {PACE * full:,.0f}/s",
        "ms",
        pairs,
        baseline_name=BESIDE,
        detail={"p50_ms": [list(pair) for pair in p50]},
    )
