"""A start that is refused or dropped: retried with a growing delay, and given up in the end."""

from tests.support.scenario import MINUTE, ROOM, SECOND, rest, with_session
from tests.support.started_room import backing_off, start_called
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain

# A start that is refused


def test_a_refused_start_is_announced_and_retried_with_delays_growing_to_a_minute() -> None:
    scenario = start_called()
    waited = []
    for n in range(6):
        scenario.answer("refused", status=429, message="slow down")
        waited.append(backing_off(scenario))
        scenario.timer("backoff")
        assert len(scenario.starts) == n + 2
    assert waited == [5, 10, 20, 40, 60, 60]
    assert scenario.notices.count("call.refused") == 6


def test_no_call_is_made_during_the_back_off() -> None:
    scenario = start_called()
    scenario.answer("refused", status=500)
    scenario.joined("ada")
    scenario.operator("start")
    assert len(scenario.starts) == 1


def test_a_conflict_is_probed_at_once_and_ends_the_back_off_when_the_stream_is_found() -> None:
    scenario = start_called()
    scenario.answer("refused", status=409, message="4020")
    assert scenario.room.probing.probe is not None
    scenario.probe(rest("z"))
    scenario.wait(MINUTE)
    assert len(scenario.starts) == 1
    assert scenario.states == ["started"]


def test_a_start_that_is_always_refused_is_given_up() -> None:
    scenario = start_called()
    for _ in range(19):
        scenario.answer("refused", status=429)
        scenario.timer("backoff")
    scenario.answer("refused", status=429)
    assert scenario.notices[-1] == "call.given-up"
    assert scenario.view["desired"] is None


def test_a_refused_token_pauses_all_calls_until_a_probe_succeeds() -> None:
    scenario = start_called()
    scenario.answer("refused", status=401)
    assert scenario.notices[-1] == "alarm.raised"
    assert scenario.world.config.settings.paused
    scenario.operator("end")
    scenario.operator("start")
    assert len(scenario.starts) == 1
    scenario.timer("ask:credentials")
    scenario.probe(active=None)
    assert not scenario.world.config.settings.paused
    assert "alarm.cleared" in scenario.notices
    assert len(scenario.starts) == 2


def test_a_call_that_is_forbidden_in_a_room_is_retried_after_a_minute() -> None:
    scenario = start_called()
    scenario.answer("refused", status=403)
    assert "alarm.raised" in scenario.notices
    refused_at = scenario.now
    scenario.timer("backoff")
    assert scenario.now - refused_at == 60_000
    scenario.answer("succeeded", run="a")
    assert "alarm.cleared" in scenario.notices


def test_the_alarm_about_a_forbidden_room_names_the_room() -> None:
    scenario = with_session()
    rooms = {"lobby": {"room_id": ROOM, "groups": []}}
    scenario.process(Source.CONFIG, "file-applied", {"rooms": rooms, "rules": []}, room=None)
    scenario.operator("start")
    scenario.answer("refused", status=403, message="Not permitted")
    (raised,) = [notice for notice in scenario.announced if notice.type == "alarm.raised"]
    summary = explain(AlarmSummary.ROOM_FORBIDDEN, action="start", room="lobby", answer="403 Not permitted")
    assert raised.data["alarm"]["summary"] == summary.stored


def test_a_call_that_was_dropped_before_it_was_sent_is_decided_again() -> None:
    scenario = start_called()
    scenario.answer("dropped", message="older than 5 s before it could be sent")
    assert len(scenario.starts) == 2
    assert scenario.starts[0].call_id != scenario.starts[1].call_id


def test_an_operators_repeated_start_does_not_wait_for_the_back_off() -> None:
    scenario = start_called()
    for _ in range(4):
        scenario.answer("refused", status=429)
        scenario.timer("backoff")
    scenario.answer("refused", status=429)
    scenario.operator("end")
    scenario.operator("start")
    assert len(scenario.starts) == 6


def test_a_start_refused_with_retry_after_is_retried_then_but_within_a_minute() -> None:
    for timeout_s, waited in ((30, 30), (1, 5), (3_600, 60)):
        scenario = with_session()
        scenario.operator("start")
        scenario.answer("refused", status=429, retry_after_ms=timeout_s * SECOND)
        assert scenario.room.timers["backoff"] - scenario.now == waited * SECOND
