"""Windows that touch, overlap or follow each other, of one rule or of two."""

from tests.support.scenario import MINUTE, SECOND
from tests.support.scheduled_room import HIGH, HOUR, ONE, ScheduledRoom, on_show

# Two windows, two rules


def test_windows_that_touch_are_merged() -> None:
    scenario = on_show(at=["13:00", "14:00"])
    scenario.until(ONE + 2 * HOUR - 1)
    assert (scenario.ends, scenario.broadcasts) == ([], [])
    scenario.until(ONE + 2 * HOUR)
    assert (len(scenario.ends), scenario.broadcasts) == (1, ["completed"])


def test_overlapping_windows_of_two_rules_are_merged() -> None:
    scenario = on_show()
    scenario.put_schedule("choir", at=["13:30"])
    assert scenario.room.schedule.window.rules == ("show", "choir")
    scenario.until(ONE + 90 * MINUTE)
    assert [call.created_at for call in scenario.ends] == [ONE + 90 * MINUTE]
    assert scenario.broadcasts == ["completed"]


def test_a_window_with_other_start_options_replaces_the_stream_and_never_runs_two_at_once() -> None:
    scenario = on_show()
    scenario.put_schedule("choir", at=["13:30"], start=HIGH)
    scenario.until(ONE + 30 * MINUTE)
    assert scenario.broadcasts == ["completed"]
    assert (len(scenario.starts), len(scenario.ends)) == (1, 1)
    scenario.answer("succeeded")
    assert len(scenario.starts) == 1
    scenario.stopped()
    assert [(call.because, call.body) for call in scenario.starts[1:]] == [("rule:choir", HIGH)]
    scenario.playable("b")
    scenario.until(ONE + 90 * MINUTE)
    assert scenario.broadcasts == ["completed", "completed"]
    assert [call.body for call in scenario.ends] == [{"id": "a"}, {"id": "b"}]


def test_a_start_in_progress_when_the_next_window_opens_is_replaced_too() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.put_schedule("choir", at=["13:30"], start=HIGH)
    scenario.until(ONE + 30 * MINUTE - SECOND)
    scenario.webhook("session-started", after=0)
    assert [call.body for call in scenario.starts] == [{}]
    scenario.until(ONE + 30 * MINUTE)
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a")
    assert len(scenario.ends) == 1
    scenario.ended()
    assert [call.body for call in scenario.starts] == [{}, HIGH]


def test_a_window_that_another_cut_short_does_not_resume_after_it() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(long=4 * HOUR)
    scenario.put_schedule("choir", at=["14:00"], start=HIGH)
    scenario.until(ONE)
    scenario.playable("a")
    scenario.until(ONE + HOUR)
    scenario.ended("a")
    scenario.playable("b")
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.ends) == 2
    scenario.ended("b")
    scenario.wait(HOUR)
    assert (len(scenario.starts), scenario.desired) == (2, None)
