"""Load: posts as fast as the answers come, by wrk where it is installed, else by a loop of our own."""

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
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to."""

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
        """Accepted posts a second."""
        return self.accepted / self.seconds


def tool() -> str | None:
    """The load tool's path; None when our own loop must do."""
    return shutil.which("wrk")


def run_load(port: int, posts: Path, *, lines: int, seconds: float, once: bool = False) -> Load:
    """Post what is in the file over so many connections; `once`: each at most once, then stop."""
    wrk = tool()
    if wrk is None:
        return asyncio.run(_hammer(port, read_posts(posts), lines, seconds, once))
    command = [
        *(wrk, "-t1", f"-c{lines}", f"-d{max(1, round(seconds))}s", "--timeout", "15s", "-s", str(SCRIPT)),
        *(f"http://127.0.0.1:{port}{product.PATH}", "--", str(posts), "once" if once else "round"),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + PATIENCE_S)
    return Load(**json.loads(said.stdout.strip().splitlines()[-1]))


async def _hammer(port: int, posts: Sequence[tuple[str, bytes]], lines: int, seconds: float, once: bool) -> Load:
    loop = asyncio.get_running_loop()
    requests = [as_request(product.PATH, body, signature) for signature, body in posts]
    took: list[float] = []
    refused = at = 0
    began = loop.time()

    async def work() -> None:
        nonlocal refused, at
        line = await HttpClient.open(port)
        while loop.time() - began < seconds and not (once and at >= len(requests)):
            request = requests[at % len(requests)]
            at += 1
            sent = loop.time()
            refused += not 200 <= await line.ask(request) < 300
            took.append(loop.time() - sent)
        line.close()

    await asyncio.gather(*(work() for _ in range(lines)))
    return Load(len(took), refused, 0, loop.time() - began, percentile(took, 50) * 1000, percentile(took, 99) * 1000)
