"""Why a run failed: told with the reason that VideoSDK gives when it is asked, or soon without it, and once."""

from tests.support.scenario import SECOND, Story, on_air, rest, url, with_session
from webhook_app.domain.context import REASON_WAIT_MS
from webhook_app.domain.events import failure_of

LATE_MAX_MS = 3 * SECOND


def failures(story):
    """The failures told so far: (run, reason)."""
    told = [notice.data["stream"] for notice in story.told if notice.type == "stream.failed"]
    return [(stream["videosdk_id"], stream["failure"]) for stream in told]


def asked_why(story):
    """The question why, put as soon as the clock ticks."""
    story.timer("ask:failure")
    return story.room.probe


def test_a_failure_that_says_why_is_told_at_once():
    story = on_air()
    story.hls("failed", id="a", reason="encoder crashed")
    assert failures(story) == [("a", "encoder crashed")]
    assert "ask:failure" not in story.room.timers


def test_a_failure_without_a_reason_is_asked_about_and_told_with_what_is_said():
    story = on_air()
    story.hls("failed", id="a")
    assert story.view["state"] == "failed"
    assert failures(story) == []
    probe = asked_why(story)
    assert probe.body["failed"]["id"] == "a"
    story.probe(failed={"id": "a", "reason": "encoder crashed"})
    assert failures(story) == [("a", "encoder crashed")]
    assert story.view["stream"]["failure"] == "encoder crashed"
    assert story.outcomes[-1].streams[story.runs[0].stream_id].failure == "encoder crashed"
    story.wait(60 * SECOND)
    assert len(failures(story)) == 1


def test_the_notice_says_what_the_run_was_before_it_failed():
    story = on_air()
    story.hls("failed", id="a")
    asked_why(story)
    story.probe(failed={"id": "a", "reason": "x"})
    [notice] = [one for one in story.told if one.type == "stream.failed"]
    assert notice.data["previous_state"] == "playable"
    assert notice.data["stream"]["state"] == "failed"


def test_a_failure_of_which_nothing_more_is_known_is_told_without_a_reason():
    story = on_air()
    story.hls("failed", id="a")
    asked_why(story)
    story.probe(failed={"id": "a", "reason": None})
    assert failures(story) == [("a", None)]


def test_a_failure_is_told_soon_although_no_answer_comes_and_the_reason_is_kept_when_it_does():
    story = on_air()
    story.hls("failed", id="a")
    failed_at = story.now
    asked_why(story)
    story.timer("untold")
    assert failures(story) == [("a", None)]
    assert story.now - failed_at <= LATE_MAX_MS
    story.probe(failed={"id": "a", "reason": "encoder crashed"})
    assert len(failures(story)) == 1
    assert story.view["stream"]["failure"] == "encoder crashed"


def test_a_failure_is_told_at_once_when_videosdk_cannot_be_reached_and_explained_when_it_can():
    story = on_air()
    story.hls("failed", id="a")
    asked_why(story)
    story.probe(reached=False, failed=None)
    assert failures(story) == [("a", None)]
    asked_why(story)
    story.probe(failed={"id": "a", "reason": "encoder crashed"})
    assert len(failures(story)) == 1
    assert story.view["stream"]["failure"] == "encoder crashed"


def test_a_reason_that_cannot_be_had_just_now_is_asked_for_again_for_a_while():
    story = on_air()
    story.hls("failed", id="a")
    for _ in range(4):
        asked_why(story)
        story.probe(failed={"reached": False})
        assert failures(story) == [("a", None)]
    story.now += 600 * SECOND
    asked_why(story)
    story.probe(failed={"reached": False})
    assert "ask:failure" not in story.room.timers


def test_a_failure_that_waits_is_told_before_anything_newer_of_the_room_s_runs():
    story = on_air()
    story.hls("failed", id="a")
    story.hls("starting", id="b")
    kinds = [kind for kind in story.notices if kind.startswith("stream.")]
    assert kinds[-2:] == ["stream.failed", "stream.starting"]
    assert "untold" not in story.room.timers
    story.wait(60 * SECOND)
    assert len(failures(story)) == 1


def test_a_run_without_an_id_learns_it_with_its_reason():
    story = with_session()
    story.hls("starting", "started", "playable")
    story.hls("failed")
    probe = asked_why(story)
    assert (probe.body["failed"]["id"], probe.body["failed"]["session_id"]) == (None, "s1")
    story.probe(failed={**rest("a"), "reason": "encoder crashed"})
    assert failures(story) == [("a", "encoder crashed")]


def test_without_credentials_a_failure_is_told_at_once():
    story = on_air(calls=False)
    story.hls("failed", id="a")
    assert failures(story) == [("a", None)]


def test_a_question_that_is_out_does_not_hold_the_failure_up():
    story = on_air()
    story.timer("watch")
    story.hls("failed", id="a")
    asked_why(story)
    assert story.room.asks == ("failure",)
    story.wait(REASON_WAIT_MS)
    assert failures(story) == [("a", None)]


def test_a_rule_on_a_failure_acts_once_and_sees_the_reason():
    story = on_air()
    story.put_rule({"name": "why", "on": "stream.failed", "do": "notify", "message": "{event.data.stream.failure}"})
    story.hls("failed", id="a", after=SECOND)
    asked_why(story)
    story.probe(failed={"id": "a", "reason": "encoder crashed"})
    said = [notice.data["message"] for notice in story.told if notice.type == "rule.why"]
    assert said == ["encoder crashed"]


def test_a_failed_run_that_was_wanted_is_started_again_without_waiting_for_its_reason():
    story = Story()
    story.webhook("session-started")
    story.operator("start")
    story.answer("succeeded", run="a")
    story.hls("started", "playable", id="a", url=url("a"))
    story.hls("failed", id="a")
    assert "backoff" in story.room.timers


def test_a_reason_is_read_in_whatever_form_it_comes():
    assert failure_of({"error": {"code": 5003, "message": "stream failed"}}) == "stream failed (5003)"
    assert failure_of({"error": {"message": "gone"}}) == "gone"
    assert failure_of({"error": {"code": 1}, "reason": "why"}) == "why"
    assert failure_of({"error": 7, "reason": None}) is None
