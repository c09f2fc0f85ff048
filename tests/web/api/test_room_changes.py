"""Rooms added, named, grouped and forgotten: by the API, and what the reducer makes of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import webhook
from tests.support.web_client import ROOM, WebClient, append, assert_sound, configure_room, fold_all, folding
from tests.usecases.test_room_names import LOBBY, apply_file, see
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from workers.folding import fold

RULE = {"rooms": ["main-hall"], "on": "stream.failed", "do": "notify", "message": "look"}


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Iterator[WebClient]:
    with folding(client):
        yield WebClient(store_url, tmp_path)


def add(web_client: WebClient, room_id: str = ROOM, **more: Any) -> Any:
    answer = web_client.api("POST", "/rooms", {"room_id": room_id, **more})
    assert answer.status_code == 201, answer.json
    return answer.json


def refused(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert all(word in answer.get_data(as_text=True) for word in words), answer.json


class TestAdding:
    def test_a_room_is_added_with_a_name_and_groups(self, web_client: WebClient) -> None:
        room = add(web_client, name="main-hall", groups=["webinar", "friday"])
        assert (room["room_id"], room["name"], room["groups"]) == (ROOM, "main-hall", ["webinar", "friday"])
        assert web_client.get("/rooms/main-hall") == room
        assert [item["room_id"] for item in web_client.get("/rooms?group=friday")["items"]] == [ROOM]

    def test_adding_an_observed_room_keeps_its_state(self, client: Client, web_client: WebClient) -> None:
        see(client, ROOM)
        assert add(web_client, name="main-hall")["session"]["live"] is True

    def test_adding_a_room_twice_is_a_conflict(self, web_client: WebClient) -> None:
        add(web_client)
        refused(web_client.api("POST", "/rooms", {"room_id": ROOM, "name": "other"}), 409, "already configured")

    @pytest.mark.parametrize("more", [{}, {"name": "other"}, {"groups": ["friday"]}])
    def test_an_id_that_is_the_name_of_another_room_is_refused(self, web_client: WebClient, more: Any) -> None:
        add(web_client, name="main-hall")
        refused(web_client.api("POST", "/rooms", {"room_id": "main-hall", **more}), 409, ROOM, "rename")
        assert [item["room_id"] for item in web_client.get("/rooms")["items"]] == [ROOM]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "room_id"),
            ({"room_id": ""}, "room_id"),
            ({"room_id": "x" * 201}, "room_id"),
            ({"room_id": 5}, "room_id"),
            ({"room_id": ROOM, "name": "Main Hall"}, "name"),
            ({"room_id": ROOM, "name": ""}, "name"),
            ({"room_id": ROOM, "groups": ["Web"]}, "groups"),
            ({"room_id": ROOM, "groups": ["x"] * 51}, "groups"),
            ({"room_id": ROOM, "colour": "red"}, "colour"),
        ],
    )
    def test_a_room_with_wrong_values_is_refused_with_its_fields(
        self, web_client: WebClient, body: Any, field: str
    ) -> None:
        answer = web_client.api("POST", "/rooms", body)
        assert answer.status_code == 422 and set(answer.json["errors"]) == {field}

    def test_a_room_that_the_setting_rooms_leaves_out_is_refused(
        self, client: Client, store_url: str, tmp_path: Path
    ) -> None:
        refused(
            WebClient(store_url, tmp_path, rooms=("hall-*",)).api("POST", "/rooms", {"room_id": ROOM}), 422, "ROOMS"
        )

    def test_a_name_can_be_given_to_one_room_only(self, client: Client, web_client: WebClient) -> None:
        apply_file(client, lobby=LOBBY)
        see(client, "chapel")
        add(web_client, name="main-hall")
        for name in ("main-hall", "lobby", "chapel", LOBBY, ROOM):
            refused(web_client.api("POST", "/rooms", {"room_id": "other", "name": name}), 409, name)

    def test_a_room_that_a_rule_created_under_the_name_is_dropped(self, client: Client, web_client: WebClient) -> None:
        schedule = {"rooms": ["main-hall"], "schedule": {"cron": "0 9 * * *", "duration": "1h"}}
        assert web_client.api("PUT", "/rules/mornings", schedule).status_code == 201
        assert web_client.get("/rooms/main-hall")["room_id"] == "main-hall"
        room = add(web_client, name="main-hall")
        assert [item["room_id"] for item in web_client.get("/rooms")["items"]] == [ROOM]
        assert room["next_window"]["rules"] == ["mornings"]
        assert all(name.startswith(f"{ROOM}|".encode()) for name in client.zrange(keys.TIMERS, 0, -1))


class TestChanging:
    def test_name_and_groups_can_be_changed_separately(self, web_client: WebClient) -> None:
        add(web_client, name="main-hall", groups=["webinar"])
        assert web_client.api("PATCH", "/rooms/main-hall", {"groups": ["friday"]}).json["name"] == "main-hall"
        assert web_client.api("PATCH", f"/rooms/{ROOM}", {"name": "hall"}).json["groups"] == ["friday"]
        assert web_client.api("PATCH", "/rooms/hall", {"name": None}).json["name"] is None
        assert web_client.api("GET", "/rooms/hall").status_code == 404

    def test_an_observed_room_becomes_configured_when_it_is_changed(
        self, client: Client, web_client: WebClient
    ) -> None:
        see(client, ROOM)
        assert web_client.api("PATCH", f"/rooms/{ROOM}", {"name": "main-hall"}).json["name"] == "main-hall"

    def test_a_room_that_joins_a_group_follows_its_rules(self, web_client: WebClient) -> None:
        add(web_client, name="main-hall")
        schedule = {"rooms": ["group:webinar"], "schedule": {"cron": "0 9 * * *", "duration": "1h"}}
        web_client.api("PUT", "/rules/mornings", schedule)
        assert web_client.get("/rooms/main-hall")["next_window"] is None
        web_client.api("PATCH", "/rooms/main-hall", {"groups": ["webinar"]})
        assert web_client.get("/rooms/main-hall")["next_window"]["rules"] == ["mornings"]
        web_client.api("PATCH", "/rooms/main-hall", {"groups": []})
        assert web_client.get("/rooms/main-hall")["next_window"] is None

    def test_rooms_of_the_configuration_file_are_changed_in_the_file_only(
        self, client: Client, web_client: WebClient
    ) -> None:
        apply_file(client, lobby=LOBBY)
        for room in ("lobby", LOBBY):
            refused(web_client.api("PATCH", f"/rooms/{room}", {"name": "x"}), 409, "configuration file")
            refused(web_client.api("DELETE", f"/rooms/{room}"), 409, "configuration file")

    def test_a_name_that_rules_or_subscribers_use_cannot_be_changed(self, web_client: WebClient) -> None:
        add(web_client, name="main-hall")
        web_client.api("PUT", "/rules/look", RULE)
        web_client.api(
            "POST", "/subscribers", {"url": "https://example.com/in", "name": "av-team", "rooms": ["main-hall"]}
        )
        for answer in (
            web_client.api("PATCH", "/rooms/main-hall", {"name": "hall"}),
            web_client.api("PATCH", "/rooms/main-hall", {"name": None}),
            web_client.api("DELETE", "/rooms/main-hall"),
        ):
            refused(answer, 409, "rule look", "subscriber av-team")
        assert web_client.api("PATCH", "/rooms/main-hall", {"groups": ["friday"]}).status_code == 200

    def test_an_unknown_room_is_404(self, web_client: WebClient) -> None:
        add(web_client, name="main-hall")
        refused(web_client.api("PATCH", "/rooms/main-hal", {"name": "x"}), 404, "Did you mean main-hall?")
        refused(web_client.api("DELETE", "/rooms/main-hal"), 404, "Did you mean main-hall?")


class TestForgetting:
    def test_forgetting_a_room_removes_everything_but_its_events(self, client: Client, web_client: WebClient) -> None:
        add(web_client, name="main-hall", groups=["webinar"])
        see(client, ROOM)
        event_ids = [event["id"] for event in web_client.get(f"/events?room_id={ROOM}")["items"]]
        assert web_client.api("DELETE", "/rooms/main-hall").status_code == 204
        assert web_client.api("GET", "/rooms/main-hall").status_code == 404
        assert web_client.api("GET", f"/rooms/{ROOM}").status_code == 404
        kept = web_client.get(f"/events?room_id={ROOM}")["items"]
        assert [event["id"] for event in kept][1:] == event_ids and kept[0]["reason"] == "room-forgotten"
        for key in (keys.ROOMS, keys.TIMERS):
            assert client.zrange(key, 0, -1) == []
        assert not client.exists(keys.room(ROOM))

    def test_a_webhook_brings_a_forgotten_room_back(self, client: Client, web_client: WebClient) -> None:
        add(web_client, name="main-hall")
        assert web_client.api("DELETE", "/rooms/main-hall").status_code == 204
        see(client, ROOM)
        room = web_client.get(f"/rooms/{ROOM}")
        assert room["session"]["live"] and room["name"] is None

    def test_a_live_room_cannot_be_forgotten(self, client: Client, web_client: WebClient) -> None:
        see(client, ROOM, "hls-started", id="run-1")
        refused(web_client.api("DELETE", f"/rooms/{ROOM}"), 409, "live")
        see(client, ROOM, "hls-stopped", id="run-1")
        assert web_client.api("DELETE", f"/rooms/{ROOM}").status_code == 204

    def test_a_room_that_an_earlier_version_made_of_a_name_can_be_forgotten(
        self, client: Client, web_client: WebClient
    ) -> None:
        append(client, entry(Source.OPERATOR, "start", "lobby", {}))
        apply_file(client, lobby=LOBBY)
        append(client, entry(Source.OPERATOR, "end", "lobby", {}))
        fold_all(client)
        assert {room["room_id"] for room in web_client.get("/rooms")["items"]} == {"lobby", LOBBY}
        assert web_client.api("DELETE", "/rooms/id:lobby").status_code == 204
        assert [room["room_id"] for room in web_client.get("/rooms")["items"]] == [LOBBY]


class TestFileAndApi:
    def test_rooms_of_the_file_and_of_the_api_coexist(self, client: Client, web_client: WebClient) -> None:
        add(web_client, name="main-hall")
        apply_file(client, lobby=LOBBY)
        assert {room["name"] for room in web_client.get("/rooms")["items"]} == {"main-hall", "lobby"}
        apply_file(client, chapel="cccc-cccc-cccc")
        assert {room["name"] for room in web_client.get("/rooms")["items"]} == {"main-hall", "chapel", None}

    def test_a_room_that_the_file_names_belongs_to_the_file(self, client: Client, web_client: WebClient) -> None:
        add(web_client, name="hall", groups=["webinar"])
        add(web_client, "other-room", name="lobby")
        apply_file(client, lobby=LOBBY, **{"main-hall": ROOM})
        names = {room["room_id"]: room["name"] for room in web_client.get("/rooms")["items"]}
        assert names == {ROOM: "main-hall", LOBBY: "lobby", "other-room": None}
        assert web_client.get(f"/rooms/{ROOM}")["groups"] == []

    def test_a_file_with_two_names_for_a_room_from_an_earlier_version_still_folds(self, client: Client) -> None:
        apply_file(client, hall=ROOM, chapel=ROOM)
        assert_sound(client)
        assert StateStore(client).names().named(ROOM) is not None


def test_replaying_the_journal_gives_the_same_rooms(client: Client) -> None:
    configure_room(client, ROOM, "main-hall", ("webinar",))
    see(client, ROOM)
    configure_room(client, "other", "chapel")
    forgotten = entry(Source.CONFIG, "room-forgotten", "other", {"room_id": "other"})
    again = Entry(Source.VIDEOSDK, "session-started", "other", webhook("session-started", "other"))
    append(client, forgotten, again, entry(Source.CONFIG, "room-forgotten", ROOM, {"room_id": ROOM}))
    fold_all(client)
    assert_sound(client)
    before, at = Snapshots(client).load()
    from webhook_app.store.journal.journal import Journal

    _, after = fold(before, list(Journal(client).read(at, 100)))
    stored = StateStore(client)
    assert after.config.names == stored.config().names == {}
    assert dict(after.rooms) == stored.rooms(["other", ROOM])
    assert set(after.rooms) == {"other"}
