"""Snapshots: ordered, called, answered, kept with the run; and nothing else comes of them."""

import pytest

from tests.support.scenario import MINUTE, Story, url
from webhook_app.domain.control.capture import CAPTURE_LOST_MS
from webhook_app.domain.room import CallKind, CallState
from webhook_app.domain.streams.machine import Snapshot

PICTURE = {"filePath": "https://cdn.example/pictures/1.png", "meta": {"width": 640, "height": 360, "format": "png"}}


def on_air():
    story = Story()
    story.webhook("session-started")
    story.hls("starting", "started", "playable", id="run-1", url=url("run-1"))
    return story


def effect(story):
    return story.outcomes[-1].effect


def test_a_picture_is_called_for_and_kept_with_its_run():
    story = on_air()
    story.operator("capture")
    [call] = [call for call in story.calls if call.kind is CallKind.CAPTURE]
    assert (call.state, call.because) == (CallState.WAITING, "operator")
    assert story.room.capture == call
    story.answer("succeeded", call=call, status=200, picture=PICTURE)
    assert story.room.shown.snapshot == Snapshot(PICTURE["filePath"], story.now, 640, 360)
    assert story.outcomes[-1].calls[call.call_id].state is CallState.SUCCEEDED
    assert story.room.capture is None
    assert "capture-lost" not in story.room.timers


def test_it_is_no_wish_and_holds_up_no_other_call():
    story = on_air()
    before = len(story.told)
    story.operator("capture")
    assert (story.room.wish, story.room.call) == (None, None)
    story.operator("end")
    assert story.room.call.kind is CallKind.END
    story.answer("succeeded", call=story.room.capture, status=200, picture=PICTURE)
    assert story.room.call.kind is CallKind.END
    assert len(story.told) == before


def test_the_newest_picture_is_the_one_that_is_kept():
    story = on_air()
    for number in (1, 2):
        story.operator("capture")
        picture = {"filePath": f"https://cdn.example/pictures/{number}.png"}
        story.answer("succeeded", call=story.room.capture, status=200, picture=picture)
    assert story.room.shown.snapshot == Snapshot("https://cdn.example/pictures/2.png", story.now)


def test_asking_again_meanwhile_is_a_repeat():
    story = on_air()
    story.operator("capture")
    story.operator("capture")
    assert effect(story).startswith("Repeat")
    assert len([call for call in story.calls if call.kind is CallKind.CAPTURE]) == 1


def test_nothing_to_be_seen_is_no_picture():
    story = Story()
    story.webhook("session-started")
    story.operator("capture")
    story.hls("starting", "started", id="run-1", url=url("run-1"))
    story.operator("capture")
    assert effect(story) == "No snapshot: nothing watchable is on air"
    assert [call for call in story.calls if call.kind is CallKind.CAPTURE] == []


def test_without_credentials_nobody_is_called():
    story = Story(calls=False)
    story.webhook("session-started")
    story.hls("playable", id="run-1", url=url("run-1"))
    story.operator("capture")
    assert effect(story) == "No snapshot: there are no VideoSDK credentials"
    assert story.calls == []


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
def test_without_a_picture_the_old_one_stays(outcome, picture, state):
    story = on_air()
    story.operator("capture")
    story.answer("succeeded", call=story.room.capture, status=200, picture=PICTURE)
    story.operator("capture")
    call = story.room.capture
    story.answer(outcome, call=call, status=400, message="no", picture=picture)
    assert story.room.shown.snapshot.url == PICTURE["filePath"]
    assert story.outcomes[-1].calls[call.call_id].state is state
    assert story.room.capture is None


def test_an_answer_that_never_comes_is_given_up():
    story = on_air()
    story.operator("capture")
    call = story.room.capture
    story.wait(CAPTURE_LOST_MS + MINUTE)
    assert story.room.capture is None
    closed = [outcome.calls[call.call_id] for outcome in story.outcomes if call.call_id in outcome.calls]
    assert closed[-1].state is CallState.UNKNOWN
    story.answer("succeeded", call=call, status=200, picture=PICTURE)
    assert story.room.shown.snapshot is None
