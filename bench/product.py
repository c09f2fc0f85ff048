"""The product's processes as benchmarks run them: a store, single processes, or all of it."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import children, signing
from workers.dev.embedded_store.server import EmbeddedStore

ADMIN_TOKEN = "bench-admin-token-0123456789"
NOWHERE = "http://127.0.0.1:9"
PATH = "/webhooks/videosdk"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its port, and the process that leads its session."""

    port: int
    pid: int


@contextmanager
def store(directory: Path) -> Iterator[EmbeddedStore]:
    """Run an embedded Valkey that fsyncs every write, as the product does."""
    embedded = EmbeddedStore(directory)
    embedded.start()
    try:
        yield embedded
    finally:
        embedded.stop()


@contextmanager
def web(directory: Path, redis_url: str, *, surface: str = "all") -> Iterator[Served]:
    """Run `tally web` on a store, with the run's public key pinned."""
    more = {"SURFACE": surface, "ADMIN_TOKEN": ADMIN_TOKEN}
    with _server("workers", "web", directory=directory, redis_url=redis_url, ready="/healthz", more=more) as served:
        yield served


@contextmanager
def worker_process(
    name: str, directory: Path, redis_url: str, *, more: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a worker process, such as `worker` or `deliver`, on a store; yields its process id."""
    environ = _environ(directory, 1) | {"REDIS_URL": redis_url, "ADMIN_TOKEN": ADMIN_TOKEN} | dict(more or {})
    with children.python("workers", name, environ=environ, log=directory / f"{name}.log") as pid:
        yield pid


@contextmanager
def serve_app(target: str, directory: Path, redis_url: str, more: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve another WSGI app on the same server with the same processes and threads."""
    with _server("bench.serve", target, directory=directory, redis_url=redis_url, ready="/", more=more) as served:
        yield served


@contextmanager
def up(directory: Path, sink_port: int, *, videosdk: tuple[int, str, str] | None = None) -> Iterator[Served]:
    """Run `tally up` with one subscriber to all stream notices.

    `videosdk` is the port, API key and secret of a sandbox; by default calls reach nothing.
    """
    port = children.free_port()
    environ = _environ(directory, port) | {
        "VIDEOSDK_API_KEY": videosdk[1] if videosdk else "bench",
        "VIDEOSDK_SECRET": videosdk[2] if videosdk else "bench",
        "VIDEOSDK_API_URL": f"http://127.0.0.1:{videosdk[0]}" if videosdk else NOWHERE,
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "ALLOW_NETWORKS": "127.0.0.0/8",
    }
    with children.python("workers", "up", environ=environ, log=directory / "up.log") as pid:
        children.wait_for(lambda: children.answers(port, "/readyz"), "tally up")
        _subscribe(port, f"http://127.0.0.1:{sink_port}/notices")
        yield Served(port, pid)


@contextmanager
def _server(
    module: str,
    argument: str,
    *,
    directory: Path,
    redis_url: str,
    ready: str,
    more: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    port = children.free_port()
    environ = _environ(directory, port) | {"REDIS_URL": redis_url} | dict(more or {})
    log = directory / f"{argument.partition(':')[0]}.log"
    with children.python(module, argument, environ=environ, log=log) as pid:
        children.wait_for(lambda: children.answers(port, ready), argument)
        yield Served(port, pid)


def _environ(directory: Path, port: int) -> dict[str, str]:
    return {
        "PORT": str(port),
        "DATA_DIR": str(directory),
        "VIDEOSDK_PUBLIC_KEY": signing.key().public.replace("\n", "\\n"),
    }


def _subscribe(port: int, url: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/subscribers", json.dumps({"url": url, "types": ["stream.*"]}), headers)
    answer = connection.getresponse()
    if answer.status != 201:
        raise children.NotReadyError(f"subscribing returned {answer.status}: {answer.read()[:300]!r}")
    connection.close()
