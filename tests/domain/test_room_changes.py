"""The fields that a step may set are those of the parts of a room, with the same types."""

from typing import Any, get_type_hints

import pytest

from webhook_app.domain import room_changes
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import ControlState, Desires, ProbingState, RoomRules, ScheduleState
from webhook_app.domain.schedules.open_window import OpenWindow


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (Desires, room_changes.DesiresChange),
        (ControlState, room_changes.ControlChange),
        (ProbingState, room_changes.ProbingChange),
        (RoomRules, room_changes.RulesChange),
        (ScheduleState, room_changes.ScheduleChange),
        (OpenWindow, room_changes.WindowChange),
        (Room, room_changes.RoomChange),
    ],
)
def test_a_change_has_the_fields_of_its_part(part: type, change: Any) -> None:
    fields = get_type_hints(part)
    fields.pop("room_id", None)
    assert get_type_hints(change) == fields
