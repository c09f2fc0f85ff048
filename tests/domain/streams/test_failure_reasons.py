"""Why a run failed: told with the reason that VideoSDK gives when it is asked, or soon without it, and once."""

from typing import Any

from tests.support.scenario import SECOND, Scenario, on_air, rest, url, with_session
from webhook_app.domain.streams.announcements import REASON_WAIT_MS
from webhook_app.providers.videosdk.objects import failure_text_in

LATE_MAX_MS = 3 * SECOND


def failures(scenario: Any) -> Any:
    """The failures told so far: (run, reason)."""
    failures = [notice.data["stream"] for notice in scenario.announced if notice.type == "stream.failed"]
    return [(stream["videosdk_id"], stream["failure"]) for stream in failures]


def asked_why(scenario: Any) -> Any:
    """The question why, put as soon as the clock ticks."""
    scenario.timer("ask:failure")
    return scenario.room.probing.probe


def test_a_failure_with_a_reason_is_announced_at_once() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a", reason="encoder crashed")
    assert failures(scenario) == [("a", "encoder crashed")]
    assert "ask:failure" not in scenario.room.timers


def test_a_failure_without_a_reason_is_probed_and_announced_with_the_reason_found() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    assert scenario.view["state"] == "failed"
    assert failures(scenario) == []
    probe = asked_why(scenario)
    assert probe.body["failed"]["id"] == "a"
    scenario.probe(failed={"id": "a", "reason": "encoder crashed"})
    assert failures(scenario) == [("a", "encoder crashed")]
    assert scenario.view["stream"]["failure"] == "encoder crashed"
    assert scenario.outcomes[-1].streams[scenario.runs[0].stream_id].failure == "encoder crashed"
    scenario.wait(60 * SECOND)
    assert len(failures(scenario)) == 1


def test_the_notice_names_the_state_before_the_failure() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    asked_why(scenario)
    scenario.probe(failed={"id": "a", "reason": "x"})
    [notice] = [candidate for candidate in scenario.announced if candidate.type == "stream.failed"]
    assert notice.data["previous_state"] == "playable"
    assert notice.data["stream"]["state"] == "failed"


def test_a_failure_whose_probe_finds_no_reason_is_announced_without_one() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    asked_why(scenario)
    scenario.probe(failed={"id": "a", "reason": None})
    assert failures(scenario) == [("a", None)]


def test_a_failure_is_announced_soon_though_the_probe_is_unanswered_and_a_late_reason_is_kept() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    failed_at = scenario.now
    asked_why(scenario)
    scenario.timer("untold")
    assert failures(scenario) == [("a", None)]
    assert scenario.now - failed_at <= LATE_MAX_MS
    scenario.probe(failed={"id": "a", "reason": "encoder crashed"})
    assert len(failures(scenario)) == 1
    assert scenario.view["stream"]["failure"] == "encoder crashed"


def test_a_failure_is_announced_at_once_when_videosdk_is_unreachable_and_its_reason_added_later() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    asked_why(scenario)
    scenario.probe(reached=False, failed=None)
    assert failures(scenario) == [("a", None)]
    asked_why(scenario)
    scenario.probe(failed={"id": "a", "reason": "encoder crashed"})
    assert len(failures(scenario)) == 1
    assert scenario.view["stream"]["failure"] == "encoder crashed"


def test_a_reason_that_is_not_available_yet_is_probed_again_for_a_while() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    for _ in range(4):
        asked_why(scenario)
        scenario.probe(failed={"reached": False})
        assert failures(scenario) == [("a", None)]
    scenario.now += 600 * SECOND
    asked_why(scenario)
    scenario.probe(failed={"reached": False})
    assert "ask:failure" not in scenario.room.timers


def test_a_pending_failure_is_announced_before_newer_events_of_the_rooms_streams() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a")
    scenario.hls("starting", id="b")
    kinds = [kind for kind in scenario.notices if kind.startswith("stream.")]
    assert kinds[-2:] == ["stream.failed", "stream.starting"]
    assert "untold" not in scenario.room.timers
    scenario.wait(60 * SECOND)
    assert len(failures(scenario)) == 1


def test_a_stream_without_an_id_gets_it_together_with_its_failure_reason() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "playable")
    scenario.hls("failed")
    probe = asked_why(scenario)
    assert (probe.body["failed"]["id"], probe.body["failed"]["session_id"]) == (None, "s1")
    scenario.probe(failed={**rest("a"), "reason": "encoder crashed"})
    assert failures(scenario) == [("a", "encoder crashed")]


def test_without_credentials_a_failure_is_announced_at_once() -> None:
    scenario = on_air(calls=False)
    scenario.hls("failed", id="a")
    assert failures(scenario) == [("a", None)]


def test_a_question_that_is_out_does_not_hold_the_failure_up() -> None:
    scenario = on_air()
    scenario.timer("watch")
    scenario.hls("failed", id="a")
    asked_why(scenario)
    assert scenario.room.probing.queue == ("failure",)
    scenario.wait(REASON_WAIT_MS)
    assert failures(scenario) == [("a", None)]


def test_a_rule_on_a_failure_acts_once_and_sees_the_reason() -> None:
    scenario = on_air()
    scenario.put_rule({"name": "why", "on": "stream.failed", "do": "notify", "message": "{event.data.stream.failure}"})
    scenario.hls("failed", id="a", after=SECOND)
    asked_why(scenario)
    scenario.probe(failed={"id": "a", "reason": "encoder crashed"})
    messages = [notice.data["message"] for notice in scenario.announced if notice.type == "rule.why"]
    assert messages == ["encoder crashed"]


def test_a_failed_stream_that_is_desired_is_restarted_without_waiting_for_its_reason() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.operator("start")
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="a", url=url("a"))
    scenario.hls("failed", id="a")
    assert "backoff" in scenario.room.timers


def test_a_reason_is_read_in_whatever_form_it_comes() -> None:
    assert failure_text_in({"error": {"code": 5003, "message": "stream failed"}}) == "stream failed (5003)"
    assert failure_text_in({"error": {"message": "gone"}}) == "gone"
    assert failure_text_in({"error": {"code": 1}, "reason": "why"}) == "why"
    assert failure_text_in({"error": 7, "reason": None}) is None
