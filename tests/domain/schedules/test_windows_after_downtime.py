"""Windows that opened or closed while no timer was processed."""

from tests.support.scenario import MINUTE, NOON
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom, on_show
from webhook_app.domain.reasons import Reason

# Down for a while


def test_a_window_that_opened_during_downtime_starts_late() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.skip_to(ONE + 20 * MINUTE)
    assert len(scenario.starts) == 1
    assert scenario.broadcasts == ["late"]
    scenario.playable()
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["late", "completed"]
    assert len(scenario.ends) == 1


def test_a_window_that_opened_and_closed_during_downtime_is_missed() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(at=["13:00", "16:00"])
    scenario.skip_to(ONE + 2 * HOUR)
    assert (scenario.starts, scenario.broadcasts) == ([], ["missed"])
    assert scenario.reason("missed") == Reason.NOT_RUNNING
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T16:00:00.000Z"


def test_each_window_that_passed_during_downtime_is_announced_as_missed() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(at=["13:00", "15:00", "17:00", "19:00"])
    scenario.skip_to(NOON + 7 * HOUR + 10 * MINUTE)
    missed = [notice for notice in scenario.announced if notice.type == "broadcast.missed"]
    assert [notice.data["opens_at"][11:16] for notice in missed] == ["13:00", "15:00", "17:00"]
    assert len(scenario.starts) == 1


def test_a_close_during_downtime_ends_the_stream_afterwards() -> None:
    scenario = on_show()
    scenario.skip_to(ONE + 3 * HOUR)
    assert scenario.broadcasts == ["completed"]
    assert len(scenario.ends) == 1


def test_a_stream_whose_window_closed_during_downtime_goes_on_in_the_next_window() -> None:
    scenario = on_show(at=["13:00", "15:00"])
    scenario.skip_to(ONE + 2 * HOUR + MINUTE)
    assert scenario.broadcasts == ["completed"]
    assert (scenario.ends, len(scenario.starts), scenario.desired) == ([], 1, True)
