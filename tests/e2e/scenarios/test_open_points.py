"""Whatever form an undocumented point of VideoSDK's API takes, a window is one stream from its opening to its close."""

from typing import Any

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.support.polling import wait_until

pytestmark = pytest.mark.process

FORMS: list[dict[str, Any]] = [
    *({"none_active": form} for form in ("402", "400", "null", "hollow", "code-400", "unknown")),
    *({"start_answer": form} for form in ("string", "_id")),
    {"start_status": 201, "end_status": 204},
    {"room_key": "meetingId", "none_active": "absent"},
    {"composer_ids": True, "detail": "old"},
]
WEBHOOKS: list[dict[str, Any]] = [
    {"stream_ids": "composer"},
    {"urls": "2024"},
    {"urls": "none"},
    {"room_key": "roomId"},
]


def _id(form: dict[str, Any]) -> str:
    return "-".join(f"{name}-{value}" for name, value in form.items())


def window_is_one_stream(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=12)
    scenario.on_air(limit_s=40)
    scenario.closed()
    scenario.off_air(limit_s=40)
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.starts)) == (["completed"], 1, 1)
    assert scenario.notices("call.refused") == []
    assert scenario.desires(None)["state"] == "stopped"


@pytest.mark.parametrize("form", FORMS, ids=_id)
def test_with_answers_of_any_form_a_window_is_one_stream(scenario: ScenarioRoom, form: dict[str, Any]) -> None:
    scenario.sandbox.spoil(scenario.room, forms=form)
    window_is_one_stream(scenario)


@pytest.mark.parametrize("form", WEBHOOKS, ids=_id)
def test_with_webhooks_of_any_form_a_window_is_one_stream(scenario: ScenarioRoom, form: dict[str, Any]) -> None:
    scenario.inject_faults(**form)
    window_is_one_stream(scenario)


@pytest.mark.parametrize("none_active", ["null", "400", "unknown"])
def test_a_lost_stop_is_repaired_in_any_form(scenario: ScenarioRoom, none_active: str) -> None:
    scenario.sandbox.spoil(scenario.room, forms={"none_active": none_active})
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.sandbox.spoil(scenario.room, forms={"none_active": none_active}, webhooks={"drop": ["hls-*"]})
    scenario.operator("end")
    scenario.off_air(limit_s=40)
    assert scenario.now["stream"]["ended_by"] == "probe"


@pytest.mark.parametrize("session_end", ["events", "stopped", "silent", "first"])
def test_a_sessions_end_ends_its_stream_in_any_form(scenario: ScenarioRoom, session_end: str) -> None:
    scenario.sandbox.spoil(scenario.room, forms={"session_end": session_end, "session_reason": "ROOM_CLOSED"})
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.session_ends()
    ended = scenario.receives("session.ended")
    assert ended["data"]["session"]["ended_reason"] == "ROOM_CLOSED"
    scenario.off_air(limit_s=110)
    assert len(scenario.notices("stream.stopped")) == 1


@pytest.mark.parametrize("no_session", ["402", "409"])
def test_a_start_without_a_session_is_made_once_there_is_one(scenario: ScenarioRoom, no_session: str) -> None:
    scenario.sandbox.spoil(scenario.room, forms={"no_session": no_session})
    scenario.opens(lasts=25)
    scenario.receives("broadcast.armed")
    scenario.joins()
    scenario.on_air()
    scenario.closed()
    scenario.off_air(limit_s=40)
    assert len(scenario.runs) == 1


@pytest.mark.parametrize("second_start", ["409", "400", "second-stream"])
def test_a_stream_that_somebody_started_is_taken_over_and_never_doubled(
    scenario: ScenarioRoom, second_start: str
) -> None:
    scenario.sandbox.spoil(scenario.room, forms={"second_start": second_start}, webhooks={"drop": ["hls-*"]})
    scenario.joins()
    scenario.person_starts()
    wait_until(lambda: [run["state"] for run in scenario.runs] == ["playable"], 20, "the stream that a person started")
    scenario.operator("start")
    scenario.receives("stream.started", limit_s=40)
    assert len(scenario.runs) == 1
    scenario.operator("end")
    scenario.off_air(limit_s=60)
