"""Notices keep their ids and sequence when events are processed again, and concern their own room only."""

from tests.support.scenario import ROOM, Scenario, on_air
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason

# What is told


def test_a_notice_keeps_its_id_when_its_event_is_processed_again() -> None:
    first, again = on_air(), on_air()
    assert [notice.notice_id for notice in first.announced] == [notice.notice_id for notice in again.announced]
    assert len({notice.notice_id for notice in first.announced}) == len(first.announced)


def test_the_sequence_grows_by_one_with_each_notice_of_a_room() -> None:
    scenario = on_air()
    assert [notice.data["sequence"] for notice in scenario.announced] == [1, 2, 3, 4]
    assert scenario.view["sequence"] == 4


def test_an_event_without_a_room_is_kept() -> None:
    scenario = Scenario()
    scenario.process(Source.VIDEOSDK, "resource-acquired", {"id": "x"}, room=None)
    assert scenario.reasons == (Reason.NO_ROOM,)
    assert scenario.world.rooms == {}


def test_an_event_of_one_room_does_not_change_another() -> None:
    scenario = on_air()
    scenario.hls("stopped", room="elsewhere", session="s9", id="z")
    assert scenario.world.rooms[ROOM].on_air
    assert not scenario.world.rooms["elsewhere"].on_air
