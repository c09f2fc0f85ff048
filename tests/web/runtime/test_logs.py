"""Logs: a request and an event can be followed from line to line, in either form, and no secret is in them."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from tests.support.polling import scaled_limit
from tests.support.product import TREE, product, webhook
from tests.support.web_client import ADMIN_TOKEN, ROOM, NullWake, WebClient, append, configure_room
from webhook_app.config.known_secrets import known_secrets
from webhook_app.config.settings import Settings
from webhook_app.domain.events import Source
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry
from workers.reduce.reducer import Reducer

PROGRAM = """
import logging, threading, structlog
from webhook_app.runtime.logs import configure
configure("web", {form!r}, {level!r})
log = structlog.get_logger()
def say():
    structlog.contextvars.bind_contextvars(request_id="r-1")
    log.debug("small")
    log.info("middle", event_id="1-0")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("library").exception("it broke")
thread = threading.Thread(target=say)
thread.start()
thread.join()
"""


@pytest.fixture(autouse=True)
def loud() -> Iterator[None]:
    """This process says everything, as with LOG_LEVEL=debug."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    yield
    structlog.configure(**before)


def lines(form: str, level: str) -> list[str]:
    """What a process that is configured so writes from a thread of its own."""
    program = PROGRAM.format(form=form, level=level)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=scaled_limit(30)
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


def test_in_json_every_line_is_one_object_with_its_process_and_request_tracebacks_too() -> None:
    records: list[dict[str, Any]] = [json.loads(line) for line in lines("json", "debug")]
    assert [line["event"] for line in records] == ["small", "middle", "it broke"]
    assert {(line["process"], line["request_id"]) for line in records} == {("web", "r-1")}
    assert [line["level"] for line in records] == ["debug", "info", "error"]
    assert all(line["timestamp"].endswith("Z") for line in records)
    assert records[1]["event_id"] == "1-0" and "ValueError: why" in records[2]["exception"]


@pytest.mark.parametrize(("level", "line_count"), [("debug", 3), ("info", 2), ("warning", 1)])
def test_the_level_decides_what_is_said(level: str, line_count: int) -> None:
    assert len(lines("json", level)) == line_count


HOSTILE = """
import json, logging, sys, threading, structlog
from webhook_app.config.known_secrets import KnownSecrets
from webhook_app.runtime.logs import configure
hostile, secrets, addresses = json.load(sys.stdin)
configure("web", {form!r}, "debug", secrets=KnownSecrets(tuple(secrets), tuple(addresses)))
log = structlog.get_logger()
for text in hostile:
    log.info("asked", path=text, headers={{text: [text]}}, other=text.encode("utf-8", "replace"))
    logging.getLogger(__name__).warning("library says %s", text)
    try:
        raise ValueError(text)
    except ValueError as error:
        log.exception("it broke", error=str(error))
def fail():
    raise RuntimeError(hostile[0])
thread = threading.Thread(target=fail)
thread.start()
thread.join()
raise OSError(hostile[0])
"""
CONTROL = [
    "\x1b[2J\x1b]0;owned\x07",
    "a\r\n2026-01-01 00:00:00 [critical ] forged",
    "a\n2026-01-01 00:00:00 [critical ] forged",
    "\x9b31m",
    "\x85\u2028\u2029next",
    "\u202eevil\u2066\u200f",
    "\x00\x08\x7f",
    "\ud800 lone",
    "\U000e0041 tag",
    *(f"<{chr(code)}>" for code in (*range(0x20), *range(0x7F, 0xA0))),
]


def written(form: str, hostile: list[str], secrets: list[str], addresses: list[str]) -> str:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE.format(form=form)],
        env=environ,
        input=json.dumps([hostile, secrets, addresses]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_that_is_logged_can_steer_a_terminal_or_forge_a_line(form: str) -> None:
    text = written(form, CONTROL, [], [])
    assert "forged" in text
    assert not [letter for letter in text if letter != "\n" and not letter.isprintable()]
    for line in text.splitlines():
        if form == "json":
            assert set(json.loads(line)) >= {"event", "level", "process", "timestamp"}
        else:
            assert line.startswith("    ") or "process=web" in line, line


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_of_the_settings_is_logged_in_any_message(form: str) -> None:
    token, password, key = "the-token-of-this-test", "pass/w%rd", "abcdefghijkl"
    addresses = [
        f"redis://tally:{quote(password, safe='')}@store:6379/0",
        f"https://kuma.example/api/push/{key}?msg=ok",
    ]
    hostile = [
        f"/Webhooks//VideoSDK/{token}/",
        f"Bearer {token}",
        f"WRONGPASS for {password!r} at {addresses[0]}",
        f"Max retries exceeded with url: /api/push/{key}?msg=ok (Caused by X)",
        f"404 for url: {addresses[1]}",
        "https://other:hunter2@h.example/services?sig=hunter2",
    ]
    text = written(form, hostile, [token], addresses)
    for secret in (token, password, quote(password, safe=""), key, "hunter2"):
        assert secret not in text
    assert "store:6379" in text and "kuma.example" in text


@pytest.mark.parametrize("path", ["//webhooks/videosdk/{}", "/Webhooks/VideoSDK/{}", "/videosdk/{}", "/x/{}?a=b"])
def test_the_webhook_token_is_not_logged_where_it_came_to_a_wrong_path(
    client: Client, store_url: str, tmp_path: Path, path: str
) -> None:
    token = "kR3vTq8ZpL1mXw5NdY7hBc2sJf9gUa4e"
    web_client = WebClient(store_url, tmp_path, webhook_token=token, public_url="https://tally.example.org")
    with structlog.testing.capture_logs() as logs:
        web_client.http.post(path.format(token), data=b"{}")
    assert [line for line in logs if line["event"] == "request" or line["event"] == "webhook refused"]
    assert token not in str(logs)


def test_a_program_that_has_not_configured_its_logs_says_no_small_things() -> None:
    program = "from webhook_app.runtime.logs import logger; log = logger(); log.debug('small'); log.info('middle')"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=scaled_limit(30)
    )
    assert "middle" in done.stdout and "small" not in done.stdout


def test_text_is_for_people() -> None:
    text = "\n".join(lines("text", "info"))
    assert "middle" in text and "event_id=1-0" in text and "ValueError: why" in text


def test_a_webhook_can_be_followed_to_its_effect(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path)
    body = webhook("hls-started", ROOM)
    with structlog.testing.capture_logs() as logs:
        from tests.support.product import signature

        headers = {"videosdk-signature": signature(body), "X-Request-Id": "trace-7"}
        answer = web_client.http.post("/webhooks/videosdk", data=body, headers=headers)
    assert answer.headers["X-Request-Id"] == "trace-7"
    (kept,) = [line for line in logs if line["event"] == "webhook kept"]
    assert kept["event_id"] == answer.get_json()["id"] and kept["request_id"] == "trace-7" and kept["room_id"] == ROOM


def test_what_changes_something_is_logged_with_its_event(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path)
    configure_room(client)
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        answer = web_client.api("POST", f"/rooms/{ROOM}/start")
        web_client.api("GET", "/rooms")
    (request,) = [line for line in logs if line["event"] == "request" and line["log_level"] == "info"]
    assert request["event_id"] == answer.json["id"] and request["status"] == 202
    assert request["request_id"] == answer.headers["X-Request-Id"]
    assert ADMIN_TOKEN not in str(logs)


def test_the_reducer_logs_the_effect_of_each_event_at_debug_level(client: Client) -> None:
    (event_id,) = append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM)))
    with structlog.testing.capture_logs() as logs:
        Reducer(client, NullWake()).reduce()
    (folded,) = [line for line in logs if line["event"] == "event processed"]
    assert folded["event_id"] == event_id and folded["room_id"] == ROOM and folded["effect"]


@pytest.mark.process
def test_the_whole_product_in_json_writes_nothing_else(tmp_path: Path) -> None:
    with product(tmp_path, LOG_FORMAT="json", LOG_LEVEL="debug") as instance:
        answer = instance.post_webhook(webhook("hls-started", ROOM))
        instance.wait_state(ROOM, "started")
        instance.stop()
        records = [json.loads(line) for line in instance.output().splitlines() if line.startswith("{")]
    about = {line["event"]: line for line in records if line.get("event_id") == answer.json["id"]}
    assert about["webhook kept"]["process"] == "web" and about["event processed"]["process"] == "worker"
    assert not [line for line in instance.output().splitlines() if "Traceback" in line and not line.startswith("{")]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_that_cannot_be_written_fails_nothing(form: str) -> None:
    program = PROGRAM.format(form=form, level="debug") + "log.info('in the main thread')\nprint('went on')\n"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    with Path("/dev/full").open("wb") as full:  # every write to it fails as on a full disk
        done = subprocess.run(
            [sys.executable, "-c", program], env=environ, stdout=subprocess.PIPE, stderr=full, text=True, timeout=60
        )
    assert done.stdout == "went on\n"


def test_every_secret_setting_is_known_to_the_log() -> None:
    hidden: dict[str, Any] = {
        "redis_url": "rediss://ops:hunter2-redis@store:6379/0",
        "videosdk_api_key": "hunter2-key",
        "videosdk_secret": "hunter2-secret",
        "webhook_token": "hunter2-webhook",
        "admin_token": "hunter2-admin-token",
        "viewer_token": "hunter2-viewer-token",
        "secrets_key": "hunter2-secrets-key",
        "heartbeat_url": "https://kuma.example/api/push/hunter2-push",
    }
    quoted = known_secrets(Settings(**hidden)).masked(" | ".join(hidden.values()))
    assert "hunter2" not in quoted
    assert "store:6379" in quoted and "kuma.example" in quoted
