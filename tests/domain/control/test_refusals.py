"""What a refusal of VideoSDK comes to: settled by a probe, tried again, or given up."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, Scenario, rest, url, wanted_on_air, with_session
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason
from webhook_app.providers.videosdk.answers import ApiAnswer, classify_refusal

SESSION_LIVE = {"session_id": "s1", "live": True, "participants": {"p1": "Ada"}}
TRANSIENT_400 = [
    {"message": "The organisation quota of HLS streams is used up", "code": 4029},
    {"message": "Error 4020"},
    {"message": "HLS is already running"},
    {"message": "Limit of streams reached"},
    {"error": "previous HLS is being processed"},
]


def refuse(scenario: Any, status: Any, body: Any = None) -> Any:
    """VideoSDK refuses the room's call, as the call job journals it."""
    answer = ApiAnswer(status, body)
    refusal = classify_refusal(answer, start=scenario.room.control.call.kind == "start")
    more = {} if refusal is None else {"refusal": refusal.value}
    return scenario.answer("refused", status=status, message=answer.message, **more)


def started(start: Any = None) -> Any:
    scenario = with_session()
    scenario.operator("start", **({} if start is None else {"start": start}))
    return scenario


def alarms(scenario: Any) -> Any:
    return {alarm.name for alarm in scenario.world.alarms.values()}


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_a_start_that_is_refused_because_the_room_is_on_air_is_no_refusal(status: int) -> None:
    scenario = started()
    refuse(scenario, status)
    assert "call.refused" not in scenario.notices
    scenario.probe(rest("a"), session=SESSION_LIVE)
    assert scenario.states == ["started"]
    assert scenario.room.control.call is None
    scenario.wait(15 * MINUTE)
    assert len(scenario.starts) == 1
    assert "call.refused" not in scenario.notices


def test_a_refused_start_is_announced_once_a_probe_finds_no_stream_and_is_retried() -> None:
    scenario = started()
    refuse(scenario, 409, {"message": "try later"})
    scenario.probe(None, session=SESSION_LIVE)
    assert scenario.notices[-2:] == ["call.refused", "alarm.raised"]
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_probe_that_does_not_get_through_leaves_it_open_whether_a_start_was_refused() -> None:
    scenario = started()
    refuse(scenario, 400)
    for _ in range(3):
        scenario.probe(reached=False, unreadable="418 teapot")
    assert "call.refused" not in scenario.notices
    assert len(scenario.starts) == 1
    assert alarms(scenario) == {"videosdk-unreadable"}
    scenario.probe(rest("a"))
    assert (scenario.states, alarms(scenario)) == (["started"], set())


def test_a_start_that_could_be_sent_clears_the_alarm_about_an_unknown_form() -> None:
    scenario = started()
    scenario.answer("unreached", unreadable="418 teapot")
    assert alarms(scenario) == {"videosdk-unreadable"}
    scenario.timer("backoff")
    scenario.answer("succeeded", run="a")
    assert alarms(scenario) == set()


def test_an_answer_to_an_earlier_probe_settles_no_refusal() -> None:
    scenario = started()
    before = scenario.last_id
    refuse(scenario, 400)
    scenario.probe(None, session=SESSION_LIVE, asked_id=before)
    assert "call.refused" not in scenario.notices
    assert scenario.room.control.call is not None


def test_a_start_that_is_refused_since_everybody_has_left_waits_for_a_session() -> None:
    scenario = started()
    refuse(scenario, 400, {"message": "no session"})
    scenario.probe(None, session={**SESSION_LIVE, "live": False})
    assert "call.refused" not in scenario.notices
    assert scenario.view["armed"]
    for n in range(2, 5):
        scenario.webhook("session-started", session=f"s{n}")
        assert len(scenario.starts) == n
        refuse(scenario, 400, {"message": "no session"})
        scenario.probe(None, session={**SESSION_LIVE, "session_id": f"s{n}", "live": False})
    assert "call.given-up" not in scenario.notices


@pytest.mark.parametrize(("status", "probed"), [(406, False), (422, False), (400, True)])
def test_a_start_whose_body_is_rejected_is_sent_twice_and_given_up(status: int, probed: bool) -> None:
    scenario = started({"config": {"theme": "PINK"}})
    for _ in range(2):
        refuse(scenario, status, {"message": "config is wrong"})
        if probed:
            scenario.probe(None, session=SESSION_LIVE)
        scenario.wait(2 * MINUTE)
    assert len(scenario.starts) == 2
    assert scenario.notices.count("call.refused") == 2
    assert scenario.notices.count("call.given-up") == 1
    assert scenario.view["desired"] is None
    assert "start-refused" in alarms(scenario)
    scenario.wait(60 * MINUTE)
    assert len(scenario.starts) == 2


def test_who_wants_a_start_that_was_given_up_again_gets_it_and_success_clears_the_alarm() -> None:
    scenario = started({"config": {}})
    for _ in range(2):
        refuse(scenario, 406)
        scenario.wait(MINUTE)
    scenario.operator("start", start={"templateUrl": "https://t.example"})
    assert len(scenario.starts) == 3
    assert alarms(scenario) == set()
    scenario.answer("succeeded", run="a")
    assert scenario.states == ["starting"]


@pytest.mark.parametrize("body", TRANSIENT_400)
def test_a_400_that_passes_is_tried_again_as_before(body: Any) -> None:
    scenario = started()
    for n in range(6):
        refuse(scenario, 400, body)
        scenario.probe(None, session=SESSION_LIVE)
        scenario.timer("backoff")
        assert len(scenario.starts) == n + 2
    assert "call.given-up" not in scenario.notices


def test_a_400_while_it_is_not_known_who_is_there_is_tried_again() -> None:
    scenario = started()
    for n in range(4):
        refuse(scenario, 400)
        scenario.probe(None, session=None, session_unknown=True)
        scenario.timer("backoff")
        assert len(scenario.starts) == n + 2


def test_in_a_window_a_rejected_start_is_late_and_missed_for_that_reason_and_tried_in_the_next() -> None:
    scenario = Scenario()
    scenario.put_rule(
        {
            "name": "daily",
            "rooms": [ROOM],
            "schedule": {"at": ["2026-11-22T12:01", "2026-11-22T12:30"], "duration_s": 600},
            "start": {"config": {"layout": {"type": "ROUND"}}},
        }
    )
    scenario.webhook("session-started")
    scenario.wait(MINUTE)
    for _ in range(2):
        refuse(scenario, 422, {"message": "layout"})
        scenario.wait(10 * SECOND)
    assert (len(scenario.starts), "start-refused" in alarms(scenario)) == (2, True)
    scenario.wait(12 * MINUTE)
    assert len(scenario.starts) == 2
    refused = explain(Reason.VIDEOSDK_REFUSED, said="422 layout")
    messages = {
        notice.type: notice.data["message"] for notice in scenario.announced if notice.type.startswith("broadcast.")
    }
    assert messages == dict.fromkeys(("broadcast.late", "broadcast.missed"), refused.stored)
    assert "start-refused" not in alarms(scenario)
    scenario.wait(20 * MINUTE)
    assert len(scenario.starts) >= 3


def test_in_a_window_a_changed_start_is_sent_at_once() -> None:
    rule = {"name": "daily", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T12:01"], "duration_s": 3600}}
    scenario = Scenario()
    scenario.put_rule({**rule, "start": {"config": {"layout": {"type": "ROUND"}}}})
    scenario.webhook("session-started")
    scenario.wait(MINUTE)
    for _ in range(2):
        refuse(scenario, 406)
        scenario.wait(10 * SECOND)
    scenario.put_rule({**rule, "start": {}})
    assert (len(scenario.starts), scenario.starts[-1].body) == (3, {})
    assert alarms(scenario) == set()


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_an_end_that_is_refused_because_the_stream_has_ended_is_no_refusal(status: int) -> None:
    scenario = wanted_on_air("a")
    scenario.operator("end")
    refuse(scenario, status, {"message": "HLS is not active"})
    scenario.probe(None)
    assert (scenario.states, scenario.room.control.call) == (["stopped"], None)
    scenario.wait(10 * MINUTE)
    assert (len(scenario.ends), len(scenario.starts)) == (1, 1)
    assert "call.refused" not in scenario.notices


def test_an_end_refused_while_the_stream_is_live_is_announced_and_repeated_for_the_whole_room() -> None:
    scenario = wanted_on_air("a")
    scenario.operator("end")
    refuse(scenario, 404)
    scenario.probe(rest("a"))
    assert scenario.notices[-1] == "call.refused"
    scenario.timer("backoff")
    assert [call.body for call in scenario.ends] == [{"id": "a"}, {}]
    scenario.answer("succeeded")
    scenario.hls("stopped", id="a", url=url("a"))
    assert scenario.states == ["stopped"]


def test_refusals_that_earlier_versions_journaled_fold_as_they_did() -> None:
    scenario = started()
    scenario.answer("refused", status=400, message="x")
    assert scenario.notices[-2:] == ["call.refused", "alarm.raised"]
    scenario.timer("backoff")
    assert len(scenario.starts) == 2
