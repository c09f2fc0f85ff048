"""Whatever form an undocumented point of VideoSDK's API takes, a window is one stream from its opening to its close."""

from typing import Any

import pytest

from tests.e2e.scenarios.scenario_room import Hall
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


def window_is_one_stream(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=12)
    hall.on_air(limit_s=40)
    hall.closed()
    hall.off_air(limit_s=40)
    assert (hall.broadcasts, len(hall.runs), len(hall.starts)) == (["completed"], 1, 1)
    assert hall.notices("call.refused") == []
    assert hall.desires(None)["state"] == "stopped"


@pytest.mark.parametrize("form", FORMS, ids=_id)
def test_with_answers_of_any_form_a_window_is_one_stream(hall: Hall, form: dict[str, Any]) -> None:
    hall.sandbox.spoil(hall.room, forms=form)
    window_is_one_stream(hall)


@pytest.mark.parametrize("form", WEBHOOKS, ids=_id)
def test_with_webhooks_of_any_form_a_window_is_one_stream(hall: Hall, form: dict[str, Any]) -> None:
    hall.spoil(**form)
    window_is_one_stream(hall)


@pytest.mark.parametrize("none_active", ["null", "400", "unknown"])
def test_a_lost_stop_is_repaired_in_any_form(hall: Hall, none_active: str) -> None:
    hall.sandbox.spoil(hall.room, forms={"none_active": none_active})
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.sandbox.spoil(hall.room, forms={"none_active": none_active}, webhooks={"drop": ["hls-*"]})
    hall.operator("end")
    hall.off_air(limit_s=40)
    assert hall.now["stream"]["ended_by"] == "probe"


@pytest.mark.parametrize("session_end", ["events", "stopped", "silent", "first"])
def test_a_sessions_end_ends_its_stream_in_any_form(hall: Hall, session_end: str) -> None:
    hall.sandbox.spoil(hall.room, forms={"session_end": session_end, "session_reason": "ROOM_CLOSED"})
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.session_ends()
    ended = hall.hears("session.ended")
    assert ended["data"]["session"]["ended_reason"] == "ROOM_CLOSED"
    hall.off_air(limit_s=110)
    assert len(hall.notices("stream.stopped")) == 1


@pytest.mark.parametrize("no_session", ["402", "409"])
def test_a_start_without_a_session_is_made_once_there_is_one(hall: Hall, no_session: str) -> None:
    hall.sandbox.spoil(hall.room, forms={"no_session": no_session})
    hall.opens(lasts=25)
    hall.hears("broadcast.armed")
    hall.joins()
    hall.on_air()
    hall.closed()
    hall.off_air(limit_s=40)
    assert len(hall.runs) == 1


@pytest.mark.parametrize("second_start", ["409", "400", "second-stream"])
def test_a_stream_that_somebody_started_is_taken_over_and_never_doubled(hall: Hall, second_start: str) -> None:
    hall.sandbox.spoil(hall.room, forms={"second_start": second_start}, webhooks={"drop": ["hls-*"]})
    hall.joins()
    hall.person_starts()
    wait_until(lambda: [run["state"] for run in hall.runs] == ["playable"], 20, "the stream that a person started")
    hall.operator("start")
    hall.hears("stream.started", limit_s=40)
    assert len(hall.runs) == 1
    hall.operator("end")
    hall.off_air(limit_s=60)
