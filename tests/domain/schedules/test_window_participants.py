"""Windows that depend on participants: ending an empty room, and running over while somebody is there."""

from tests.support.scenario import MINUTE, SECOND, SESSION, rest
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom, on_show

# Nobody there, and somebody still there


def test_an_empty_room_is_ended_after_a_probe_and_started_again_when_somebody_returns() -> None:
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


def test_a_room_that_seemed_empty_stays_on_air_when_the_probe_finds_a_participant() -> None:
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


def test_a_probe_result_without_the_session_does_not_end_the_stream() -> None:
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


def test_a_participant_who_returns_in_time_keeps_the_room_on_air() -> None:
    scenario = on_show(end_when_empty_s=300)
    scenario.left("ada")
    scenario.wait(4 * MINUTE)
    scenario.joined("ada")
    scenario.until(ONE + HOUR - 1)
    assert scenario.ends == []


def test_a_close_while_an_empty_room_is_being_ended_still_ends_it() -> None:
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


def test_a_window_runs_over_no_longer_than_its_limit() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.until(ONE + HOUR + 30 * MINUTE)
    assert [call.created_at for call in scenario.ends] == [ONE + 90 * MINUTE]
    assert scenario.broadcasts == ["completed"]


def test_a_window_of_an_empty_room_does_not_run_over() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.left("ada")
    scenario.until(ONE + HOUR)
    assert len(scenario.ends) == 1


def test_a_window_that_is_extended_while_it_runs_over_is_not_closed_at_the_old_limit() -> None:
    scenario = on_show(overrun_s=1800)
    scenario.until(ONE + HOUR + 10 * MINUTE)
    scenario.put_schedule(long=3 * HOUR, overrun_s=1800)
    scenario.until(ONE + 3 * HOUR - 1)
    assert scenario.ends == []
    scenario.until(ONE + 3 * HOUR)
    assert scenario.ends == []
    scenario.until(ONE + 3 * HOUR + 30 * MINUTE)
    assert len(scenario.ends) == 1


def test_a_window_that_runs_over_into_the_next_keeps_its_stream() -> None:
    scenario = on_show(at=["13:00", "14:15"], overrun_s=1800)
    scenario.until(ONE + 80 * MINUTE)
    assert (scenario.ends, len(scenario.starts), scenario.broadcasts) == ([], 1, ["completed"])
    assert scenario.desired is True


def test_a_probe_finds_that_the_last_participant_left_without_a_webhook_and_the_empty_room_is_ended() -> None:
    scenario = ScheduledRoom().open_session("ada").put_schedule(end_when_empty_s=120, long=3 * HOUR)
    scenario.until(ONE)
    scenario.playable()
    sequence = scenario.room.sequence
    scenario.until(ONE + 20 * MINUTE)
    probes = [call for call in scenario.probes if call.body.get("session") and call.created_at > ONE]
    assert 3 <= len(probes) <= 6
    assert (scenario.ends, scenario.room.session.count) == ([], 1)
    assert scenario.room.sequence == sequence  # probing changes nothing that others see
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
