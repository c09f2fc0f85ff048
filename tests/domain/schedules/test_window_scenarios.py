"""What schedules make of a room: windows that open and close, and whatever happens to them on the way."""

import pytest

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND, SESSION, Story, rest, url
from webhook_app.domain.configuration.changes import rule_from
from webhook_app.domain.context import Outcome, Turn, World
from webhook_app.domain.events import Event, Source
from webhook_app.domain.frozen import replace
from webhook_app.domain.rules.backtest import backtest
from webhook_app.domain.schedules.occurrences import occurrences, over_quota

HOUR = 60 * MINUTE
DAY = 24 * HOUR
ONE = NOON + HOUR  # where most windows open
HIGH = {"config": {"quality": "high"}}


class Hall(Story):
    """A story whose VideoSDK answers each question at once with what the story has told of it."""

    def __init__(self, **more):
        super().__init__(**more)
        self.reachable = True

    def wait(self, ms):
        until = self.now + ms
        self.look()
        while due := [(at, name) for name, at in self.room.timers.items() if at <= until]:
            self.timer(min(due)[1])
            self.look()
        self.now = max(self.now, until)

    def look(self):
        """Answer what is asked, and what is asked then."""
        for _ in range(8):
            if self.reachable and self.room.probe is not None:
                self.see()

    def see(self):
        live = [run for run in self.runs if run.live]
        active = {**rest(live[-1].videosdk_id), "sessionId": live[-1].session_id} if live else None
        session = self.room.session
        seen = None
        if session is not None and session.live and self.room.probe.body.get("session"):
            people = dict(session.participants) if session.complete else {"ada": "Ada"}
            seen = {"session_id": session.session_id, "live": True, "participants": people}
        self.probe(active, session=seen, after=0)

    def until(self, moment):
        """Let the clock run to a moment."""
        self.wait(moment - self.now)

    def sleep(self, moment):
        """Nobody looks until a moment; then the clock tells what has come due."""
        self.now = moment
        self.wait(0)

    def plan(self, name="show", *, at=("13:00",), long=HOUR, **more):
        """Put a rule whose windows open today."""
        schedule = {"at": [f"2026-11-22T{one}" if len(one) == 5 else one for one in at], "duration_s": long // 1000}
        self.put_rule({"name": name, "rooms": [ROOM], "schedule": schedule, **more})
        return self

    def opened(self, who="ada", session=SESSION):
        """Somebody opens a session."""
        self.webhook("session-started", session=session)
        self.joined(who, session=session)
        return self

    def playable(self, run="a", **more):
        """The start that was called is done."""
        self.answer("succeeded", run=run, **more)
        self.hls("started", "playable", id=run, url=url(run))
        return self

    def stopped(self, run="a"):
        self.hls("stopping", "stopped", id=run, after=0)
        return self

    def ended(self, run="a"):
        """The end that was called is done."""
        self.answer("succeeded")
        return self.stopped(run)

    @property
    def broadcasts(self):
        """What was told of windows, short."""
        return [notice.type.removeprefix("broadcast.") for notice in self.told if notice.type.startswith("broadcast.")]

    def reason(self, kind):
        return [notice.data["message"] for notice in self.told if notice.type == f"broadcast.{kind}"][-1]

    @property
    def wanted(self):
        desired = self.view["desired"]
        return None if desired is None else desired["on_air"]


def on_show(run="a", **more):
    """A room whose window is open since one o'clock and whose run is playable."""
    story = Hall().opened().plan(**more)
    story.until(ONE)
    return story.playable(run)


def after_show(story):
    """The window has closed and the stream has ended."""
    story.until(ONE + HOUR)
    return story.ended(story.runs[-1].videosdk_id)


# Opening


def test_a_window_starts_the_stream_within_the_event_that_opens_it():
    story = Hall().opened().plan(start=HIGH)
    story.until(ONE - 1)
    assert (story.starts, story.wanted) == ([], None)
    story.until(ONE)
    assert story.now == ONE
    assert [(call.because, call.created_at, call.body) for call in story.starts] == [("rule:show", ONE, HIGH)]
    assert story.view["desired"]["until"] == "2026-11-22T14:00:00.000Z"


def test_the_room_shows_its_next_window_before_and_after_it_opens():
    story = Hall().opened().plan(at=["13:00", "15:00"])
    assert story.view["next_window"]["opens_at"] == "2026-11-22T13:00:00.000Z"
    story.until(ONE)
    assert story.view["next_window"]["opens_at"] == "2026-11-22T15:00:00.000Z"


def test_a_window_without_a_session_is_armed_and_starts_at_once_when_somebody_opens_one():
    story = Hall().plan()
    story.until(ONE + 10 * MINUTE)
    assert (story.starts, story.view["armed"], story.wanted) == ([], True, True)
    assert story.broadcasts == ["armed", "late"]
    assert story.reason("late") == "nobody has opened a session"
    story.webhook("session-started")
    assert [call.created_at for call in story.starts] == [story.now]


def test_an_armed_window_asks_at_its_opening_and_finds_a_session_whose_webhook_was_lost():
    story = Hall().plan()
    story.reachable = False
    story.until(ONE)
    assert len(story.probes) == 1
    story.probe(None, session={"session_id": "s9", "live": True, "participants": {"ada": "Ada"}})
    assert len(story.starts) == 1
    assert story.broadcasts == []


@pytest.mark.parametrize("answer", [{"reached": False}, {"session_unknown": True}])
def test_a_window_is_not_armed_before_videosdk_has_said_that_nobody_is_there(answer):
    story = Hall().plan()
    story.reachable = False
    story.until(ONE)
    story.probe(None, **answer)
    story.until(ONE + 10 * SECOND)
    assert story.broadcasts == []
    story.timer("armed")
    story.probe(None)
    assert story.broadcasts == ["armed"]


def test_a_window_is_late_because_videosdk_could_not_say_who_is_there():
    story = Hall().plan()
    story.reachable = False
    story.until(ONE + 2 * MINUTE)
    assert story.broadcasts == ["late"]
    assert story.reason("late") == "VideoSDK could not say who is there"


def test_a_room_that_is_on_air_at_the_opening_is_left_running_and_counts():
    story = Hall().opened()
    story.hls("starting", "started", "playable", id="p", url=url("p"))
    story.plan()
    story.until(ONE + 10 * MINUTE)
    assert (story.starts, story.broadcasts) == ([], [])
    story.until(ONE + HOUR)
    assert story.broadcasts == ["completed"]
    assert [call.body for call in story.ends] == [{"id": "p"}]


def test_a_rule_that_is_put_inside_its_window_opens_it_at_once():
    story = Hall().opened()
    story.until(ONE + 20 * MINUTE)
    story.plan()
    assert len(story.starts) == 1


def test_a_room_first_seen_inside_the_window_of_a_glob_is_put_on_air():
    story = Hall()
    story.put_rule({"name": "all", "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600}})
    story.until(ONE + 5 * MINUTE)
    story.webhook("session-started")
    assert [call.because for call in story.starts] == ["rule:all"]


# Late, missed, completed


def test_a_window_that_is_not_playable_a_minute_after_its_opening_is_late_with_its_reason():
    story = Hall().opened().plan()
    story.until(ONE)
    for _ in range(3):
        story.answer("refused", status=400, message="quota")
        story.timer("backoff")
    story.until(ONE + 2 * MINUTE)
    assert story.broadcasts == ["late"]
    assert story.reason("late") == "VideoSDK refused: 400 quota"


def test_a_window_that_is_playable_in_time_is_not_late():
    story = on_show(late_after_s=30)
    story.until(ONE + HOUR)
    assert story.broadcasts == ["completed"]


def test_a_window_that_closes_before_it_could_be_late_is_missed_and_not_late_too():
    story = Hall().opened().plan(long=30 * SECOND)
    story.until(ONE + HOUR)
    assert story.broadcasts == ["missed"]


def test_a_rule_that_is_put_inside_its_window_is_late_a_minute_after_it_was_put():
    story = Hall().opened()
    story.until(ONE + 20 * MINUTE)
    story.plan()
    story.wait(SECOND)
    assert story.broadcasts == []
    story.wait(MINUTE)
    assert story.broadcasts == ["late"]


def test_a_rule_that_is_resumed_inside_its_window_is_late_a_minute_after_that():
    story = Hall().opened().plan()
    story.pause("show")
    story.until(ONE + 20 * MINUTE)
    story.tell(Source.OPERATOR, "rule-resumed", {"name": "show"}, room=None)
    story.wait(SECOND)
    assert story.broadcasts == []
    story.wait(MINUTE)
    assert story.broadcasts == ["late"]


def test_how_late_is_late_is_the_rules_to_say():
    story = Hall().plan(late_after_s=600)
    story.until(ONE + 9 * MINUTE)
    assert "late" not in story.broadcasts
    story.until(ONE + 10 * MINUTE)
    assert "late" in story.broadcasts


def test_a_run_that_was_ended_before_it_was_playable_completes_no_window():
    story = Hall().opened().plan()
    story.until(ONE)
    story.answer("succeeded", run="a")
    story.hls("started", id="a", url=url("a"))
    story.operator("end")
    story.ended("a")
    story.until(ONE + HOUR)
    assert story.broadcasts == ["late", "missed"]
    assert story.reason("missed") == "the operator wants the room off air"


def test_a_window_that_was_never_playable_is_missed_with_its_reason():
    story = Hall().plan()
    story.until(ONE + HOUR)
    assert story.broadcasts == ["armed", "late", "missed"]
    assert story.reason("missed") == "nobody has opened a session"
    assert story.wanted is None


def test_without_credentials_a_window_is_missed_and_nothing_is_wanted_after_it():
    story = Hall(calls=False).opened().plan()
    story.until(ONE + 5 * MINUTE)
    story.until(ONE + HOUR)
    assert story.broadcasts == ["late", "missed"]
    assert "credentials" in story.reason("missed")
    assert (story.calls, story.wanted) == ([], None)


def test_a_stream_that_a_person_runs_without_credentials_completes_the_window_and_is_not_ended_later():
    story = Hall(calls=False).opened().plan()
    story.hls("started", "playable", id="p")
    story.until(ONE + HOUR)
    assert (story.broadcasts, story.wanted) == (["completed"], None)
    story.tell(Source.SYSTEM, "settings", {"calls": True}, room=None)
    assert story.ends == []


def test_the_close_ends_the_stream_once_and_then_wants_nothing():
    story = on_show()
    story.until(ONE + HOUR)
    assert (story.broadcasts, story.wanted) == (["completed"], False)
    assert [(call.because, call.created_at) for call in story.ends] == [("rule:show", ONE + HOUR)]
    story.ended()
    assert story.wanted is None
    story.hls("starting", "started", "playable", id="p", url=url("p"))
    story.wait(5 * HOUR)
    assert (len(story.ends), story.states[-1]) == (1, "playable")


def test_a_close_while_the_stream_is_starting_waits_for_started_and_then_ends_it():
    story = Hall().plan()
    story.until(ONE + HOUR - 5 * SECOND)
    story.webhook("session-started", after=0)
    story.answer("succeeded", run="a", after=0)
    story.until(ONE + HOUR)
    assert story.ends == []
    story.hls("started", id="a")
    assert len(story.ends) == 1
    story.ended()
    assert story.wanted is None


def test_a_close_while_the_start_is_in_doubt_ends_what_comes_of_it():
    story = Hall().plan()
    story.reachable = False
    story.until(ONE + HOUR - 5 * SECOND)
    story.probe(None, after=0)
    story.webhook("session-started", after=0)
    story.answer("unknown", deadline_at=story.now + 10 * SECOND, after=0)
    story.until(ONE + HOUR)
    assert story.wanted is False
    story.probe(rest("a"))
    assert [call.body for call in story.ends] == [{"id": "a"}]
    story.ended()
    assert story.wanted is None


def test_an_end_that_is_refused_for_ever_after_the_close_is_given_up():
    story = on_show()
    story.until(ONE + HOUR)
    for _ in range(40):
        if story.room.call is not None:
            story.answer("refused", status=429)
        if "backoff" in story.room.timers:
            story.timer("backoff")
    assert story.notices.count("call.given-up") == 1
    assert (story.wanted, len(story.ends)) == (None, 20)


# Reminding


def test_what_is_near_is_told_once_and_says_whether_somebody_is_there():
    story = Hall().plan(at=["13:00", "15:00"], remind_s=600)
    story.until(ONE - 10 * MINUTE)
    assert story.broadcasts == ["upcoming"]
    assert story.told[-1].data["session_live"] is False
    story.plan(at=["13:00", "15:00"], remind_s=600, late_after_s=90)
    story.opened()
    story.until(ONE)
    assert story.broadcasts == ["upcoming"]
    story.playable()
    story.until(NOON + 3 * HOUR)
    assert story.broadcasts == ["upcoming", "completed", "upcoming"]
    assert story.told[-1].type != "broadcast.upcoming" or story.told[-1].data["session_live"] is True


# Streams that end inside the window


def test_a_person_who_stops_the_stream_is_obeyed_until_the_window_closes():
    story = on_show(at=["13:00", "15:00"])
    story.stopped()
    assert (story.broadcasts, story.wanted) == (["interrupted"], None)
    story.until(ONE + HOUR - 1)
    assert len(story.starts) == 1
    story.until(ONE + 2 * HOUR)
    assert (story.broadcasts, len(story.starts)) == (["interrupted", "completed"], 2)


def test_a_person_who_stopped_and_started_again_is_left_alone_at_the_close():
    story = on_show()
    story.stopped()
    story.hls("starting", "started", "playable", id="p", url=url("p"))
    story.until(ONE + 3 * HOUR)
    assert (story.ends, story.states[-1]) == ([], "playable")


def test_a_persons_stop_that_is_told_only_after_a_probe_has_missed_the_stream_is_obeyed_all_the_same():
    story = on_show()
    story.probe(None)
    assert "starting again in 5 s" in story.did
    story.hls("stopping", id="a")
    assert story.broadcasts == ["interrupted"]
    story.hls("stopped", id="a")
    story.wait(5 * MINUTE)
    assert (len(story.starts), story.wanted, story.broadcasts) == (1, None, ["interrupted"])


def test_late_word_of_a_stop_undoes_no_start_that_was_made_meanwhile():
    story = on_show()
    story.probe(None)
    story.timer("backoff")
    story.hls("stopping", "stopped", id="a")
    assert (len(story.starts), story.wanted, story.broadcasts) == (2, True, [])


def test_with_restart_always_a_persons_stop_is_undone():
    story = on_show(restart="always")
    story.stopped()
    story.wait(5 * SECOND)
    assert (len(story.starts), story.broadcasts) == (2, [])


def test_with_restart_never_a_stream_that_failed_is_left_off_until_the_close():
    story = on_show(restart="never")
    story.hls("failed", id="a")
    story.until(ONE + HOUR)
    assert (len(story.starts), story.broadcasts) == (1, ["completed"])
    assert story.wanted is None


def test_a_stream_that_dies_is_started_again_ever_later_and_never_given_up_before_the_close():
    story = Hall().opened().plan()
    story.until(ONE)
    for n in range(30):
        story.answer("succeeded", run=f"r{n}", after=0)
        story.hls("failed", id=f"r{n}", after=0)
        story.timer("backoff")
    assert len(story.starts) == 31
    assert "call.given-up" not in story.notices
    assert story.room.timers.get("backoff", story.now) - story.now <= MINUTE


def test_a_start_that_is_refused_is_tried_up_to_the_close_and_not_after_it():
    story = Hall().opened().plan()
    story.until(ONE)
    while story.now < ONE + HOUR:
        if story.room.call is not None:
            story.answer("refused", status=429, message="slow down", after=0)
        story.until(min(ONE + HOUR, story.room.timers.get("backoff", ONE + HOUR)))
    assert len(story.starts) > 55
    assert story.broadcasts == ["late", "missed"]
    assert story.reason("missed") == "VideoSDK refused: 429 slow down"
    tried = len(story.starts)
    story.wait(HOUR)
    assert (len(story.starts), story.wanted) == (tried, None)


def test_a_token_that_is_refused_through_the_opening_holds_the_window_until_it_is_lifted():
    story = Hall().opened().plan()
    story.operator("start")
    story.answer("refused", status=401)
    story.reachable = False
    story.operator("release")
    story.until(ONE)
    assert len(story.starts) == 1
    assert "paused" in story.room.waits
    story.reachable = True
    while story.world.config.settings.paused:
        story.wait(SECOND)
    assert [call.because for call in story.starts] == ["operator", "rule:show"]


def test_a_question_for_the_token_that_is_lost_is_put_again():
    story = Hall().opened().plan()
    story.until(ONE)
    story.answer("refused", status=401)
    story.reachable = False
    story.wait(10 * MINUTE)
    assert len(story.starts) == 1
    story.reachable = True
    story.wait(MINUTE)
    assert len(story.starts) == 2


# Down for a while


def test_a_window_that_opened_while_nobody_looked_is_entered_late():
    story = Hall().opened().plan()
    story.sleep(ONE + 20 * MINUTE)
    assert len(story.starts) == 1
    assert story.broadcasts == ["late"]
    story.playable()
    story.until(ONE + HOUR)
    assert story.broadcasts == ["late", "completed"]
    assert len(story.ends) == 1


def test_a_window_that_opened_and_closed_while_nobody_looked_is_missed():
    story = Hall().opened().plan(at=["13:00", "16:00"])
    story.sleep(ONE + 2 * HOUR)
    assert (story.starts, story.broadcasts) == ([], ["missed"])
    assert "not running" in story.reason("missed")
    assert story.view["next_window"]["opens_at"] == "2026-11-22T16:00:00.000Z"


def test_each_of_several_windows_that_passed_while_nobody_looked_is_told():
    story = Hall().opened().plan(at=["13:00", "15:00", "17:00", "19:00"])
    story.sleep(NOON + 7 * HOUR + 10 * MINUTE)
    told = [notice for notice in story.told if notice.type == "broadcast.missed"]
    assert [notice.data["opens_at"][11:16] for notice in told] == ["13:00", "15:00", "17:00"]
    assert len(story.starts) == 1


def test_a_close_that_nobody_looked_at_ends_the_stream_afterwards():
    story = on_show()
    story.sleep(ONE + 3 * HOUR)
    assert story.broadcasts == ["completed"]
    assert len(story.ends) == 1


def test_a_window_that_passed_between_two_looks_hands_its_run_to_the_next():
    story = on_show(at=["13:00", "15:00"])
    story.sleep(ONE + 2 * HOUR + MINUTE)
    assert story.broadcasts == ["completed"]
    assert (story.ends, len(story.starts), story.wanted) == ([], 1, True)


# Two windows, two rules


def test_windows_that_touch_are_one_stretch():
    story = on_show(at=["13:00", "14:00"])
    story.until(ONE + 2 * HOUR - 1)
    assert (story.ends, story.broadcasts) == ([], [])
    story.until(ONE + 2 * HOUR)
    assert (len(story.ends), story.broadcasts) == (1, ["completed"])


def test_windows_of_two_rules_that_overlap_are_one_stretch_of_both():
    story = on_show()
    story.plan("choir", at=["13:30"])
    assert story.room.window.rules == ("show", "choir")
    story.until(ONE + 90 * MINUTE)
    assert [call.created_at for call in story.ends] == [ONE + 90 * MINUTE]
    assert story.broadcasts == ["completed"]


def test_a_later_opening_for_another_stream_replaces_the_run_and_never_are_there_two():
    story = on_show()
    story.plan("choir", at=["13:30"], start=HIGH)
    story.until(ONE + 30 * MINUTE)
    assert story.broadcasts == ["completed"]
    assert (len(story.starts), len(story.ends)) == (1, 1)
    story.answer("succeeded")
    assert len(story.starts) == 1
    story.stopped()
    assert [(call.because, call.body) for call in story.starts[1:]] == [("rule:choir", HIGH)]
    story.playable("b")
    story.until(ONE + 90 * MINUTE)
    assert story.broadcasts == ["completed", "completed"]
    assert [call.body for call in story.ends] == [{"id": "a"}, {"id": "b"}]


def test_a_start_under_way_at_the_turn_of_windows_is_replaced_too():
    story = Hall().plan()
    story.plan("choir", at=["13:30"], start=HIGH)
    story.until(ONE + 30 * MINUTE - SECOND)
    story.webhook("session-started", after=0)
    assert [call.body for call in story.starts] == [{}]
    story.until(ONE + 30 * MINUTE)
    story.answer("succeeded", run="a")
    story.hls("started", id="a")
    assert len(story.ends) == 1
    story.ended()
    assert [call.body for call in story.starts] == [{}, HIGH]


def test_a_window_that_was_cut_short_does_not_come_back_after_the_one_that_cut_it():
    story = Hall().opened().plan(long=4 * HOUR)
    story.plan("choir", at=["14:00"], start=HIGH)
    story.until(ONE)
    story.playable("a")
    story.until(ONE + HOUR)
    story.ended("a")
    story.playable("b")
    story.until(ONE + 2 * HOUR)
    assert len(story.ends) == 2
    story.ended("b")
    story.wait(HOUR)
    assert (len(story.starts), story.wanted) == (2, None)


# Operators


def test_an_operators_end_inside_a_window_holds_until_it_closes():
    story = on_show(at=["13:00", "15:00"])
    story.operator("end")
    story.ended()
    assert story.wanted is False
    story.until(ONE + HOUR)
    assert (story.wanted, story.broadcasts) == (None, ["completed"])
    story.until(ONE + 2 * HOUR)
    assert len(story.starts) == 2


def test_an_operators_release_inside_a_window_gives_the_room_back_to_it():
    story = on_show()
    story.operator("end")
    story.ended()
    story.operator("release")
    assert len(story.starts) == 2


def test_an_operators_start_outside_a_window_is_dropped_at_the_next_opening_and_the_run_goes_on():
    story = Hall().opened().plan()
    story.operator("start")
    story.playable()
    assert story.view["desired"]["because"] == "operator"
    story.until(ONE)
    assert story.view["desired"]["because"] == "rule:show"
    assert (story.ends, len(story.starts)) == ([], 1)
    story.until(ONE + HOUR)
    assert len(story.ends) == 1


def test_an_operators_end_outside_a_window_is_dropped_at_the_next_opening():
    story = Hall().opened().plan()
    story.operator("end")
    story.until(ONE)
    assert len(story.starts) == 1


def test_an_operators_start_inside_a_window_is_dropped_at_its_close():
    story = on_show()
    story.operator("start")
    story.until(ONE + HOUR)
    assert len(story.ends) == 1
    story.ended()
    assert story.wanted is None


def test_a_wish_with_its_own_time_holds_over_the_close_and_the_stream_ends_when_it_is_up():
    story = on_show()
    story.operator("start", until=ONE + 2 * HOUR)
    story.until(ONE + 2 * HOUR - 1)
    assert (story.ends, story.wanted, story.broadcasts) == ([], True, ["completed"])
    story.until(ONE + 2 * HOUR)
    assert [call.because for call in story.ends] == ["rule:show"]
    story.ended()
    assert story.wanted is None


def test_an_operators_end_with_its_own_time_holds_over_an_opening():
    story = Hall().opened().plan()
    story.operator("end", until=ONE + 10 * MINUTE)
    story.until(ONE + 10 * MINUTE - 1)
    assert story.starts == []
    assert story.reason("late") == "the operator wants the room off air"
    story.until(ONE + 10 * MINUTE)
    assert len(story.starts) == 1


# A rule that changes while its window is open


def test_a_window_that_is_made_longer_goes_on():
    story = on_show()
    story.plan(long=2 * HOUR)
    story.until(ONE + 2 * HOUR - 1)
    assert (story.ends, story.broadcasts) == ([], [])
    story.until(ONE + 2 * HOUR)
    assert len(story.ends) == 1


def test_a_window_that_is_made_shorter_closes_earlier():
    story = on_show()
    story.plan(long=30 * MINUTE)
    story.until(ONE + 30 * MINUTE)
    assert len(story.ends) == 1


def test_a_window_that_is_made_so_short_that_it_is_over_closes_at_once():
    story = on_show()
    story.until(ONE + 40 * MINUTE)
    story.plan(long=30 * MINUTE)
    assert (len(story.ends), story.broadcasts) == (1, ["completed"])


def test_another_start_replaces_the_run_without_closing_the_window():
    story = on_show()
    story.plan(start=HIGH)
    assert (len(story.ends), story.broadcasts) == (1, [])
    story.ended()
    assert [call.body for call in story.starts] == [{}, HIGH]
    story.playable("b")
    story.until(ONE + HOUR)
    assert story.broadcasts == ["completed"]


@pytest.mark.parametrize("change", ["pause", "delete"])
def test_a_rule_that_is_paused_or_deleted_leaves_the_stream_alone(change):
    story = on_show()
    getattr(story, change)("show")
    assert "left alone" in story.did
    story.wait(3 * HOUR)
    assert (story.ends, story.wanted, story.broadcasts) == ([], None, [])


def test_a_rule_that_is_paused_leaves_the_stream_alone_though_another_rule_has_windows_later():
    story = on_show()
    story.plan("choir", at=["16:00"])
    story.pause("show")
    assert "left alone" in story.did
    story.until(NOON + 4 * HOUR)
    assert story.ends == []
    assert story.view["desired"]["because"] == "rule:choir"


def test_a_rule_that_is_resumed_inside_its_window_opens_it_again():
    story = on_show()
    story.pause("show")
    story.tell(Source.OPERATOR, "rule-resumed", {"name": "show"}, room=None)
    assert story.wanted is True
    story.until(ONE + HOUR)
    assert len(story.ends) == 1


def test_the_next_opening_can_be_passed_over_and_stays_so_when_the_rule_is_put_again():
    story = Hall().opened().plan(at=["13:00", "15:00"])
    story.tell(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    assert story.view["next_window"]["opens_at"] == "2026-11-22T15:00:00.000Z"
    story.plan(at=["13:00", "15:00"], late_after_s=90)
    story.until(ONE + HOUR)
    assert (story.starts, story.broadcasts) == ([], [])
    story.until(ONE + 2 * HOUR)
    assert len(story.starts) == 1


def test_the_timeline_says_which_opening_is_passed_over():
    story = Hall().opened().plan()
    story.tell(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    assert story.did == "The opening at 2026-11-22T13:00:00.000Z is skipped"


def test_a_file_that_is_applied_again_keeps_what_is_passed_over():
    story = Hall().opened()
    rule = {"name": "show", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600}}
    story.tell(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": {}}, room=None)
    story.tell(Source.OPERATOR, "rule-skip-next", {"name": "show"}, room=None)
    story.tell(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": {}}, room=None)
    story.until(ONE + HOUR)
    assert story.starts == []


# Nobody there, and somebody still there


def test_an_empty_room_is_ended_after_videosdk_was_asked_and_is_on_again_when_somebody_returns():
    story = on_show(end_when_empty_s=300)
    story.left("ada")
    left_at = story.now
    story.reachable = False
    story.until(left_at + 5 * MINUTE)
    if story.room.probe is not None and story.room.probe.body["about"] == "watch":
        story.probe(rest("a"))
    assert story.ends == []
    story.probe(rest("a"), session={"session_id": SESSION, "live": True, "participants": {}})
    assert [call.because for call in story.ends] == ["rule:show"]
    story.reachable = True
    story.ended()
    assert story.wanted is False
    story.joined("bob")
    assert (len(story.starts), story.wanted) == (2, True)
    assert story.broadcasts == []


def test_a_room_that_was_thought_empty_and_is_not_stays_on():
    story = on_show(end_when_empty_s=300)
    story.left("ada")
    story.reachable = False
    story.wait(4 * MINUTE)
    story.timer("empty")
    for _ in range(3):
        if story.room.probe is not None:
            story.probe(rest("a"), session={"session_id": SESSION, "live": True, "participants": {"bob": "Bob"}})
    assert story.ends == []
    story.reachable = True
    story.until(ONE + HOUR - 1)
    assert story.ends == []


def test_an_answer_that_says_nothing_of_the_session_ends_nothing():
    story = on_show(end_when_empty_s=300)
    story.left("ada")
    story.reachable = False
    story.wait(4 * MINUTE)
    story.timer("empty")
    story.probe(rest("a"))
    assert story.ends == []
    story.reachable = True
    story.wait(MINUTE)
    assert len(story.ends) == 1


def test_somebody_who_returns_in_time_keeps_the_room_on():
    story = on_show(end_when_empty_s=300)
    story.left("ada")
    story.wait(4 * MINUTE)
    story.joined("ada")
    story.until(ONE + HOUR - 1)
    assert story.ends == []


def test_a_close_while_the_end_of_an_empty_room_is_under_way_still_ends_it():
    story = on_show(end_when_empty_s=300)
    story.until(ONE + HOUR - 6 * MINUTE)
    story.left("ada")
    story.until(ONE + HOUR - 30 * SECOND)
    assert len(story.ends) == 1
    story.answer("refused", status=429, after=0)
    story.until(ONE + HOUR + MINUTE)
    assert len(story.ends) > 1
    story.ended()
    assert story.wanted is None


def test_a_window_runs_over_while_somebody_is_there_and_ends_when_they_leave():
    story = on_show(overrun_s=1800)
    story.until(ONE + HOUR + 10 * MINUTE)
    assert (story.ends, story.wanted, story.broadcasts) == ([], True, [])
    story.left("ada")
    assert (len(story.ends), story.broadcasts) == (1, ["completed"])
    story.ended()
    assert story.wanted is None


def test_a_window_runs_over_no_longer_than_it_may():
    story = on_show(overrun_s=1800)
    story.until(ONE + HOUR + 30 * MINUTE)
    assert [call.created_at for call in story.ends] == [ONE + 90 * MINUTE]
    assert story.broadcasts == ["completed"]


def test_a_window_with_nobody_in_it_does_not_run_over():
    story = on_show(overrun_s=1800)
    story.left("ada")
    story.until(ONE + HOUR)
    assert len(story.ends) == 1


def test_a_window_that_is_made_longer_while_it_runs_over_is_not_cut_at_the_old_bound():
    story = on_show(overrun_s=1800)
    story.until(ONE + HOUR + 10 * MINUTE)
    story.plan(long=3 * HOUR, overrun_s=1800)
    story.until(ONE + 3 * HOUR - 1)
    assert story.ends == []
    story.until(ONE + 3 * HOUR)
    assert story.ends == []
    story.until(ONE + 3 * HOUR + 30 * MINUTE)
    assert len(story.ends) == 1


def test_a_window_that_runs_over_into_the_next_keeps_its_run():
    story = on_show(at=["13:00", "14:15"], overrun_s=1800)
    story.until(ONE + 80 * MINUTE)
    assert (story.ends, len(story.starts), story.broadcasts) == ([], 1, ["completed"])
    assert story.wanted is True


# Long runs, conditions, around the clock


def test_a_run_that_is_as_long_as_it_may_be_is_ended_and_started_again():
    story = on_show(long=4 * HOUR, max_run_s=6600)
    first = story.runs[0].started_at
    story.until(first + 6600 * SECOND)
    assert (len(story.ends), len(story.starts)) == (1, 1)
    story.answer("succeeded")
    story.stopped()
    assert len(story.starts) == 2
    story.playable("b")
    story.until(story.runs[-1].started_at + 6600 * SECOND)
    assert len(story.ends) == 2
    assert story.broadcasts == []


def test_a_run_that_would_end_with_the_window_is_not_renewed():
    story = on_show(long=HOUR, max_run_s=6600)
    story.until(ONE + HOUR)
    assert len(story.ends) == 1
    assert story.wanted is False


def test_a_window_with_an_if_starts_once_it_holds_and_goes_on_when_it_ceases():
    story = Hall().opened("ada")
    story.plan(**{"if": 'room.session.participants.exists(p, p.name.startsWith("Host"))'})
    story.until(ONE + 5 * MINUTE)
    assert story.starts == []
    assert story.reason("late") == "The window is open and waits for its `if`"
    story.joined("host-eve")
    assert len(story.starts) == 1
    story.playable()
    story.left("host-eve")
    story.until(ONE + HOUR - 1)
    assert (story.ends, story.wanted) == ([], True)
    story.until(ONE + HOUR)
    assert len(story.ends) == 1


def test_a_leaving_that_nobody_told_is_seen_by_a_look_and_ends_the_empty_room():
    story = Hall().opened("ada").plan(end_when_empty_s=120, long=3 * HOUR)
    story.until(ONE)
    story.playable()
    sequence = story.room.sequence
    story.until(ONE + 20 * MINUTE)
    looks = [call for call in story.probes if call.body.get("session") and call.created_at > ONE]
    assert 3 <= len(looks) <= 6
    assert (story.ends, story.room.session.count) == ([], 1)
    assert story.room.sequence == sequence  # looking changes nothing that others see
    story.reachable = False
    story.until(ONE + 26 * MINUTE)
    while story.room.probe is None or not story.room.probe.body.get("session"):
        story.probe({**rest("a"), "sessionId": SESSION}) if story.room.probe is not None else story.ask()
    here = {"session_id": SESSION, "live": True, "participants": {}}
    story.probe({**rest("a"), "sessionId": SESSION}, session=here)
    assert story.notices.count("participant.left") == 1
    story.reachable = True
    story.wait(119 * SECOND)
    assert story.ends == []
    story.wait(2 * SECOND)
    assert len(story.ends) == 1


def test_a_window_that_waits_for_its_if_asks_who_is_there_as_nobody_may_have_said():
    story = Hall()
    story.reachable = False
    story.plan(**{"if": 'room.session.participants.exists(p, p.name.startsWith("Host"))'})
    story.until(ONE)
    assert story.probes[-1].body["session"] is True
    story.probe(None, session={"session_id": SESSION, "live": True, "participants": {"ada": "Ada"}})
    assert (story.starts, story.room.probe) == ([], None)
    story.until(ONE + 31 * SECOND)
    assert story.room.probe is not None
    seen = {"session_id": SESSION, "live": True, "participants": {"ada": "Ada", "eve": "Host Eve"}}
    story.probe(None, session=seen)
    assert len(story.starts) == 1
    asked = len(story.probes)
    story.reachable = True
    story.playable()
    story.until(ONE + 10 * MINUTE)
    assert len(story.probes) - asked < 10  # the routine looks of a room on air


def test_a_window_whose_if_never_holds_is_missed_for_that_reason():
    story = Hall().opened("ada").plan(**{"if": "room.session.participant_count > 5"})
    story.until(ONE + HOUR)
    assert (story.starts, story.reason("missed")) == ([], "The window is open and waits for its `if`")


def test_a_room_that_is_always_on_stays_on_across_days():
    story = Hall().opened()
    story.put_rule({"name": "tv", "rooms": [ROOM], "schedule": {"always": True, "timezone": "Europe/London"}})
    assert len(story.starts) == 1
    story.playable()
    for _ in range(3):
        story.timer("window")
    assert story.now > NOON + 5 * DAY
    assert (story.ends, len(story.starts), story.broadcasts) == ([], 1, [])
    assert story.wanted is True
    story.hls("failed", id="a")
    story.wait(5 * SECOND)
    assert len(story.starts) == 2


def test_a_room_that_is_always_on_is_off_on_the_days_that_are_excepted():
    story = Hall().opened()
    days = [["2026-11-24", "2026-11-24"]]
    story.put_rule({"name": "tv", "rooms": [ROOM], "schedule": {"always": True, "except_days": days}})
    story.playable()
    story.until(NOON + 36 * HOUR)
    assert [call.created_at for call in story.ends] == [NOON + 36 * HOUR]
    story.ended()
    story.until(NOON + 60 * HOUR)
    assert len(story.starts) == 2


# Other rules, other calendars


def test_a_schedule_wins_over_an_event_rule_and_takes_its_wish_along_at_the_close():
    story = on_show()
    story.put_rule({"name": "host-out", "on": "participant-left", "do": "end"})
    story.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    story.joined("bob")
    story.left("bob")
    assert story.ends == []
    story.joined("eve")
    after_show(story)
    assert story.wanted is None
    story.wait(HOUR)
    assert len(story.starts) == 1


def test_a_close_takes_an_event_rules_wish_along_though_nothing_came_of_the_window():
    story = Hall().plan()
    story.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    story.until(ONE + HOUR - 5 * SECOND)
    story.opened()
    story.until(ONE + HOUR)
    story.answer("unreached")
    story.wait(MINUTE)
    assert (len(story.starts), story.wanted) == (1, None)


def test_the_timeline_says_that_a_schedule_wins_over_an_event_rule():
    story = on_show()
    story.put_rule({"name": "guard", "on": "participant-left", "do": "end"})
    story.left("ada")
    assert "Matched: end wanted, but the schedule show wins" in story.did
    assert story.ends == []


def test_an_event_rule_acts_outside_the_windows():
    story = Hall().opened().plan()
    story.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    story.joined("bob")
    assert [call.because for call in story.starts] == ["rule:host-in"]


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


def fetched(story, start):
    text = CALENDAR.format(start=start).replace("\n", "\r\n")
    story.tell(Source.SYSTEM, "calendar-fetched", {"source": "https://c.example/a.ics", "text": text}, room=None)


def test_a_calendar_that_is_fetched_plans_the_room_and_a_newer_one_plans_it_anew():
    story = Hall().opened()
    ics = {"url": "https://c.example/a.ics", "match": "Live:*"}
    story.put_rule({"name": "cal", "rooms": [ROOM], "schedule": {"ics": ics}})
    assert story.view["next_window"] is None
    fetched(story, "20261122T130000Z")
    assert story.view["next_window"]["opens_at"] == "2026-11-22T13:00:00.000Z"
    fetched(story, "20261122T140000Z")
    story.until(ONE + 30 * MINUTE)
    assert story.starts == []
    story.until(ONE + HOUR)
    assert len(story.starts) == 1
    story.playable()
    fetched(story, "20261123T140000Z")
    assert len(story.ends) == 1


def test_a_schedule_over_the_change_of_the_clocks_opens_when_the_wall_says_so():
    story = Hall()
    story.now = 1_774_656_000_000  # 2026-03-28T00:00:00Z, the day before London's clocks go forward
    story.opened()
    schedule = {"cron": "30 1 * * *", "timezone": "Europe/London", "duration_s": 600}
    story.put_rule({"name": "night", "rooms": [ROOM], "schedule": schedule})
    opened = []
    while len(opened) < 3:
        story.timer("window")
        if story.room.window is not None:
            opened.append(story.view["desired"]["since"][8:16])
            story.playable(f"r{len(opened)}")
        else:
            story.ended(f"r{len(opened)}")
    assert opened == ["28T01:30", "29T01:30", "30T00:30"]


def test_what_is_to_come_is_shown_as_it_will_be():
    story = Hall().plan(long=4 * HOUR)
    story.plan("choir", at=["14:00"], start=HIGH)

    def shown(name, at):
        rule = story.world.config.rules[name]
        found = occurrences(story.world.config, rule, [ROOM], at=at, count=5)
        return [((one.window.opens_at - NOON) / HOUR, (one.window.closes_at - NOON) / HOUR) for one in found]

    assert shown("show", NOON) == [(1, 2)]
    assert shown("choir", NOON) == [(2, 3)]
    assert shown("show", ONE + 3 * HOUR) == []
    assert over_quota(story.world.config, [ROOM], at=NOON, limit=1) == []


def test_a_backtest_of_a_schedule_shows_what_would_have_been_done_and_calls_nothing():
    story = Hall().opened()
    before = World(story.world.config)
    story.until(ONE + 2 * HOUR)
    story.joined("bob")
    draft = rule_from(
        {"name": "draft", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600, "given": {}}}
    )
    found = backtest(before, story.events, [draft], since=NOON, until=story.now)
    assert [(act.kind, act.at) for act in found.would] == [
        ("start", ONE),
        ("end", ONE + HOUR),
        ("broadcast.completed", ONE + HOUR),
    ]
    assert found.only_would == found.would
    assert story.starts == []


def test_while_calls_are_paused_a_window_that_waits_for_its_if_asks_now_and_then_only():
    story = Hall().opened("ada").plan(**{"if": "room.session.participant_count > 5"})
    settings = replace(story.world.config.settings, paused=True)
    story.world.config = replace(story.world.config, settings=settings)
    fired = 0
    while due := [(at, name) for name, at in story.room.timers.items() if at <= ONE + 10 * MINUTE]:
        story.timer(min(due)[1], late=3)
        fired += 1
        assert fired < 60


def test_a_timer_that_is_set_again_as_it_fires_is_due_later():
    story = Story()
    story.webhook("session-started")
    story.hls("starting", id="a")
    due = story.room.timers["watch"]
    event = Event("1-0", Source.CLOCK, "timer", ROOM, due, {"timer": "watch", "due": due})
    turn = Turn(story.world, event, story.room, Outcome())
    turn.clear_timer("watch")
    turn.set_timer("watch", due)
    assert turn.room.timers["watch"] == due + 1
    turn.set_timer("ask:settle", due)
    assert turn.room.timers["ask:settle"] == due
