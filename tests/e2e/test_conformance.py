"""`tally doctor --conformance` against the sandbox: it reports what differs, and leaves no stream running."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.polling import scaled_limit, wait_until
from tests.support.product import Product, product
from workers.doctor.conformance.state_file import STATE_FILE

pytestmark = pytest.mark.process

RUN_LIMIT_S = scaled_limit(120.0)
PERSON = "Grace Hopper"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("conformance")) as running:
        yield running


def live_room(instance: Product, room: str) -> str:
    """A room with a session that the product has seen; the session's id."""
    assert instance.sandbox is not None
    session_id = instance.sandbox.join(room, name=PERSON)
    wait_until(lambda: instance.room(room), scaled_limit(15.0), f"room {room}")
    return session_id


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str

    def checks(self) -> dict[tuple[str, str], Any]:
        return {(row["output"], row["check"]): row for row in json.loads(self.out)["checks"]}


def start_doctor(instance: Product, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "workers", "doctor", "--conformance", *words],
        cwd=instance.home,
        env=dict(instance.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> Finished:
    out, err = process.communicate(timeout=RUN_LIMIT_S)
    return Finished(process.returncode, out, err)


def doctor(instance: Product, *words: str) -> Finished:
    return finish(start_doctor(instance, *words))


def runs(instance: Product, room: str) -> list[dict[str, Any]]:
    """The streams of a room that VideoSDK shows as running."""
    assert instance.sandbox is not None
    started = [item for item in instance.sandbox.log("webhook", room) if item["type"] == "hls-starting"]
    ended = [item for item in instance.sandbox.log("webhook", room) if item["type"] in ("hls-stopped", "hls-failed")]
    return started[len(ended) :]


def test_a_run_reports_what_was_observed_and_ends_its_stream(instance: Product) -> None:
    session_id = live_room(instance, "conf-orms-room")
    finished = doctor(instance, "conf-orms-room", "--yes", "--json", "--report", "report.md")
    checks = finished.checks()
    problems = {name: row for name, row in checks.items() if row["result"] in ("differs", "failed")}
    assert (finished.status, problems) == (0, {})
    assert checks["hls", "end-while-starting"]["result"] == "as assumed"
    assert checks["hls", "webhooks-arrive"]["observed"].startswith("hls-starting, hls-started, hls-playable")
    report = (instance.home / "report.md").read_text("utf-8")
    assert "| “Nothing active” is 402, 404, 204" in report
    for private in (session_id, "conf-orms-room", PERSON):
        assert private not in report + finished.out
    assert runs(instance, "conf-orms-room") == []
    assert not (instance.data_dir / STATE_FILE).exists()


def test_the_end_of_a_session_and_a_start_without_one_are_tried_on_request(instance: Product) -> None:
    live_room(instance, "conf-sess-ends")
    finished = doctor(instance, "conf-sess-ends", "--yes", "--json", "--end-session", "--start-without-session")
    checks = finished.checks()
    assert finished.status == 0, finished.out
    assert checks["hls", "session-end-webhooks"]["observed"] == "hls-stopping, hls-stopped, session-ended"
    assert checks["hls", "start-without-session"]["result"] == "as assumed"
    assert runs(instance, "conf-sess-ends") == []


def test_other_forms_differ_and_every_stream_is_ended(instance: Product) -> None:
    room = "conf-othe-form"
    assert instance.sandbox is not None
    live_room(instance, room)
    forms = {"second_start": "second-stream", "none_active": "unknown"}
    instance.sandbox.spoil(room, forms=forms, webhooks={"stream_ids": True, "repeat": 1})
    finished = doctor(instance, room, "--yes", "--json")
    differing = {check for (_, check), row in finished.checks().items() if row["result"] == "differs"}
    assert finished.status == 1
    assert differing == {"active-before", "second-start", "active-after", "webhook-repeats"}
    assert finished.checks()["hls", "webhook-ids"]["observed"] == "id in 10 of 10; as in REST"
    assert len(instance.sandbox.starts(room)) == 3
    assert runs(instance, room) == []


def test_a_start_whose_answer_is_lost_is_ended(instance: Product) -> None:
    room = "conf-lost-answ"
    assert instance.sandbox is not None
    live_room(instance, room)
    instance.sandbox.spoil(room, rest=[{"path": "start", "fault": "answer-lost"}])
    finished = doctor(instance, room, "--yes", "--json")
    assert (finished.status, finished.checks()["hls", "start"]["result"]) == (1, "failed")
    assert "hls-stopped" in kinds_sent(instance, room)
    assert not (instance.data_dir / STATE_FILE).exists()


def start_and_wait_until_on_air(instance: Product, room: str) -> "subprocess.Popen[str]":
    assert instance.sandbox is not None
    live_room(instance, room)
    instance.sandbox.room_pace(room, playable_s=600)
    process = start_doctor(instance, room, "--yes", "--json", "--report", f"{room}.md")
    try:
        instance.wait_state(room, "started", scaled_limit(60.0))
    except BaseException:
        process.kill()
        raise
    return process


def test_a_recording_is_played_and_ended(instance: Product) -> None:
    room = "conf-reco-rded"
    assert instance.sandbox is not None
    live_room(instance, room)
    finished = doctor(instance, room, "--yes", "--json", "--recording")
    checks = {check: row for (output, check), row in finished.checks().items() if output == "recording"}
    assert finished.status == 0, finished.out
    assert {row["result"] for row in checks.values()} == {"as assumed"}
    assert {"start", "second-start", "list-running", "recording-file", "webhooks-arrive"} <= checks.keys()
    kinds = kinds_sent(instance, room)
    assert kinds.count("recording-started") == kinds.count("recording-stopped") == 1


def test_ctrl_c_ends_the_stream_and_reports_what_was_observed(instance: Product) -> None:
    process = start_and_wait_until_on_air(instance, "conf-ctrl-ccc")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    finished = finish(process)
    assert (finished.status, json.loads(finished.out)["failure"]) == (1, "interrupted")
    assert finished.checks()["hls", "start"]["result"] == "as assumed"
    assert "**Ended early:** interrupted" in (instance.home / "conf-ctrl-ccc.md").read_text("utf-8")
    assert runs(instance, "conf-ctrl-ccc") == []
    assert not (instance.data_dir / STATE_FILE).exists()


def test_after_a_kill_the_next_run_ends_the_stream_first(instance: Product) -> None:
    process = start_and_wait_until_on_air(instance, "conf-kill-nine")
    process.kill()
    finish(process)
    assert (instance.data_dir / STATE_FILE).stat().st_mode & 0o777 == 0o600
    assert len(runs(instance, "conf-kill-nine")) == 1
    instance.add_room("conf-with-none")
    finished = doctor(instance, "conf-with-none", "--yes")
    assert "An earlier run was killed" in finished.err
    assert (finished.status, "nobody is in the room" in finished.err) == (2, True)
    assert runs(instance, "conf-kill-nine") == []
    assert not (instance.data_dir / STATE_FILE).exists()


def test_after_a_kill_a_stream_that_somebody_else_started_meanwhile_is_left_alone(instance: Product) -> None:
    room = "conf-kill-else"
    process = start_and_wait_until_on_air(instance, room)
    process.kill()
    finish(process)
    assert instance.api("POST", f"/rooms/{room}/end").status == 202
    instance.wait_state(room, "stopped")
    assert instance.api("POST", f"/rooms/{room}/start").status == 202
    instance.wait_state(room, "started")
    instance.add_room("conf-with-noby")
    assert doctor(instance, "conf-with-noby", "--yes").status == 2
    assert len(runs(instance, room)) == 1
    assert not (instance.data_dir / STATE_FILE).exists()


def test_rooms_that_rules_control_or_that_are_on_air_are_refused(instance: Product) -> None:
    room = "conf-refu-sals"
    assert instance.sandbox is not None
    live_room(instance, room)
    instance.put_rule("sunday", rooms=[room], schedule={"cron": "0 9 * * SUN", "duration": "2h"})
    by_rule = doctor(instance, room, "--yes")
    assert (by_rule.status, "the rule sunday controls this room" in by_rule.err) == (2, True)
    assert instance.api("POST", "/rules/sunday/pause").status == 202
    assert instance.api("POST", f"/rooms/{room}/start").status == 202
    instance.wait_state(room, "playable")
    on_air = doctor(instance, room, "--yes")
    assert (on_air.status, "is playable" in on_air.err) == (2, True)
    assert len(instance.sandbox.starts(room)) == 1


def test_nothing_is_started_without_consent(instance: Product) -> None:
    assert instance.sandbox is not None
    live_room(instance, "conf-with-outc")
    finished = doctor(instance, "conf-with-outc")
    assert (finished.status, "VideoSDK charges you" in finished.err) == (1, True)
    assert instance.sandbox.starts("conf-with-outc") == []


def test_after_a_kill_a_recording_that_no_list_shows_is_ended(instance: Product) -> None:
    room = "conf-kill-reco"
    sandbox = instance.sandbox
    assert sandbox is not None
    live_room(instance, room)
    sandbox.spoil(room, forms={"running_listed": False})
    process = start_doctor(instance, room, "--yes", "--recording")
    try:
        wait_until(lambda: "recording-started" in kinds_sent(instance, room), scaled_limit(90.0), "the recording")
    finally:
        process.kill()
        finish(process)
    assert "recording-stopped" not in kinds_sent(instance, room)
    instance.add_room("conf-next-room")
    assert doctor(instance, "conf-next-room", "--yes").status == 2
    assert "recording-stopped" in kinds_sent(instance, room)
    assert not (instance.data_dir / STATE_FILE).exists()


def kinds_sent(instance: Product, room: str) -> list[str]:
    """The types of the webhooks that VideoSDK has sent about a room."""
    assert instance.sandbox is not None
    return [item["type"] for item in instance.sandbox.log("webhook", room)]
