"""Windows with a condition: they start once it holds, and probe for it."""

from tests.support.scenario import MINUTE, SECOND, SESSION
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason


def test_a_window_with_a_condition_starts_once_it_is_true_and_goes_on_when_it_becomes_false() -> None:
    scenario = ScheduledRoom().open_session("ada")
    scenario.put_schedule(**{"if": 'room.session.participants.exists(p, p.name.startsWith("Host"))'})
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


def test_a_window_that_waits_for_its_condition_probes_for_participants_whose_webhooks_were_lost() -> None:
    scenario = ScheduledRoom()
    scenario.reachable = False
    scenario.put_schedule(**{"if": 'room.session.participants.exists(p, p.name.startsWith("Host"))'})
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
    assert len(scenario.probes) - probe_count < 10  # the routine probes of a room on air


def test_a_window_whose_condition_never_becomes_true_is_missed_for_that_reason() -> None:
    scenario = ScheduledRoom().open_session("ada").put_schedule(**{"if": "room.session.participant_count > 5"})
    scenario.until(ONE + HOUR)
    assert (scenario.starts, scenario.reason("missed")) == ([], Reason.WINDOW_IF_AWAITED)


def test_while_calls_are_paused_a_window_that_waits_for_its_condition_probes_rarely() -> None:
    scenario = ScheduledRoom().open_session("ada").put_schedule(**{"if": "room.session.participant_count > 5"})
    settings = replace(scenario.world.config.settings, paused=True)
    scenario.world.config = replace(scenario.world.config, settings=settings)
    fired = 0
    while due := [(at, name) for name, at in scenario.room.timers.items() if at <= ONE + 10 * MINUTE]:
        scenario.timer(min(due)[1], late=3)
        fired += 1
        assert fired < 60
