"""`readyz` on stores that do not answer, answer slowly or refuse writes, and on a product that does not get on."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.web_client import WebClient
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.ops.health import WORKERS, HealthLimits, StoreCheck
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.operations.health import StoreHealth
from webhook_app.store.operations.processes import Processes
from webhook_app.store.operations.system_alarms import SystemAlarms
from workers.clock.uptime_ping import UptimePing
from workers.dev.embedded_store.server import EmbeddedStore
from workers.doctor.finding import Level
from workers.doctor.product import check_product

LIMIT_S = 30.0


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A store that a test may mistreat."""
    store = EmbeddedStore(tmp_path / "own", print_line=lambda line: None)
    store.start()
    yield store
    with contextlib.suppress(ProcessLookupError):
        os.kill(store.pid, signal.SIGCONT)
    store.stop()


def all_alive(client: Client) -> None:
    for name in (*WORKERS, "clock"):
        Processes(client).record(name, "here:1")


def store_check(web_client: WebClient) -> dict[str, object]:
    answer = web_client.http.get("/readyz")
    check: dict[str, object] = answer.get_json()["checks"]["store"]
    assert answer.status_code == (200 if answer.get_json()["ready"] else 503)
    return check


@pytest.mark.parametrize("surface", ["all", "receiver"])
def test_a_paused_store_is_answered_for_while_it_is_paused_and_is_well_again_by_itself(
    own_store: EmbeddedStore, tmp_path: Path, surface: str
) -> None:
    web_client = WebClient(own_store.url, tmp_path, surface=surface)
    assert store_check(web_client) == {"ok": True}
    os.kill(own_store.pid, signal.SIGSTOP)
    for _ in range(3):
        assert store_check(web_client) == {"ok": False, "problem": "no answer"}
    assert web_client.http.get("/healthz").status_code == 200
    os.kill(own_store.pid, signal.SIGCONT)
    wait_until(lambda: store_check(web_client) == {"ok": True}, LIMIT_S, "being well")


def test_a_full_store_is_not_well_until_there_is_room(own_store: EmbeddedStore, tmp_path: Path) -> None:
    web_client, client = WebClient(own_store.url, tmp_path), connect(own_store.url)
    all_alive(client)
    client.config_set("maxmemory", 1)
    assert store_check(web_client) == {"ok": False, "problem": "full"}
    client.config_set("maxmemory", 0)
    assert store_check(web_client) == {"ok": True}
    client.close()


def test_a_store_that_became_a_replica_is_not_well(own_store: EmbeddedStore, tmp_path: Path) -> None:
    web_client, client = WebClient(own_store.url, tmp_path), connect(own_store.url)
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert store_check(web_client) == {"ok": False, "problem": "a replica that takes no writes"}
    client.execute_command("REPLICAOF", "NO", "ONE")
    wait_until(lambda: store_check(web_client) == {"ok": True}, LIMIT_S, "being well")
    client.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "no answer"),  # it accepts connections and says nothing
        (b"-LOADING Valkey is loading the dataset in memory\r\n", "loading its data"),
    ],
)
def test_a_server_that_is_not_ready_yet_is_named(tmp_path: Path, answer: bytes | None, problem: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=say, args=(connection,), daemon=True).start()

        def say(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                while data := connection.recv(65_536):
                    if answer is not None:
                        connection.sendall(answer * max(1, data.count(b"*")))

        threading.Thread(target=serve, daemon=True).start()
        web_client = WebClient(f"redis://127.0.0.1:{server.getsockname()[1]}/0", tmp_path)
        assert store_check(web_client) == {"ok": False, "problem": problem}


def test_many_requests_share_one_check_of_a_store_that_does_not_answer() -> None:
    looks, release = [], threading.Event()

    def look() -> StoreHealth:
        looks.append(1)
        release.wait(LIMIT_S)
        return StoreHealth(problem=None)

    shared = StoreCheck(look, HealthLimits(answer_within_s=0.02))
    assert {shared().problem for _ in range(20)} == {"no answer"}
    assert len(looks) == 1
    release.set()
    wait_until(lambda: shared().problem is None, LIMIT_S, "an answer")


def test_a_journal_that_stands_still_shows_with_its_numbers(client: Client, store_url: str, tmp_path: Path) -> None:
    all_alive(client)
    web_client = WebClient(store_url, tmp_path)
    Journal(client).append([entry(Source.OPERATOR, "start", "a", {})] * 3)
    checks = web_client.http.get("/readyz").get_json()["checks"]
    assert checks["journal"]["ok"] is True and checks["journal"]["waiting"] == 3
    summary = explain(AlarmSummary.JOURNAL_STALLED, seconds=40, count=3, event="1-0", type="start")
    SystemAlarms(client).raise_alarm("journal-stalled", summary, condition="0-0", at=1)
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["journal"] | {"waited_s": 0} == {
        "ok": False,
        "waiting": 3,
        "waited_s": 0,
        "stalled": "no event has been processed for 40 s while 3 wait; the next is 1-0 (start)",
    }
    assert "no event has been processed for 40 s" in str(
        UptimePing(client, "http://127.0.0.1:9/", last_tick_at=lambda: 1e12)._health_problem()
    )
    findings = {finding.name: finding for finding in check_product(client)}
    assert findings["journal"].level is Level.FAILED and findings["alarms"].level is Level.WARNING
    shown = web_client.api("GET", "/alarms?active=true").json["items"]
    assert [(alarm["name"], alarm["severity"]) for alarm in shown] == [("journal-stalled", "critical")]
    assert 'tallylight_alarm_active{name="journal-stalled"} 1.0' in web_client.http.get("/metrics").get_data(
        as_text=True
    )
    client.set(keys.CURSOR, "1-0")  # the reducer got on, and no clock has looked yet
    assert web_client.http.get("/readyz").get_json()["checks"]["journal"]["ok"] is True


def test_a_loop_that_fails_shows_with_its_process(client: Client, store_url: str, tmp_path: Path) -> None:
    all_alive(client)
    web_client = WebClient(store_url, tmp_path)
    Processes(client).record("clock", "here:1", {"calendars": "has failed for 80 s: OverflowError"})
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["loops"] == {
        "ok": False,
        "failing": {"clock: calendars": "has failed for 80 s: OverflowError"},
    }
    assert "calendars" in str(UptimePing(client, "http://127.0.0.1:9/", last_tick_at=lambda: 1e12)._health_problem())
    assert {finding.name: finding for finding in check_product(client)}["loops"].level is Level.FAILED
    Processes(client).record("clock", "here:1")
    assert web_client.http.get("/readyz").status_code == 200


def test_a_loop_of_a_process_that_is_gone_does_not_count(client: Client, store_url: str, tmp_path: Path) -> None:
    all_alive(client)
    Processes(client).record("clock", "here:2", {"calendars": "has ended"})
    Processes(client).remove("clock", "here:2")
    Processes(client).record("clock", "there:3", {"calendars": "has ended"})
    client.zadd(keys.PROCESSES, {"clock|there:3": 1})
    assert WebClient(store_url, tmp_path).http.get("/readyz").status_code == 200
