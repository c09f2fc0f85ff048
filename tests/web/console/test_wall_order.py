"""The order of rooms on the wall: the most urgent come first."""

import random
from typing import Any

from tests.support.scenario import MINUTE, Scenario
from tests.support.scheduled_room import ONE, ScheduledRoom
from webhook_app.console.components.lamps import urgency
from webhook_app.console.pages.wall import tile
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.config import Settings


def scenario(room: Any, *states: Any) -> Any:
    scenario = Scenario(room=room)
    scenario.joined("ada")
    scenario.hls(*states, id=room)
    return scenario


def test_failed_comes_first_then_late_refused_starting_armed_on_air_and_off() -> None:
    failed = scenario("failed", "starting", "failed").room
    scheduled = ScheduledRoom().put_schedule()
    scheduled.until(ONE + 2 * MINUTE)
    refused = Scenario(room="refused")
    refused.joined("ada")
    refused.operator("start")
    starting = refused.room
    refused.answer("refused", status=409)
    armed = ScheduledRoom(room="armed")
    armed.operator("start")
    armed.answer_probes()
    on_air, off = scenario("on", "started", "playable").room, scenario("off").room
    rooms = [failed, scheduled.room, refused.room, starting, armed.room, on_air, off]
    shuffled = random.Random(1).sample(rooms, len(rooms))
    assert sorted(shuffled, key=urgency) == rooms
    assert [urgency(room) for room in rooms] == list(range(7))


def test_the_tile_of_a_late_room_says_since_when_and_why() -> None:
    scheduled = ScheduledRoom().put_schedule()
    scheduled.until(ONE + 2 * MINUTE)
    shown = tile(scheduled.room, scheduled.world.config, scheduled.now)
    assert (shown["late_since"], shown["late_reason"]) == ("2026-11-22T13:01:00.000Z", explain(Reason.NO_SESSION).text)
    assert scheduled.world.config.settings == Settings(calls=True)
    scheduled.operator("end")
    assert tile(scheduled.room, scheduled.world.config, scheduled.now)["late_reason"] is None
