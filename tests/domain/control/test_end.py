"""An end: sent once to a stream that is on air, and repeated only after a probe."""

from tests.support.scenario import MINUTE, SECOND, rest, wanted_on_air, with_session
from tests.support.started_room import start_called
from webhook_app.domain.reasons import Reason

# An end


def test_an_end_names_the_stream() -> None:
    scenario = wanted_on_air("a")
    scenario.operator("end")
    assert [call.body for call in scenario.ends] == [{"id": "a"}]


def test_an_end_of_a_stream_without_a_known_id_names_none() -> None:
    scenario = with_session()
    scenario.hls("starting", "started")
    scenario.operator("end")
    assert scenario.ends[0].body == {}


def test_an_end_waits_while_the_stream_is_starting() -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a")
    scenario.operator("end")
    assert scenario.ends == []
    assert scenario.decided == [Reason.WAITING_FOR_STARTED]
    scenario.hls("started")
    assert len(scenario.ends) == 1


def test_an_end_waits_for_the_answer_to_the_start() -> None:
    scenario = start_called()
    scenario.operator("end")
    assert scenario.ends == []
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a")
    assert [call.body for call in scenario.ends] == [{"id": "a"}]


def test_an_end_of_a_room_that_is_off_air_makes_no_call() -> None:
    scenario = with_session()
    scenario.operator("end")
    assert scenario.calls == []


def test_an_ended_stream_is_not_ended_again_while_it_stops() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.hls("stopping", id="a")
    scenario.wait(30 * SECOND)
    scenario.hls("stopped", id="a")
    assert len(scenario.ends) == 1
    assert not scenario.view["on_air"]


def test_an_end_that_videosdk_accepted_without_effect_is_called_again() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.wait(14_999)
    scenario.probe(rest("a"), after=0)
    scenario.wait(1)
    assert len(scenario.ends) == 2


def test_an_end_whose_outcome_is_unknown_is_probed_and_repeated_if_the_stream_is_still_active() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("unknown")
    assert len(scenario.ends) == 1
    scenario.probe(rest("a"))
    assert len(scenario.ends) == 2
    scenario.answer("unknown")
    scenario.probe(None)
    assert (len(scenario.ends), scenario.states) == (2, ["stopped"])


def test_a_start_right_after_an_end_is_not_undone_by_that_end() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.operator("start")
    scenario.hls("stopping", "stopped", id="a")
    scenario.wait(MINUTE)
    assert scenario.view["desired"]["on_air"]
    assert len(scenario.starts) == 2


def test_an_accepted_end_is_not_sent_again_before_a_probe_shows_the_stream_still_active() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.timer("ask:ended")
    scenario.timer("backoff")
    assert len(scenario.ends) == 1
    scenario.probe(rest("a"))
    assert len(scenario.ends) == 2
