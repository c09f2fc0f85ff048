"""Snapshots: ordered, called, answered, kept with the run; and nothing else comes of them."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, Scenario, url
from webhook_app.domain.control.call import CallKind, CallState
from webhook_app.domain.control.capture import CAPTURE_LOST_MS
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.stream import Snapshot

PICTURE: dict[str, Any] = {
    "filePath": "https://cdn.example/pictures/1.png",
    "meta": {"width": 640, "height": 360, "format": "png"},
}


def on_air() -> Any:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("starting", "started", "playable", id="run-1", url=url("run-1"))
    return scenario


def test_a_picture_is_called_for_and_kept_with_its_run() -> None:
    scenario = on_air()
    scenario.operator("capture")
    [call] = [call for call in scenario.calls if call.kind is CallKind.CAPTURE]
    assert (call.state, call.because) == (CallState.WAITING, "operator")
    assert scenario.room.control.capture == call
    scenario.answer("succeeded", call=call, status=200, picture=PICTURE)
    assert scenario.room.shown_stream.snapshot == Snapshot(PICTURE["filePath"], scenario.now, 640, 360)
    assert scenario.outcomes[-1].calls[call.call_id].state is CallState.SUCCEEDED
    assert scenario.room.control.capture is None
    assert "capture-lost" not in scenario.room.timers


def test_a_capture_changes_no_desired_state_and_delays_no_other_call() -> None:
    scenario = on_air()
    before = len(scenario.announced)
    scenario.operator("capture")
    assert (scenario.room.desired, scenario.room.control.call) == (None, None)
    scenario.operator("end")
    assert scenario.room.control.call.kind is CallKind.END
    scenario.answer("succeeded", call=scenario.room.control.capture, status=200, picture=PICTURE)
    assert scenario.room.control.call.kind is CallKind.END
    assert len(scenario.announced) == before


def test_the_newest_picture_is_the_one_that_is_kept() -> None:
    scenario = on_air()
    for number in (1, 2):
        scenario.operator("capture")
        picture = {"filePath": f"https://cdn.example/pictures/{number}.png"}
        scenario.answer("succeeded", call=scenario.room.control.capture, status=200, picture=picture)
    assert scenario.room.shown_stream.snapshot == Snapshot("https://cdn.example/pictures/2.png", scenario.now)


def test_asking_again_meanwhile_is_a_repeat() -> None:
    scenario = on_air()
    scenario.operator("capture")
    scenario.operator("capture")
    assert scenario.reasons == (Reason.SNAPSHOT_REPEAT,)
    assert len([call for call in scenario.calls if call.kind is CallKind.CAPTURE]) == 1


def test_nothing_to_be_seen_is_no_picture() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.operator("capture")
    scenario.hls("starting", "started", id="run-1", url=url("run-1"))
    scenario.operator("capture")
    assert scenario.reasons == (Reason.SNAPSHOT_OFF_AIR,)
    assert [call for call in scenario.calls if call.kind is CallKind.CAPTURE] == []


def test_without_credentials_nobody_is_called() -> None:
    scenario = Scenario(calls=False)
    scenario.webhook("session-started")
    scenario.hls("playable", id="run-1", url=url("run-1"))
    scenario.operator("capture")
    assert scenario.reasons == (Reason.SNAPSHOT_NO_CREDENTIALS,)
    assert scenario.calls == []


@pytest.mark.parametrize(
    ("outcome", "picture", "state"),
    [
        ("refused", None, CallState.REFUSED),
        ("unknown", None, CallState.UNKNOWN),
        ("succeeded", None, CallState.UNKNOWN),
        ("succeeded", "done", CallState.UNKNOWN),
        ("succeeded", {"filePath": "javascript:alert(1)"}, CallState.UNKNOWN),
        ("succeeded", {"filePath": "https://cdn.example/" + "x" * 3_000}, CallState.UNKNOWN),
    ],
)
def test_without_a_picture_the_old_one_stays(outcome: str, picture: str | dict[str, Any] | None, state: Any) -> None:
    scenario = on_air()
    scenario.operator("capture")
    scenario.answer("succeeded", call=scenario.room.control.capture, status=200, picture=PICTURE)
    scenario.operator("capture")
    call = scenario.room.control.capture
    scenario.answer(outcome, call=call, status=400, message="no", picture=picture)
    assert scenario.room.shown_stream.snapshot.url == PICTURE["filePath"]
    assert scenario.outcomes[-1].calls[call.call_id].state is state
    assert scenario.room.control.capture is None


def test_an_answer_that_never_comes_is_given_up() -> None:
    scenario = on_air()
    scenario.operator("capture")
    call = scenario.room.control.capture
    scenario.wait(CAPTURE_LOST_MS + MINUTE)
    assert scenario.room.control.capture is None
    closed = [outcome.calls[call.call_id] for outcome in scenario.outcomes if call.call_id in outcome.calls]
    assert closed[-1].state is CallState.UNKNOWN
    scenario.answer("succeeded", call=call, status=200, picture=PICTURE)
    assert scenario.room.shown_stream.snapshot is None
