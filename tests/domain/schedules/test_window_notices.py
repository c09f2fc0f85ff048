"""What `broadcast.*` notices say about their window: its real times, and no stream of an older one."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, NOON, ROOM, Scenario
from tests.support.scheduled_room import (
    DAY,
    HIGH,
    HOUR,
    ONE,
    ScheduledRoom,
    after_show,
    on_show,
)
from webhook_app.domain.notices.text import render_notice
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.times import rfc3339


def notice(scenario: Any, kind: Any) -> Any:
    return [announcement for announcement in scenario.announced if announcement.type == f"broadcast.{kind}"][-1]


def text_of(scenario: Any, kind: Any) -> Any:
    return render_notice(notice(scenario, kind), room_name=None, base_url=None).body


def test_a_room_that_is_armed_again_is_announced_without_the_previous_stream() -> None:
    scenario = after_show(on_show(at=["13:00", "16:00"]))
    scenario.webhook("session-ended")
    scenario.until(ONE + 3 * HOUR + 5 * MINUTE)
    assert scenario.runs
    assert notice(scenario, "armed").data["stream"] is None
    assert notice(scenario, "late").data["stream"] is None
    assert "Started" not in text_of(scenario, "armed")
    scenario.until(ONE + 4 * HOUR)
    assert notice(scenario, "missed").data["stream"] is None


def test_a_windows_notices_name_the_stream_it_had() -> None:
    scenario = on_show()
    scenario.until(ONE + 10 * MINUTE)
    scenario.stopped()
    scenario.until(ONE + HOUR)
    assert notice(scenario, "interrupted").data["stream"]["stream_id"] == scenario.runs[0].stream_id
    assert notice(scenario, "completed").data["stream"]["stream_id"] == scenario.runs[0].stream_id


def endless(schedule: Any, *, at: Any = NOON, **more: Any) -> Any:
    scenario = ScheduledRoom(**more)
    scenario.until(at)
    scenario.put_rule({"name": "show", "rooms": [ROOM], "schedule": schedule})
    scenario.until(at + 2 * MINUTE)
    return scenario


ENDLESS = [
    {"always": True},
    {"always": True, "timezone": "Europe/Berlin"},
    {"cron": "0 * * * *", "duration_s": 3600},
    {"cron": "*/10 * * * *", "duration_s": 660},
]


@pytest.mark.parametrize("schedule", ENDLESS)
def test_windows_that_follow_one_another_have_no_planned_end(schedule: Any) -> None:
    scenario = endless(schedule)
    for kind in ("armed", "late"):
        data = notice(scenario, kind).data
        assert (data["opens_at"], data["closes_at"]) == (rfc3339(scenario.events[0].at), None)
        assert "without an end" in text_of(scenario, kind)
    assert scenario.view["desired"]["until"] is None
    assert scenario.view["next_window"] is None


@pytest.mark.parametrize("schedule", ENDLESS)
def test_a_window_without_an_end_stays_the_same_window_from_day_to_day(schedule: Any) -> None:
    scenario = endless(schedule, calls=False)  # else it is probed twice a minute
    scenario.until(NOON + 2 * DAY)
    assert scenario.broadcasts == ["late"]


def test_an_exception_gives_a_window_without_an_end_a_real_close() -> None:
    scenario = endless({"always": True, "except_days": [["2026-11-24", "2026-11-24"]]}, calls=False)
    data = notice(scenario, "late").data
    assert data["closes_at"] == "2026-11-24T00:00:00.000Z"
    scenario.until(NOON + 4 * DAY)
    assert notice(scenario, "missed").data["closes_at"] == "2026-11-24T00:00:00.000Z"
    assert notice(scenario, "late").data["opens_at"] == "2026-11-25T00:00:00.000Z"
    assert notice(scenario, "late").data["closes_at"] is None


def test_an_endless_window_that_a_change_closes_is_announced_with_the_time_of_the_change() -> None:
    scenario = endless({"always": True})
    scenario.put_rule({"name": "show", "rooms": [ROOM], "schedule": {"at": ["2027-01-01T10:00"], "duration_s": 60}})
    missed = notice(scenario, "missed")
    assert missed.data["closes_at"] == rfc3339(missed.at)


@pytest.mark.parametrize(("first", "second"), [({}, HIGH), (HIGH, {})])
def test_a_window_that_ends_where_another_stream_begins_has_its_own_end(first: Any, second: Any) -> None:
    scenario = ScheduledRoom().put_schedule("first", start=first).put_schedule("second", at=["14:00"], start=second)
    scenario.until(ONE + 2 * MINUTE)
    assert notice(scenario, "late").data["closes_at"] == "2026-11-22T14:00:00.000Z"
    scenario.until(ONE + HOUR + 2 * MINUTE)
    assert notice(scenario, "late").data["closes_at"] == "2026-11-22T15:00:00.000Z"


def test_a_window_that_an_earlier_version_opened_folds_on() -> None:
    """What was stored has no `endless`; it is known when the window is planned again."""
    from webhook_app.domain.schedules.open_window import OpenWindow
    from webhook_app.store import codec

    stored = codec.decode(codec.encode(OpenWindow(1, 2, ("show",))))
    del stored["endless"]
    assert codec.decoder(OpenWindow)(codec.encode(stored)).endless is False
    assert Scenario().room.schedule.window is None


@pytest.mark.parametrize(
    ("schedule", "closes_at"),
    [
        ({"always": True}, None),
        ({"cron": "0 * * * *", "duration_s": 3600}, None),
        ({"at": ["2026-11-22T13:00", "2026-11-22T14:00"], "duration_s": 3600}, "2026-11-22T15:00:00.000Z"),
        ({"always": True, "except_days": [["2026-11-24", "2026-11-24"]]}, "2026-11-24T00:00:00.000Z"),
    ],
)
def test_occurrences_name_no_close_where_none_is_known(schedule: dict[str, Any], closes_at: str | None) -> None:
    scenario = endless(schedule, calls=False)
    config = scenario.world.config
    listed = occurrences(config, config.rules["show"], [ROOM], at=scenario.now, count=3)
    assert listed[0].endless is (closes_at is None)
    assert closes_at is None or rfc3339(listed[0].window.closes_at) == closes_at
