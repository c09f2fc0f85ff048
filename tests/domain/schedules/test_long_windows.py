"""Long windows: streams renewed at their maximum length, and rooms that are always on."""

from tests.support.scenario import NOON, ROOM, SECOND
from tests.support.scheduled_room import DAY, HOUR, ONE, ScheduledRoom, on_show

# Long runs, conditions, around the clock


def test_a_stream_that_reaches_the_rules_maximum_length_is_ended_and_started_again() -> None:
    scenario = on_show(long=4 * HOUR, max_run_s=6600)
    first = scenario.runs[0].started_at
    scenario.until(first + 6600 * SECOND)
    assert (len(scenario.ends), len(scenario.starts)) == (1, 1)
    scenario.answer("succeeded")
    scenario.stopped()
    assert len(scenario.starts) == 2
    scenario.playable("b")
    scenario.until(scenario.runs[-1].started_at + 6600 * SECOND)
    assert len(scenario.ends) == 2
    assert scenario.broadcasts == []


def test_a_stream_that_would_end_with_the_window_is_not_renewed() -> None:
    scenario = on_show(long=HOUR, max_run_s=6600)
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1
    assert scenario.desired is False


def test_a_room_that_is_always_on_stays_on_air_for_days() -> None:
    scenario = ScheduledRoom().open_session()
    scenario.put_rule({"name": "tv", "rooms": [ROOM], "schedule": {"always": True, "timezone": "Europe/London"}})
    assert len(scenario.starts) == 1
    scenario.playable()
    for _ in range(3):
        scenario.timer("window")
    assert scenario.now > NOON + 5 * DAY
    assert (scenario.ends, len(scenario.starts), scenario.broadcasts) == ([], 1, [])
    assert scenario.desired is True
    scenario.hls("failed", id="a")
    scenario.wait(5 * SECOND)
    assert len(scenario.starts) == 2


def test_a_room_that_is_always_on_is_off_air_on_excluded_days() -> None:
    scenario = ScheduledRoom().open_session()
    days = [["2026-11-24", "2026-11-24"]]
    scenario.put_rule({"name": "tv", "rooms": [ROOM], "schedule": {"always": True, "except_days": days}})
    scenario.playable()
    scenario.until(NOON + 36 * HOUR)
    assert [call.created_at for call in scenario.ends] == [NOON + 36 * HOUR]
    scenario.ended()
    scenario.until(NOON + 60 * HOUR)
    assert len(scenario.starts) == 2
