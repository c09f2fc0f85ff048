"""Sessions and participants as webhooks report them."""

from tests.support.scenario import SECOND, Scenario, rest, with_session
from webhook_app.domain.reasons import Reason

# Sessions and participants


def test_the_first_event_with_a_new_session_id_starts_the_session_once() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.webhook("session-started")
    scenario.joined("bob")
    assert scenario.notices == ["session.started", "participant.joined", "participant.joined"]


def test_the_participant_count_is_unknown_unless_the_session_start_was_received() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    assert scenario.view["session"]["participant_count"] is None
    observed = with_session()
    observed.joined("ada")
    assert observed.view["session"]["participant_count"] == 1


def test_the_participant_count_is_known_after_a_probe() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.hls("starting")
    scenario.wait(60 * SECOND)
    scenario.probe(rest("a"), session={"session_id": "s1", "live": True, "participants": {"ada": "Ada", "bob": None}})
    assert scenario.view["session"]["participant_count"] == 2
    assert scenario.notices.count("participant.joined") == 2


def test_a_participant_who_joins_twice_is_counted_once() -> None:
    scenario = with_session()
    scenario.joined("ada")
    scenario.joined("ada")
    assert scenario.reasons == (Reason.PARTICIPANT_PRESENT,)
    scenario.left("ada")
    assert scenario.view["session"]["participant_count"] == 0


def test_an_event_of_another_session_ends_the_session_that_seemed_live() -> None:
    scenario = with_session()
    scenario.joined("ada", session="s2")
    assert scenario.notices == ["session.started", "session.ended", "session.started", "participant.joined"]
    assert scenario.view["session"]["session_id"] == "s2"


def test_a_late_event_of_an_ended_session_does_not_reopen_it() -> None:
    scenario = with_session()
    scenario.webhook("session-ended")
    scenario.joined("ada")
    assert scenario.reasons == (Reason.SESSION_OVER,)
    assert scenario.view["session"]["live"] is False


def test_a_repeated_session_end_is_announced_once() -> None:
    scenario = with_session()
    scenario.webhook("session-ended")
    scenario.webhook("session-ended")
    assert scenario.notices == ["session.started", "session.ended"]
