"""Windows close: the stream ends, and the window is completed or missed with a reason."""

from tests.support.scenario import MINUTE, SECOND, rest, url
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom, on_show
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason


def test_a_stream_that_was_ended_before_it_was_playable_completes_no_window() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.until(ONE)
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a", url=url("a"))
    scenario.operator("end")
    scenario.ended("a")
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["late", "missed"]
    assert scenario.reason("missed") == Reason.OPERATOR_OFF


def test_a_window_that_was_never_playable_is_missed_with_its_reason() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["armed", "late", "missed"]
    assert scenario.reason("missed") == Reason.NO_SESSION
    assert scenario.desired is None


def test_without_credentials_a_window_is_missed_and_no_desired_state_remains() -> None:
    scenario = ScheduledRoom(calls=False).open_session().put_schedule()
    scenario.until(ONE + 5 * MINUTE)
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["late", "missed"]
    assert scenario.reason("missed") == Reason.NO_CREDENTIALS
    assert (scenario.calls, scenario.desired) == ([], None)


def test_a_stream_that_a_person_runs_without_credentials_completes_the_window_and_is_not_ended_later() -> None:
    scenario = ScheduledRoom(calls=False).open_session().put_schedule()
    scenario.hls("started", "playable", id="p")
    scenario.until(ONE + HOUR)
    assert (scenario.broadcasts, scenario.desired) == (["completed"], None)
    scenario.process(Source.SYSTEM, "settings", {"calls": True}, room=None)
    assert scenario.ends == []


def test_the_close_ends_the_stream_once_and_leaves_no_desired_state() -> None:
    scenario = on_show()
    scenario.until(ONE + HOUR)
    assert (scenario.broadcasts, scenario.desired) == (["completed"], False)
    assert [(call.because, call.created_at) for call in scenario.ends] == [("rule:show", ONE + HOUR)]
    scenario.ended()
    assert scenario.desired is None
    scenario.hls("starting", "started", "playable", id="p", url=url("p"))
    scenario.wait(5 * HOUR)
    assert (len(scenario.ends), scenario.states[-1]) == (1, "playable")


def test_a_close_while_the_stream_is_starting_waits_for_started_and_then_ends_it() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.until(ONE + HOUR - 5 * SECOND)
    scenario.webhook("session-started", after=0)
    scenario.answer("succeeded", run="a", after=0)
    scenario.until(ONE + HOUR)
    assert scenario.ends == []
    scenario.hls("started", id="a")
    assert len(scenario.ends) == 1
    scenario.ended()
    assert scenario.desired is None


def test_a_close_while_the_outcome_of_the_start_is_unknown_ends_the_stream_it_started() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.reachable = False
    scenario.until(ONE + HOUR - 5 * SECOND)
    scenario.probe(None, after=0)
    scenario.webhook("session-started", after=0)
    scenario.answer("unknown", deadline_at=scenario.now + 10 * SECOND, after=0)
    scenario.until(ONE + HOUR)
    assert scenario.desired is False
    scenario.probe(rest("a"))
    assert [call.body for call in scenario.ends] == [{"id": "a"}]
    scenario.ended()
    assert scenario.desired is None


def test_an_end_that_is_always_refused_after_the_close_is_given_up() -> None:
    scenario = on_show()
    scenario.until(ONE + HOUR)
    for _ in range(40):
        if scenario.room.control.call is not None:
            scenario.answer("refused", status=429)
        if "backoff" in scenario.room.timers:
            scenario.timer("backoff")
    assert scenario.notices.count("call.given-up") == 1
    assert (scenario.desired, len(scenario.ends)) == (None, 20)
