"""Alarms about rooms: what raises each, what clears it, and who is sent it."""

import pytest

from tests.domain.schedules.test_window_scenarios import HOUR, ONE, Hall
from tests.support.scenario import MINUTE, ROOM, SECOND, Story
from webhook_app.domain.alarms.alarm import ALARMS_ACTIVE_MAX, AlarmName
from webhook_app.domain.alarms.room_alarms import forbidden_key
from webhook_app.domain.delivery.delivery import Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.matching import Audience
from webhook_app.domain.notices.types import Filter
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import Settings
from webhook_app.domain.times import moment_text

LATE = f"broadcast-late:{ROOM}"
MISSED = f"broadcast-missed:show {ROOM}"
REFUSED = f"start-refused:{ROOM}"
UNKNOWN = f"start-unknown:{ROOM}"


def late_hall(**rule):
    """A hall whose window has been open for two minutes while nobody came."""
    hall = Hall().plan(**rule)
    hall.until(ONE + 2 * MINUTE)
    return hall


def refused_start(**answer):
    """A room whose operator's start VideoSDK has refused."""
    story = Story()
    story.joined("ada")
    story.operator("start")
    story.answer("refused", **answer)
    return story


def told(story, kind):
    """The names of the alarms whose notices of that type were sent."""
    return [notice.data["alarm"]["name"] for notice in story.told if notice.type == f"alarm.{kind}"]


def acknowledge(story, key, **data):
    alarm_id = story.world.alarms[key].id
    return story.tell(Source.OPERATOR, "alarm-acknowledged", {"alarm_id": alarm_id, "by": "ann", **data}, room=None)


def test_a_late_broadcast_is_an_alarm_that_names_rule_room_and_reason():
    hall = late_hall()
    alarm = hall.world.alarms[LATE]
    assert (alarm.name, alarm.severity) == ("broadcast-late", "critical")
    assert (alarm.room_id, alarm.rule, alarm.since) == (ROOM, "show", hall.room.late_since)
    assert alarm.summary == (
        f"{ROOM} is late: the window of rule show opened at 2026-11-22 13:00 UTC and nobody can watch yet: "
        "nobody has opened a session"
    )
    assert hall.view["late_since"] == "2026-11-22T13:01:00.000Z"


def test_a_rule_without_an_end_is_late_since_it_was_entered():
    hall = Hall()
    hall.put_rule({"name": "show", "rooms": [ROOM], "schedule": {"always": True}})
    hall.wait(2 * MINUTE)
    entered = hall.room.window.entered_at
    assert hall.room.window.endless and entered != hall.room.window.opens_at
    assert moment_text(entered) in hall.world.alarms[LATE].summary


def test_a_late_broadcast_clears_when_somebody_can_watch():
    hall = late_hall()
    hall.joined("ada")
    hall.answer("succeeded", run="a")
    hall.hls("started", id="a")
    assert LATE in hall.world.alarms
    hall.hls("playable", id="a")
    assert (hall.world.alarms, hall.view["late_since"]) == ({}, None)
    assert (told(hall, "raised"), told(hall, "cleared")) == (["broadcast-late"], ["broadcast-late"])


@pytest.mark.parametrize("change", ["delete", "pause", "move"])
def test_a_late_broadcast_clears_when_its_rule_is_gone_or_asks_for_another_time(change):
    hall = late_hall()
    match change:
        case "delete":
            hall.tell(Source.OPERATOR, "rule-deleted", {"name": "show"}, room=None)
        case "pause":
            hall.tell(Source.OPERATOR, "rule-paused", {"name": "show"}, room=None)
        case "move":
            hall.plan(at=["20:00"])
    assert LATE not in hall.world.alarms


def test_a_rule_that_is_changed_inside_its_window_leaves_the_room_late():
    hall = late_hall()
    since = hall.world.alarms[LATE].since
    hall.plan(late_after_s=30)
    assert hall.world.alarms[LATE].since == since
    assert told(hall, "raised") == ["broadcast-late"]


def test_a_room_that_somebody_wants_off_air_is_not_late():
    hall = late_hall()
    hall.operator("end")
    assert LATE not in hall.world.alarms and hall.view["late_since"] is None
    hall.operator("release")
    assert LATE in hall.world.alarms


def test_a_missed_broadcast_replaces_the_late_one_and_clears_a_day_later():
    hall = late_hall()
    hall.until(ONE + HOUR + SECOND)
    assert list(hall.world.alarms) == [MISSED]
    alarm = hall.world.alarms[MISSED]
    assert alarm.summary == (
        f"{ROOM} was never on air in the window of rule show, 2026-11-22 13:00 UTC to 2026-11-22 14:00 UTC: "
        "nobody has opened a session"
    )
    assert alarm.clears_at is not None
    hall.now = alarm.clears_at
    hall.tell(Source.CLOCK, "timer", {"timer": f"alarm:{MISSED}", "due": alarm.clears_at}, room=None, after=0)
    assert hall.world.alarms == {}


def test_a_missed_broadcast_clears_at_the_next_opening():
    hall = Hall().plan(at=["13:00", "15:00"])
    hall.until(ONE + HOUR + SECOND)
    assert MISSED in hall.world.alarms
    hall.until(ONE + 2 * HOUR + SECOND)
    assert MISSED not in hall.world.alarms


def test_a_missed_broadcast_clears_when_somebody_acknowledges_it():
    hall = late_hall()
    hall.until(ONE + HOUR + SECOND)
    acknowledge(hall, MISSED)
    assert hall.world.alarms == {}


def test_a_refused_start_is_an_alarm_until_the_room_is_on_air():
    story = refused_start(status=409, message="4020")
    alarm = story.world.alarms[REFUSED]
    assert alarm.summary == f"VideoSDK refuses to start {ROOM} (409 4020); the start is repeated"
    assert (alarm.room_id, alarm.rule, alarm.count) == (ROOM, None, 1)
    story.timer("backoff")
    story.answer("succeeded", run="a")
    assert story.world.alarms == {}


def test_a_room_that_has_gone_off_air_inside_its_window_and_is_refused_is_critical():
    hall = Hall().plan()
    hall.until(ONE + SECOND)
    hall.joined("ada")
    hall.answer("succeeded", run="a")
    hall.hls("started", "playable", id="a")
    hall.hls("failed", id="a", reason="encoder")
    hall.timer("backoff")
    hall.answer("refused", status=429, message="slow down")
    alarm = hall.world.alarms[REFUSED]
    assert alarm.severity == "critical" and "has gone off air inside its window" in alarm.summary


def test_a_refused_start_is_over_when_nobody_wants_it_any_more():
    story = refused_start(status=500, message="oops")
    story.operator("end")
    assert story.world.alarms == {}


@pytest.mark.parametrize(
    ("status", "name"), [(401, AlarmName.VIDEOSDK_CREDENTIALS), (403, AlarmName.VIDEOSDK_FORBIDDEN)]
)
def test_a_refusal_that_is_an_alarm_of_its_own_is_not_two(status, name):
    assert [alarm.name for alarm in refused_start(status=status).world.alarms.values()] == [name]


def test_a_start_that_is_given_up_stays_an_alarm_until_somebody_takes_note():
    story = refused_start(status=429)
    for _ in range(19):
        story.timer("backoff")
        story.answer("refused", status=429)
    alarm = story.world.alarms[REFUSED]
    assert (alarm.severity, alarm.reason) == ("critical", "call-given-up")
    assert "given up" in alarm.summary
    acknowledge(story, REFUSED)
    assert story.world.alarms == {}


def test_a_start_that_is_given_up_is_over_when_it_is_ordered_again():
    story = refused_start(status=429)
    for _ in range(19):
        story.timer("backoff")
        story.answer("refused", status=429)
    story.operator("start")
    assert story.world.alarms == {}


def test_a_full_quota_is_an_alarm():
    story = refused_start(status=400, message="4029: organisation quota reached")
    assert {alarm.name for alarm in story.world.alarms.values()} == {"start-refused", "max-streams"}


def test_a_start_whose_outcome_stays_unknown_is_an_alarm_until_it_is_known():
    story = Story()
    story.joined("ada")
    story.operator("start")
    story.answer("unknown")
    assert story.world.alarms == {}
    story.timer("start-unknown")
    assert "is not repeated before that is known" in story.world.alarms[UNKNOWN].summary
    story.hls("started", id="a")
    assert story.world.alarms == {}
    assert "start-unknown" not in story.room.timers


def test_an_outcome_that_is_known_in_time_raises_nothing():
    story = Story()
    story.joined("ada")
    story.operator("start")
    story.answer("unknown")
    story.hls("started", id="a")
    assert "start-unknown" not in story.room.timers


def test_an_acknowledged_alarm_stays_and_does_not_count():
    hall = late_hall()
    acknowledge(hall, LATE)
    alarm = hall.world.alarms[LATE]
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == ("ann", hall.now)
    assert alarm.is_acknowledged(hall.now + HOUR)
    hall.plan(late_after_s=30)
    assert hall.world.alarms[LATE].acknowledged_by == "ann"


def test_an_acknowledgement_with_an_end_counts_until_then():
    hall = late_hall()
    acknowledge(hall, LATE, until=hall.now + 10 * MINUTE)
    alarm = hall.world.alarms[LATE]
    assert alarm.is_acknowledged(hall.now + 9 * MINUTE)
    assert not alarm.is_acknowledged(hall.now + 11 * MINUTE)


def test_an_acknowledgement_of_an_earlier_raising_does_nothing():
    hall = late_hall()
    earlier = hall.world.alarms[LATE].id
    hall.operator("end")
    hall.operator("release")
    assert hall.world.alarms[LATE].id != earlier
    hall.tell(Source.OPERATOR, "alarm-acknowledged", {"alarm_id": earlier}, room=None)
    assert hall.world.alarms[LATE].acknowledged_at is None
    assert hall.outcomes[-1].effect == "No change: the alarm is not active any more"


def subscriber(name, *types, **wanted):
    return Subscriber(name, "", "https://example.com", 1, wanted=Filter(types=types, **wanted))


def test_an_alarm_is_not_sent_to_whoever_gets_the_notice_that_says_the_same():
    hall = late_hall()
    hall.joined("ada")
    hall.answer("succeeded", run="a")
    hall.hls("started", "playable", id="a")
    audience = Audience(
        [
            subscriber("both", "broadcast.*", "alarm.*"),
            subscriber("alarms", "alarm.*"),
            subscriber("room", "alarm.*", rooms=(ROOM,)),
            subscriber("elsewhere", "alarm.*", rooms=("other",)),
        ]
    )
    notices = {notice.type: notice for notice in hall.told}
    sent_to = {kind: {one.subscriber_id for one in audience.of(notices[kind], None)} for kind in notices}
    assert sent_to["broadcast.late"] == {"both"}
    assert sent_to["alarm.raised"] == sent_to["alarm.cleared"] == {"alarms", "room"}


def test_an_alarm_about_a_subscriber_is_not_sent_to_it():
    story = Story()
    data = {"key": "subscriber-failing:a", "name": "subscriber-failing", "summary": "x", "subscriber_id": "a"}
    story.tell(Source.SYSTEM, "alarm-raised", data, room=None)
    audience = Audience([subscriber("a", "*"), subscriber("b", "*")])
    assert [one.subscriber_id for one in audience.of(story.told[-1], None)] == ["b"]


def test_more_alarms_than_may_be_active_are_counted_by_one():
    story = Story()
    for number in range(ALARMS_ACTIVE_MAX + 3):
        data = {"key": f"start-refused:{number}", "name": "start-refused", "summary": "x"}
        story.tell(Source.SYSTEM, "alarm-raised", data, room=None)
    assert len(story.world.alarms) == ALARMS_ACTIVE_MAX + 1
    assert story.world.alarms["alarms-not-listed"].count == 3
    assert len(story.told) == ALARMS_ACTIVE_MAX + 1
    for number in range(2):
        story.tell(Source.SYSTEM, "alarm-cleared", {"name": "x", "key": f"start-refused:{number}"}, room=None)
    assert "alarms-not-listed" not in story.world.alarms


def test_an_alarm_of_a_room_that_is_forgotten_clears():
    hall = late_hall(long=3 * MINUTE)
    hall.until(ONE + 4 * MINUTE)
    assert MISSED in hall.world.alarms
    hall.tell(Source.OPERATOR, "rule-deleted", {"name": "show"}, room=None)
    assert MISSED not in hall.world.alarms
    story = refused_start(status=429)
    for _ in range(19):
        story.timer("backoff")
        story.answer("refused", status=429)
    story.tell(Source.OPERATOR, "room-forgotten", {"room_id": ROOM}, room=None)
    assert story.world.alarms == {}


def test_a_room_that_is_late_because_calls_are_paused_says_so():
    hall = Hall().opened()
    hall.world.config = replace(hall.world.config, settings=Settings(calls=True, paused=True))
    hall.plan()
    hall.until(ONE + 2 * MINUTE)
    assert hall.reason("late") == Reason.CALLS_PAUSED.text
    assert hall.world.alarms[LATE].reason == Reason.CALLS_PAUSED


def test_a_room_is_late_because_calls_are_paused_whatever_its_own_start_was_answered():
    hall = Hall().opened().plan()
    hall.until(ONE)
    hall.answer("refused", status=401, message="Token is invalid or expired")
    hall.until(ONE + 2 * MINUTE)
    assert hall.reason("late") == Reason.CALLS_PAUSED.text


FORBIDDEN = forbidden_key(ROOM)
UNREADABLE = f"videosdk-unreadable:{ROOM}"


def forbidden_start():
    story = refused_start(status=403, message="not yours")
    assert FORBIDDEN in story.world.alarms
    return story


def put_on_air(story):
    story.hls("started", "playable", id="a", url="https://cdn.example/a/index.m3u8")


@pytest.mark.parametrize("command", ["release", "end"])
def test_that_videosdk_forbids_a_start_clears_when_nobody_wants_it_any_more(command):
    story = forbidden_start()
    story.wait(10 * MINUTE)
    assert FORBIDDEN in story.world.alarms
    story.operator(command)
    assert FORBIDDEN not in story.world.alarms


def test_that_videosdk_forbids_a_start_clears_when_somebody_puts_the_room_on_air():
    story = forbidden_start()
    put_on_air(story)
    assert FORBIDDEN not in story.world.alarms


def test_that_videosdk_forbids_an_end_clears_when_the_stream_ends():
    story = Story()
    story.joined("ada")
    put_on_air(story)
    story.operator("end")
    story.answer("refused", status=403, message="not yours")
    assert FORBIDDEN in story.world.alarms
    story.hls("stopped", id="a")
    assert FORBIDDEN not in story.world.alarms


def test_an_answer_that_was_unreadable_is_no_alarm_any_more_when_nothing_is_asked_about_the_room():
    story = Story()
    story.joined("ada")
    story.operator("start")
    story.answer("unreached", status=418, unreadable="418 teapot")
    story.operator("release")
    assert UNREADABLE in story.world.alarms
    story.webhook("session-ended")
    for _ in range(20):
        if story.room.probe is not None:
            story.probe(reached=False, unreadable="418 teapot")
        story.wait(MINUTE)
    probed = story.room.probe is not None or any(timer.startswith("ask:") for timer in story.room.timers)
    assert (UNREADABLE in story.world.alarms) is probed
    assert story.room.unreadable is probed
