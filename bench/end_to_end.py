"""end-to-end: webhooks per second from receiver to subscriber, compared with Flask and one RQ job per webhook."""

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
CONNECTIONS = 64
GOAL = Goal(10.0)
QUIET_S = 10.0


@dataclass(frozen=True)
class Pipeline:
    """A system under test, from receiver to subscriber."""

    served: product.Served
    sink: sink.Sink
    posts: list[Path]


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure both systems on the same server under the same load; each webhook causes one notification."""
    with _pipelines(directory, scale) as (tallylight, baseline):
        pairs: list[tuple[float, float]] = []
        details = []
        for at in range(scale.end_to_end_rounds):
            measured = [
                _measure(pipeline, pipeline.posts[at], scale.end_to_end_s) for pipeline in (tallylight, baseline)
            ]
            pairs.append((measured[0]["per_s"], measured[1]["per_s"]))
            details.append({"tallylight": measured[0], "baseline": measured[1]})
        yield rounds(
            "end-to-end",
            "webhooks/s, received and delivered",
            "/s",
            pairs,
            baseline_name="Flask + RQ",
            goal=GOAL,
            detail={"each": details, "tool": load.tool() or "own"},
        )


def _measure(pipeline: Pipeline, posts: Path, seconds: float) -> dict[str, float]:
    pipeline.sink.forget()
    before = children.cpu_s(pipeline.served.pid)
    done = load.run_load(pipeline.served.port, posts, connections=CONNECTIONS, seconds=seconds, once=True)
    started_at = time.monotonic() - done.seconds
    arrived = pipeline.sink.wait_for(done.accepted, quiet_s=QUIET_S)
    delivered = min(arrived.different, done.accepted)
    return {
        "per_s": delivered / (arrived.last_at - started_at),
        "delivered": delivered,
        "accepted": done.accepted,
        "refused": done.refused + done.broken,
        "accepted_per_s": done.per_s,
        "seconds": arrived.last_at - started_at,
        "repeats": arrived.posts - arrived.different,
        "web_cpu_s": children.cpu_s(pipeline.served.pid) - before,
    }


@contextmanager
def _pipelines(directory: Path, scale: Scale) -> Iterator[tuple[Pipeline, Pipeline]]:
    posts = _posts(directory, "tallylight", scale.end_to_end_rounds, scale.end_to_end_bodies)
    baseline_posts = _posts(directory, "baseline", scale.end_to_end_rounds, scale.baseline_bodies)
    with ExitStack() as stack:
        enter = stack.enter_context
        notice_sink = enter(sink.running(directory / "sink"))
        tallylight = enter(product.up(directory / "tallylight", notice_sink.port))
        store = enter(product.store(directory / "baseline"))
        more = {"REDIS_URL": store.url, SUBSCRIBER: notice_sink.url}
        served = enter(product.serve_app("bench.baseline:application", directory / "baseline", store.url))
        enter(children.python("bench.baseline_job", environ=more, log=directory / "baseline" / "worker.log"))
        yield Pipeline(tallylight, notice_sink, posts), Pipeline(served, notice_sink, baseline_posts)


def _posts(directory: Path, name: str, times: int, count: int) -> list[Path]:
    """Write a file of requests per round; no stream is in two of them."""
    cycles = -(-count // (ROOMS * len(bodies.STATES)))
    return [
        signing.write(
            directory / f"{name}-{at}",
            signing.sign(list(bodies.runs(ROOMS, cycles, first=at * cycles))[:count]),
        )
        for at in range(times)
    ]
