"""Logs: a request and an event can be followed from line to line, in either form, and no secret is in them."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from doors import ADMIN_TOKEN, ROOM, Doors, NoWake, append
from product import TREE, product, webhook
from support.waiting import patient

from webhook_app.domain.events import Source
from webhook_app.store.clients import Client
from webhook_app.store.journal import Entry
from workers.process import Reducer

PROGRAM = """
import logging, threading, structlog
from webhook_app.logs import configure
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
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=patient(30)
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


def test_in_json_every_line_is_one_object_with_its_process_and_request_tracebacks_too() -> None:
    found: list[dict[str, Any]] = [json.loads(line) for line in lines("json", "debug")]
    assert [line["event"] for line in found] == ["small", "middle", "it broke"]
    assert {(line["process"], line["request_id"]) for line in found} == {("web", "r-1")}
    assert [line["level"] for line in found] == ["debug", "info", "error"]
    assert all(line["timestamp"].endswith("Z") for line in found)
    assert found[1]["event_id"] == "1-0" and "ValueError: why" in found[2]["exception"]


@pytest.mark.parametrize(("level", "said"), [("debug", 3), ("info", 2), ("warning", 1)])
def test_the_level_decides_what_is_said(level: str, said: int) -> None:
    assert len(lines("json", level)) == said


def test_a_program_that_has_not_configured_its_logs_says_no_small_things() -> None:
    program = "from webhook_app.logs import logger; log = logger(); log.debug('small'); log.info('middle')"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=patient(30)
    )
    assert "middle" in done.stdout and "small" not in done.stdout


def test_text_is_for_people() -> None:
    text = "\n".join(lines("text", "info"))
    assert "middle" in text and "event_id=1-0" in text and "ValueError: why" in text


def test_a_webhook_can_be_followed_to_its_effect(client: Client, store_url: str, tmp_path: Path) -> None:
    doors = Doors(store_url, tmp_path)
    body = webhook("hls-started", ROOM)
    with structlog.testing.capture_logs() as logs:
        from product import signature

        headers = {"videosdk-signature": signature(body), "X-Request-Id": "trace-7"}
        answer = doors.http.post("/webhooks/videosdk", data=body, headers=headers)
    assert answer.headers["X-Request-Id"] == "trace-7"
    (kept,) = [line for line in logs if line["event"] == "webhook kept"]
    assert kept["event_id"] == answer.json["id"] and kept["request_id"] == "trace-7" and kept["room_id"] == ROOM


def test_what_changes_something_is_logged_with_its_event(client: Client, store_url: str, tmp_path: Path) -> None:
    doors = Doors(store_url, tmp_path)
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        answer = doors.api("POST", f"/rooms/{ROOM}/start")
        doors.api("GET", "/rooms")
    (asked,) = [line for line in logs if line["event"] == "asked"]
    assert asked["event_id"] == answer.json["id"] and asked["status"] == 202
    assert asked["request_id"] == answer.headers["X-Request-Id"]
    assert ADMIN_TOKEN not in str(logs)


def test_folding_says_what_each_event_did_when_it_is_asked_to(client: Client) -> None:
    (event_id,) = append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM)))
    with structlog.testing.capture_logs() as logs:
        Reducer(client, NoWake()).reduce()
    (folded,) = [line for line in logs if line["event"] == "folded"]
    assert folded["event_id"] == event_id and folded["room_id"] == ROOM and folded["effect"]


@pytest.mark.process
def test_the_whole_product_in_json_writes_nothing_else(tmp_path: Path) -> None:
    with product(tmp_path, LOG_FORMAT="json", LOG_LEVEL="debug") as one:
        answer = one.post_webhook(webhook("hls-started", ROOM))
        one.wait_state(ROOM, "started")
        one.stop()
        found = [json.loads(line) for line in one.output().splitlines() if line.startswith("{")]
    about = {line["event"]: line for line in found if line.get("event_id") == answer.json["id"]}
    assert about["webhook kept"]["process"] == "web" and about["folded"]["process"] == "worker"
    assert not [line for line in one.output().splitlines() if "Traceback" in line and not line.startswith("{")]
