"""A desired stream in a room without a session: the room is armed until a session starts."""

from tests.support.scenario import Scenario
from webhook_app.domain.reasons import Reason

# A room without a session


def test_a_room_without_a_session_is_probed_and_armed() -> None:
    scenario = Scenario()
    scenario.operator("start")
    assert scenario.decided == [Reason.CHECKING_SESSION]
    scenario.probe(None)
    assert scenario.decided[0] == Reason.WAITING_FOR_SESSION
    assert scenario.view["armed"]
    assert (scenario.starts, len(scenario.probes)) == ([], 1)


def test_an_armed_room_starts_when_its_session_does() -> None:
    scenario = Scenario()
    scenario.operator("start")
    scenario.webhook("session-started")
    assert len(scenario.starts) == 1
    assert not scenario.view["armed"]


def test_an_armed_room_is_probed_every_30_s_and_starts_when_a_session_is_found() -> None:
    scenario = Scenario()
    scenario.operator("start")
    scenario.probe(None)
    scenario.timer("armed")
    assert len(scenario.probes) == 2
    scenario.probe(None, session={"session_id": "s1", "live": True, "participants": {}})
    assert len(scenario.starts) == 1


def test_any_event_of_a_new_session_starts_an_armed_room() -> None:
    scenario = Scenario()
    scenario.operator("start")
    scenario.joined("ada")
    assert len(scenario.starts) == 1
