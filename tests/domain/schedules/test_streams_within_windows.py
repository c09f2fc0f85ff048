"""Streams that stop, fail or are refused while a window is open."""

from tests.support.scenario import MINUTE, SECOND, url
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom, on_show
from webhook_app.domain.reasons import Reason

# Streams that end inside the window


def test_a_persons_stop_is_respected_until_the_window_closes() -> None:
    scenario = on_show(at=["13:00", "15:00"])
    scenario.stopped()
    assert (scenario.broadcasts, scenario.desired) == (["interrupted"], None)
    scenario.until(ONE + HOUR - 1)
    assert len(scenario.starts) == 1
    scenario.until(ONE + 2 * HOUR)
    assert (scenario.broadcasts, len(scenario.starts)) == (["interrupted", "completed"], 2)


def test_a_stream_that_a_person_stopped_and_started_again_is_not_ended_at_the_close() -> None:
    scenario = on_show()
    scenario.stopped()
    scenario.hls("starting", "started", "playable", id="p", url=url("p"))
    scenario.until(ONE + 3 * HOUR)
    assert (scenario.ends, scenario.states[-1]) == ([], "playable")


def test_a_persons_stop_is_respected_though_a_probe_found_the_stream_gone_before_its_webhook_arrived() -> None:
    scenario = on_show()
    scenario.probe(None)
    assert {"wait": 5} in [decision.arguments for decision in scenario.decisions]
    scenario.hls("stopping", id="a")
    assert scenario.broadcasts == ["interrupted"]
    scenario.hls("stopped", id="a")
    scenario.wait(5 * MINUTE)
    assert (len(scenario.starts), scenario.desired, scenario.broadcasts) == (1, None, ["interrupted"])


def test_a_late_stop_webhook_does_not_undo_a_newer_start() -> None:
    scenario = on_show()
    scenario.probe(None)
    scenario.timer("backoff")
    scenario.hls("stopping", "stopped", id="a")
    assert (len(scenario.starts), scenario.desired, scenario.broadcasts) == (2, True, [])


def test_with_restart_always_a_persons_stop_is_undone() -> None:
    scenario = on_show(restart="always")
    scenario.stopped()
    scenario.wait(5 * SECOND)
    assert (len(scenario.starts), scenario.broadcasts) == (2, [])


def test_with_restart_never_a_stream_that_failed_is_left_off_until_the_close() -> None:
    scenario = on_show(restart="never")
    scenario.hls("failed", id="a")
    scenario.until(ONE + HOUR)
    assert (len(scenario.starts), scenario.broadcasts) == (1, ["completed"])
    assert scenario.desired is None


def test_a_stream_that_keeps_failing_is_restarted_with_growing_delays_and_not_given_up_before_the_close() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.until(ONE)
    for n in range(30):
        scenario.answer("succeeded", run=f"r{n}", after=0)
        scenario.hls("failed", id=f"r{n}", after=0)
        scenario.timer("backoff")
    assert len(scenario.starts) == 31
    assert "call.given-up" not in scenario.notices
    assert scenario.room.timers.get("backoff", scenario.now) - scenario.now <= MINUTE


def test_a_refused_start_is_retried_until_the_close_and_not_after_it() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.until(ONE)
    while scenario.now < ONE + HOUR:
        if scenario.room.control.call is not None:
            scenario.answer("refused", status=429, message="slow down", after=0)
        scenario.until(min(ONE + HOUR, scenario.room.timers.get("backoff", ONE + HOUR)))
    assert len(scenario.starts) > 55
    assert scenario.broadcasts == ["late", "missed"]
    assert scenario.reason("missed") == Reason.VIDEOSDK_REFUSED
    tried = len(scenario.starts)
    scenario.wait(HOUR)
    assert (len(scenario.starts), scenario.desired) == (tried, None)


def test_a_window_that_opens_while_calls_are_paused_for_a_refused_token_starts_once_they_resume() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.operator("start")
    scenario.answer("refused", status=401)
    scenario.reachable = False
    scenario.operator("release")
    scenario.until(ONE)
    assert len(scenario.starts) == 1
    assert "paused" in scenario.room.control.waiting_for
    scenario.reachable = True
    while scenario.world.config.settings.paused:
        scenario.wait(SECOND)
    assert [call.because for call in scenario.starts] == ["operator", "rule:show"]


def test_a_credentials_probe_that_is_lost_is_repeated() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.until(ONE)
    scenario.answer("refused", status=401)
    scenario.reachable = False
    scenario.wait(10 * MINUTE)
    assert len(scenario.starts) == 1
    scenario.reachable = True
    scenario.wait(MINUTE)
    assert len(scenario.starts) == 2
