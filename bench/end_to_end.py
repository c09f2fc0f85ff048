"""through: webhooks a second from the receiver to a subscriber, against Flask with one RQ job for each."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import bodies, children, load, product, signing, sink
from bench.baseline_job import SUBSCRIBER
from bench.results import Goal, Result, rounds
from bench.scale import Scale

ROOMS = 500
LINES = 64
GOAL = Goal(10.0)
QUIET_S = 10.0


@dataclass(frozen=True)
class Pipeline:
    """One way from receiver to subscriber."""

    served: product.Served
    sink: sink.Sink
    posts: list[Path]


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Both ways on the same server under the same load; each webhook is a change that is told once."""
    with _ways(directory, scale) as (ours, plain):
        pairs: list[tuple[float, float]] = []
        details = []
        for at in range(scale.end_to_end_rounds):
            found = [_through(way, way.posts[at], scale.end_to_end_s) for way in (ours, plain)]
            pairs.append((found[0]["per_s"], found[1]["per_s"]))
            details.append({"ours": found[0], "plain": found[1]})
        yield rounds(
            "through",
            "webhooks/s, taken and told",
            "/s",
            pairs,
            baseline_name="Flask + RQ",
            goal=GOAL,
            detail={"each": details, "tool": load.tool() or "own"},
        )


def _through(way: Pipeline, posts: Path, seconds: float) -> dict[str, float]:
    way.sink.forget()
    before = children.cpu_s(way.served.pid)
    done = load.run_load(way.served.port, posts, lines=LINES, seconds=seconds, once=True)
    began = time.monotonic() - done.seconds
    seen = way.sink.wait_for(done.accepted, quiet_s=QUIET_S)
    delivered = min(seen.different, done.accepted)
    return {
        "per_s": delivered / (seen.last_at - began),
        "told": delivered,
        "accepted": done.accepted,
        "refused": done.refused + done.broken,
        "accepted_per_s": done.per_s,
        "seconds": seen.last_at - began,
        "repeats": seen.posts - seen.different,
        "web_cpu_s": children.cpu_s(way.served.pid) - before,
    }


@contextmanager
def _ways(directory: Path, scale: Scale) -> Iterator[tuple[Pipeline, Pipeline]]:
    ours = _posts(directory, "ours", scale.end_to_end_rounds, scale.end_to_end_bodies)
    plain = _posts(directory, "plain", scale.end_to_end_rounds, scale.baseline_bodies)
    with ExitStack() as stack:
        enter = stack.enter_context
        end = enter(sink.running(directory / "sink"))
        all_of_it = enter(product.up(directory / "ours", end.port))
        store = enter(product.store(directory / "plain"))
        more = {"REDIS_URL": store.url, SUBSCRIBER: end.url}
        served = enter(product.serve_app("bench.baseline:application", directory / "plain", store.url))
        enter(children.python("bench.baseline_job", environ=more, log=directory / "plain" / "worker.log"))
        yield Pipeline(all_of_it, end, ours), Pipeline(served, end, plain)


def _posts(directory: Path, name: str, times: int, count: int) -> list[Path]:
    """A file for each round, no run in two of them."""
    cycles = -(-count // (ROOMS * len(bodies.STATES)))
    return [
        signing.write(
            directory / f"{name}-{at}",
            signing.sign(list(bodies.runs(ROOMS, cycles, first=at * cycles))[:count]),
        )
        for at in range(times)
    ]
