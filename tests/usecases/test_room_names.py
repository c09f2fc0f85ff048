"""Rooms by name and by id: what each reference means in every interface, and which are unknown."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as some
from markupsafe import escape

from tests.support.product import webhook
from tests.support.values import present
from tests.support.web_client import (
    ADMIN_TOKEN,
    ROOM,
    WebClient,
    append,
    assert_sound,
    configure_room,
    fold_all,
    folding,
)
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.events import Source
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.rules.config import Settings, make_config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom, matches
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import EventTrigger
from webhook_app.server.wsgi_bridge import WsgiAnswer, call, environ_of
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.delivery_views import delivery_view
from webhook_app.usecases.room_names import closest_room, room_reference

LOBBY = "rlyb-xgxu-zpzd"
ODD_IDS = ["team/standup", "../etc", "a b", "Große Halle", "🎻", "hello?x", "a#b", "a%2Fb", "50%", ".", "..", "/x"]
IDS = ["lobby", LOBBY, "id:lobby", "id:", ".", "..", "./a", "../..", "../etc", "a/b", "a%2Fb", "50%", "x y", "🎻"]
NAMES = {
    "lobby": ConfiguredRoom("lobby", LOBBY, ("public",)),
    f"id:{ROOM}": ConfiguredRoom(None, ROOM, from_file=False),
}


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> WebClient:
    return WebClient(store_url, tmp_path, live_links=True)


@pytest.fixture
def folded(client: Client) -> Iterator[None]:
    with folding(client):
        yield


def see(client: Client, room_id: str, kind: str = "session-started", **data: Any) -> None:
    """A webhook about a room, processed."""
    append(client, Entry(Source.VIDEOSDK, kind, room_id, webhook(kind, room_id, **data)))
    fold_all(client)


def apply_file(client: Client, **rooms: str) -> None:
    """A configuration file with these rooms, processed."""
    rooms_by_name = {name: {"room_id": room_id} for name, room_id in rooms.items()}
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": rooms_by_name, "rules": []}))
    fold_all(client)


def commands(client: Client) -> list[tuple[str, str]]:
    """The operators' commands in the journal: type and room."""
    return [
        (fields[b"t"].decode(), fields[b"r"].decode())
        for _, fields in client.xrange(keys.JOURNAL)
        if fields[b"s"] == b"operator"
    ]


class TestWhatAReferenceMeans:
    def test_a_name_comes_before_an_id(self) -> None:
        config = make_config({}, NAMES, Settings())
        assert config.resolve_room("lobby") == LOBBY
        assert config.resolve_room("id:lobby") == "lobby"
        assert config.resolve_room(LOBBY) == LOBBY
        assert config.resolve_room("elsewhere") == "elsewhere"

    @given(some.sampled_from(IDS) | some.text(min_size=1, max_size=20))
    def test_every_id_has_a_reference_that_means_it(self, room_id: str) -> None:
        config = make_config({}, NAMES, Settings())
        reference = room_reference(room_id, config)
        assert config.resolve_room(reference) == room_id
        assert reference.split("/")[0] not in (".", "..")

    def test_a_pattern_that_is_a_name_means_that_room_alone(self) -> None:
        rule = Rule("lobby-channel", ("lobby",), "start", trigger=EventTrigger("stream.started"))
        config = make_config({rule.name: rule}, NAMES, Settings())
        assert config.about(LOBBY) == (rule,)
        assert config.about("lobby") == ()
        assert config.matches("id:lobby", "lobby") and not config.matches("id:lobby", LOBBY)
        assert config.rooms_of(rule) == frozenset({LOBBY})

    @given(some.sampled_from(IDS), some.sampled_from([*IDS, "group:public", "lob*"]))
    def test_a_rule_is_found_for_a_room_just_when_its_pattern_matches(self, room_id: str, pattern: str) -> None:
        rule = Rule("r", (pattern,), "start", trigger=EventTrigger("stream.started"))
        config = make_config({"r": rule}, NAMES, Settings())
        assert (config.about(room_id) == (rule,)) is config.matches(pattern, room_id)

    def test_a_room_without_a_name_matches_by_id_and_group(self) -> None:
        named = ConfiguredRoom(None, ROOM, ("hall",), from_file=False)
        assert matches(ROOM, ROOM, named) and matches("group:hall", ROOM, named)
        assert not matches("lobby", ROOM, named)


class TestSuggestions:
    @pytest.mark.parametrize(
        ("reference", "closest"),
        [("lobbby", "lobby"), ("LOBBY", "lobby"), ("rlyb-xgxu-zpzx", "lobby"), ("abcd-efgh-ijkk", ROOM)],
    )
    def test_the_closest_room_is_named_as_it_is_known(self, reference: str, closest: str) -> None:
        assert closest_room(reference, make_config({}, NAMES, Settings())) == closest

    def test_nothing_close_is_nothing(self) -> None:
        config = make_config({}, NAMES, Settings())
        assert closest_room("main-stage", config) is None
        assert closest_room("x" * 10_000, config) is None


class TestCommands:
    @pytest.mark.parametrize("command", ["start", "end", "release", "capture"])
    def test_a_command_goes_to_the_room_of_that_name(self, client: Client, web_client: WebClient, command: str) -> None:
        apply_file(client, lobby=LOBBY)
        see(client, "lobby")  # a room whose id is the other's name
        assert web_client.api("POST", f"/rooms/lobby/{command}").status_code == 202
        assert web_client.api("POST", f"/rooms/id:lobby/{command}").status_code == 202
        assert commands(client) == [(command, LOBBY), (command, "lobby")]

    @pytest.mark.parametrize("command", ["start", "end", "release", "capture"])
    def test_an_unknown_room_is_404_with_the_closest_one(
        self, client: Client, web_client: WebClient, command: str
    ) -> None:
        apply_file(client, lobby=LOBBY)
        answer = web_client.api("POST", f"/rooms/lobbby/{command}")
        assert answer.status_code == 404
        assert "Did you mean lobby?" in answer.json["detail"] and "tally rooms add" in answer.json["detail"]
        assert web_client.api("GET", "/rooms/lobbby").status_code == 404
        assert commands(client) == []
        assert [room["room_id"] for room in web_client.get("/rooms")["items"]] == [LOBBY]

    def test_a_rules_mention_makes_no_room_for_commands(
        self, client: Client, web_client: WebClient, folded: None
    ) -> None:
        rule = {"rooms": ["lobbby"], "schedule": {"cron": "0 9 * * *", "duration": "1h"}}
        put = web_client.api("PUT", "/rules/mornings", rule)
        assert put.status_code == 201
        assert web_client.api("POST", "/rooms/lobbby/start").status_code == 404
        assert web_client.get("/rooms/lobbby")["next_window"] is not None
        see(client, "lobbby")
        assert web_client.api("POST", "/rooms/lobbby/end").status_code == 202

    def test_a_webhook_that_is_not_processed_yet_makes_its_room_known(
        self, client: Client, web_client: WebClient
    ) -> None:
        append(client, Entry(Source.VIDEOSDK, "session-started", ROOM, webhook("session-started", ROOM)))
        with folding(client):
            assert web_client.api("POST", f"/rooms/{ROOM}/end").status_code == 202


class TestFilters:
    def test_lists_are_filtered_by_name(self, client: Client, web_client: WebClient) -> None:
        apply_file(client, lobby=LOBBY)
        see(client, "lobby")
        see(client, LOBBY, "hls-started", id="run-1")
        for path in ("events", "streams", "calls"):
            rooms = {item["room_id"] for item in web_client.get(f"/{path}?room_id=lobby")["items"]}
            assert rooms == ({LOBBY} if path != "calls" else set())
        assert {item["room_id"] for item in web_client.get("/events?room_id=id:lobby")["items"]} == {"lobby"}
        assert web_client.get("/events?room_id=nowhere")["items"] == []

    def test_live_links_lead_by_name(self, client: Client, web_client: WebClient) -> None:
        apply_file(client, lobby=LOBBY)
        url = "https://cdn.example/a/index.m3u8"
        for kind in ("hls-started", "hls-playable"):
            see(client, LOBBY, kind, id="run-1", playbackHlsUrl=url)
        for room in ("lobby", LOBBY, f"id:{LOBBY}"):
            assert web_client.http.get(f"/live/{room}.m3u8").headers.get("Location") == url
        unknown = web_client.http.get("/live/lobbby.m3u8")
        assert unknown.status_code == 404
        assert "lobby" not in unknown.get_json()["detail"]  # the links are public, the rooms' names are not


class TestOddIds:
    @pytest.mark.parametrize("room_id", ODD_IDS)
    def test_any_id_works_encoded(self, client: Client, web_client: WebClient, room_id: str) -> None:
        see(client, room_id)
        reference = quote(f"id:{room_id}" if room_id in (".", "..") else room_id, safe="")
        path = f"/rooms/{reference}"
        assert served(web_client, "GET", path)["room_id"] == room_id
        assert served(web_client, "GET", f"{path}/timeline")["items"]
        assert served(web_client, "POST", f"{path}/end")["id"]
        assert commands(client) == [("end", room_id)]
        page = served_page(web_client, f"/rooms/{reference}")
        assert escape(room_id) in page
        fold_all(client)
        assert_sound(client)

    def test_an_encoded_slash_distinguishes_a_room_from_its_commands(
        self, client: Client, web_client: WebClient
    ) -> None:
        see(client, "a")
        see(client, "a/start")
        see(client, "a/timeline")
        assert served(web_client, "GET", "/rooms/a%2Ftimeline")["room_id"] == "a/timeline"
        assert [item["room_id"] for item in served(web_client, "GET", "/rooms/a/timeline")["items"]] == ["a"]
        served(web_client, "POST", "/rooms/a%2Fstart/end")
        served(web_client, "POST", "/rooms/a/start")
        assert commands(client) == [("end", "a/start"), ("start", "a")]

    def test_slashes_that_a_proxy_has_decoded_work_too(self, client: Client, web_client: WebClient) -> None:
        see(client, "team/standup")
        assert served(web_client, "GET", "/rooms/team/standup")["room_id"] == "team/standup"
        served(web_client, "POST", "/rooms/team/standup/end")
        assert commands(client) == [("end", "team/standup")]


def served(web_client: WebClient, method: str, path: str) -> Any:
    """The JSON of the API's answer to a raw path, through the bridge that serves it."""
    answer = bridged(web_client, method, f"/api/v1{path}")
    assert answer.status < 300, (path, answer.body)
    return json.loads(answer.body)


def served_page(web_client: WebClient, path: str) -> str:
    """A page of the console."""
    admin = web_client.http
    form = admin.get("/login").get_data(as_text=True)
    csrf = form.partition('name="csrf" value="')[2].partition('"')[0]
    admin.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf})
    cookie = "; ".join(f"{cooky.key}={cooky.value}" for cooky in present(admin._cookies).values())
    answer = bridged(web_client, "GET", path, (b"cookie", cookie.encode()))
    assert answer.status == 200, (path, answer.status)
    return answer.body.decode()


def bridged(web_client: WebClient, method: str, path: str, *headers: tuple[bytes, bytes]) -> WsgiAnswer:
    scope = {
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {ADMIN_TOKEN}".encode()), *headers],
    }
    return call(web_client.web.app, environ_of(scope, b""))


class TestNamesInAnswers:
    def test_every_mention_of_a_room_has_its_name_beside_the_id(self, client: Client, web_client: WebClient) -> None:
        append(client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
        configure_room(client, LOBBY, "lobby")
        see(client, LOBBY)
        see(client, LOBBY, "hls-started", id="run-1")
        web_client.api("POST", "/rooms/lobby/end")
        with folding(client):
            schedule = {"cron": "0 9 * * *", "duration": "1h"}
            assert (
                web_client.api("PUT", "/rules/mornings", {"rooms": ["lobby"], "schedule": schedule}).status_code == 201
            )
        answers = [
            web_client.get(path)
            for path in (
                "/rooms/lobby",
                "/rooms/lobby/timeline",
                "/events?room_id=lobby",
                "/streams",
                "/calls",
                "/rules/mornings/occurrences",
                "/rules/mornings",
            )
        ]
        assert all(answer.get("items", True) for answer in answers)
        places = [place for answer in answers for place in with_room_id(answer)]
        assert len(places) > 10
        assert all(place.get("room_name", place.get("name")) == "lobby" for place in places), places

    def test_a_notice_and_its_delivery_have_it(self, client: Client, web_client: WebClient) -> None:
        configure_room(client, LOBBY, "lobby")
        see(client, LOBBY, "hls-started", id="run-1")
        (notice,) = [
            notice
            for _, fields in client.xrange(keys.OUTBOX)
            if (notice := codec.notice_of(fields[b"n"])).type == "stream.started"
        ]
        assert notice.data["room_name"] == notice.data["stream"]["room_name"] == "lobby"
        old = Notice(notice.notice_id, notice.type, notice.at, LOBBY, None, {"room_id": LOBBY})
        delivery = Delivery("dlv_1", notice.notice_id, "sub_1", notice.at, "1-0")
        view = delivery_view(delivery, old, StateStore(client).names())
        assert view["notice"]["data"] == {"room_name": "lobby", "room_id": LOBBY}

    def test_hundreds_of_items_cost_one_read_of_the_names(self, client: Client, web_client: WebClient) -> None:
        configure_room(client, LOBBY, "lobby")
        for number in range(40):
            see(client, f"room-{number}")
        few, many = (commands_of(client, partial(web_client.get, f"/events?limit={n}"), "MGET") for n in (1, 40))
        assert few == many


def with_room_id(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in an answer that names a room, but for what VideoSDK sent."""
    if isinstance(value, dict):
        if "room_id" in value:
            yield value
        for key, inner in value.items():
            if key not in ("data", "given"):
                yield from with_room_id(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from with_room_id(inner)


def commands_of(client: Client, act: Callable[[], Any], name: str) -> int:
    """How often the store was sent this command by an act."""

    def count() -> int:
        stats: dict[str, Any] = client.info("commandstats")
        return int(stats.get(f"cmdstat_{name.lower()}", {}).get("calls", 0))

    before = count()
    act()
    return count() - before


def test_configured_rooms_are_listed_before_anything_is_seen_of_them(client: Client, web_client: WebClient) -> None:
    configure_room(client, ROOM, "main-hall", ("webinar",))
    [room] = web_client.get("/rooms?group=webinar")["items"]
    assert (room["room_id"], room["name"], room["groups"], room["state"]) == (ROOM, "main-hall", ["webinar"], "idle")
    assert web_client.get("/rooms/main-hall")["room_id"] == ROOM
