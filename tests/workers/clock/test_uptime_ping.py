"""The heartbeat: sent while all is well, kept back when not, and its address stays a secret."""

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.polling import wait_until
from tests.support.product import product
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.processes import Processes
from workers.clock.uptime_ping import UptimePing

SECRET = "s3cret-of-the-watcher"


class Watched:
    """The external monitor: counts pings and gives a settable answer."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.status = 200
        watched = self

        class ConsoleAuth(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                watched.paths.append(self.path)
                self.send_response(watched.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ConsoleAuth)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/ping/{SECRET}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    server = Watched()
    yield server
    server.stop()


def all_live(client: Client) -> None:
    for name in ("worker", "call", "deliver"):
        Processes(client).record(name, "here:1")


def test_it_beats_while_everything_is_well(client: Client, watched: Watched) -> None:
    all_live(client)
    assert UptimePing(client, watched.url, last_tick_at=time.monotonic).ping()
    assert watched.paths == [f"/ping/{SECRET}"]


@pytest.mark.parametrize("missing", ["worker", "call", "deliver"])
def test_a_missing_worker_keeps_it_back(client: Client, watched: Watched, missing: str) -> None:
    all_live(client)
    Processes(client).remove(missing, "here:1")
    with structlog.testing.capture_logs() as logs:
        assert not UptimePing(client, watched.url, last_tick_at=time.monotonic).ping()
    assert watched.paths == [] and missing in logs[0]["why"]


def test_a_clock_that_stands_still_or_halted_reducing_keeps_it_back(client: Client, watched: Watched) -> None:
    all_live(client)
    assert not UptimePing(client, watched.url, last_tick_at=lambda: time.monotonic() - 60).ping()
    client.set(keys.HALTED, "why")
    assert not UptimePing(client, watched.url, last_tick_at=time.monotonic).ping()
    assert watched.paths == []


def test_a_failure_is_logged_once_and_never_with_the_address(client: Client, watched: Watched) -> None:
    all_live(client)
    nobody = UptimePing(client, f"http://127.0.0.1:9/ping/{SECRET}", last_tick_at=time.monotonic)
    beats = UptimePing(client, watched.url, last_tick_at=time.monotonic)
    with structlog.testing.capture_logs() as logs:
        watched.status = 500
        assert [beats.ping(), beats.ping(), nobody.ping(), nobody.ping()] == [False] * 4
        watched.status = 200
        assert beats.ping() and beats.ping()
    assert [line["event"] for line in logs] == ["heartbeat not sent", "heartbeat not sent", "heartbeat sent again"]
    assert SECRET not in str(logs)


@pytest.mark.process
def test_the_clock_of_a_product_that_is_well_sends_it(tmp_path: Path, watched: Watched) -> None:
    with product(tmp_path, HEARTBEAT_URL=watched.url) as instance:
        wait_until(lambda: watched.paths, 20, "a heartbeat")
        assert SECRET not in instance.output()
