"""viewers: a receiver process at half load, with and without 200 viewers on a separate console process."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from bench import bodies, children, load, product, signing
from bench.http_client import as_request, pace, percentile, read_posts
from bench.results import Goal, Result, rounds
from bench.scale import Scale
from webhook_app.store import keys

VIEWERS = 200
BODIES = 4_000
CONNECTIONS = 32
HALF = 0.5
SETTLE_S = 10.0
GOAL = Goal(0.95)


@dataclass(frozen=True)
class Run:
    """One measurement at half load."""

    per_s: float
    p50_ms: float
    p99_ms: float


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure with webhooks about rooms that are all watched: each is processed and sent to its viewer."""
    signed = signing.sign(bodies.runs(VIEWERS, BODIES // (VIEWERS * len(bodies.STATES))))
    posts = signing.write(directory / "posts", signed)
    requests = [as_request(product.PATH, body, signature) for signature, body in read_posts(posts)]
    with _servers(directory) as (receiver, console, client):
        full = load.run_load(receiver.port, posts, connections=CONNECTIONS, seconds=scale.load_s).per_s
        _settled(client)
        pairs: list[tuple[Run, Run]] = []
        reports: list[Mapping[str, float]] = []
        for _ in range(scale.rounds):
            alone = _half(receiver, requests, full * HALF, scale.load_s)
            _settled(client)
            with _watching(console, directory) as request_report:
                request_report()
                before = children.cpu_s(console.pid)
                watched = _half(receiver, requests, full * HALF, scale.load_s)
                _settled(client)
                time.sleep(0.5)
                used = children.cpu_s(console.pid) - before
                report = request_report()
                reports.append({**report, "cpu_us_per_event": used / max(1, report["events"]) * 1e6})
            pairs.append((watched, alone))
    yield rounds(
        "viewers",
        f"webhooks/s at half load ({full * HALF:,.0f}/s), with {VIEWERS} viewers",
        "/s",
        [(watched.per_s, alone.per_s) for watched, alone in pairs],
        baseline_name="no viewers",
        goal=GOAL,
        detail={"seen": list(reports), "sent": int(full * HALF * scale.load_s)},
    )
    for name in ("p50_ms", "p99_ms"):
        yield rounds(
            "viewers",
            f"an answer at half load, {name[:3]}",
            "ms",
            [(getattr(watched, name), getattr(alone, name)) for watched, alone in pairs],
            baseline_name="no viewers",
        )


def _half(receiver: product.Served, requests: list[bytes], per_s: float, seconds: float) -> Run:
    started_at = time.monotonic()
    took = asyncio.run(pace(receiver.port, requests, per_s=per_s, seconds=seconds, connections=CONNECTIONS))
    return Run(len(took) / (time.monotonic() - started_at), percentile(took, 50) * 1000, percentile(took, 99) * 1000)


def _settled(client: "redis.Redis") -> None:
    """Wait until everything is processed."""

    def folded() -> bool:
        newest: Any = client.xrevrange(keys.JOURNAL, count=1)
        return not newest or client.get(keys.CURSOR) == newest[0][0]

    children.wait_for(folded, "processing of the journal")


@contextmanager
def _servers(directory: Path) -> Iterator[tuple[product.Served, product.Served, "redis.Redis"]]:
    with ExitStack() as stack:
        enter = stack.enter_context
        store = enter(product.store(directory / "store"))
        receiver = enter(product.web(directory / "receiver", store.url, surface="receiver"))
        console = enter(product.web(directory / "console", store.url, surface="console"))
        enter(product.worker_process("worker", directory / "worker", store.url))
        client = redis.Redis.from_url(store.url)
        children.wait_for(lambda: bool(client.zcard(keys.PROCESSES)), "the worker")
        yield receiver, console, client


@contextmanager
def _watching(console: product.Served, directory: Path) -> Iterator[Any]:
    command = [sys.executable, "-m", "bench.watchers", str(console.port), str(VIEWERS), product.ADMIN_TOKEN]
    with (directory / "watchers.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=children.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdin is not None and process.stdout is not None
    requests_in, replies = process.stdin, process.stdout

    def request_report() -> Mapping[str, float]:
        requests_in.write("\n")
        requests_in.flush()
        report: Mapping[str, float] = json.loads(replies.readline())
        return report

    try:
        children.wait_for(lambda: request_report()["connected"] == VIEWERS, f"{VIEWERS} viewers")
        yield request_report
    finally:
        requests_in.close()
        process.terminate()
        process.wait(children.STOP_LIMIT_S)
        replies.close()
