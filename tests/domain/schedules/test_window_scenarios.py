"""What schedules make of a room: windows that open and close, and whatever happens to them on the way."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND, SESSION, Scenario, rest, url
from webhook_app.domain.context import StepContext
from webhook_app.domain.events import Event, Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.backtest import backtest
from webhook_app.domain.schedules.occurrences import occurrences, over_quota
from webhook_app.domain.state import SystemState
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.registry import CALLED
from webhook_app.store import codec

HOUR = 60 * MINUTE
DAY = 24 * HOUR
ONE = NOON + HOUR  # where most windows open
HIGH = {"config": {"quality": "high"}}


class ScheduledRoom(Scenario):
    """A story whose VideoSDK answers each question at once with what the story has told of it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.reachable = True

    def wait(self, ms: Any) -> None:
        until = self.now + ms
        self.look()
        while due := [(at, name) for name, at in self.room.timers.items() if at <= until]:
            self.timer(min(due)[1])
            self.look()
        self.now = max(self.now, until)

    def look(self) -> None:
        """Answer what is asked, and what is asked then."""
        for _ in range(8):
            if self.reachable and self.room.probing.probe is not None:
                self.see()

    def see(self) -> None:
        live = [run for run in self.runs if run.live]
        active = {**rest(live[-1].videosdk_id), "sessionId": live[-1].session_id} if live else None
        session = self.room.session
        session_data = None
        if session is not None and session.live and self.pending_probe.body.get("session"):
            people = dict(session.participants) if session.complete else {"ada": "Ada"}
            session_data = {"session_id": session.session_id, "live": True, "participants": people}
        self.probe(active, session=session_data, after=0)

    def until(self, moment: Any) -> None:
        """Let the clock run to a moment."""
        self.wait(moment - self.now)

    def sleep(self, moment: Any) -> None:
        """Nobody looks until a moment; then the clock tells what has come due."""
        self.now = moment
        self.wait(0)

    def plan(self, name: str = "show", *, at: Any = ("13:00",), long: Any = HOUR, **more: Any) -> Any:
        """Put a rule whose windows open today."""
        schedule = {"at": [f"2026-11-22T{time}" if len(time) == 5 else time for time in at], "duration_s": long // 1000}
        self.put_rule({"name": name, "rooms": [ROOM], "schedule": schedule, **more})
        return self

    def opened(self, who: str = "ada", session: Any = SESSION) -> Any:
        """Somebody opens a session."""
        self.webhook("session-started", session=session)
        self.joined(who, session=session)
        return self

    def playable(self, run: str = "a", **more: Any) -> Any:
        """The start that was called is done."""
        self.answer("succeeded", run=run, **more)
        self.hls("started", "playable", id=run, url=url(run))
        return self

    def stopped(self, run: str = "a") -> Any:
        self.hls("stopping", "stopped", id=run, after=0)
        return self

    def ended(self, run: str = "a") -> Any:
        """The end that was called is done."""
        self.answer("succeeded")
        return self.stopped(run)

    @property
    def broadcasts(self) -> Any:
        """What was told of windows, short."""
        return [
            notice.type.removeprefix("broadcast.") for notice in self.announced if notice.type.startswith("broadcast.")
        ]

    def reason(self, kind: Any) -> Any:
        return [notice.data["reason"] for notice in self.announced if notice.type == f"broadcast.{kind}"][-1]

    @property
    def desired(self) -> Any:
        desired = self.view["desired"]
        return None if desired is None else desired["on_air"]


def on_show(run: str = "a", **more: Any) -> Any:
    """A room whose window is open since one o'clock and whose run is playable."""
    scenario = ScheduledRoom().opened().plan(**more)
    scenario.until(ONE)
    return scenario.playable(run)


def after_show(scenario: Any) -> Any:
    """The window has closed and the stream has ended."""
    scenario.until(ONE + HOUR)
    return scenario.ended(scenario.runs[-1].videosdk_id)


# Opening


def test_a_window_starts_the_stream_within_the_event_that_opens_it() -> None:
    scenario = ScheduledRoom().opened().plan(start=HIGH)
    scenario.until(ONE - 1)
    assert (scenario.starts, scenario.desired) == ([], None)
    scenario.until(ONE)
    assert scenario.now == ONE
    assert [(call.because, call.created_at, call.body) for call in scenario.starts] == [("rule:show", ONE, HIGH)]
    assert scenario.view["desired"]["until"] == "2026-11-22T14:00:00.000Z"


def test_the_room_shows_its_next_window_before_and_after_it_opens() -> None:
    scenario = ScheduledRoom().opened().plan(at=["13:00", "15:00"])
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T13:00:00.000Z"
    scenario.until(ONE)
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T15:00:00.000Z"


def test_a_window_without_a_session_is_armed_and_starts_at_once_when_somebody_opens_one() -> None:
    scenario = ScheduledRoom().plan()
    scenario.until(ONE + 10 * MINUTE)
    assert (scenario.starts, scenario.view["armed"], scenario.desired) == ([], True, True)
    assert scenario.broadcasts == ["armed", "late"]
    assert scenario.reason("late") == Reason.NO_SESSION
    scenario.webhook("session-started")
    assert [call.created_at for call in scenario.starts] == [scenario.now]


def test_an_armed_window_asks_at_its_opening_and_finds_a_session_whose_webhook_was_lost() -> None:
    scenario = ScheduledRoom().plan()
    scenario.reachable = False
    scenario.until(ONE)
    assert len(scenario.probes) == 1
    scenario.probe(None, session={"session_id": "s9", "live": True, "participants": {"ada": "Ada"}})
    assert len(scenario.starts) == 1
    assert scenario.broadcasts == []


@pytest.mark.parametrize("answer", [{"reached": False}, {"session_unknown": True}])
def test_a_window_is_not_armed_before_videosdk_has_said_that_nobody_is_there(answer: dict[str, Any]) -> None:
    scenario = ScheduledRoom().plan()
    scenario.reachable = False
    scenario.until(ONE)
    scenario.probe(None, **answer)
    scenario.until(ONE + 10 * SECOND)
    assert scenario.broadcasts == []
    scenario.timer("armed")
    scenario.probe(None)
    assert scenario.broadcasts == ["armed"]


def test_a_window_is_late_because_videosdk_could_not_say_who_is_there() -> None:
    scenario = ScheduledRoom().plan()
    scenario.reachable = False
    scenario.until(ONE + 2 * MINUTE)
    assert scenario.broadcasts == ["late"]
    assert scenario.reason("late") == Reason.SESSION_UNKNOWN


def test_a_room_that_is_on_air_at_the_opening_is_left_running_and_counts() -> None:
    scenario = ScheduledRoom().opened()
    scenario.hls("starting", "started", "playable", id="p", url=url("p"))
    scenario.plan()
    scenario.until(ONE + 10 * MINUTE)
    assert (scenario.starts, scenario.broadcasts) == ([], [])
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["completed"]
    assert [call.body for call in scenario.ends] == [{"id": "p"}]


def test_a_rule_that_is_put_inside_its_window_opens_it_at_once() -> None:
    scenario = ScheduledRoom().opened()
    scenario.until(ONE + 20 * MINUTE)
    scenario.plan()
    assert len(scenario.starts) == 1


def test_a_room_first_seen_inside_the_window_of_a_glob_is_put_on_air() -> None:
    scenario = ScheduledRoom()
    scenario.put_rule({"name": "all", "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600}})
    scenario.until(ONE + 5 * MINUTE)
    scenario.webhook("session-started")
    assert [call.because for call in scenario.starts] == ["rule:all"]


# Late, missed, completed


def test_a_window_that_is_not_playable_a_minute_after_its_opening_is_late_with_its_reason() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.until(ONE)
    for _ in range(3):
        scenario.answer("refused", status=400, message="quota")
        scenario.timer("backoff")
    scenario.until(ONE + 2 * MINUTE)
    assert scenario.broadcasts == ["late"]
    assert scenario.reason("late") == Reason.VIDEOSDK_REFUSED


def test_a_window_that_is_playable_in_time_is_not_late() -> None:
    scenario = on_show(late_after_s=30)
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["completed"]


def test_a_window_that_closes_before_it_could_be_late_is_missed_and_not_late_too() -> None:
    scenario = ScheduledRoom().opened().plan(long=30 * SECOND)
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["missed"]


def test_a_rule_that_is_put_inside_its_window_is_late_a_minute_after_it_was_put() -> None:
    scenario = ScheduledRoom().opened()
    scenario.until(ONE + 20 * MINUTE)
    scenario.plan()
    scenario.wait(SECOND)
    assert scenario.broadcasts == []
    scenario.wait(MINUTE)
    assert scenario.broadcasts == ["late"]


def test_a_rule_that_is_resumed_inside_its_window_is_late_a_minute_after_that() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.pause("show")
    scenario.until(ONE + 20 * MINUTE)
    scenario.process(Source.OPERATOR, "rule-resumed", {"name": "show"}, room=None)
    scenario.wait(SECOND)
    assert scenario.broadcasts == []
    scenario.wait(MINUTE)
    assert scenario.broadcasts == ["late"]


def test_how_late_is_late_is_the_rules_to_say() -> None:
    scenario = ScheduledRoom().plan(late_after_s=600)
    scenario.until(ONE + 9 * MINUTE)
    assert "late" not in scenario.broadcasts
    scenario.until(ONE + 10 * MINUTE)
    assert "late" in scenario.broadcasts


def test_a_run_that_was_ended_before_it_was_playable_completes_no_window() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.until(ONE)
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a", url=url("a"))
    scenario.operator("end")
    scenario.ended("a")
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["late", "missed"]
    assert scenario.reason("missed") == Reason.OPERATOR_OFF


def test_a_window_that_was_never_playable_is_missed_with_its_reason() -> None:
    scenario = ScheduledRoom().plan()
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["armed", "late", "missed"]
    assert scenario.reason("missed") == Reason.NO_SESSION
    assert scenario.desired is None


def test_without_credentials_a_window_is_missed_and_nothing_is_wanted_after_it() -> None:
    scenario = ScheduledRoom(calls=False).opened().plan()
    scenario.until(ONE + 5 * MINUTE)
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["late", "missed"]
    assert scenario.reason("missed") == Reason.NO_CREDENTIALS
    assert (scenario.calls, scenario.desired) == ([], None)


def test_a_stream_that_a_person_runs_without_credentials_completes_the_window_and_is_not_ended_later() -> None:
    scenario = ScheduledRoom(calls=False).opened().plan()
    scenario.hls("started", "playable", id="p")
    scenario.until(ONE + HOUR)
    assert (scenario.broadcasts, scenario.desired) == (["completed"], None)
    scenario.process(Source.SYSTEM, "settings", {"calls": True}, room=None)
    assert scenario.ends == []


def test_the_close_ends_the_stream_once_and_then_wants_nothing() -> None:
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
    scenario = ScheduledRoom().plan()
    scenario.until(ONE + HOUR - 5 * SECOND)
    scenario.webhook("session-started", after=0)
    scenario.answer("succeeded", run="a", after=0)
    scenario.until(ONE + HOUR)
    assert scenario.ends == []
    scenario.hls("started", id="a")
    assert len(scenario.ends) == 1
    scenario.ended()
    assert scenario.desired is None


def test_a_close_while_the_start_is_in_doubt_ends_what_comes_of_it() -> None:
    scenario = ScheduledRoom().plan()
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


def test_an_end_that_is_refused_for_ever_after_the_close_is_given_up() -> None:
    scenario = on_show()
    scenario.until(ONE + HOUR)
    for _ in range(40):
        if scenario.room.control.call is not None:
            scenario.answer("refused", status=429)
        if "backoff" in scenario.room.timers:
            scenario.timer("backoff")
    assert scenario.notices.count("call.given-up") == 1
    assert (scenario.desired, len(scenario.ends)) == (None, 20)


# Reminding


def test_what_is_near_is_told_once_and_says_whether_somebody_is_there() -> None:
    scenario = ScheduledRoom().plan(at=["13:00", "15:00"], remind_s=600)
    scenario.until(ONE - 10 * MINUTE)
    assert scenario.broadcasts == ["upcoming"]
    assert scenario.announced[-1].data["session_live"] is False
    scenario.plan(at=["13:00", "15:00"], remind_s=600, late_after_s=90)
    scenario.opened()
    scenario.until(ONE)
    assert scenario.broadcasts == ["upcoming"]
    scenario.playable()
    scenario.until(NOON + 3 * HOUR)
    assert scenario.broadcasts == ["upcoming", "completed", "upcoming"]
    assert scenario.announced[-1].type != "broadcast.upcoming" or scenario.announced[-1].data["session_live"] is True


# Streams that end inside the window


def test_a_person_who_stops_the_stream_is_obeyed_until_the_window_closes() -> None:
    scenario = on_show(at=["13:00", "15:00"])
    scenario.stopped()
    assert (scenario.broadcasts, scenario.desired) == (["interrupted"], None)
    scenario.until(ONE + HOUR - 1)
    assert len(scenario.starts) == 1
    scenario.until(ONE + 2 * HOUR)
    assert (scenario.broadcasts, len(scenario.starts)) == (["interrupted", "completed"], 2)


def test_a_person_who_stopped_and_started_again_is_left_alone_at_the_close() -> None:
    scenario = on_show()
    scenario.stopped()
    scenario.hls("starting", "started", "playable", id="p", url=url("p"))
    scenario.until(ONE + 3 * HOUR)
    assert (scenario.ends, scenario.states[-1]) == ([], "playable")


def test_a_persons_stop_that_is_told_only_after_a_probe_has_missed_the_stream_is_obeyed_all_the_same() -> None:
    scenario = on_show()
    scenario.probe(None)
    assert {"wait": 5} in [decision.arguments for decision in scenario.decisions]
    scenario.hls("stopping", id="a")
    assert scenario.broadcasts == ["interrupted"]
    scenario.hls("stopped", id="a")
    scenario.wait(5 * MINUTE)
    assert (len(scenario.starts), scenario.desired, scenario.broadcasts) == (1, None, ["interrupted"])


def test_late_word_of_a_stop_undoes_no_start_that_was_made_meanwhile() -> None:
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


def test_a_stream_that_dies_is_started_again_ever_later_and_never_given_up_before_the_close() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.until(ONE)
    for n in range(30):
        scenario.answer("succeeded", run=f"r{n}", after=0)
        scenario.hls("failed", id=f"r{n}", after=0)
        scenario.timer("backoff")
    assert len(scenario.starts) == 31
    assert "call.given-up" not in scenario.notices
    assert scenario.room.timers.get("backoff", scenario.now) - scenario.now <= MINUTE


def test_a_start_that_is_refused_is_tried_up_to_the_close_and_not_after_it() -> None:
    scenario = ScheduledRoom().opened().plan()
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


def test_a_token_that_is_refused_through_the_opening_holds_the_window_until_it_is_lifted() -> None:
    scenario = ScheduledRoom().opened().plan()
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


def test_a_question_for_the_token_that_is_lost_is_put_again() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.until(ONE)
    scenario.answer("refused", status=401)
    scenario.reachable = False
    scenario.wait(10 * MINUTE)
    assert len(scenario.starts) == 1
    scenario.reachable = True
    scenario.wait(MINUTE)
    assert len(scenario.starts) == 2


# Down for a while


def test_a_window_that_opened_while_nobody_looked_is_entered_late() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.sleep(ONE + 20 * MINUTE)
    assert len(scenario.starts) == 1
    assert scenario.broadcasts == ["late"]
    scenario.playable()
    scenario.until(ONE + HOUR)
    assert scenario.broadcasts == ["late", "completed"]
    assert len(scenario.ends) == 1


def test_a_window_that_opened_and_closed_while_nobody_looked_is_missed() -> None:
    scenario = ScheduledRoom().opened().plan(at=["13:00", "16:00"])
    scenario.sleep(ONE + 2 * HOUR)
    assert (scenario.starts, scenario.broadcasts) == ([], ["missed"])
    assert scenario.reason("missed") == Reason.NOT_RUNNING
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T16:00:00.000Z"


def test_each_of_several_windows_that_passed_while_nobody_looked_is_told() -> None:
    scenario = ScheduledRoom().opened().plan(at=["13:00", "15:00", "17:00", "19:00"])
    scenario.sleep(NOON + 7 * HOUR + 10 * MINUTE)
    missed = [notice for notice in scenario.announced if notice.type == "broadcast.missed"]
    assert [notice.data["opens_at"][11:16] for notice in missed] == ["13:00", "15:00", "17:00"]
    assert len(scenario.starts) == 1


def test_a_close_that_nobody_looked_at_ends_the_stream_afterwards() -> None:
    scenario = on_show()
    scenario.sleep(ONE + 3 * HOUR)
    assert scenario.broadcasts == ["completed"]
    assert len(scenario.ends) == 1


def test_a_window_that_passed_between_two_looks_hands_its_run_to_the_next() -> None:
    scenario = on_show(at=["13:00", "15:00"])
    scenario.sleep(ONE + 2 * HOUR + MINUTE)
    assert scenario.broadcasts == ["completed"]
    assert (scenario.ends, len(scenario.starts), scenario.desired) == ([], 1, True)


# Two windows, two rules


def test_windows_that_touch_are_one_stretch() -> None:
    scenario = on_show(at=["13:00", "14:00"])
    scenario.until(ONE + 2 * HOUR - 1)
    assert (scenario.ends, scenario.broadcasts) == ([], [])
    scenario.until(ONE + 2 * HOUR)
    assert (len(scenario.ends), scenario.broadcasts) == (1, ["completed"])


def test_windows_of_two_rules_that_overlap_are_one_stretch_of_both() -> None:
    scenario = on_show()
    scenario.plan("choir", at=["13:30"])
    assert scenario.room.schedule.window.rules == ("show", "choir")
    scenario.until(ONE + 90 * MINUTE)
    assert [call.created_at for call in scenario.ends] == [ONE + 90 * MINUTE]
    assert scenario.broadcasts == ["completed"]


def test_a_later_opening_for_another_stream_replaces_the_run_and_never_are_there_two() -> None:
    scenario = on_show()
    scenario.plan("choir", at=["13:30"], start=HIGH)
    scenario.until(ONE + 30 * MINUTE)
    assert scenario.broadcasts == ["completed"]
    assert (len(scenario.starts), len(scenario.ends)) == (1, 1)
    scenario.answer("succeeded")
    assert len(scenario.starts) == 1
    scenario.stopped()
    assert [(call.because, call.body) for call in scenario.starts[1:]] == [("rule:choir", HIGH)]
    scenario.playable("b")
    scenario.until(ONE + 90 * MINUTE)
    assert scenario.broadcasts == ["completed", "completed"]
    assert [call.body for call in scenario.ends] == [{"id": "a"}, {"id": "b"}]


def test_a_start_under_way_at_the_turn_of_windows_is_replaced_too() -> None:
    scenario = ScheduledRoom().plan()
    scenario.plan("choir", at=["13:30"], start=HIGH)
    scenario.until(ONE + 30 * MINUTE - SECOND)
    scenario.webhook("session-started", after=0)
    assert [call.body for call in scenario.starts] == [{}]
    scenario.until(ONE + 30 * MINUTE)
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a")
    assert len(scenario.ends) == 1
    scenario.ended()
    assert [call.body for call in scenario.starts] == [{}, HIGH]


def test_a_window_that_was_cut_short_does_not_come_back_after_the_one_that_cut_it() -> None:
    scenario = ScheduledRoom().opened().plan(long=4 * HOUR)
    scenario.plan("choir", at=["14:00"], start=HIGH)
    scenario.until(ONE)
    scenario.playable("a")
    scenario.until(ONE + HOUR)
    scenario.ended("a")
    scenario.playable("b")
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.ends) == 2
    scenario.ended("b")
    scenario.wait(HOUR)
    assert (len(scenario.starts), scenario.desired) == (2, None)


# Operators


def test_an_operators_end_inside_a_window_holds_until_it_closes() -> None:
    scenario = on_show(at=["13:00", "15:00"])
    scenario.operator("end")
    scenario.ended()
    assert scenario.desired is False
    scenario.until(ONE + HOUR)
    assert (scenario.desired, scenario.broadcasts) == (None, ["completed"])
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.starts) == 2


def test_an_operators_release_inside_a_window_gives_the_room_back_to_it() -> None:
    scenario = on_show()
    scenario.operator("end")
    scenario.ended()
    scenario.operator("release")
    assert len(scenario.starts) == 2


def test_an_operators_start_outside_a_window_is_dropped_at_the_next_opening_and_the_run_goes_on() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.operator("start")
    scenario.playable()
    assert scenario.view["desired"]["because"] == "operator"
    scenario.until(ONE)
    assert scenario.view["desired"]["because"] == "rule:show"
    assert (scenario.ends, len(scenario.starts)) == ([], 1)
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1


def test_an_operators_end_outside_a_window_is_dropped_at_the_next_opening() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.operator("end")
    scenario.until(ONE)
    assert len(scenario.starts) == 1


def test_an_operators_start_inside_a_window_is_dropped_at_its_close() -> None:
    scenario = on_show()
    scenario.operator("start")
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1
    scenario.ended()
    assert scenario.desired is None


def test_a_wish_with_its_own_time_holds_over_the_close_and_the_stream_ends_when_it_is_up() -> None:
    scenario = on_show()
    scenario.operator("start", until=ONE + 2 * HOUR)
    scenario.until(ONE + 2 * HOUR - 1)
    assert (scenario.ends, scenario.desired, scenario.broadcasts) == ([], True, ["completed"])
    scenario.until(ONE + 2 * HOUR)
    assert [call.because for call in scenario.ends] == ["rule:show"]
    scenario.ended()
    assert scenario.desired is None


def test_an_operators_end_with_its_own_time_holds_over_an_opening() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.operator("end", until=ONE + 10 * MINUTE)
    scenario.until(ONE + 10 * MINUTE - 1)
    assert scenario.starts == []
    assert scenario.reason("late") == Reason.OPERATOR_OFF
    scenario.until(ONE + 10 * MINUTE)
    assert len(scenario.starts) == 1


# A rule that changes while its window is open


def test_a_window_that_is_made_longer_goes_on() -> None:
    scenario = on_show()
    scenario.plan(long=2 * HOUR)
    scenario.until(ONE + 2 * HOUR - 1)
    assert (scenario.ends, scenario.broadcasts) == ([], [])
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.ends) == 1


def test_a_window_that_is_made_shorter_closes_earlier() -> None:
    scenario = on_show()
    scenario.plan(long=30 * MINUTE)
    scenario.until(ONE + 30 * MINUTE)
    assert len(scenario.ends) == 1


def test_a_window_that_is_made_so_short_that_it_is_over_closes_at_once() -> None:
    scenario = on_show()
    scenario.until(ONE + 40 * MINUTE)
    scenario.plan(long=30 * MINUTE)
    assert (len(scenario.ends), scenario.broadcasts) == (1, ["completed"])


def test_another_start_replaces_the_run_without_closing_the_window() -> None:
    scenario = on_show()
    scenario.plan(start=HIGH)
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
    scenario.plan("choir", at=["16:00"])
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


def test_the_next_opening_can_be_passed_over_and_stays_so_when_the_rule_is_put_again() -> None:
    scenario = ScheduledRoom().opened().plan(at=["13:00", "15:00"])
    scenario.process(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    assert scenario.view["next_window"]["opens_at"] == "2026-11-22T15:00:00.000Z"
    scenario.plan(at=["13:00", "15:00"], late_after_s=90)
    scenario.until(ONE + HOUR)
    assert (scenario.starts, scenario.broadcasts) == ([], [])
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.starts) == 1


def test_the_timeline_says_which_opening_is_passed_over() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.process(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    assert explain(Reason.OCCURRENCE_SKIPPED, opens_at="2026-11-22T13:00:00.000Z") in scenario.explained


def test_a_file_that_is_applied_again_keeps_what_is_passed_over() -> None:
    scenario = ScheduledRoom().opened()
    rule = {"name": "show", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600}}
    scenario.process(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": {}}, room=None)
    scenario.process(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    scenario.process(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": {}}, room=None)
    scenario.until(ONE + HOUR)
    assert scenario.starts == []


# Nobody there, and somebody still there


def test_an_empty_room_is_ended_after_videosdk_was_asked_and_is_on_again_when_somebody_returns() -> None:
    scenario = on_show(end_when_empty_s=300)
    scenario.left("ada")
    left_at = scenario.now
    scenario.reachable = False
    scenario.until(left_at + 5 * MINUTE)
    if scenario.room.probing.probe is not None and scenario.pending_probe.body["about"] == "watch":
        scenario.probe(rest("a"))
    assert scenario.ends == []
    scenario.probe(rest("a"), session={"session_id": SESSION, "live": True, "participants": {}})
    assert [call.because for call in scenario.ends] == ["rule:show"]
    scenario.reachable = True
    scenario.ended()
    assert scenario.desired is False
    scenario.joined("bob")
    assert (len(scenario.starts), scenario.desired) == (2, True)
    assert scenario.broadcasts == []


def test_a_room_that_was_thought_empty_and_is_not_stays_on() -> None:
    scenario = on_show(end_when_empty_s=300)
    scenario.left("ada")
    scenario.reachable = False
    scenario.wait(4 * MINUTE)
    scenario.timer("empty")
    for _ in range(3):
        if scenario.room.probing.probe is not None:
            scenario.probe(rest("a"), session={"session_id": SESSION, "live": True, "participants": {"bob": "Bob"}})
    assert scenario.ends == []
    scenario.reachable = True
    scenario.until(ONE + HOUR - 1)
    assert scenario.ends == []


def test_an_answer_that_says_nothing_of_the_session_ends_nothing() -> None:
    scenario = on_show(end_when_empty_s=300)
    scenario.left("ada")
    scenario.reachable = False
    scenario.wait(4 * MINUTE)
    scenario.timer("empty")
    scenario.probe(rest("a"))
    assert scenario.ends == []
    scenario.reachable = True
    scenario.wait(MINUTE)
    assert len(scenario.ends) == 1


def test_somebody_who_returns_in_time_keeps_the_room_on() -> None:
    scenario = on_show(end_when_empty_s=300)
    scenario.left("ada")
    scenario.wait(4 * MINUTE)
    scenario.joined("ada")
    scenario.until(ONE + HOUR - 1)
    assert scenario.ends == []


def test_a_close_while_the_end_of_an_empty_room_is_under_way_still_ends_it() -> None:
    scenario = on_show(end_when_empty_s=300)
    scenario.until(ONE + HOUR - 6 * MINUTE)
    scenario.left("ada")
    scenario.until(ONE + HOUR - 30 * SECOND)
    assert len(scenario.ends) == 1
    scenario.answer("refused", status=429, after=0)
    scenario.until(ONE + HOUR + MINUTE)
    assert len(scenario.ends) > 1
    scenario.ended()
    assert scenario.desired is None


def test_a_window_runs_over_while_somebody_is_there_and_ends_when_they_leave() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.until(ONE + HOUR + 10 * MINUTE)
    assert (scenario.ends, scenario.desired, scenario.broadcasts) == ([], True, [])
    scenario.left("ada")
    assert (len(scenario.ends), scenario.broadcasts) == (1, ["completed"])
    scenario.ended()
    assert scenario.desired is None


def test_a_window_runs_over_no_longer_than_it_may() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.until(ONE + HOUR + 30 * MINUTE)
    assert [call.created_at for call in scenario.ends] == [ONE + 90 * MINUTE]
    assert scenario.broadcasts == ["completed"]


def test_a_window_with_nobody_in_it_does_not_run_over() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.left("ada")
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1


def test_a_window_that_is_made_longer_while_it_runs_over_is_not_cut_at_the_old_bound() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.until(ONE + HOUR + 10 * MINUTE)
    scenario.plan(long=3 * HOUR, overrun_s=1800)
    scenario.until(ONE + 3 * HOUR - 1)
    assert scenario.ends == []
    scenario.until(ONE + 3 * HOUR)
    assert scenario.ends == []
    scenario.until(ONE + 3 * HOUR + 30 * MINUTE)
    assert len(scenario.ends) == 1


def test_a_window_that_runs_over_into_the_next_keeps_its_run() -> None:
    scenario = on_show(at=["13:00", "14:15"], overrun_s=1800)
    scenario.until(ONE + 80 * MINUTE)
    assert (scenario.ends, len(scenario.starts), scenario.broadcasts) == ([], 1, ["completed"])
    assert scenario.desired is True


# Long runs, conditions, around the clock


def test_a_run_that_is_as_long_as_it_may_be_is_ended_and_started_again() -> None:
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


def test_a_run_that_would_end_with_the_window_is_not_renewed() -> None:
    scenario = on_show(long=HOUR, max_run_s=6600)
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1
    assert scenario.desired is False


def test_a_window_with_an_if_starts_once_it_holds_and_goes_on_when_it_ceases() -> None:
    scenario = ScheduledRoom().opened("ada")
    scenario.plan(**{"if": 'room.session.participants.exists(p, p.name.startsWith("Host"))'})
    scenario.until(ONE + 5 * MINUTE)
    assert scenario.starts == []
    assert scenario.reason("late") == Reason.WINDOW_IF_AWAITED
    scenario.joined("host-eve")
    assert len(scenario.starts) == 1
    scenario.playable()
    scenario.left("host-eve")
    scenario.until(ONE + HOUR - 1)
    assert (scenario.ends, scenario.desired) == ([], True)
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1


def test_a_leaving_that_nobody_told_is_seen_by_a_look_and_ends_the_empty_room() -> None:
    scenario = ScheduledRoom().opened("ada").plan(end_when_empty_s=120, long=3 * HOUR)
    scenario.until(ONE)
    scenario.playable()
    sequence = scenario.room.sequence
    scenario.until(ONE + 20 * MINUTE)
    looks = [call for call in scenario.probes if call.body.get("session") and call.created_at > ONE]
    assert 3 <= len(looks) <= 6
    assert (scenario.ends, scenario.room.session.count) == ([], 1)
    assert scenario.room.sequence == sequence  # looking changes nothing that others see
    scenario.reachable = False
    scenario.until(ONE + 26 * MINUTE)
    while scenario.room.probing.probe is None or not scenario.pending_probe.body.get("session"):
        if scenario.room.probing.probe is None:
            scenario.ask()
        else:
            scenario.probe({**rest("a"), "sessionId": SESSION})
    here = {"session_id": SESSION, "live": True, "participants": {}}
    scenario.probe({**rest("a"), "sessionId": SESSION}, session=here)
    assert scenario.notices.count("participant.left") == 1
    scenario.reachable = True
    scenario.wait(119 * SECOND)
    assert scenario.ends == []
    scenario.wait(2 * SECOND)
    assert len(scenario.ends) == 1


def test_a_window_that_waits_for_its_if_asks_who_is_there_as_nobody_may_have_said() -> None:
    scenario = ScheduledRoom()
    scenario.reachable = False
    scenario.plan(**{"if": 'room.session.participants.exists(p, p.name.startsWith("Host"))'})
    scenario.until(ONE)
    assert scenario.probes[-1].body["session"] is True
    scenario.probe(None, session={"session_id": SESSION, "live": True, "participants": {"ada": "Ada"}})
    assert (scenario.starts, scenario.room.probing.probe) == ([], None)
    scenario.until(ONE + 31 * SECOND)
    assert scenario.room.probing.probe is not None
    session_data = {"session_id": SESSION, "live": True, "participants": {"ada": "Ada", "eve": "Host Eve"}}
    scenario.probe(None, session=session_data)
    assert len(scenario.starts) == 1
    probe_count = len(scenario.probes)
    scenario.reachable = True
    scenario.playable()
    scenario.until(ONE + 10 * MINUTE)
    assert len(scenario.probes) - probe_count < 10  # the routine looks of a room on air


def test_a_window_whose_if_never_holds_is_missed_for_that_reason() -> None:
    scenario = ScheduledRoom().opened("ada").plan(**{"if": "room.session.participant_count > 5"})
    scenario.until(ONE + HOUR)
    assert (scenario.starts, scenario.reason("missed")) == ([], Reason.WINDOW_IF_AWAITED)


def test_a_room_that_is_always_on_stays_on_across_days() -> None:
    scenario = ScheduledRoom().opened()
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


def test_a_room_that_is_always_on_is_off_on_the_days_that_are_excepted() -> None:
    scenario = ScheduledRoom().opened()
    days = [["2026-11-24", "2026-11-24"]]
    scenario.put_rule({"name": "tv", "rooms": [ROOM], "schedule": {"always": True, "except_days": days}})
    scenario.playable()
    scenario.until(NOON + 36 * HOUR)
    assert [call.created_at for call in scenario.ends] == [NOON + 36 * HOUR]
    scenario.ended()
    scenario.until(NOON + 60 * HOUR)
    assert len(scenario.starts) == 2


# Other rules, other calendars


def test_a_schedule_wins_over_an_event_rule_and_takes_its_wish_along_at_the_close() -> None:
    scenario = on_show()
    scenario.put_rule({"name": "host-out", "on": "participant-left", "do": "end"})
    scenario.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    scenario.joined("bob")
    scenario.left("bob")
    assert scenario.ends == []
    scenario.joined("eve")
    after_show(scenario)
    assert scenario.desired is None
    scenario.wait(HOUR)
    assert len(scenario.starts) == 1


def test_a_close_takes_an_event_rules_wish_along_though_nothing_came_of_the_window() -> None:
    scenario = ScheduledRoom().plan()
    scenario.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    scenario.until(ONE + HOUR - 5 * SECOND)
    scenario.opened()
    scenario.until(ONE + HOUR)
    scenario.answer("unreached")
    scenario.wait(MINUTE)
    assert (len(scenario.starts), scenario.desired) == (1, None)


def test_the_timeline_says_that_a_schedule_wins_over_an_event_rule() -> None:
    scenario = on_show()
    scenario.put_rule({"name": "guard", "on": "participant-left", "do": "end"})
    scenario.left("ada")
    assert explain(Reason.RULE_SCHEDULE_WINS, action="end", winner="show") in scenario.explained
    assert scenario.ends == []


def test_an_event_rule_acts_outside_the_windows() -> None:
    scenario = ScheduledRoom().opened().plan()
    scenario.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    scenario.joined("bob")
    assert [call.because for call in scenario.starts] == ["rule:host-in"]


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


def test_a_calendar_that_is_fetched_plans_the_room_and_a_newer_one_plans_it_anew() -> None:
    scenario = ScheduledRoom().opened()
    ics = {"url": "https://c.example/a.ics", "match": "Live:*"}
    scenario.put_rule({"name": "cal", "rooms": [ROOM], "schedule": {"ics": ics}})
    assert scenario.view["next_window"] is None
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


def test_a_schedule_over_the_change_of_the_clocks_opens_when_the_wall_says_so() -> None:
    scenario = ScheduledRoom()
    scenario.now = 1_774_656_000_000  # 2026-03-28T00:00:00Z, the day before London's clocks go forward
    scenario.opened()
    schedule = {"cron": "30 1 * * *", "timezone": "Europe/London", "duration_s": 600}
    scenario.put_rule({"name": "night", "rooms": [ROOM], "schedule": schedule})
    opened: list[Any] = []
    while len(opened) < 3:
        scenario.timer("window")
        if scenario.room.schedule.window is not None:
            opened.append(scenario.view["desired"]["since"][8:16])
            scenario.playable(f"r{len(opened)}")
        else:
            scenario.ended(f"r{len(opened)}")
    assert opened == ["28T01:30", "29T01:30", "30T00:30"]


def test_what_is_to_come_is_shown_as_it_will_be() -> None:
    scenario = ScheduledRoom().plan(long=4 * HOUR)
    scenario.plan("choir", at=["14:00"], start=HIGH)

    def shown(name: Any, at: Any) -> Any:
        rule = scenario.world.config.rules[name]
        listed = occurrences(scenario.world.config, rule, [ROOM], at=at, count=5)
        return [
            ((occurrence.window.opens_at - NOON) / HOUR, (occurrence.window.closes_at - NOON) / HOUR)
            for occurrence in listed
        ]

    assert shown("show", NOON) == [(1, 2)]
    assert shown("choir", NOON) == [(2, 3)]
    assert shown("show", ONE + 3 * HOUR) == []
    assert over_quota(scenario.world.config, [ROOM], at=NOON, limit=1) == []


def test_a_backtest_of_a_schedule_shows_what_would_have_been_done_and_calls_nothing() -> None:
    scenario = ScheduledRoom().opened()
    before = SystemState(scenario.world.config)
    scenario.until(ONE + 2 * HOUR)
    scenario.joined("bob")
    draft = decode_rule(
        {"name": "draft", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600, "given": {}}}
    )
    result = backtest(
        before, scenario.events, [draft], since=NOON, until=scenario.now, webhook_for=CALLED.stream_webhook
    )
    assert [(act.kind, act.at) for act in result.would] == [
        ("start", ONE),
        ("end", ONE + HOUR),
        ("broadcast.completed", ONE + HOUR),
    ]
    assert result.only_would == result.would
    assert scenario.starts == []


def test_while_calls_are_paused_a_window_that_waits_for_its_if_asks_now_and_then_only() -> None:
    scenario = ScheduledRoom().opened("ada").plan(**{"if": "room.session.participant_count > 5"})
    settings = replace(scenario.world.config.settings, paused=True)
    scenario.world.config = replace(scenario.world.config, settings=settings)
    fired = 0
    while due := [(at, name) for name, at in scenario.room.timers.items() if at <= ONE + 10 * MINUTE]:
        scenario.timer(min(due)[1], late=3)
        fired += 1
        assert fired < 60


def test_a_timer_that_is_set_again_as_it_fires_is_due_later() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("starting", id="a")
    due = scenario.room.timers["watch"]
    event = codec.journal_event(Event("1-0", Source.CLOCK, "timer", ROOM, due, {"timer": "watch", "due": due}))
    turn = StepContext(scenario.world, event, scenario.room, StepOutcome())
    turn.clear_timer("watch")
    turn.set_timer("watch", due)
    assert turn.room.timers["watch"] == due + 1
    turn.set_timer("ask:settle", due)
    assert turn.room.timers["ask:settle"] == due
