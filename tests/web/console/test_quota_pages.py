"""MAX_STREAMS in the console: the wall counts what is on air, the Schedule marks windows that exceed it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import webhook
from tests.support.values import present
from tests.support.web_client import ADMIN_TOKEN, WebClient, append, fold_all
from tests.web.console.test_pages import log_in
from webhook_app.console.components.quota import Overlaps, Quota
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.times import MINUTE
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.state.store import StateStore

ROOMS = ("hall", "lobby", "attic")


def page_of(client: Client, store_url: str, tmp_path: Path, path: Any, limit: Any) -> Any:
    web_client = WebClient(store_url, tmp_path, max_streams=limit)
    log_in(web_client.http, ADMIN_TOKEN)
    return " ".join(web_client.http.get(path).get_data(as_text=True).split())


def plan(client: Client) -> None:
    opens = datetime.now(UTC) + timedelta(hours=3)
    for number, room in enumerate(ROOMS):
        schedule = {"at": f"{opens + timedelta(minutes=number):%Y-%m-%dT%H:%M}", "duration": "1h"}
        rule = RuleSchema().load({"name": f"talk-{room}", "rooms": [room], "schedule": schedule})
        append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    fold_all(client)


@pytest.mark.parametrize(("limit", "marked"), [(2, "3 of 2"), (1, "3 of 1"), (3, None), (None, None)])
def test_the_schedule_marks_windows_that_exceed_the_quota(
    client: Client, store_url: str, tmp_path: Path, limit: int | None, marked: str | None
) -> None:
    plan(client)
    page = page_of(client, store_url, tmp_path, "/schedule", limit)
    assert ("Windows overlap beyond MAX_STREAMS: 3 at once at" in page) == (marked is not None)
    assert marked is None or page.count(f">{marked}<") == 1 + len(ROOMS)


@pytest.mark.parametrize(("limit", "message"), [(1, "3 streams on air; MAX_STREAMS allows 1"), (3, None), (None, None)])
def test_the_wall_says_when_more_is_on_air_than_allowed(
    client: Client, store_url: str, tmp_path: Path, limit: int | None, message: str | None
) -> None:
    for room in ROOMS:
        run = {"id": f"run-{room}", "playbackHlsUrl": f"https://cdn.example/{room}/index.m3u8"}
        append(client, Entry(Source.VIDEOSDK, "hls-started", room, webhook("hls-started", room, **run)))
    fold_all(client)
    page = page_of(client, store_url, tmp_path, "/", limit)
    assert ("MAX_STREAMS allows" in page) == (message is not None)
    assert message is None or message in page


def test_a_window_is_marked_with_the_most_that_is_open_during_it() -> None:
    overlaps = Overlaps(2, ((100, 3), (200, 5), (300, 4)))
    assert overlaps.peak == (200, 5)
    assert [
        overlaps.during(RoomWindow(opens, closes, ("a",)))
        for opens, closes in ((0, 100), (0, 101), (150, 301), (301, 400))
    ] == [
        None,
        3,
        5,
        None,
    ]
    assert Overlaps(2, ()).peak is None


def test_windows_that_open_at_the_same_moment_are_counted_once(client: Client, store_url: str, tmp_path: Path) -> None:
    opens = datetime.now(UTC) + timedelta(hours=3)
    schedule = {"at": f"{opens:%Y-%m-%dT%H:%M}", "duration": "1h"}
    rule = RuleSchema().load({"name": "talk", "rooms": list(ROOMS), "schedule": schedule})
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    fold_all(client)
    web_client = WebClient(store_url, tmp_path, max_streams=1)
    log_in(web_client.http, ADMIN_TOKEN)
    page = " ".join(web_client.http.get("/schedule").get_data(as_text=True).split())
    assert "Exceeded once in the next 35 days" in page and page.count(">3 of 1<") == 1 + len(ROOMS)
    listed = web_client.api("GET", "/rules/talk/occurrences").json["items"]
    assert {overlap["warning"] for overlap in listed} == {"3 windows are open at once then, and MAX_STREAMS is 1"}


def test_moments_are_computed_once_per_minute_and_configuration(client: Client) -> None:
    plan(client)
    state, quota, now, rooms = StateStore(client), Quota(2), time_ms(client.time()) // MINUTE * MINUTE, sorted(ROOMS)
    overlaps = present(quota.overlaps(state.config(), rooms, now))
    append(client, Entry(Source.VIDEOSDK, "hls-started", "hall", webhook("hls-started", "hall")))
    fold_all(client)
    assert quota.overlaps(state.config(), rooms, now + 1) is overlaps
    assert quota.overlaps(state.config(), rooms, now + MINUTE) is not overlaps
    append(client, entry(Source.CONFIG, "rule-deleted", None, {"name": "talk-hall"}))
    fold_all(client)
    assert overlaps.moments and present(quota.overlaps(state.config(), rooms, now + MINUTE)).moments == ()
