"""Doctor: each thing that can be wrong is found, and said with what to do about it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import certified
from tests.support.polling import scaled_limit, wait_until
from tests.support.product import API_KEY, SECRET, TREE, Product, product, public_pem, webhook
from tests.support.web_client import ROOM, WebClient, append, fold_all
from webhook_app.config.loading import load
from webhook_app.config.settings import Settings
from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.events import Source
from webhook_app.domain.frozen import replace
from webhook_app.providers.videosdk.client import ApiAnswer
from webhook_app.receiver.receiver import WrongAddress, wrong_address_of
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry
from webhook_app.store.operations.processes import Processes
from workers.dev.embedded_store.files import ROOM_MIN_BYTES, StoreFiles
from workers.doctor import product as of_product
from workers.doctor import reachability
from workers.doctor import settings as of_settings
from workers.doctor import store as of_store
from workers.doctor.examination import examine
from workers.doctor.finding import Finding, Level, ok
from workers.doctor.outbound import check_outbound
from workers.doctor.replay import check_replay
from workers.doctor.videosdk import answer_finding
from workers.doctor.webhooks import ADVICE, NO_CAUSE_FOR_ALARM, assess_refused

WELL = {
    "server_name": "valkey",
    "valkey_version": "9.1.2",
    "role": "master",
    "connected_slaves": 1,
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
    "used_memory": 10,
    "maxmemory": 100,
}


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"server_name": "valkey", "valkey_version": "7.2.5", "redis_version": "7.2.4"}, Level.OK),
        ({"server_name": "valkey", "valkey_version": "7.1.0", "redis_version": "7.2.4"}, Level.FAILED),
        ({"redis_version": "6.2.0"}, Level.OK),
        ({"redis_version": "6.0.16"}, Level.FAILED),
        ({"redis_version": "10.0.1"}, Level.OK),
    ],
)
def test_a_store_that_is_too_old_is_refused(info: dict[str, Any], level: Level) -> None:
    assert of_store.version(info).level is level


def test_a_store_without_durable_writes_is_a_warning() -> None:
    assert of_store.durability(WELL, "always").level is Level.OK
    assert "last second" in of_store.durability(WELL, "everysec").message
    assert of_store.durability(WELL, "no").level is Level.WARNING
    assert of_store.durability(WELL, None).level is Level.WARNING
    assert of_store.durability(WELL | {"aof_enabled": 0}, "always").level is Level.WARNING
    assert of_store.durability(WELL | {"aof_last_write_status": "err"}, "always").level is Level.FAILED


def test_a_store_that_may_evict_keys_is_a_warning() -> None:
    assert of_store.eviction(WELL).level is Level.OK
    assert "allkeys-lru" in of_store.eviction(WELL | {"maxmemory_policy": "allkeys-lru"}).message


@pytest.mark.parametrize(
    ("used", "most", "level"),
    [(79, 100, Level.OK), (80, 100, Level.WARNING), (95, 100, Level.FAILED), (5, 0, Level.WARNING)],
)
def test_a_store_that_fills_up_is_found(used: int, most: int, level: Level) -> None:
    assert of_store.memory(WELL | {"used_memory": used, "maxmemory": most}).level is level


def test_a_replica_and_missing_replicas_are_failures() -> None:
    assert of_store.role(WELL, 1).level is Level.OK
    assert of_store.role(WELL, 2).level is Level.FAILED
    assert of_store.role(WELL | {"role": "slave"}, 0).level is Level.FAILED


@pytest.mark.parametrize(
    ("ahead_s", "level"), [(0.4, Level.OK), (-3.0, Level.WARNING), (3.0, Level.WARNING), (-90.0, Level.FAILED)]
)
def test_a_wrong_clock_is_found(ahead_s: float, level: Level) -> None:
    finding = of_store.clock(ahead_s)
    assert finding.level is level
    assert ("behind" in finding.message) == (ahead_s < 0)


@pytest.mark.parametrize(
    ("answer", "level", "phrase"),
    [
        (ApiAnswer(200, {"data": []}), Level.OK, "credentials accepted"),
        (ApiAnswer(404, {"message": "no room"}), Level.OK, "credentials accepted"),
        (ApiAnswer(401, {"message": "token"}), Level.FAILED, "rejected the token"),
        (ApiAnswer(403, None), Level.FAILED, "403"),
        (ApiAnswer(429, None), Level.WARNING, "rate limited"),
        (ApiAnswer(503, None), Level.WARNING, "server error"),
        (ApiAnswer(None, None, "timed out"), Level.FAILED, "timed out"),
        (ApiAnswer(301, None), Level.WARNING, "301"),
    ],
)
def test_each_answer_of_videosdk_gives_its_finding(answer: ApiAnswer, level: Level, phrase: str) -> None:
    finding = answer_finding(answer, "https://api.videosdk.live")
    assert finding.level is level
    assert phrase in finding.message


def test_dead_processes_a_halt_a_lag_and_alarms_are_found() -> None:
    everyone = dict.fromkeys(of_product.PROCESSES, 1)
    assert of_product.processes(everyone).level is Level.OK
    missing = of_product.processes({name: 1 for name in everyone if name != "call"})
    assert missing.level is Level.FAILED and "`tally call`" in str(missing.hint)
    assert of_product.folding(0, 0.0, halted=None).level is Level.OK
    assert of_product.folding(3, 1.0, halted=None).level is Level.OK
    assert of_product.folding(3, 20.0, halted=None).level is Level.WARNING
    assert of_product.folding(3, 70.0, halted=None).level is Level.FAILED
    assert of_product.folding(0, 0.0, halted="WRONGTYPE").level is Level.FAILED
    assert of_product.raised([Alarm("a", "warning", "s", 1, cleared_at=2)]).level is Level.OK
    assert "poisoned-event" in of_product.raised([Alarm("poisoned-event", "warning", "s", 1)]).message
    many = [Alarm(f"late-{number}", "warning", "s", number) for number in range(5)]
    message = of_product.raised([*many, Alarm("missed", "critical", "m", 9)]).message
    assert message == "6 active: missed: m, late-0: s, late-1: s; and 3 more"


def test_the_reachability_of_the_receiver_is_checked() -> None:
    def token(status: int | None, body: str = "", location: str | None = None) -> Finding:
        return reachability.assess_reachability(
            "https://tally.example", status, body, token="the-word", location=location
        )

    assert token(200, "the-word\n").level is Level.OK
    assert token(200, "another").level is Level.FAILED
    assert token(301, location="https://www.tally.example/doctor/x").message.endswith("to https://www.tally.example)")
    assert "Caddy" in str(token(None, "its certificate is not accepted").hint)
    assert "proxy does not reach" in token(502).message
    assert "404" in token(404).message
    assert "refused" in token(None, "Connection refused").message
    assert reachability.assess_unsigned_webhook(401, "").level is Level.OK
    assert "WEBHOOK_TOKEN" in str(reachability.assess_unsigned_webhook(404, "").hint)
    assert reachability.assess_unsigned_webhook(405, "").level is Level.FAILED


def test_the_reachability_token_is_answered_once_and_only_for_its_nonce(
    store_url: str, client: Client, tmp_path: Path
) -> None:
    web_client = WebClient(store_url, tmp_path)
    nonce = "n" * 32
    client.set(keys.reachability_token(nonce), "the-word", ex=60)
    assert web_client.http.get(f"/doctor/{'m' * 32}").status_code == 404
    assert web_client.http.get("/doctor/short").status_code == 404
    answer = web_client.http.get(f"/doctor/{nonce}")
    assert (answer.status_code, answer.get_data(as_text=True)) == (200, "the-word")
    assert answer.headers["Cache-Control"] == "no-store"
    assert web_client.http.get(f"/doctor/{nonce}").status_code == 404


@pytest.mark.parametrize("surface", ["receiver", "console"])
def test_every_kind_of_web_process_answers_the_reachability_token(
    store_url: str, client: Client, tmp_path: Path, surface: str
) -> None:
    client.set(keys.reachability_token("n" * 32), "the-word", ex=60)
    assert WebClient(store_url, tmp_path, surface=surface).http.get(f"/doctor/{'n' * 32}").status_code == 200


def test_a_store_without_processes_and_with_a_halt_fails(store_url: str, client: Client, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=store_url, videosdk_public_key=public_pem())
    Processes(client).record("web", "here:1")
    client.set(keys.HALTED, "WRONGTYPE of tally:rooms")
    findings = {finding.name: finding for finding in examine(settings, sandbox=False)}
    assert findings["processes"].level is Level.FAILED and "worker" in findings["processes"].message
    assert findings["journal"].level is Level.FAILED and "WRONGTYPE" in findings["journal"].message
    assert findings["durability"].level is Level.OK and findings["clock"].level is Level.OK
    assert findings["VideoSDK"].level is Level.WARNING
    assert "reachable" not in findings


def test_a_public_url_that_redirects_elsewhere_fails(store_url: str, client: Client, tmp_path: Path) -> None:
    with _somebody_else(301, {"Location": "https://www.example.org/"}) as url:
        settings = Settings(
            data_dir=tmp_path, redis_url=store_url, videosdk_public_key=public_pem(), public_url=url, webhook_token="t"
        )
        findings = {finding.name: finding for finding in examine(settings, sandbox=False)}
    assert findings["reachable"].level is Level.FAILED and "https://www.example.org" in findings["reachable"].message
    assert "webhooks" not in findings
    assert not list(client.scan_iter("tally:doctor:*"))


@pytest.mark.parametrize(
    ("free_bytes", "level"),
    [(0, Level.FAILED), (ROOM_MIN_BYTES - 1, Level.FAILED), (ROOM_MIN_BYTES, Level.WARNING), (2**40, Level.OK)],
)
@pytest.mark.parametrize("running", [False, True])
def test_the_disk_of_the_embedded_store_is_checked_whether_or_not_the_store_runs(
    tmp_path: Path, free_bytes: int, level: Level, running: bool
) -> None:
    url = StoreFiles.of(tmp_path).url if running else None
    settings = Settings(data_dir=tmp_path, redis_url=url, videosdk_public_key=public_pem())
    findings = of_settings.check_settings(settings, sandbox=False, free_bytes=lambda directory: free_bytes)
    assert {finding.name: finding.level for finding in findings}["disk"] is level


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "unix:///run/redis.sock?db=0"])
def test_the_disk_of_a_remote_store_is_not_checked(tmp_path: Path, url: str) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=url, videosdk_public_key=public_pem())
    names = {finding.name for finding in of_settings.check_settings(settings, sandbox=False)}
    assert "disk" not in names


def test_an_embedded_store_that_does_not_answer_is_not_blamed_on_redis_url(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=StoreFiles.of(tmp_path).url, videosdk_public_key=public_pem())
    findings = {finding.name: finding for finding in examine(settings, sandbox=False)}
    assert findings["store"].level is Level.FAILED
    assert "REDIS_URL" not in (findings["store"].hint or "")
    assert "valkey.log" in (findings["store"].hint or "")


def test_an_invalid_configuration_file_fails(store_url: str, client: Client, tmp_path: Path) -> None:
    (tmp_path / "tally.yaml").write_text("rulez: []\n")
    settings = Settings(
        data_dir=tmp_path,
        redis_url=store_url,
        videosdk_public_key=public_pem(),
        config_file=tmp_path / "tally.yaml",
    )
    findings = {finding.name: finding for finding in examine(settings, sandbox=False)}
    assert findings["configuration file"].level is Level.FAILED and "rulez" in findings["configuration file"].message


def test_a_replay_gives_the_stored_state_and_names_what_was_changed(client: Client) -> None:
    append(
        client, *(Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM)) for kind in ("hls-started", "hls-stopped"))
    )
    fold_all(client)
    append(client, Entry(Source.VIDEOSDK, "hls-playable", ROOM, webhook("hls-playable", ROOM)))  # not folded yet
    done: list[int] = []
    assert check_replay(client, progress=done.append) == ok(
        "replay", "2 events reproduce the stored state of 1 rooms exactly"
    )
    assert done == [2]
    room = codec.room_of(client.get(keys.room(ROOM)))
    client.set(keys.room(ROOM), codec.encode(replace(room, sequence=room.sequence + 1)))
    finding = check_replay(client)
    assert finding.level is Level.WARNING and f"room {ROOM}" in finding.message


def _doctor(environ: dict[str, str], home: Path) -> tuple[int, dict[str, dict[str, Any]], str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "workers", "doctor", "--json"],
        cwd=home,
        env=kept | {"PYTHONPATH": str(TREE)} | environ,
        capture_output=True,
        text=True,
        timeout=scaled_limit(60),
    )
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in report["checks"]}, done.stdout


def test_the_doctor_fails_without_a_product_and_creates_nothing(tmp_path: Path) -> None:
    status, checks, _ = _doctor({"DATA_DIR": "nowhere", "VIDEOSDK_PUBLIC_KEY": public_pem()}, tmp_path)
    assert status == 1
    assert "tally up" in checks["store"]["hint"]
    assert not list(tmp_path.iterdir())
    status, checks, _ = _doctor({"PORT": "many"}, tmp_path)
    assert status == 1 and "PORT" in checks["settings"]["said"]
    status, checks, _ = _doctor({"REDIS_URL": "redis://127.0.0.1:1/0", "VIDEOSDK_PUBLIC_KEY": public_pem()}, tmp_path)
    assert status == 1 and "does not answer" in checks["store"]["said"]


@pytest.mark.process
def test_a_running_product_passes_and_its_faults_are_found(tmp_path: Path) -> None:
    with product(tmp_path, started=False) as instance:
        token = "the-token-of-webhooks"
        instance.environ = dict(instance.environ) | {"PUBLIC_URL": instance.url, "WEBHOOK_TOKEN": token}
        instance.start()
        environ = dict(instance.environ)
        status, checks, output = _doctor(environ, tmp_path)
        assert status == 0, checks
        assert {"reachable", "webhooks", "processes", "public key"} <= set(checks)
        for secret in (API_KEY, SECRET, token, instance.token):
            assert secret not in output
        status, checks, _ = _doctor(environ | {"WEBHOOK_TOKEN": "another-token"}, tmp_path)
        assert status == 1 and checks["webhooks"]["level"] == "failed"
        status, checks, _ = _doctor(environ | {"VIDEOSDK_SECRET": "another-secret-of-32-bytes-or-more-here"}, tmp_path)
        assert status == 1 and "401" in checks["VideoSDK"]["said"]
        status, checks, _ = _doctor(environ | {"PUBLIC_URL": "http://127.0.0.1:1"}, tmp_path)
        assert status == 0, checks
        assert f"PUBLIC_URL is {instance.url} there and http://127.0.0.1:1 here" in checks["this shell"]["said"]


def _tally(instance: Product, *words: str) -> Any:
    """What a command prints as JSON in a shell that has the data directory and no other setting."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "workers", *words],
        cwd=instance.home,
        env=environ | {"PYTHONPATH": str(TREE), "DATA_DIR": "var", "ADMIN_TOKEN": instance.token},
        capture_output=True,
        text=True,
        timeout=scaled_limit(60),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.process
def test_the_doctor_uses_the_settings_of_the_running_product(tmp_path: Path) -> None:
    with product(tmp_path, pinned=True) as instance:
        status, checks, output = _doctor({"DATA_DIR": "var", "ADMIN_TOKEN": instance.token}, tmp_path)
        assert status == 0, checks
        assert checks["product"]["said"].endswith(instance.url)
        assert f"PORT is {instance.url.rpartition(':')[2]} there and 8000 here" in checks["this shell"]["said"]
        assert (checks["VideoSDK"]["level"], checks["public key"]["level"]) == ("ok", "ok")
        assert "pinned" in checks["public key"]["said"]
        assert API_KEY not in output and SECRET not in output


@pytest.mark.process
def test_a_product_with_the_sandbox_on_another_port_passes(tmp_path: Path) -> None:
    with product(tmp_path, credentials=False) as instance:
        status, checks, _ = _doctor({"DATA_DIR": "var", "ADMIN_TOKEN": instance.token}, tmp_path)
        assert status == 0, checks
        assert {"ok"} == {checks[name]["level"] for name in ("VideoSDK", "public key", "reachable", "processes")}


@pytest.mark.process
def test_a_shell_with_another_port_uses_the_sandbox_that_runs(tmp_path: Path) -> None:
    with product(tmp_path, credentials=False) as instance:
        sandbox_url = json.loads((instance.data_dir / "run.json").read_text())["sandbox"]
        created = _tally(instance, "rooms", "create", "--json")
        assert created["webhook_url"] == f"{instance.url}/webhooks/videosdk", (
            "the sandbox sends webhooks without a token"
        )
        (instance.home / "tally.yaml").write_text(
            f"rooms: {{lobby: {{room_id: {created['room_id']}}}}}\n"
            f"subscribers: [{{name: inbox, url: '{sandbox_url}/sandbox/inbox/mine', types: ['stream.*']}}]\n"
        )
        assert _tally(instance, "config", "check", "tally.yaml", "--json")["ok"] is True


@pytest.mark.process
def test_refused_webhooks_are_named_with_what_to_do(tmp_path: Path) -> None:
    with product(tmp_path, started=False) as instance:
        instance.environ = dict(instance.environ) | {
            "PUBLIC_URL": instance.url,
            "WEBHOOK_TOKEN": "the-token-of-webhooks",
        }
        instance.start()
        assert instance.post_webhook(b"{}").status == 404

        def refused() -> str:
            return str(_doctor(dict(instance.environ), tmp_path)[1].get("refused webhooks"))

        wait_until(lambda: "without the token" in refused(), 60, "the count being written", describe=refused)


@pytest.mark.parametrize(("outcome", "detail"), list(ADVICE))
def test_each_reason_of_a_refused_webhook_says_what_to_do_if_videosdk_may_have_sent_it(
    outcome: str, detail: str | None
) -> None:
    view = {"outcome": outcome, "count": 2, "last_at": "2026-11-28T10:00:00.000Z", "detail": detail}
    finding = assess_refused(view)
    assert "2 " in finding.message and "2026-11-28T10:00:00.000Z" in finding.message
    assert (finding.hint is None) == (outcome in NO_CAUSE_FOR_ALARM)


@pytest.mark.parametrize(
    ("token", "path", "miss"),
    [
        (None, "/webhooks/videosdk/abc", WrongAddress.TOKEN_UNKNOWN),
        ("t" * 8, "/webhooks/videosdk", WrongAddress.TOKEN_MISSING),
        ("t" * 8, "//webhooks//videosdk/", WrongAddress.TOKEN_MISSING),
        ("t" * 8, "/webhooks/videosdk/wrong", WrongAddress.TOKEN_WRONG),
        ("t" * 8, "/webhooks/videosdks", WrongAddress.OTHER_PATH),
        ("t" * 8, "/webhooks", WrongAddress.OTHER_PATH),
    ],
)
def test_the_ways_in_which_a_webhook_path_is_wrong_are_distinguished(
    token: str | None, path: str, miss: WrongAddress
) -> None:
    assert wrong_address_of(path, token) is miss


@contextmanager
def _somebody_else(status: int, headers: dict[str, str]) -> Iterator[str]:
    class ConsoleAuth(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), ConsoleAuth)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def outbound_findings(environ: dict[str, str]) -> list[Finding]:
    return list(check_outbound(load(environ, dotenv=None), environ))


def test_outbound_connections_are_not_mentioned_without_settings() -> None:
    assert outbound_findings({}) == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy"])
def test_a_proxy_is_named_without_its_password_and_with_the_connections_that_do_not_use_it(variable: str) -> None:
    [finding] = outbound_findings({variable: "http://user:hidden@proxy:3128"})
    assert finding.level is Level.WARNING
    assert f"{variable.upper()} (http://proxy:3128)" in finding.message
    assert "deliveries and channels connect directly" in finding.message
    assert "hidden" not in finding.message


@pytest.mark.parametrize(
    ("variable", "instead"),
    [("ALL_PROXY", "HTTPS_PROXY"), ("all_proxy", "HTTPS_PROXY"), ("CURL_CA_BUNDLE", "SSL_CERT_FILE")],
)
def test_an_ignored_variable_is_named_with_the_one_that_is_read(variable: str, instead: str) -> None:
    [finding] = outbound_findings({variable: "something"})
    assert variable in finding.message
    assert instead in str(finding.hint)


def test_the_certificate_bundle_is_named(tmp_path: Path) -> None:
    certified(tmp_path)
    [finding] = outbound_findings({"SSL_CERT_FILE": str(tmp_path / "both.pem"), "CURL_CA_BUNDLE": "/other"})
    assert finding.level is Level.OK
    assert "both.pem" in finding.message
