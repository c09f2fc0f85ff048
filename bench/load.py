"""Load: POST as fast as answers arrive, by wrk if it is installed, otherwise by a built-in generator."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import product
from bench.http_client import HttpClient, as_request, percentile, read_posts

SCRIPT = Path(__file__).with_name("post.lua")
EXTRA_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Load:
    """The outcome of a load."""

    posts: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def accepted(self) -> int:
        return self.posts - self.refused

    @property
    def per_s(self) -> float:
        """Accepted posts per second."""
        return self.accepted / self.seconds


def tool() -> str | None:
    """Return the path of wrk; None if it is not installed."""
    return shutil.which("wrk")


def run_load(port: int, posts: Path, *, connections: int, seconds: float, once: bool = False) -> Load:
    """Post the requests in the file over this many connections; `once`: each at most once, then stop."""
    wrk = tool()
    if wrk is None:
        return asyncio.run(_run_builtin_load(port, read_posts(posts), connections, seconds, once))
    command = [
        *(wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "15s", "-s", str(SCRIPT)),
        *(f"http://127.0.0.1:{port}{product.PATH}", "--", str(posts), "once" if once else "round"),
    ]
    completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + EXTRA_TIMEOUT_S)
    return Load(**json.loads(completed.stdout.strip().splitlines()[-1]))


async def _run_builtin_load(
    port: int, posts: Sequence[tuple[str, bytes]], connections: int, seconds: float, once: bool
) -> Load:
    loop = asyncio.get_running_loop()
    requests = [as_request(product.PATH, body, signature) for signature, body in posts]
    took: list[float] = []
    refused = at = 0
    started_at = loop.time()

    async def work() -> None:
        nonlocal refused, at
        client = await HttpClient.open(port)
        while loop.time() - started_at < seconds and not (once and at >= len(requests)):
            request = requests[at % len(requests)]
            at += 1
            sent = loop.time()
            refused += not 200 <= await client.send(request) < 300
            took.append(loop.time() - sent)
        client.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return Load(
        len(took), refused, 0, loop.time() - started_at, percentile(took, 50) * 1000, percentile(took, 99) * 1000
    )
