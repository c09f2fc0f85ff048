"""Alarms about rooms: what raises each, what clears it, and who is sent it."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, Scenario
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom
from webhook_app.domain.alarms.alarm import ALARMS_ACTIVE_MAX, AlarmName
from webhook_app.domain.alarms.room_alarms import forbidden_key
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.matching import SubscriberIndex
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Settings
from webhook_app.domain.times import moment_text

LATE = f"broadcast-late:{ROOM}"
MISSED = f"broadcast-missed:show {ROOM}"
REFUSED = f"start-refused:{ROOM}"
UNKNOWN = f"start-unknown:{ROOM}"


def late_room(**rule: Any) -> Any:
    """A hall whose window has been open for two minutes while nobody came."""
    scheduled = ScheduledRoom().put_schedule(**rule)
    scheduled.until(ONE + 2 * MINUTE)
    return scheduled


def refused_start(**answer: Any) -> Any:
    """A room whose operator's start VideoSDK has refused."""
    scenario = Scenario()
    scenario.joined("ada")
    scenario.operator("start")
    scenario.answer("refused", **answer)
    return scenario


def notices_of(scenario: Any, kind: Any) -> Any:
    """The names of the alarms whose notices of that type were sent."""
    return [notice.data["alarm"]["name"] for notice in scenario.announced if notice.type == f"alarm.{kind}"]


def acknowledge(scenario: Any, key: Any, **data: Any) -> Any:
    alarm_id = scenario.world.alarms[key].id
    return scenario.process(
        Source.OPERATOR, "alarm-acknowledged", {"alarm_id": alarm_id, "by": "ann", **data}, room=None
    )


def test_a_late_broadcast_is_an_alarm_that_names_rule_room_and_reason() -> None:
    scheduled = late_room()
    alarm = scheduled.world.alarms[LATE]
    assert (alarm.name, alarm.severity) == ("broadcast-late", "critical")
    assert (alarm.room_id, alarm.rule, alarm.since) == (ROOM, "show", scheduled.room.late_since)
    assert alarm.summary == explain(
        AlarmSummary.BROADCAST_LATE,
        room=ROOM,
        rule="show",
        opened_at="2026-11-22 13:00 UTC",
        why=explain(Reason.NO_SESSION),
    )
    assert scheduled.view["late_since"] == "2026-11-22T13:01:00.000Z"


def test_a_rule_without_an_end_is_late_since_it_was_entered() -> None:
    scheduled = ScheduledRoom()
    scheduled.put_rule({"name": "show", "rooms": [ROOM], "schedule": {"always": True}})
    scheduled.wait(2 * MINUTE)
    window = scheduled.room.schedule.window
    assert window is not None and window.endless and window.entered_at != window.opens_at
    summary = scheduled.world.alarms[LATE].summary
    assert isinstance(summary, Explanation)
    assert summary.arguments["opened_at"] == moment_text(window.entered_at)


def test_a_late_broadcast_clears_when_somebody_can_watch() -> None:
    scheduled = late_room()
    scheduled.joined("ada")
    scheduled.answer("succeeded", run="a")
    scheduled.hls("started", id="a")
    assert LATE in scheduled.world.alarms
    scheduled.hls("playable", id="a")
    assert (scheduled.world.alarms, scheduled.view["late_since"]) == ({}, None)
    assert (notices_of(scheduled, "raised"), notices_of(scheduled, "cleared")) == (
        ["broadcast-late"],
        ["broadcast-late"],
    )


@pytest.mark.parametrize("change", ["delete", "pause", "move"])
def test_a_late_broadcast_clears_when_its_rule_is_gone_or_asks_for_another_time(change: str) -> None:
    scheduled = late_room()
    match change:
        case "delete":
            scheduled.process(Source.OPERATOR, "rule-deleted", {"name": "show"}, room=None)
        case "pause":
            scheduled.process(Source.OPERATOR, "rule-paused", {"name": "show"}, room=None)
        case "move":
            scheduled.put_schedule(at=["20:00"])
    assert LATE not in scheduled.world.alarms


def test_a_rule_that_is_changed_inside_its_window_leaves_the_room_late() -> None:
    scheduled = late_room()
    since = scheduled.world.alarms[LATE].since
    scheduled.put_schedule(late_after_s=30)
    assert scheduled.world.alarms[LATE].since == since
    assert notices_of(scheduled, "raised") == ["broadcast-late"]


def test_a_room_that_somebody_wants_off_air_is_not_late() -> None:
    scheduled = late_room()
    scheduled.operator("end")
    assert LATE not in scheduled.world.alarms and scheduled.view["late_since"] is None
    scheduled.operator("release")
    assert LATE in scheduled.world.alarms


def test_an_alarm_stored_as_text_by_an_earlier_version_is_not_counted_again() -> None:
    scenario = refused_start(status=404)
    raised = scenario.world.alarms[REFUSED]
    stored = replace(raised, summary="VideoSDK refuses to start the room (404 Room not found)")
    scenario.world.alarms[REFUSED] = stored
    scenario.left("ada")
    assert scenario.world.alarms[REFUSED] == raised
    assert [notice.type for notice in scenario.announced].count("alarm.raised") == 1


def test_a_missed_broadcast_replaces_the_late_one_and_clears_a_day_later() -> None:
    scheduled = late_room()
    scheduled.until(ONE + HOUR + SECOND)
    assert list(scheduled.world.alarms) == [MISSED]
    alarm = scheduled.world.alarms[MISSED]
    assert alarm.summary == explain(
        AlarmSummary.BROADCAST_MISSED,
        room=ROOM,
        rule="show",
        opens_at="2026-11-22 13:00 UTC",
        closes_at="2026-11-22 14:00 UTC",
        why=explain(Reason.NO_SESSION),
    )
    assert alarm.clears_at is not None
    scheduled.now = alarm.clears_at
    scheduled.process(Source.CLOCK, "timer", {"timer": f"alarm:{MISSED}", "due": alarm.clears_at}, room=None, after=0)
    assert scheduled.world.alarms == {}


def test_a_missed_broadcast_whose_close_is_not_known_is_an_alarm_too() -> None:
    """More windows touch than are looked up ahead, and all of them pass while the product does not run."""
    scheduled = ScheduledRoom().put_schedule(at=["13:00", "14:00", "15:00", "16:00", "17:00", "18:00"])
    scheduled.skip_to(ONE + 4 * HOUR + SECOND)
    [missed] = [notice for notice in scheduled.announced if notice.type == "broadcast.missed"]
    assert missed.data["closes_at"] is None
    assert "2026-11-22 13:00 UTC to an unknown end" in scheduled.world.alarms[MISSED].summary_text


def test_a_missed_broadcast_clears_at_the_next_opening() -> None:
    scheduled = ScheduledRoom().put_schedule(at=["13:00", "15:00"])
    scheduled.until(ONE + HOUR + SECOND)
    assert MISSED in scheduled.world.alarms
    scheduled.until(ONE + 2 * HOUR + SECOND)
    assert MISSED not in scheduled.world.alarms


def test_a_missed_broadcast_clears_when_somebody_acknowledges_it() -> None:
    scheduled = late_room()
    scheduled.until(ONE + HOUR + SECOND)
    acknowledge(scheduled, MISSED)
    assert scheduled.world.alarms == {}


def test_a_refused_start_is_an_alarm_until_the_room_is_on_air() -> None:
    scenario = refused_start(status=409, message="4020")
    alarm = scenario.world.alarms[REFUSED]
    assert alarm.summary == explain(AlarmSummary.START_REFUSED, room=ROOM, answer="409 4020")
    assert (alarm.room_id, alarm.rule, alarm.count) == (ROOM, None, 1)
    scenario.timer("backoff")
    scenario.answer("succeeded", run="a")
    assert scenario.world.alarms == {}


def test_a_room_that_has_gone_off_air_inside_its_window_and_is_refused_is_critical() -> None:
    scheduled = ScheduledRoom().put_schedule()
    scheduled.until(ONE + SECOND)
    scheduled.joined("ada")
    scheduled.answer("succeeded", run="a")
    scheduled.hls("started", "playable", id="a")
    scheduled.hls("failed", id="a", reason="encoder")
    scheduled.timer("backoff")
    scheduled.answer("refused", status=429, message="slow down")
    alarm = scheduled.world.alarms[REFUSED]
    assert (alarm.severity, alarm.summary.code) == ("critical", AlarmSummary.RESTART_REFUSED)


def test_a_refused_start_is_over_when_nobody_wants_it_any_more() -> None:
    scenario = refused_start(status=500, message="oops")
    scenario.operator("end")
    assert scenario.world.alarms == {}


@pytest.mark.parametrize(
    ("status", "name"), [(401, AlarmName.VIDEOSDK_CREDENTIALS), (403, AlarmName.VIDEOSDK_FORBIDDEN)]
)
def test_a_refusal_that_is_an_alarm_of_its_own_is_not_two(status: int, name: Any) -> None:
    assert [alarm.name for alarm in refused_start(status=status).world.alarms.values()] == [name]


def test_a_start_that_is_given_up_stays_an_alarm_until_somebody_takes_note() -> None:
    scenario = refused_start(status=429)
    for _ in range(19):
        scenario.timer("backoff")
        scenario.answer("refused", status=429)
    alarm = scenario.world.alarms[REFUSED]
    assert (alarm.severity, alarm.reason) == ("critical", "call-given-up")
    assert alarm.summary.code == AlarmSummary.START_GIVEN_UP
    acknowledge(scenario, REFUSED)
    assert scenario.world.alarms == {}


def test_a_start_that_is_given_up_is_over_when_it_is_ordered_again() -> None:
    scenario = refused_start(status=429)
    for _ in range(19):
        scenario.timer("backoff")
        scenario.answer("refused", status=429)
    scenario.operator("start")
    assert scenario.world.alarms == {}


def test_a_full_quota_is_an_alarm() -> None:
    scenario = refused_start(status=400, message="4029: organisation quota reached")
    assert {alarm.name for alarm in scenario.world.alarms.values()} == {"start-refused", "max-streams"}


def test_a_start_whose_outcome_stays_unknown_is_an_alarm_until_it_is_known() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.operator("start")
    scenario.answer("unknown")
    assert scenario.world.alarms == {}
    scenario.timer("start-unknown")
    summary = scenario.world.alarms[UNKNOWN].summary
    assert isinstance(summary, Explanation) and summary.code == AlarmSummary.START_UNKNOWN
    scenario.hls("started", id="a")
    assert scenario.world.alarms == {}
    assert "start-unknown" not in scenario.room.timers


def test_an_outcome_that_is_known_in_time_raises_nothing() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.operator("start")
    scenario.answer("unknown")
    scenario.hls("started", id="a")
    assert "start-unknown" not in scenario.room.timers


def test_an_acknowledged_alarm_stays_and_does_not_count() -> None:
    scheduled = late_room()
    acknowledge(scheduled, LATE)
    alarm = scheduled.world.alarms[LATE]
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == ("ann", scheduled.now)
    assert alarm.is_acknowledged(scheduled.now + HOUR)
    scheduled.put_schedule(late_after_s=30)
    assert scheduled.world.alarms[LATE].acknowledged_by == "ann"


def test_an_acknowledgement_with_an_end_counts_until_then() -> None:
    scheduled = late_room()
    acknowledge(scheduled, LATE, until=scheduled.now + 10 * MINUTE)
    alarm = scheduled.world.alarms[LATE]
    assert alarm.is_acknowledged(scheduled.now + 9 * MINUTE)
    assert not alarm.is_acknowledged(scheduled.now + 11 * MINUTE)


def test_an_acknowledgement_of_an_earlier_raising_does_nothing() -> None:
    scheduled = late_room()
    earlier = scheduled.world.alarms[LATE].id
    scheduled.operator("end")
    scheduled.operator("release")
    assert scheduled.world.alarms[LATE].id != earlier
    scheduled.process(Source.OPERATOR, "alarm-acknowledged", {"alarm_id": earlier}, room=None)
    assert scheduled.world.alarms[LATE].acknowledged_at is None
    assert scheduled.outcomes[-1].reasons == (Reason.ALARM_NOT_ACTIVE,)


def subscriber(name: Any, *types: Any, **filters: Any) -> Any:
    return Subscriber(name, "", "https://example.com", 1, wanted=Filter(types=types, **filters))


def test_an_alarm_is_not_sent_to_whoever_gets_the_notice_that_says_the_same() -> None:
    scheduled = late_room()
    scheduled.joined("ada")
    scheduled.answer("succeeded", run="a")
    scheduled.hls("started", "playable", id="a")
    index = SubscriberIndex(
        [
            subscriber("both", "broadcast.*", "alarm.*"),
            subscriber("alarms", "alarm.*"),
            subscriber("room", "alarm.*", rooms=(ROOM,)),
            subscriber("elsewhere", "alarm.*", rooms=("other",)),
        ]
    )
    notices = {notice.type: notice for notice in scheduled.announced}
    sent_to = {kind: {subscriber.subscriber_id for subscriber in index.of(notices[kind], None)} for kind in notices}
    assert sent_to["broadcast.late"] == {"both"}
    assert sent_to["alarm.raised"] == sent_to["alarm.cleared"] == {"alarms", "room"}


def test_an_alarm_about_a_subscriber_is_not_sent_to_it() -> None:
    scenario = Scenario()
    data = {"key": "subscriber-failing:a", "name": "subscriber-failing", "summary": "x", "subscriber_id": "a"}
    scenario.process(Source.SYSTEM, "alarm-raised", data, room=None)
    index = SubscriberIndex([subscriber("a", "*"), subscriber("b", "*")])
    assert [subscriber.subscriber_id for subscriber in index.of(scenario.announced[-1], None)] == ["b"]


def test_more_alarms_than_may_be_active_are_counted_by_one() -> None:
    scenario = Scenario()
    for number in range(ALARMS_ACTIVE_MAX + 3):
        data = {"key": f"start-refused:{number}", "name": "start-refused", "summary": "x"}
        scenario.process(Source.SYSTEM, "alarm-raised", data, room=None)
    assert len(scenario.world.alarms) == ALARMS_ACTIVE_MAX + 1
    assert scenario.world.alarms["alarms-not-listed"].count == 3
    assert len(scenario.announced) == ALARMS_ACTIVE_MAX + 1
    for number in range(2):
        scenario.process(Source.SYSTEM, "alarm-cleared", {"name": "x", "key": f"start-refused:{number}"}, room=None)
    assert "alarms-not-listed" not in scenario.world.alarms


def test_an_alarm_of_a_room_that_is_forgotten_clears() -> None:
    scheduled = late_room(long=3 * MINUTE)
    scheduled.until(ONE + 4 * MINUTE)
    assert MISSED in scheduled.world.alarms
    scheduled.process(Source.OPERATOR, "rule-deleted", {"name": "show"}, room=None)
    assert MISSED not in scheduled.world.alarms
    scenario = refused_start(status=429)
    for _ in range(19):
        scenario.timer("backoff")
        scenario.answer("refused", status=429)
    scenario.process(Source.OPERATOR, "room-forgotten", {"room_id": ROOM}, room=None)
    assert scenario.world.alarms == {}


def test_a_room_that_is_late_because_calls_are_paused_says_so() -> None:
    scheduled = ScheduledRoom().open_session()
    scheduled.world.config = replace(scheduled.world.config, settings=Settings(calls=True, paused=True))
    scheduled.put_schedule()
    scheduled.until(ONE + 2 * MINUTE)
    assert scheduled.reason("late") == Reason.CALLS_PAUSED
    assert scheduled.world.alarms[LATE].reason == Reason.CALLS_PAUSED


def test_a_room_is_late_because_calls_are_paused_whatever_its_own_start_was_answered() -> None:
    scheduled = ScheduledRoom().open_session().put_schedule()
    scheduled.until(ONE)
    scheduled.answer("refused", status=401, message="Token is invalid or expired")
    scheduled.until(ONE + 2 * MINUTE)
    assert scheduled.reason("late") == Reason.CALLS_PAUSED


FORBIDDEN = forbidden_key(Room(ROOM))
UNREADABLE = f"videosdk-unreadable:{ROOM}"


def forbidden_start() -> Any:
    scenario = refused_start(status=403, message="not yours")
    assert FORBIDDEN in scenario.world.alarms
    return scenario


def put_on_air(scenario: Any) -> None:
    scenario.hls("started", "playable", id="a", url="https://cdn.example/a/index.m3u8")


@pytest.mark.parametrize("command", ["release", "end"])
def test_that_videosdk_forbids_a_start_clears_when_nobody_wants_it_any_more(command: str) -> None:
    scenario = forbidden_start()
    scenario.wait(10 * MINUTE)
    assert FORBIDDEN in scenario.world.alarms
    scenario.operator(command)
    assert FORBIDDEN not in scenario.world.alarms


def test_that_videosdk_forbids_a_start_clears_when_somebody_puts_the_room_on_air() -> None:
    scenario = forbidden_start()
    put_on_air(scenario)
    assert FORBIDDEN not in scenario.world.alarms


def test_that_videosdk_forbids_an_end_clears_when_the_stream_ends() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    put_on_air(scenario)
    scenario.operator("end")
    scenario.answer("refused", status=403, message="not yours")
    assert FORBIDDEN in scenario.world.alarms
    scenario.hls("stopped", id="a")
    assert FORBIDDEN not in scenario.world.alarms


def test_the_alarm_about_an_unreadable_answer_clears_when_the_room_is_no_longer_probed() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.operator("start")
    scenario.answer("unreached", status=418, unreadable="418 teapot")
    scenario.operator("release")
    assert UNREADABLE in scenario.world.alarms
    scenario.webhook("session-ended")
    for _ in range(20):
        if scenario.room.probing.probe is not None:
            scenario.probe(reached=False, unreadable="418 teapot")
        scenario.wait(MINUTE)
    probed = scenario.room.probing.probe is not None or any(timer.startswith("ask:") for timer in scenario.room.timers)
    assert (UNREADABLE in scenario.world.alarms) is probed
    assert scenario.room.probing.unreadable is probed
