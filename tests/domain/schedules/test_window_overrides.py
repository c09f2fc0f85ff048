"""Commands of operators and event rules inside and outside windows: which one wins, and for how long."""

from tests.support.scenario import MINUTE, SECOND
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom, after_show, on_show
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

# Operators


def test_an_operators_end_inside_a_window_holds_until_it_closes() -> None:
    scenario = on_show(at=["13:00", "15:00"])
    scenario.operator("end")
    scenario.ended()
    desired_in_window = scenario.desired
    assert desired_in_window is False
    scenario.until(ONE + HOUR)
    assert (scenario.desired, scenario.broadcasts) == (None, ["completed"])
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.starts) == 2


def test_an_operators_release_inside_a_window_lets_the_window_start_the_stream_again() -> None:
    scenario = on_show()
    scenario.operator("end")
    scenario.ended()
    scenario.operator("release")
    assert len(scenario.starts) == 2


def test_an_operators_start_outside_a_window_is_dropped_at_the_next_opening_and_the_stream_goes_on() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.operator("start")
    scenario.playable()
    assert scenario.view["desired"]["because"] == "operator"
    scenario.until(ONE)
    assert scenario.view["desired"]["because"] == "rule:show"
    assert (scenario.ends, len(scenario.starts)) == ([], 1)
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1


def test_an_operators_end_outside_a_window_is_dropped_at_the_next_opening() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
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


def test_an_operators_start_with_a_time_limit_outlasts_the_close_and_the_stream_ends_at_the_limit() -> None:
    scenario = on_show()
    scenario.operator("start", until=ONE + 2 * HOUR)
    scenario.until(ONE + 2 * HOUR - 1)
    assert (scenario.ends, scenario.desired, scenario.broadcasts) == ([], True, ["completed"])
    scenario.until(ONE + 2 * HOUR)
    assert [call.because for call in scenario.ends] == ["rule:show"]
    scenario.ended()
    assert scenario.desired is None


def test_an_operators_end_with_a_time_limit_outlasts_an_opening() -> None:
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.operator("end", until=ONE + 10 * MINUTE)
    scenario.until(ONE + 10 * MINUTE - 1)
    assert scenario.starts == []
    assert scenario.reason("late") == Reason.OPERATOR_OFF
    scenario.until(ONE + 10 * MINUTE)
    assert len(scenario.starts) == 1


def test_a_schedule_wins_over_an_event_rule_and_drops_what_it_desired_at_the_close() -> None:
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


def test_a_close_drops_what_an_event_rule_desired_though_the_window_never_started() -> None:
    scenario = ScheduledRoom().put_schedule()
    scenario.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    scenario.until(ONE + HOUR - 5 * SECOND)
    scenario.open_session()
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
    scenario = ScheduledRoom().open_session().put_schedule()
    scenario.put_rule({"name": "host-in", "on": "participant-joined", "do": "start"})
    scenario.joined("bob")
    assert [call.because for call in scenario.starts] == ["rule:host-in"]
