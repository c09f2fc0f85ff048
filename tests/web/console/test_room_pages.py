"""Rooms on the pages: by name, added, named, grouped and forgotten there, and every link leading back to its room."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from re import findall
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.web_client import ROOM, WebClient, configure_room, folding
from tests.usecases.test_room_names import LOBBY, ODD_IDS, apply_file, bridged, see
from tests.web.console.test_console import Visitor
from webhook_app.store.connection.clients import Client


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Iterator[WebClient]:
    with folding(client):
        yield WebClient(store_url, tmp_path)


@pytest.fixture
def admin(web_client: WebClient) -> Any:
    return Visitor(web_client)


def test_the_links_of_the_wall_lead_to_rooms_with_any_id(client: Client, web_client: WebClient, admin: Any) -> None:
    apply_file(client, lobby=LOBBY)
    ids = [*ODD_IDS, "lobby", "id:x"]
    for room_id in ids:
        see(client, room_id)
    links = findall(r'class="cover" href="([^"]+)"', admin.page("/"))
    assert len(links) == len(ids) + 1
    cookie = "; ".join(f"{cooky.key}={cooky.value}" for cooky in admin.http._cookies.values())
    shown = set()
    for link in links:
        answer = bridged(web_client, "GET", unescape(link), (b"cookie", cookie.encode()))
        assert answer.status == 200, link
        shown.add(unescape(findall(r'<dt>Room id</dt><dd class="mono">(.*?)</dd>', answer.body.decode())[0]))
    assert shown == {*ids, LOBBY}


@pytest.mark.parametrize("path", ["/", "/events", "/events?room_id=lobby", "/rooms/lobby"])
def test_pages_show_the_name_of_a_room(client: Client, web_client: WebClient, admin: Any, path: str) -> None:
    configure_room(client, LOBBY, "lobby")
    see(client, LOBBY)
    page = admin.page(path)
    assert ">lobby</a>" in page or "<h1>lobby</h1>" in page
    assert f">{LOBBY}</a>" not in page
    assert "session-started" in page


def test_events_of_a_room_that_does_not_exist_offer_the_closest(
    client: Client, web_client: WebClient, admin: Any
) -> None:
    configure_room(client, LOBBY, "lobby")
    page = admin.page("/events?room_id=lobbby")
    assert "not found." in page and ">lobby</a>?" in page


def test_a_room_is_added_named_and_forgotten(web_client: WebClient, admin: Any) -> None:
    assert "Add a room" in admin.page("/")
    page = admin.after(admin.post("/new-room", room_id=ROOM, name="main-hall", groups="webinar, friday"))
    assert "Room added." in page and "<h1>main-hall</h1>" in page
    assert web_client.get("/rooms/main-hall")["groups"] == ["webinar", "friday"]
    assert 'value="webinar friday"' in admin.page("/rooms/main-hall/settings")
    page = admin.after(admin.post("/rooms/main-hall/settings", name="", groups=""))
    assert "Room saved." in page and f"<h1>{ROOM}</h1>" in page
    assert "Forget" in admin.page(f"/rooms/{ROOM}/forget")
    assert "Room forgotten" in admin.after(admin.post(f"/rooms/{ROOM}/forget", back="/"))
    assert web_client.api("GET", f"/rooms/{ROOM}").status_code == 404


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"room_id": ""}, "1 to 200 characters"),
        ({"room_id": ROOM, "name": "Main Hall"}, "may contain a-z"),
        ({"room_id": ROOM, "groups": "Web"}, "may contain a-z"),
        ({"room_id": ROOM, "name": "lobby"}, "choose another"),
        ({"room_id": LOBBY}, "already configured"),
    ],
)
def test_an_invalid_form_shows_its_errors_and_keeps_its_input(
    client: Client, web_client: WebClient, admin: Any, form: dict[str, str], words: str
) -> None:
    configure_room(client, LOBBY, "lobby")
    answer = admin.post("/new-room", **form)
    assert answer.status_code in (409, 422)
    page = answer.get_data(as_text=True)
    assert words in page
    assert f'value="{form.get("name", "")}"' in page


def test_a_room_in_use_or_of_the_file_cannot_be_forgotten(client: Client, web_client: WebClient, admin: Any) -> None:
    apply_file(client, lobby=LOBBY)
    assert "Name and groups" not in admin.page("/rooms/lobby")
    assert "configuration file" in admin.after(admin.post("/rooms/lobby/forget", back="/"))
    configure_room(client, ROOM, "main-hall")
    rule = {"rooms": ["main-hall"], "on": "stream.failed", "do": "notify", "message": "look"}
    assert web_client.api("PUT", "/rules/look", rule).status_code == 201
    assert "used by rule look" in admin.after(admin.post("/rooms/main-hall/forget", back="/"))


def test_a_viewer_sees_no_forms(client: Client, web_client: WebClient) -> None:
    configure_room(client, ROOM, "main-hall")
    page = web_client.http.get("/rooms/main-hall").get_data(as_text=True)
    assert "/settings" not in page and "/forget" not in page
    assert web_client.http.post(f"/rooms/{quote(ROOM)}/forget").status_code in (302, 403)
