"""The wall's order: rooms that need somebody come first."""

import random

from tests.domain.schedules.test_window_scenarios import ONE, Hall
from tests.support.scenario import MINUTE, Story
from webhook_app.console.components.lamps import need
from webhook_app.console.pages.wall import tile
from webhook_app.domain.rules.rule import Settings


def story(room, *states):
    told = Story(room=room)
    told.joined("ada")
    told.hls(*states, id=room)
    return told


def test_failed_comes_first_then_late_refused_starting_armed_on_air_and_off():
    failed = story("failed", "starting", "failed").room
    hall = Hall().plan()
    hall.until(ONE + 2 * MINUTE)
    refused = Story(room="refused")
    refused.joined("ada")
    refused.operator("start")
    starting = refused.room
    refused.answer("refused", status=409)
    armed = Hall(room="armed")
    armed.operator("start")
    armed.look()
    on_air, off = story("on", "started", "playable").room, story("off").room
    rooms = [failed, hall.room, refused.room, starting, armed.room, on_air, off]
    shuffled = random.Random(1).sample(rooms, len(rooms))
    assert sorted(shuffled, key=need) == rooms
    assert [need(room) for room in rooms] == list(range(7))


def test_a_late_rooms_tile_says_since_when_and_why():
    hall = Hall().plan()
    hall.until(ONE + 2 * MINUTE)
    shown = tile(hall.room, hall.world.config, hall.now)
    assert (shown["late_since"], shown["late_reason"]) == ("2026-11-22T13:01:00.000Z", "nobody has opened a session")
    assert hall.world.config.settings == Settings(calls=True)
    hall.operator("end")
    assert tile(hall.room, hall.world.config, hall.now)["late_reason"] is None
