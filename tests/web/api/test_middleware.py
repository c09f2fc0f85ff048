"""API middleware: request ids, ETags, conditional writes, rate limits, and pages that stay right."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.pauses import let_clock_advance
from tests.support.polling import wait_until
from tests.support.product import webhook
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, ROOM, VIEWER_TOKEN, WebClient, append, fold_all, folding
from webhook_app.app import WebLimits
from webhook_app.domain.events import Source
from webhook_app.middleware import RateLimit, TokenBucket
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.queries.paging import CHUNK

RULE = {"rooms": ["*"], "when": "room.on_air", "for": "5m", "do": "end"}


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Iterator[WebClient]:
    web_client = WebClient(store_url, tmp_path)
    yield web_client
    web_client.web.stop()


def call(
    web_client: WebClient, method: str, path: str, body: Any = None, *, token: str = ADMIN_TOKEN, **headers: str
) -> Any:
    sent_headers = {"Authorization": f"Bearer {token}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    data = None if body is None else json.dumps(body)
    return web_client.http.open(f"/api/v1{path}", method=method, headers=sent_headers, data=data)


def happens(client: Client, *rooms: str) -> list[str]:
    ids = append(client, *(Entry(Source.VIDEOSDK, "hls-started", room, webhook("hls-started", room)) for room in rooms))
    fold_all(client)
    return ids


def test_a_request_keeps_its_well_formed_id_and_else_gets_a_new_one(web_client: WebClient) -> None:
    assert call(web_client, "GET", "/rooms", X_Request_Id="trace-1.a:b").headers["X-Request-Id"] == "trace-1.a:b"
    for bad in ("", "a b", "x" * 129, "<script>"):
        request_id = call(web_client, "GET", "/rooms", X_Request_Id=bad).headers["X-Request-Id"]
        assert re.fullmatch(r"[0-9a-f]{16}", request_id)


@pytest.mark.parametrize("path", ["/api/v1/rooms", "/api/v1/nothing", "/healthz", "/nowhere", "/metrics"])
def test_every_response_has_its_request_id_also_errors(web_client: WebClient, path: str) -> None:
    assert web_client.http.get(path).headers["X-Request-Id"]


@pytest.mark.parametrize(
    "path", ["/rooms", f"/rooms/{ROOM}", "/events", f"/rooms/{ROOM}/timeline", "/alarms", "/rules"]
)
def test_an_unchanged_resource_is_answered_with_304(client: Client, web_client: WebClient, path: str) -> None:
    happens(client, "another-room")
    append(client, Entry(Source.VIDEOSDK, "session-started", ROOM, webhook("session-started", ROOM)))
    fold_all(client)
    append(client, Entry(Source.VIDEOSDK, "hls-stopped", "another-room", webhook("hls-stopped", "another-room")))
    fold_all(client)
    first = call(web_client, "GET", path)
    again = call(web_client, "GET", path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert call(web_client, "GET", path, If_None_Match='"other"').status_code == 200
    happens(client, ROOM)
    append(client, entry(Source.SYSTEM, "alarm-raised", None, {"name": "x", "severity": "warning", "summary": "y"}))
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": {"name": "r", **RULE, "for_s": 300}}))
    fold_all(client)
    if path != "/rules":
        assert call(web_client, "GET", path, If_None_Match=first.headers["ETag"]).status_code == 200


@pytest.mark.parametrize("path", ["/rooms", f"/rooms/{ROOM}", "/streams"])
def test_the_duration_of_a_live_stream_does_not_change_the_etag(
    client: Client, web_client: WebClient, path: str
) -> None:
    happens(client, ROOM)
    first = call(web_client, "GET", path)
    let_clock_advance(50)
    assert call(web_client, "GET", path, If_None_Match=first.headers["ETag"]).status_code == 304
    append(client, Entry(Source.VIDEOSDK, "hls-stopped", ROOM, webhook("hls-stopped", ROOM)))
    fold_all(client)
    assert call(web_client, "GET", path, If_None_Match=first.headers["ETag"]).status_code == 200


def test_the_last_page_has_no_next_cursor(client: Client, web_client: WebClient) -> None:
    happens(client, "room-1", "room-2", "room-3")
    assert web_client.get("/rooms?limit=3")["next"] is None
    assert web_client.get("/rooms?limit=2")["next"] is not None


def test_a_rule_is_changed_only_if_its_etag_still_matches(client: Client, web_client: WebClient) -> None:
    with folding(client):
        assert call(web_client, "PUT", "/rules/tidy", RULE, If_None_Match="*").status_code == 201
        read = call(web_client, "GET", "/rules/tidy").headers["ETag"]
        assert call(web_client, "PUT", "/rules/tidy", RULE | {"for": "6m"}, If_Match=read).status_code == 200
        refused = call(web_client, "PUT", "/rules/tidy", RULE | {"for": "7m"}, If_Match=read)
        assert (refused.status_code, refused.content_type) == (412, PROBLEM)
        assert call(web_client, "DELETE", "/rules/tidy", If_Match=read).status_code == 412
        assert web_client.get("/rules/tidy")["for"] == "6m"
        assert call(web_client, "PUT", "/rules/tidy", RULE, If_None_Match="*").status_code == 412
        newest = call(web_client, "PUT", "/rules/tidy", RULE, If_Match="*").headers["ETag"]
        assert call(web_client, "DELETE", "/rules/tidy", If_Match=newest).status_code == 204
        assert call(web_client, "PUT", "/rules/tidy", RULE, If_Match="*").status_code == 412


def test_the_actions_of_a_rule_do_not_change_its_etag(client: Client, web_client: WebClient) -> None:
    with folding(client):
        on = {"rooms": ["*"], "on": "stream.started", "do": "notify", "message": "hello"}
        assert call(web_client, "PUT", "/rules/hello", on).status_code == 201
        before = call(web_client, "GET", "/rules/hello").headers["ETag"]
        append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM)))
        wait_until(lambda: web_client.get("/rules/hello")["last_fired_at"], 10, "the rule having fired")
        assert call(web_client, "GET", "/rules/hello", If_None_Match=before).status_code == 200
        assert call(web_client, "PUT", "/rules/hello", on | {"message": "bye"}, If_Match=before).status_code == 200


def test_one_of_many_concurrent_changes_with_the_same_etag_succeeds(client: Client, web_client: WebClient) -> None:
    with folding(client):
        assert call(web_client, "PUT", "/rules/tidy", RULE).status_code == 201
        read = call(web_client, "GET", "/rules/tidy").headers["ETag"]
        came: list[int] = []

        def change(minutes: int) -> None:
            came.append(
                call(web_client, "PUT", "/rules/tidy", RULE | {"for": f"{minutes}m"}, If_Match=read).status_code
            )

        threads = [threading.Thread(target=change, args=(10 + at,)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(came) == [200] + [412] * 7


def test_a_token_that_exceeds_its_rate_limit_gets_429_and_other_tokens_do_not(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client = WebClient(store_url, tmp_path, limits=WebLimits(api_rate=RateLimit(per_s=0.001, burst=5)))
    assert [call(web_client, "GET", "/alarms").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    refused = call(web_client, "GET", "/alarms")
    assert (refused.content_type, refused.headers["Retry-After"]) == (PROBLEM, "1")
    assert call(web_client, "GET", "/alarms", token=VIEWER_TOKEN).status_code == 200


def test_three_hundred_requests_a_second_are_never_limited() -> None:
    limit = RateLimit()
    assert limit.per_s >= 300 and limit.burst >= limit.per_s
    bucket = TokenBucket(limit)
    until = time.monotonic() + 0.5
    requests = 0
    while time.monotonic() < until:
        if requests < 150:
            assert bucket.take()
            requests += 1


@pytest.mark.parametrize("path", ["/events", f"/rooms/{ROOM}/timeline", "/rooms", "/streams"])
def test_pages_neither_repeat_nor_skip_items_while_more_are_written(
    client: Client, web_client: WebClient, path: str
) -> None:
    rooms = [ROOM] * 20 if "timeline" in path or path == "/events" else [f"room-{at}" for at in range(20)]
    happens(client, *rooms)
    whole = [json.dumps(item.get("id") or item.get("room_id")) for item in web_client.get(f"{path}?limit=500")["items"]]
    listed: list[str] = []
    cursor = None
    for at in range(20):
        page = web_client.get(f"{path}?limit=3" + (f"&cursor={cursor}" if cursor else ""))
        listed += [json.dumps(item.get("id") or item.get("room_id")) for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        happens(client, ROOM, f"later-{at}")
    assert listed == whole


def test_pages_of_alarms_stay_right_while_more_are_raised(client: Client, web_client: WebClient) -> None:
    def raise_them(*names: str) -> None:
        alarms = [{"name": name, "severity": "warning", "summary": "x"} for name in names]
        append(client, *(entry(Source.SYSTEM, "alarm-raised", None, alarm) for alarm in alarms))
        fold_all(client)

    raise_them(*(f"alarm-{at}" for at in range(7)))
    whole = [alarm["name"] for alarm in web_client.get("/alarms")["items"]]
    listed: list[str] = []
    cursor = None
    for at in range(4):
        page = web_client.get("/alarms?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        listed += [alarm["name"] for alarm in page["items"]]
        cursor = page["next"]
        let_clock_advance(2)
        raise_them(f"later-{at}")
    assert (listed, cursor) == (whole, None)
    assert web_client.api("GET", "/alarms?cursor=bm9uZQ").status_code == 422


def test_three_thousand_rooms_are_listed_and_searched_with_few_commands(client: Client, web_client: WebClient) -> None:
    happens(client, *(f"hall-{at:04d}" for at in range(3_000)))
    chunks = 3_000 // CHUNK + 1
    for query in ("", "?q=hall-2999", "?q=nowhere", "?on_air=true&limit=500", "?group=none"):
        counts = commands_of(client, partial(web_client.get, f"/rooms{query}"))
        assert counts["cmdstat_zrevrangebyscore"] <= chunks
        assert counts["cmdstat_mget"] <= chunks  # 200 rooms each, not one
        assert counts.get("cmdstat_get", 0) == 0
    assert [room["room_id"] for room in web_client.get("/rooms?q=HALL-2999")["items"]] == ["hall-2999"]


def commands_of(client: Client, act: Callable[[], Any]) -> dict[str, int]:
    """How often the store was sent each command by an act."""

    def counts() -> dict[str, int]:
        stats: dict[str, Any] = client.info("commandstats")
        return {name: int(stat["calls"]) for name, stat in stats.items()}

    before = counts()
    act()
    return {name: count - before.get(name, 0) for name, count in counts().items()}
