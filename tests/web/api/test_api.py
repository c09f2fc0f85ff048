"""The API's reading side: every resource, its shape, its pages, its errors, and that no answer gives a secret away."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.support.deliverer_factory import deliverer
from tests.support.product import Sink, public_pem, webhook
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, ROOM, SECRET, VIEWER_TOKEN, WebClient, append, fold_all
from webhook_app.config.values import networks
from webhook_app.domain.events import Source
from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.calls import Calls
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.queries.paging import encode_cursor

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TIMES = {"at", "since", "until", "timestamp"}
WEBHOOK_TOKEN = "webhook-token-of-the-doors"

STREAM = set(
    "stream_id videosdk_id room_id room_name session_id state playback_url livestream_url starting_at started_at "
    "playable_at stopping_at ended_at duration_s ended_by known_by stopped_because failure snapshot output "
    "files destinations".split()
)
ROOM_KEYS = set(
    "room_id name groups on_air watchable live recording state stream session desired armed late_since next_window "
    "outputs sequence updated_at".split()
)
SESSION = set("session_id live participant_count host_count participants ended_reason ended_error".split())
DESIRED = {"on_air", "because", "since", "until"}
EVENT = {"id", "source", "type", "room_id", "room_name", "at", "data", "effect", "unchanged", "reason", "reasons"}
DECISION = {"rule", "did", "reason", "call_id", "notice_id"}
SUBSCRIBER = {"id", "name", "url", "types", "rooms", "because", "ordering", "enabled", "disabled_because", "created_at"}
DELIVERY = {"id", "subscriber_id", "notice", "state", "attempts", "next_attempt_at", "waiting_for"}
ATTEMPT = {"at", "status", "error", "duration_ms", "response"}
CALL = {"id", "room_id", "room_name", "kind", "output", "because", "state", "attempts", "event_id"}
ALARM = set(
    "id name severity summary reason room_id room_name rule subscriber_id since cleared_at acknowledged_by "
    "acknowledged_at muted_until".split()
)
RULE = {"name", "rooms", "do", "paused", "next", "from_file", "last_fired_at", "last_error"}

FUZZ = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("doors")
    return WebClient(store_url, home, webhook_token=WEBHOOK_TOKEN, allow_networks=networks("127.0.0.0/8"))


@pytest.fixture(scope="module")
def sink() -> Iterator[Any]:
    sink_server = Sink()
    yield sink_server
    sink_server.stop()


class Stage:
    """A store in which something of everything has happened."""

    def __init__(self, client: Client, web_client: Any, store_url: str, sink: Any) -> None:
        self.secret = "whsec_" + "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWUtYWdhaW4="
        self.client, self.store_url = client, store_url
        subscriber = {"url": sink.url, "name": "tv", "types": ["*"], "secret": self.secret}
        self.subscriber = web_client.api("POST", "/subscribers", subscriber).json["id"]
        entries = [entry(Source.SYSTEM, "settings", None, {"calls": True})]
        rule = {"name": "say-so", "rooms": ["*"], "on": "stream.playable", "do": "notify", "message": "on air"}
        entries.append(entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
        run = {"id": "run-1", "playbackHlsUrl": "https://cdn.example/run-1/index.m3u8"}
        named = {"participantId": "p1", "participantName": "Host Ada"}
        for kind, more in {
            "session-started": {},
            "participant-joined": named,
            "hls-starting": {"id": "run-1"},
            "hls-started": run,
            "hls-playable": run | {"livestreamUrl": "https://cdn.example/run-1/live.m3u8"},
        }.items():
            entries.append(Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM, **more)))
        for at in range(5):
            body = webhook("session-started", f"other-{at}", session=f"o{at}")
            entries.append(Entry(Source.VIDEOSDK, "session-started", f"other-{at}", body))
        entries.append(entry(Source.OPERATOR, "end", ROOM, {"until": 4_102_444_800_000}))
        alarm = {"name": "disk", "severity": "warning", "summary": "the disk is nearly full"}
        entries.append(entry(Source.SYSTEM, "alarm-raised", None, alarm))
        entries.append(entry(Source.SYSTEM, "alarm-raised", None, alarm | {"name": "clock", "severity": "critical"}))
        entries.append(entry(Source.SYSTEM, "alarm-cleared", None, {"name": "clock"}))
        self.ids = append(client, *entries)
        fold_all(client)
        self.call = next(item for item in web_client.get("/calls")["items"] if item["kind"] == "end")["id"]
        Calls(client).record_attempt(self.call, {"at": Calls(client).now_ms(), "status": 503, "message": "not now"})
        self.deliver()

    def deliver(self) -> None:
        async def once() -> None:
            async with deliverer(self.client, self.store_url) as worker:
                await worker.run()

        asyncio.run(once())


@pytest.fixture(scope="module")
def filled(web_client: WebClient, store_url: str, sink: Any) -> Any:
    """The stage, and what its store holds."""
    with closing(connect(store_url)) as client:
        client.flushall()
        stage = Stage(client, web_client, store_url, sink)
        return stage, {key: client.dump(key) for key in client.scan_iter()}


@pytest.fixture
def stage(client: Client, filled: Any) -> Any:
    stage, names = filled
    stage.client = client
    with client.pipeline() as pipe:
        for key, value in names.items():
            pipe.restore(key, 0, value)
        pipe.execute()
    return stage


def assert_times(value: Any, key: str = "") -> None:
    """Every time in an answer is RFC 3339, UTC, in milliseconds."""
    if isinstance(value, dict):
        for name, item in value.items():
            assert_times(item, name)
    elif isinstance(value, list):
        for item in value:
            assert_times(item, key)
    elif (key in TIMES or key.endswith("_at")) and value is not None:
        assert TIME.fullmatch(value), (key, value)


def assert_problem(answer: Any, status: Any, *fields: Any) -> None:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == PROBLEM
    assert {"type", "title", "status", "detail"} <= answer.json.keys()
    assert answer.json["status"] == status
    if fields:
        assert set(answer.json["errors"]) == set(fields), answer.json
        assert all(answer.json["errors"].values())


def every(web_client: Any, path: Any, limit: int = 2) -> Any:
    """All items of a list, page by page."""
    items, cursor = [], None
    join = "&" if "?" in path else "?"
    for _ in range(200):
        page = web_client.get(f"{path}{join}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert set(page) == {"items", "next"}
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
    raise AssertionError("the list does not end")


def ids(items: Any) -> Any:
    """What names each item."""
    return [next(item[key] for key in ("id", "stream_id", "room_id", "name") if key in item) for item in items]


def test_a_room_has_the_shape_of_the_contract(web_client: WebClient, stage: Any) -> None:
    room = web_client.get(f"/rooms/{ROOM}")
    assert set(room) == ROOM_KEYS
    assert set(room["stream"]) == STREAM
    assert set(room["session"]) == SESSION
    assert set(room["desired"]) == DESIRED
    assert room["session"]["participants"] == [{"participant_id": "p1", "name": "Host Ada", "mode": None}]
    assert (room["on_air"], room["watchable"], room["state"]) == (True, True, "playable")
    assert (room["desired"]["on_air"], room["desired"]["because"]) == (False, "operator")
    assert room["desired"]["until"] == "2100-01-01T00:00:00.000Z"
    assert (room["name"], room["groups"], room["armed"], room["next_window"]) == (None, [], False, None)
    assert room["sequence"] > 0
    assert_times(room)


def test_a_room_without_a_run_is_idle(web_client: WebClient, stage: Any) -> None:
    room = web_client.get("/rooms/other-0")
    assert set(room) == ROOM_KEYS
    assert (room["state"], room["stream"], room["desired"], room["on_air"]) == ("idle", None, None, False)
    assert room["session"]["participant_count"] == 0
    assert_times(room)


def test_rooms_are_listed_and_filtered(web_client: WebClient, stage: Any) -> None:
    assert len(web_client.get("/rooms")["items"]) == 6
    assert [room["room_id"] for room in web_client.get("/rooms?on_air=true")["items"]] == [ROOM]
    assert len(web_client.get("/rooms?on_air=false")["items"]) == 5
    assert [room["room_id"] for room in web_client.get("/rooms?q=OTHER-3")["items"]] == ["other-3"]
    assert web_client.get("/rooms?group=webinar")["items"] == []
    assert all(set(room) == ROOM_KEYS for room in web_client.get("/rooms")["items"])


def test_rooms_are_found_by_the_name_and_group_of_the_configuration_file(
    client: Client, web_client: WebClient, stage: Any
) -> None:
    names = {"main-hall": {"room_id": ROOM, "groups": ["webinar"]}, "foyer": {"room_id": "never-seen"}}
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": names, "rules": []}))
    fold_all(client)
    assert [room["name"] for room in web_client.get("/rooms?group=webinar")["items"]] == ["main-hall"]
    assert [room["room_id"] for room in web_client.get("/rooms?q=main-h")["items"]] == [ROOM]
    assert web_client.get("/rooms/never-seen")["state"] == "idle"


def test_a_stream_has_the_shape_of_the_contract(web_client: WebClient, stage: Any) -> None:
    [listed] = web_client.get("/streams")["items"]
    stream = web_client.get(f"/streams/{listed['stream_id']}")
    assert set(stream) == STREAM
    assert (stream["state"], stream["videosdk_id"], stream["room_id"]) == ("playable", "run-1", ROOM)
    assert stream["playback_url"] == "https://cdn.example/run-1/index.m3u8"
    assert stream["livestream_url"] == "https://cdn.example/run-1/live.m3u8"
    assert stream["duration_s"] >= 0
    assert (stream["ended_at"], stream["ended_by"], stream["failure"]) == (None, None, None)
    assert_times(stream)


def test_streams_are_filtered(web_client: WebClient, stage: Any) -> None:
    assert len(web_client.get(f"/streams?room_id={ROOM}")["items"]) == 1
    assert web_client.get("/streams?room_id=other-1")["items"] == []
    assert len(web_client.get("/streams?state=playable")["items"]) == 1
    assert web_client.get("/streams?state=failed")["items"] == []
    assert len(web_client.get("/streams?output=hls")["items"]) == 1
    assert web_client.get("/streams?output=recording")["items"] == []
    assert_problem(web_client.api("GET", "/streams?output=video"), 422, "output")
    assert web_client.get("/streams?from=2100-01-01T00:00:00Z")["items"] == []
    assert len(web_client.get("/streams?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00%2B01:00")["items"]) == 1


def test_an_event_has_the_shape_of_the_contract(web_client: WebClient, stage: Any) -> None:
    events = web_client.get("/events?limit=500")["items"]
    assert {event["source"] for event in events} >= {"videosdk", "operator", "config", "system"}
    for event in events:
        assert set(event) == EVENT
        assert event["effect"]
        assert web_client.get(f"/events/{event['id']}").items() >= event.items()
    assert_times([event for event in events if event["source"] != "operator"])


def test_an_event_that_is_not_processed_has_no_effect_yet(client: Client, web_client: WebClient) -> None:
    [event_id] = append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM)))
    assert web_client.get(f"/events/{event_id}")["effect"] is None
    fold_all(client)
    assert web_client.get(f"/events/{event_id}")["effect"]


def test_events_are_listed_newest_first_and_filtered(web_client: WebClient, stage: Any) -> None:
    events = web_client.get("/events?limit=500")["items"]
    assert all(order(newer["id"]) > order(older["id"]) for newer, older in pairwise(events))
    of_the_room = web_client.get(f"/events?room_id={ROOM}")["items"]
    assert of_the_room == [event for event in events if event["room_id"] == ROOM]
    assert [event["type"] for event in web_client.get("/events?type=hls-playable")["items"]] == ["hls-playable"]
    assert {event["source"] for event in web_client.get("/events?source=system")["items"]} == {"system"}
    assert web_client.get("/events?to=2020-01-01T00:00:00Z")["items"] == []
    assert web_client.get("/events?from=2020-01-01T00:00:00Z&limit=500")["items"] == events


def test_a_timeline_shows_the_effect_of_each_event_and_why(web_client: WebClient, stage: Any) -> None:
    items = web_client.get(f"/rooms/{ROOM}/timeline")["items"]
    assert [item["type"] for item in items][:2] == ["end", "hls-playable"]
    for item in items:
        assert set(item) == EVENT | {"decisions", "notices", "run"}
        assert all(set(decision) == DECISION for decision in item["decisions"])
    assert "stream.playable" in [notice["type"] for notice in items[1]["notices"]]
    assert all(web_client.get(f"/deliveries?notice_id={notice['id']}") for item in items for notice in item["notices"])
    [decision] = [decision for item in items for decision in item["decisions"] if decision["rule"] == "say-so"]
    assert decision["notice_id"].startswith("msg_")
    [called] = [decision for item in items[:1] for decision in item["decisions"] if decision["call_id"]]
    assert called["call_id"] == stage.call
    assert called["did"]


def test_a_delivery_has_the_shape_of_the_contract(web_client: WebClient, stage: Any) -> None:
    deliveries = web_client.get("/deliveries?limit=500")["items"]
    assert {delivery["notice"]["type"] for delivery in deliveries} >= {"stream.playable", "rule.say-so", "alarm.raised"}
    for delivery in deliveries:
        assert set(delivery) == DELIVERY
        assert all(set(attempt) == ATTEMPT for attempt in delivery["attempts"])
        assert {"id", "type", "timestamp", "data"} <= delivery["notice"].keys()
        assert {"room_id", "room_name", "sequence", "because"} <= delivery["notice"]["data"].keys()
        assert (delivery["state"], delivery["next_attempt_at"], len(delivery["attempts"])) == ("delivered", None, 1)
        assert web_client.get(f"/deliveries/{delivery['id']}") == delivery
    assert_times(deliveries)


def test_deliveries_are_filtered_and_listed_by_subscriber(web_client: WebClient, stage: Any) -> None:
    deliveries = web_client.get("/deliveries?limit=500")["items"]
    assert web_client.get("/deliveries?state=delivered&limit=500")["items"] == deliveries
    assert web_client.get("/deliveries?state=dead")["items"] == []
    assert web_client.get(f"/subscribers/{stage.subscriber}/deliveries?limit=500")["items"] == deliveries
    delivery = deliveries[0]
    assert web_client.get(f"/deliveries?notice_id={delivery['notice']['id']}")["items"] == [delivery]


def test_a_delivery_can_be_sent_once_more_under_the_same_id(web_client: WebClient, stage: Any, sink: Any) -> None:
    delivery = next(
        item for item in web_client.get("/deliveries")["items"] if item["notice"]["type"] == "stream.playable"
    )
    before = len([received for received in sink.requests if received.id == delivery["notice"]["id"]])
    answer = web_client.api("POST", f"/deliveries/{delivery['id']}/retry")
    assert (answer.status_code, answer.json) == (202, {"id": delivery["id"]})
    assert answer.headers["Location"] == f"/api/v1/deliveries/{delivery['id']}"
    assert web_client.get(f"/deliveries/{delivery['id']}")["state"] == "pending"
    stage.deliver()
    again = web_client.get(f"/deliveries/{delivery['id']}")
    assert (again["state"], len(again["attempts"])) == ("delivered", 2)
    assert len([received for received in sink.requests if received.id == delivery["notice"]["id"]]) == before + 1


def test_a_call_has_the_shape_of_the_contract(web_client: WebClient, stage: Any) -> None:
    call = web_client.get(f"/calls/{stage.call}")
    assert set(call) >= CALL
    assert (call["room_id"], call["kind"], call["because"], call["state"]) == (ROOM, "end", "operator", "waiting")
    assert call["event_id"] in stage.ids
    [attempt] = call["attempts"]
    assert (attempt["status"], attempt["message"]) == (503, "not now")
    assert_times(call)


def test_a_call_in_flight_is_shown_as_sent(client: Client, web_client: WebClient, stage: Any) -> None:
    client.set(keys.call_mark(stage.call), 1)
    assert web_client.get(f"/calls/{stage.call}")["state"] == "sent"


def test_calls_are_filtered(web_client: WebClient, stage: Any) -> None:
    call = web_client.get(f"/calls/{stage.call}")
    assert call in web_client.get(f"/calls?room_id={ROOM}")["items"]
    assert web_client.get("/calls?room_id=nowhere")["items"] == []
    assert web_client.get(f"/calls?event_id={call['event_id']}")["items"] == [call]
    assert web_client.get("/calls?state=succeeded")["items"] == []
    assert call in web_client.get("/calls?output=hls")["items"]
    assert web_client.get("/calls?output=rtmp")["items"] == []


def test_alarms_have_the_shape_of_the_contract_and_are_filtered(web_client: WebClient, stage: Any) -> None:
    alarms = {alarm["name"]: alarm for alarm in web_client.get("/alarms")["items"]}
    assert {"disk", "clock"} <= alarms.keys()
    assert all(set(alarm) == ALARM for alarm in alarms.values())
    assert (alarms["disk"]["severity"], alarms["disk"]["cleared_at"]) == ("warning", None)
    assert alarms["clock"]["cleared_at"]
    assert "clock" not in {alarm["name"] for alarm in web_client.get("/alarms?active=true")["items"]}
    assert {alarm["name"] for alarm in web_client.get("/alarms?active=false")["items"]} == {"clock"}
    assert_times(list(alarms.values()))


def test_a_reducer_that_has_halted_is_an_alarm(client: Client, web_client: WebClient) -> None:
    client.set(keys.HALTED, "a transaction was applied in part")
    [alarm] = web_client.get("/alarms")["items"]
    assert (set(alarm), alarm["severity"], alarm["cleared_at"]) == (ALARM, "critical", None)


@pytest.mark.parametrize("path", ["/rooms", "/streams", "/events", "/deliveries", "/calls", "/alarms", "/subscribers"])
def test_pages_hold_every_item_once(web_client: WebClient, stage: Any, path: str) -> None:
    whole = ids(web_client.get(f"{path}?limit=500")["items"])
    assert len(set(whole)) == len(whole) > 0
    assert ids(every(web_client, path, limit=1)) == whole
    assert ids(every(web_client, path, limit=3)) == whole


def test_timelines_are_paged(web_client: WebClient, stage: Any) -> None:
    whole = web_client.get(f"/rooms/{ROOM}/timeline?limit=500")["items"]
    assert every(web_client, f"/rooms/{ROOM}/timeline") == whole


def test_pages_of_events_stay_right_while_more_is_written(client: Client, web_client: WebClient, stage: Any) -> None:
    before = web_client.get("/events?limit=500")["items"]
    first = web_client.get("/events?limit=4")
    append(client, *[entry(Source.SYSTEM, "nothing", None, {}) for _ in range(7)])
    rest = every_after(web_client, "/events", first["next"])
    assert first["items"] + rest == before


def test_pages_of_rooms_and_streams_stay_right_while_more_is_written(
    client: Client, web_client: WebClient, stage: Any
) -> None:
    for path in ("/rooms", "/streams"):
        before = ids(web_client.get(f"{path}?limit=500")["items"])
        first = web_client.get(f"{path}?limit=1")
        for at in range(5):
            body = webhook("hls-started", f"new-{path[1:]}-{at}", id=f"n{at}")
            append(client, Entry(Source.VIDEOSDK, "hls-started", f"new-{path[1:]}-{at}", body))
        fold_all(client)
        rest = every_after(web_client, path, first["next"]) if first["next"] else []
        assert ids(first["items"] + rest) == before


def test_rooms_first_observed_at_the_same_moment_are_each_listed_once(client: Client, web_client: WebClient) -> None:
    with client.pipeline() as pipe:
        for at in range(450):
            room_id = f"room-{at:03}"
            pipe.set(keys.room(room_id), json.dumps({"room_id": room_id, "updated_at": 5}))
            pipe.zadd(keys.ROOMS, {room_id: 5 if at % 3 else 6})
        pipe.execute()
    for limit in (7, 200, 449):
        items = [room["room_id"] for room in every(web_client, "/rooms", limit=limit)]
        assert len(items) == len(set(items)) == 450


def every_after(web_client: Any, path: Any, cursor: Any) -> Any:
    items = []
    while cursor is not None:
        page = web_client.get(f"{path}?limit=3&cursor={cursor}")
        items += page["items"]
        cursor = page["next"]
    return items


READING = [
    "/rooms",
    f"/rooms/{ROOM}",
    f"/rooms/{ROOM}/timeline",
    "/streams",
    "/events",
    "/rules",
    "/rules/say-so",
    "/subscribers",
    "/deliveries",
    "/calls",
    "/alarms",
]
WRITING = [
    ("POST", f"/rooms/{ROOM}/start"),
    ("POST", f"/rooms/{ROOM}/end"),
    ("POST", f"/rooms/{ROOM}/release"),
    ("PUT", "/rules/say-so"),
    ("DELETE", "/rules/say-so"),
    ("POST", "/rules/say-so/pause"),
    ("POST", "/rules/say-so/resume"),
    ("POST", "/subscribers"),
    ("DELETE", "/subscribers/sub_x"),
    ("POST", "/deliveries/dlv_x/retry"),
]
BAD_TOKENS = [None, "", "wrong", ADMIN_TOKEN + "x", ADMIN_TOKEN[:-1], "ädmin", "None"]


@pytest.mark.parametrize("path", READING)
def test_reading_needs_the_admin_or_the_viewer_token(web_client: WebClient, stage: Any, path: Any) -> None:
    for token in BAD_TOKENS:
        answer = web_client.api("GET", path, token=token)
        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert web_client.api("GET", path, token=VIEWER_TOKEN).status_code == 200
    assert web_client.api("GET", path).status_code == 200


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_writing_needs_the_admin_token(
    client: Client, web_client: WebClient, stage: Any, method: Any, path: Any
) -> None:
    before = client.xlen(keys.JOURNAL)
    for token in BAD_TOKENS:
        assert_problem(web_client.api(method, path, {}, token=token), 401)
    assert_problem(web_client.api(method, path, {}, token=VIEWER_TOKEN), 403)
    assert client.xlen(keys.JOURNAL) == before


def test_an_authorization_scheme_other_than_bearer_is_refused(web_client: WebClient) -> None:
    for value in (f"Basic {ADMIN_TOKEN}", ADMIN_TOKEN, "Bearer", f"Token {ADMIN_TOKEN}"):
        assert_problem(web_client.http.get("/api/v1/rooms", headers={"Authorization": value}), 401)
    assert web_client.http.get("/api/v1/rooms", headers={"Authorization": f"bearer  {ADMIN_TOKEN}"}).status_code == 200


def test_a_token_in_the_url_is_refused(web_client: WebClient) -> None:
    assert_problem(web_client.http.get(f"/api/v1/rooms?token={ADMIN_TOKEN}&access_token={ADMIN_TOKEN}"), 401)


def test_without_a_viewer_token_empty_tokens_are_refused(store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, viewer_token=None)
    for token in ("", "None", None):
        assert_problem(web_client.api("GET", "/rooms", token=token), 401)


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/nowhere",
        "/rooms/nowhere/timeline",
        "/streams/str_x",
        "/events/1-1",
        "/events/x",
        "/events/99999999999999999999999-0",
        "/events/1-99999999999999999999999",
        "/events/%D9%A3-%D9%A3",
        "/rules/nothing",
        "/subscribers/sub_x",
        "/subscribers/sub_x/deliveries",
        "/deliveries/dlv_x",
        "/calls/call_x",
        "/nothing",
        "/rooms/a/b/c",
        "/",
    ],
)
def test_an_unknown_resource_is_404(web_client: WebClient, stage: Any, path: str) -> None:
    assert_problem(web_client.api("GET", path), 404)


def test_keys_stored_beside_a_call_are_not_calls(client: Client, web_client: WebClient, stage: Any) -> None:
    client.set(keys.call_mark(stage.call), 1)
    for path in (f"/calls/{stage.call}:mark", f"/calls/{stage.call}:attempts"):
        assert_problem(web_client.api("GET", path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/rooms"),
        ("PUT", f"/rooms/{ROOM}"),
        ("DELETE", "/events/1-1"),
        ("POST", "/events"),
        ("POST", "/rules/x"),
        ("PUT", "/subscribers"),
        ("POST", "/alarms"),
        ("GET", "/deliveries/x/retry"),
    ],
)
def test_a_method_that_a_resource_does_not_have_is_405(web_client: WebClient, method: str, path: str) -> None:
    answer = web_client.api(method, path)
    assert_problem(answer, 405)
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/rooms?limit=0", "limit"),
        ("/rooms?limit=501", "limit"),
        ("/rooms?limit=-1", "limit"),
        ("/rooms?limit=many", "limit"),
        ("/events?limit=", "limit"),
        ("/rooms?on_air=perhaps", "on_air"),
        ("/streams?state=flying", "state"),
        ("/streams?from=yesterday", "from"),
        ("/streams?to=2026-01-01T00:00:00", "to"),
        ("/events?from=2026-13-01T00:00:00Z", "from"),
        ("/events?source=nobody", "source"),
        ("/calls?state=lost", "state"),
        ("/deliveries?state=lost", "state"),
        ("/alarms?active=perhaps", "active"),
        ("/rooms?cursor=!!", "cursor"),
        ("/events?cursor=x", "cursor"),
        ("/streams?cursor=" + encode_cursor("nonsense"), "cursor"),
        ("/calls?cursor=" + "x" * 1_001, "cursor"),
        (f"/rooms/{ROOM}/timeline?cursor=" + encode_cursor("1"), "cursor"),
    ],
)
def test_an_invalid_query_is_422_with_its_field(web_client: WebClient, stage: Any, path: str, field: str) -> None:
    assert_problem(web_client.api("GET", path), 422, field)


positions = (
    some.text(max_size=20)
    | some.tuples(some.text("0123456789.-+e²٣", max_size=24), some.text(max_size=5)).map("|".join)
    | some.tuples(some.text("0123456789²٣", max_size=24), some.text("0123456789²٣", max_size=24)).map("-".join)
)


@FUZZ
@given(
    path=some.sampled_from(["/rooms", "/streams", "/events", "/deliveries", "/calls", "/alarms", "/rules"]),
    cursor=some.text("abcXYZ019_-=", max_size=20) | positions.map(encode_cursor),
)
def test_any_cursor_is_accepted_or_refused_without_a_server_error(
    web_client: WebClient, path: Any, cursor: Any
) -> None:
    answer = web_client.api("GET", path, query_string={"cursor": cursor})
    assert answer.status_code in (200, 422), (cursor, answer.get_data(as_text=True))


@FUZZ
@given(
    path=some.sampled_from(READING),
    name=some.sampled_from(["limit", "from", "q", "room_id", "type"]),
    value=some.text(),
)
def test_any_query_is_accepted_or_refused_without_a_server_error(
    web_client: WebClient, path: Any, name: Any, value: Any
) -> None:
    answer = web_client.api("GET", path, query_string={name: value.encode("utf-8", "surrogatepass")})
    assert answer.status_code in (200, 404, 422), answer.get_data(as_text=True)


def test_no_response_contains_a_secret(client: Client, web_client: WebClient, stage: Any) -> None:
    paths = [*READING, "/events?limit=500", "/deliveries?limit=500", f"/subscribers/{stage.subscriber}"]
    paths += [f"/subscribers/{stage.subscriber}/deliveries?limit=500", f"/calls/{stage.call}"]
    items = "".join(web_client.api("GET", path).get_data(as_text=True) for path in paths)
    items += "".join(web_client.http.get(path).get_data(as_text=True) for path in ("/openapi.json", "/docs", "/readyz"))
    for secret in (ADMIN_TOKEN, VIEWER_TOKEN, WEBHOOK_TOKEN, SECRET, stage.secret, stage.secret[6:], public_pem()):
        assert secret not in items
    assert "whsec_" not in items


def test_every_request_is_503_while_the_store_is_away(tmp_path: Path) -> None:
    web_client = WebClient(f"unix://{tmp_path}/no.sock", tmp_path)
    for path in READING:
        answer = web_client.api("GET", path)
        assert_problem(answer, 503)
        assert answer.headers["Retry-After"]
    for method, path in WRITING:
        assert web_client.api(method, path, {"url": "https://example.com/"}).status_code in (422, 503)
