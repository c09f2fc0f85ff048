"""Rules and calendars that change while a window is open or ahead."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, NOON, ROOM
from tests.support.scheduled_room import HIGH, HOUR, ONE, ScheduledRoom, on_show
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

# A rule that changes while its window is open


def test_a_window_that_is_extended_continues() -> None:
    scenario = on_show()
    scenario.put_schedule(long=2 * HOUR)
    scenario.until(ONE + 2 * HOUR - 1)
    assert (scenario.ends, scenario.broadcasts) == ([], [])
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.ends) == 1


def test_a_window_that_is_shortened_closes_earlier() -> None:
    scenario = on_show()
    scenario.put_schedule(long=30 * MINUTE)
    scenario.until(ONE + 30 * MINUTE)
    assert len(scenario.ends) == 1


def test_a_window_that_is_shortened_into_the_past_closes_at_once() -> None:
    scenario = on_show()
    scenario.until(ONE + 40 * MINUTE)
    scenario.put_schedule(long=30 * MINUTE)
    assert (len(scenario.ends), scenario.broadcasts) == (1, ["completed"])


def test_changed_start_options_replace_the_stream_without_closing_the_window() -> None:
    scenario = on_show()
    scenario.put_schedule(start=HIGH)
    assert (len(scenario.ends), scenario.broadcasts) == (1, [])
    scenario.ended()
    assert [call.body for call in scenario.starts] == [{}, HIGH]
    scenario.playable("b")
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["completed"]


@pytest.mark.parametrize("change", ["pause", "delete"])
def test_a_rule_that_is_paused_or_deleted_leaves_the_stream_alone(change: str) -> None:
    scenario = on_show()
    getattr(scenario, change)("show")
    assert Reason.WINDOW_RULE_GONE in scenario.decided
    scenario.wait(3 * HOUR)
    assert (scenario.ends, scenario.desired, scenario.broadcasts) == ([], None, [])


def test_a_rule_that_is_paused_leaves_the_stream_alone_though_another_rule_has_windows_later() -> None:
    scenario = on_show()
    scenario.put_schedule("choir", at=["16:00"])
    scenario.pause("show")
    assert Reason.WINDOW_RULE_GONE in scenario.decided
    scenario.until(NOON + 4 * HOUR)
    assert scenario.ends == []
    assert scenario.view["desired"]["because"] == "rule:choir"


def test_a_rule_that_is_resumed_inside_its_window_opens_it_again() -> None:
    scenario = on_show()
    scenario.pause("show")
    scenario.process(Source.OPERATOR, "rule-resumed", {"name": "show"}, room=None)
    assert scenario.desired is True
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1


def test_the_next_window_can_be_skipped_and_stays_skipped_when_the_rule_is_put_again() -> None:
    scenario = ScheduledRoom().open_session().put_schedule(at=["13:00", "15:00"])
    scenario.process(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T15:00:00.000Z"
    scenario.put_schedule(at=["13:00", "15:00"], late_after_s=90)
    scenario.until(ONE + HOUR)
    assert (scenario.starts, scenario.broadcasts) == ([], [])
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.starts) == 1


def test_the_timeline_says_which_window_is_skipped() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.process(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    assert explain(Reason.OCCURRENCE_SKIPPED, opens_at="2026-11-22T13:00:00.000Z") in scenario.explained


def test_skipped_windows_stay_skipped_when_the_configuration_file_is_applied_again() -> None:
    scenario = ScheduledRoom().open_session()
    rule = {"name": "show", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600}}
    scenario.process(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": {}}, room=None)
    scenario.process(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    scenario.process(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": {}}, room=None)
    scenario.until(ONE + HOUR)
    assert scenario.starts == []


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART:{start}
DURATION:PT1H
SUMMARY:Live: service
END:VEVENT
END:VCALENDAR
"""


def fetched(scenario: Any, start: Any) -> None:
    text = CALENDAR.format(start=start).replace("\n", "\r\n")
    scenario.process(Source.SYSTEM, "calendar-fetched", {"source": "https://c.example/a.ics", "text": text}, room=None)


def test_a_fetched_calendar_schedules_the_room_and_a_newer_one_replaces_it() -> None:
    scenario = ScheduledRoom().open_session()
    ics = {"url": "https://c.example/a.ics", "match": "Live:*"}
    scenario.put_rule({"name": "cal", "rooms": [ROOM], "schedule": {"ics": ics}})
    unscheduled = scenario.view
    assert unscheduled["next_window"] is None
    fetched(scenario, "20261122T130000Z")
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T13:00:00.000Z"
    fetched(scenario, "20261122T140000Z")
    scenario.until(ONE + 30 * MINUTE)
    assert scenario.starts == []
    scenario.until(ONE + HOUR)
    assert len(scenario.starts) == 1
    scenario.playable()
    fetched(scenario, "20261123T140000Z")
    assert len(scenario.ends) == 1
