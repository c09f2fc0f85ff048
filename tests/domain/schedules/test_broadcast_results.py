"""Verdicts of windows: each belongs to the window that its notice names, however close the next one is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND
from tests.support.scheduled_room import DAY, HIGH, HOUR, ONE, ScheduledRoom
from webhook_app.domain.schedules.broadcast_results import WindowNotice, match_notices
from webhook_app.domain.schedules.schedule import RoomWindow, merge_windows, next_windows
from webhook_app.domain.times import from_rfc3339

RULES = ("show",)


def window(opens: Any, closes: Any, rules: Any = RULES) -> Any:
    return RoomWindow(NOON + opens * MINUTE, NOON + closes * MINUTE, rules)


def announced(at: Any, kind: Any, opens: Any = None) -> Any:
    return WindowNotice(NOON + at * MINUTE, f"broadcast.{kind}", None if opens is None else NOON + opens * MINUTE)


def kinds(windows: Any, *notices: Any) -> Any:
    return [
        sorted(kind.removeprefix("broadcast.") for kind in match_notice)
        for match_notice in match_notices(windows, notices)
    ]


BACK_TO_BACK = [window(0, 60), window(60, 120)]


@pytest.mark.parametrize(
    ("windows", "notices", "expected"),
    [
        (BACK_TO_BACK, [announced(60, "missed", 0)], [["missed"], []]),
        (BACK_TO_BACK, [announced(60, "completed", 0)], [["completed"], []]),
        (BACK_TO_BACK, [announced(60, "missed", 0), announced(61, "late", 60)], [["missed"], ["late"]]),
        (BACK_TO_BACK, [announced(120, "missed", 60)], [[], ["missed"]]),
        # Told hours late, when a process came back.
        (BACK_TO_BACK, [announced(600, "missed", 0), announced(600, "missed", 60)], [["missed"], ["missed"]]),
        # The window has been cut short since: what was told of it is not the next one's.
        ([window(0, 30), window(40, 90)], [announced(60, "completed", 35)], [[], []]),
        # Shorter than the tolerance of old entries.
        ([window(0, 1), window(1, 2)], [announced(1, "missed", 0)], [["missed"], []]),
        # A window of days, of which the plan shows only a later part.
        ([window(-1440, 1440)], [announced(10, "interrupted", -9000)], [["interrupted"]]),
        ([window(60, 120)], [announced(10, "completed", -60)], [[]]),
        # What earlier versions stored names no window.
        (BACK_TO_BACK, [announced(60, "missed")], [["missed"], []]),
        (BACK_TO_BACK, [announced(61, "late")], [[], ["late"]]),
        (BACK_TO_BACK, [announced(300, "missed")], [[], []]),
        ([], [announced(60, "missed", 0), announced(60, "missed")], []),
    ],
)
def test_a_result_belongs_to_the_window_it_names(windows: Any, notices: Any, expected: Any) -> None:
    assert kinds(windows, *notices) == expected


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=12),
    st.lists(st.sampled_from(["late", "missed", "completed", "interrupted", None]), min_size=12, max_size=12),
    st.integers(0, 600),
)
def test_each_of_several_windows_has_its_own_result(gaps: Any, results: Any, delay: Any) -> None:
    at, windows = 0, []
    for gap, length in gaps:
        windows.append(window(at + gap, at + gap + length))
        at += gap + length
    notices = [
        WindowNotice(window.closes_at + delay * SECOND, f"broadcast.{result}", window.opens_at)
        for window, result in zip(windows, results, strict=False)
        if result is not None
    ]
    expected = [[result] if result else [] for _, result in zip(windows, results, strict=False)]
    assert kinds(windows, *notices) == expected


def planned_and_announced(scenario: Any, since: Any) -> Any:
    """The room's windows as the schedule page combines them, with what was told of each."""
    rules = [
        (rule, trigger.schedule)
        for rule in scenario.world.config.about(ROOM)
        if (trigger := rule.schedule_trigger) is not None
    ]
    planned = [
        (rule.name, rule.start, next_window)
        for rule, schedule in rules
        for next_window in next_windows(schedule, since, since + 2 * DAY, {}, 50)
    ]
    notices = [
        WindowNotice(notice.at, notice.type, from_rfc3339(notice.data["opens_at"]))
        for notice in scenario.announced
        if notice.type.startswith("broadcast.")
    ]
    windows = merge_windows(planned)
    return [
        (window.rules, sorted(kind.removeprefix("broadcast.") for kind in kinds))
        for window, kinds in zip(windows, match_notices(windows, notices), strict=True)
    ]


def test_a_window_that_has_just_opened_does_not_show_the_previous_windows_result() -> None:
    scenario = ScheduledRoom().put_schedule("first").put_schedule("second", at=["14:00"], start=HIGH)
    scenario.until(ONE + HOUR)
    assert planned_and_announced(scenario, NOON) == [
        (("first",), ["armed", "late", "missed"]),
        (("second",), ["armed"]),
    ]
    scenario.until(ONE + HOUR + 2 * MINUTE)
    assert planned_and_announced(scenario, NOON)[1] == (("second",), ["armed", "late"])


def test_a_window_that_another_cut_short_keeps_its_own_result() -> None:
    scenario = (
        ScheduledRoom()
        .open_session()
        .put_schedule("long", long=2 * HOUR)
        .put_schedule("inside", at=["13:30"], start=HIGH)
    )
    scenario.until(ONE)
    scenario.playable()
    scenario.until(ONE + HOUR / 2)
    assert planned_and_announced(scenario, NOON) == [(("long",), ["completed"]), (("inside",), [])]


def test_overlapping_rules_with_the_same_start_options_share_one_result() -> None:
    scenario = ScheduledRoom().put_schedule("early").put_schedule("later", at=["13:30"])
    scenario.until(ONE + 2 * HOUR)
    assert planned_and_announced(scenario, NOON) == [(("early", "later"), ["armed", "late", "missed"])]


def test_a_rule_that_is_put_inside_another_rules_window_shares_its_result() -> None:
    scenario = ScheduledRoom().put_schedule("early")
    scenario.until(ONE + 10 * MINUTE)
    scenario.put_schedule("later", at=["13:05"], long=2 * HOUR)
    scenario.until(ONE + 3 * HOUR)
    assert planned_and_announced(scenario, NOON) == [(("early", "later"), ["armed", "late", "missed"])]
