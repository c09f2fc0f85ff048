"""What `broadcast.*` notices say about their window: its real times, and no stream of an older one."""

import pytest

from tests.domain.schedules.test_window_scenarios import DAY, HIGH, HOUR, NOON, ONE, ROOM, Hall, after_show, on_show
from tests.support.scenario import MINUTE, Story
from webhook_app.domain.notices.text import words
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.times import rfc3339


def notice(story, kind):
    return [one for one in story.told if one.type == f"broadcast.{kind}"][-1]


def text_of(story, kind):
    return words(notice(story, kind), room_name=None, base_url=None).body


def test_a_room_that_is_armed_again_is_told_without_the_run_before():
    story = after_show(on_show(at=["13:00", "16:00"]))
    story.webhook("session-ended")
    story.until(ONE + 3 * HOUR + 5 * MINUTE)
    assert story.runs
    assert notice(story, "armed").data["stream"] is None
    assert notice(story, "late").data["stream"] is None
    assert "Started" not in text_of(story, "armed")
    story.until(ONE + 4 * HOUR)
    assert notice(story, "missed").data["stream"] is None


def test_a_window_is_told_with_the_run_that_it_had():
    story = on_show()
    story.until(ONE + 10 * MINUTE)
    story.stopped()
    story.until(ONE + HOUR)
    assert notice(story, "interrupted").data["stream"]["stream_id"] == story.runs[0].stream_id
    assert notice(story, "completed").data["stream"]["stream_id"] == story.runs[0].stream_id


def endless(schedule, *, at=NOON, **more):
    story = Hall(**more)
    story.until(at)
    story.put_rule({"name": "show", "rooms": [ROOM], "schedule": schedule})
    story.until(at + 2 * MINUTE)
    return story


ENDLESS = [
    {"always": True},
    {"always": True, "timezone": "Europe/Berlin"},
    {"cron": "0 * * * *", "duration_s": 3600},
    {"cron": "*/10 * * * *", "duration_s": 660},
]


@pytest.mark.parametrize("schedule", ENDLESS)
def test_windows_that_follow_one_another_have_no_planned_end(schedule):
    story = endless(schedule)
    for kind in ("armed", "late"):
        told = notice(story, kind).data
        assert (told["opens_at"], told["closes_at"]) == (rfc3339(story.events[0].at), None)
        assert "without an end" in text_of(story, kind)
    assert story.view["desired"]["until"] is None
    assert story.view["next_window"] is None


@pytest.mark.parametrize("schedule", ENDLESS)
def test_a_window_without_an_end_stays_the_same_window_from_day_to_day(schedule):
    story = endless(schedule, calls=False)  # else it is probed twice a minute
    story.until(NOON + 2 * DAY)
    assert story.broadcasts == ["late"]


def test_an_exception_gives_a_window_without_an_end_a_real_close():
    story = endless({"always": True, "except_days": [["2026-11-24", "2026-11-24"]]}, calls=False)
    told = notice(story, "late").data
    assert told["closes_at"] == "2026-11-24T00:00:00.000Z"
    story.until(NOON + 4 * DAY)
    assert notice(story, "missed").data["closes_at"] == "2026-11-24T00:00:00.000Z"
    assert notice(story, "late").data["opens_at"] == "2026-11-25T00:00:00.000Z"
    assert notice(story, "late").data["closes_at"] is None


def test_a_window_without_an_end_that_a_change_ends_is_told_with_the_moment_it_ended():
    story = endless({"always": True})
    story.put_rule({"name": "show", "rooms": [ROOM], "schedule": {"at": ["2027-01-01T10:00"], "duration_s": 60}})
    told = notice(story, "missed")
    assert told.data["closes_at"] == rfc3339(told.at)


@pytest.mark.parametrize("start", [{}, HIGH])
def test_a_window_that_ends_where_another_stream_begins_has_its_own_end(start):
    story = Hall().plan("first").plan("second", at=["14:00"], start=HIGH)
    story.until(ONE + 2 * MINUTE)
    assert notice(story, "late").data["closes_at"] == "2026-11-22T14:00:00.000Z"
    story.until(ONE + HOUR + 2 * MINUTE)
    assert notice(story, "late").data["closes_at"] == "2026-11-22T15:00:00.000Z"


def test_a_window_that_an_earlier_version_opened_folds_on():
    """What was stored has no `endless`; it is known when the window is planned again."""
    from webhook_app.domain.schedules.open_window import OpenWindow
    from webhook_app.store import codec

    stored = codec.decode(codec.encode(OpenWindow(1, 2, ("show",))))
    del stored["endless"]
    assert codec.decoder(OpenWindow)(codec.encode(stored)).endless is False
    assert Story().room.window is None


@pytest.mark.parametrize(
    ("schedule", "closes_at"),
    [
        ({"always": True}, None),
        ({"cron": "0 * * * *", "duration_s": 3600}, None),
        ({"at": ["2026-11-22T13:00", "2026-11-22T14:00"], "duration_s": 3600}, "2026-11-22T15:00:00.000Z"),
        ({"always": True, "except_days": [["2026-11-24", "2026-11-24"]]}, "2026-11-24T00:00:00.000Z"),
    ],
)
def test_occurrences_name_no_close_where_none_is_known(schedule, closes_at):
    story = endless(schedule, calls=False)
    config = story.world.config
    found = occurrences(config, config.rules["show"], [ROOM], at=story.now, count=3)
    assert found[0].endless is (closes_at is None)
    assert closes_at is None or rfc3339(found[0].window.closes_at) == closes_at
