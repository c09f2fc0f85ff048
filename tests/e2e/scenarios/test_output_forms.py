"""Recordings and RTMP streams, whatever form an undocumented point of VideoSDK's API takes."""

from typing import Any

import pytest

from tests.e2e.scenarios.output_room import BODIES, OutputRoom
from tests.e2e.scenarios.scenario_room import ScenarioRoom

pytestmark = pytest.mark.process

OUTPUTS = ("recording", "rtmp")
FORMS: list[dict[str, Any]] = [
    {"running_listed": False},
    *({"other_start_answer": form} for form in ("object", "_id", "recordingId", "empty")),
    *({"list_form": form} for form in ("pagination", "array", "404")),
    {"start_status": 204, "end_status": 204},
]
SESSION_ENDS = ("events", "stopped", "silent", "first")


def _id(form: dict[str, Any]) -> str:
    return "-".join(f"{name}-{value}" for name, value in form.items())


@pytest.fixture
def rooms(scenario: ScenarioRoom) -> list[OutputRoom]:
    """Both outputs of one room."""
    return [OutputRoom(scenario, output) for output in OUTPUTS]


def opens(scenario: ScenarioRoom, lasts: float) -> None:
    """Put the room's rule: a window in which both outputs are to be on."""
    scenario.opens(lasts=lasts, outputs=list(OUTPUTS), rtmp=BODIES["rtmp"])


@pytest.mark.parametrize("form", FORMS, ids=_id)
def test_in_any_form_a_window_is_one_run(scenario: ScenarioRoom, rooms: list[OutputRoom], form: dict[str, Any]) -> None:
    scenario.sandbox.spoil(scenario.room, forms=form)
    scenario.joins()
    opens(scenario, lasts=12)
    for room in rooms:
        room.on(limit_s=40)
    scenario.closed()
    for room in rooms:
        room.off(limit_s=40)
        assert (len(room.runs), len(room.starts), len(room.ends), room.view["state"]) == (1, 1, 1, "stopped")
    assert scenario.broadcasts == ["completed"] * 2
    assert scenario.notices("call.refused") == []


@pytest.mark.parametrize("running_listed", [True, False])
@pytest.mark.parametrize("session_end", SESSION_ENDS)
def test_a_sessions_end_ends_its_outputs_in_any_form(
    scenario: ScenarioRoom, rooms: list[OutputRoom], session_end: str, running_listed: bool
) -> None:
    scenario.sandbox.spoil(scenario.room, forms={"session_end": session_end, "running_listed": running_listed})
    scenario.joins()
    for room in rooms:
        room.person_starts()
    for room in rooms:
        room.on()
    scenario.session_ends()
    scenario.receives("session.ended")
    for room in rooms:
        room.off(limit_s=110)
        assert len(scenario.notices(f"{room.output}.stopped")) == 1
        assert (room.view["live"], len(room.ends)) == (False, 0)


def test_a_lost_started_that_no_list_shows_leaves_it_starting_until_its_end(
    scenario: ScenarioRoom, rooms: list[OutputRoom]
) -> None:
    lost = {"drop": ["recording-started", "livestream-started"]}
    scenario.sandbox.spoil(scenario.room, forms={"running_listed": False}, webhooks=lost)
    scenario.joins()
    opens(scenario, lasts=15)
    for room in rooms:
        scenario.receives(f"{room.output}.starting")
        room.wait_for_state("started")
        assert (room.view["state"], room.view["live"]) == ("starting", False)
    scenario.closed()
    for room in rooms:
        room.off(limit_s=60)
        assert (len(room.starts), len(room.runs), room.view["state"]) == (1, 1, "stopped")
