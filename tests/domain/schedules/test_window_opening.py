"""Windows open: the stream starts, or the room is armed; late and upcoming windows are announced."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, NOON, SECOND, url
from tests.support.scheduled_room import HIGH, HOUR, ONE, ScheduledRoom, on_show
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason

# Opening


def test_a_window_starts_the_stream_in_the_event_that_opens_it() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(start=HIGH)
    scenario.until(ONE - 1)
    assert (scenario.starts, scenario.desired) == ([], None)
    scenario.until(ONE)
    assert scenario.now == ONE
    assert [(call.because, call.created_at, call.body) for call in scenario.starts] == [("rule:show", ONE, HIGH)]
    assert scenario.view["desired"]["until"] == "2026-11-22T14:00:00.000Z"


def test_the_room_shows_its_next_window_before_and_after_it_opens() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(at=["13:00", "15:00"])
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T13:00:00.000Z"
    scenario.until(ONE)
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T15:00:00.000Z"


def test_a_window_without_a_session_is_armed_and_starts_at_once_when_somebody_opens_one() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.until(ONE + 10 * MINUTE)
    assert (scenario.starts, scenario.view["armed"], scenario.desired) == ([], True, True)
    assert scenario.broadcasts == ["armed", "late"]
    assert scenario.reason("late") == Reason.NO_SESSION
    scenario.webhook("session-started")
    assert [call.created_at for call in scenario.starts] == [scenario.now]


def test_a_window_probes_when_it_opens_and_finds_a_session_whose_webhook_was_lost() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.reachable = False
    scenario.until(ONE)
    assert len(scenario.probes) == 1
    scenario.probe(None, session={"session_id": "s9", "live": True, "participants": {"ada": "Ada"}})
    assert len(scenario.starts) == 1
    assert scenario.broadcasts == []


@pytest.mark.parametrize("answer", [{"reached": False}, {"session_unknown": True}])
def test_a_window_is_not_armed_before_a_probe_has_confirmed_that_there_is_no_session(answer: dict[str, Any]) -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.reachable = False
    scenario.until(ONE)
    scenario.probe(None, **answer)
    scenario.until(ONE + 10 * SECOND)
    assert scenario.broadcasts == []
    scenario.timer("armed")
    scenario.probe(None)
    assert scenario.broadcasts == ["armed"]


def test_a_window_is_late_because_probes_could_not_establish_whether_there_is_a_session() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.reachable = False
    scenario.until(ONE + 2 * MINUTE)
    assert scenario.broadcasts == ["late"]
    assert scenario.reason("late") == Reason.SESSION_UNKNOWN


def test_a_stream_that_is_on_air_when_a_window_opens_keeps_running_and_completes_the_window() -> None:
    scenario = ScheduledRoom().open_session()
    scenario.hls("starting", "started", "playable", id="p", url=url("p"))
    scenario.put_schedule()
    scenario.until(ONE + 10 * MINUTE)
    assert (scenario.starts, scenario.broadcasts) == ([], [])
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["completed"]
    assert [call.body for call in scenario.ends] == [{"id": "p"}]


def test_a_rule_that_is_put_inside_its_window_opens_it_at_once() -> None:
    scenario = ScheduledRoom().open_session()
    scenario.until(ONE + 20 * MINUTE)
    scenario.put_schedule()
    assert len(scenario.starts) == 1


def test_a_room_first_seen_inside_the_window_of_a_glob_is_put_on_air() -> None:
    scenario = ScheduledRoom()
    scenario.put_rule({"name": "all", "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600}})
    scenario.until(ONE + 5 * MINUTE)
    scenario.webhook("session-started")
    assert [call.because for call in scenario.starts] == ["rule:all"]


def test_a_window_that_is_not_playable_a_minute_after_its_opening_is_late_with_its_reason() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.until(ONE)
    for _ in range(3):
        scenario.answer("refused", status=400, message="quota")
        scenario.timer("backoff")
    scenario.until(ONE + 2 * MINUTE)
    assert scenario.broadcasts == ["late"]
    assert scenario.reason("late") == Reason.VIDEOSDK_REFUSED


def test_a_window_that_is_playable_in_time_is_not_late() -> None:
    scenario = on_show(late_after_s=30)
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["completed"]


def test_a_window_that_closes_before_it_could_be_late_is_missed_and_not_late_too() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(long=30 * SECOND)
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["missed"]


def test_a_rule_that_is_put_inside_its_window_is_late_a_minute_after_it_was_put() -> None:
    scenario = ScheduledRoom().open_session()
    scenario.until(ONE + 20 * MINUTE)
    scenario.put_schedule()
    scenario.wait(SECOND)
    assert scenario.broadcasts == []
    scenario.wait(MINUTE)
    assert scenario.broadcasts == ["late"]


def test_a_rule_that_is_resumed_inside_its_window_is_late_a_minute_after_that() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.pause("show")
    scenario.until(ONE + 20 * MINUTE)
    scenario.process(Source.OPERATOR, "rule-resumed", {"name": "show"}, room=None)
    scenario.wait(SECOND)
    assert scenario.broadcasts == []
    scenario.wait(MINUTE)
    assert scenario.broadcasts == ["late"]


def test_a_rule_sets_after_how_long_its_windows_are_late() -> None:
    scenario = ScheduledRoom().put_schedule(late_after_s=600)
    scenario.until(ONE + 9 * MINUTE)
    assert "late" not in scenario.broadcasts
    scenario.until(ONE + 10 * MINUTE)
    assert "late" in scenario.broadcasts


def test_an_upcoming_window_is_announced_once_and_says_whether_a_session_is_live() -> None:
    scenario = ScheduledRoom().put_schedule(at=["13:00", "15:00"], remind_s=600)
    scenario.until(ONE - 10 * MINUTE)
    assert scenario.broadcasts == ["upcoming"]
    assert scenario.announced[-1].data["session_live"] is False
    scenario.put_schedule(at=["13:00", "15:00"], remind_s=600, late_after_s=90)
    scenario.open_session()
    scenario.until(ONE)
    assert scenario.broadcasts == ["upcoming"]
    scenario.playable()
    scenario.until(NOON + 3 * HOUR)
    assert scenario.broadcasts == ["upcoming", "completed", "upcoming"]
    assert scenario.announced[-1].type != "broadcast.upcoming" or scenario.announced[-1].data["session_live"] is True
