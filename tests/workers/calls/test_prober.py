"""Probes: few, one list for many rooms, quiet when VideoSDK says so, and never in the way of a start."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.call_harness import CallHarness, Stub
from tests.support.polling import scaled_limit
from tests.support.product import webhook
from tests.support.values import present
from tests.support.web_client import append, fold_all
from webhook_app.domain.events import Source
from webhook_app.store import codec, keys
from webhook_app.store.calls import Calls
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, entry

ROOMS = [f"room-{number}" for number in range(12)]


@pytest.fixture
def stub() -> Iterator[Any]:
    stub_server = Stub()
    threading.Thread(target=stub_server.serve_forever, args=(0.01,), daemon=True).start()
    yield stub_server
    stub_server.shutdown()
    stub_server.server_close()


@pytest.fixture
def harness(client: Client, stub: Any) -> Any:
    return CallHarness(client, stub.url)


def shown(room: Any, run: Any = None, *, end: Any = None) -> dict[str, Any]:
    """A stream as the list shows it."""
    run = run or f"run-{room}"
    url = f"https://cdn.example/{run}/index.m3u8"
    return {"id": run, "roomId": room, "sessionId": f"s-{room}", "playbackHlsUrl": url, "end": end}


def listing(*runs: Any, page: int = 1, last: int = 1) -> Any:
    info = {"currentPage": page, "perPage": 100, "lastPage": last, "total": len(runs)}
    return 200, {"pageInfo": info, "data": list(runs)}


def on_air(client: Client, rooms: Any) -> None:
    """Make the streams of these rooms playable, each with its routine probe set as a timer."""
    entries = [entry(Source.SYSTEM, "settings", None, {"calls": True})]
    for room in rooms:
        run = shown(room)
        data = {"id": run["id"], "playbackHlsUrl": run["playbackHlsUrl"]}
        for kind, more in (("session-started", {}), ("hls-playable", data)):
            entries.append(Entry(Source.VIDEOSDK, kind, room, webhook(kind, room, f"s-{room}", **more)))
    append(client, *entries)
    fold_all(client)


def look_at(client: Client, rooms: Any) -> None:
    """Let the probe of each room come due, until it is a routine one (which is drawn from the event)."""
    left = set(rooms)
    for _ in range(50):
        for room in sorted(left):
            room_state = codec.room_of(client.get(keys.room(room)))
            append(client, entry(Source.CLOCK, "timer", room, {"timer": "watch", "due": room_state.timers["watch"]}))
        fold_all(client)
        for room in sorted(left):
            probe = present(codec.room_of(client.get(keys.room(room))).probing.probe)
            if probe.body.get("routine"):
                left.discard(room)
                continue
            client.zrem(keys.PROBES_DUE, probe.call_id)
            result = {"call_id": probe.call_id, "kind": "probe", "reached": True, "asked_id": Journal(client).last_id()}
            append(client, entry(Source.PROBE, "probed", room, {**result, "active": shown(room)}))
        if not left:
            return
        fold_all(client)
    raise AssertionError(f"never routine: {left}")


def states(client: Client, rooms: Any) -> Any:
    return [codec.room_of(client.get(keys.room(room))).streams[-1].state.value for room in rooms]


def looks(stub: Any) -> Any:
    """The requests to VideoSDK; other processes of this machine may connect to a port that was theirs."""
    return [path for method, path, _, _ in stub.requests if method == "GET" and path.startswith("/v2/")]


def probed(client: Client) -> Any:
    """The newest answer by room."""
    return {event.room_id: event.data for event in Journal(client).scan() if event.source is Source.PROBE}


def test_many_rooms_on_air_are_probed_by_one_list(harness: Any, stub: Any) -> None:
    on_air(harness.client, ROOMS)
    look_at(harness.client, ROOMS)
    asked_id = Journal(harness.client).last_id()
    stub.listed = listing(*(shown(room) for room in ROOMS))
    harness.work()
    assert looks(stub) == ["/v2/hls?page=1&perPage=100"]
    probe_results = probed(harness.client)
    assert {data["asked_id"] for data in probe_results.values()} == {asked_id}
    assert all(probe_results[room]["active"]["id"] == f"run-{room}" for room in ROOMS)
    fold_all(harness.client)
    assert states(harness.client, ROOMS) == ["playable"] * len(ROOMS)
    attempts = harness.client.lrange(keys.call_attempts(probe_results[ROOMS[0]]["call_id"]), 0, -1)
    assert json.loads(attempts[-1])["message"] == f"by one list for {len(ROOMS)} rooms"


def test_a_stream_that_the_list_shows_as_ended_is_repaired(harness: Any, stub: Any) -> None:
    on_air(harness.client, ROOMS)
    look_at(harness.client, ROOMS)
    ended = shown(ROOMS[0], end="2026-11-22T12:00:00.000Z")
    stub.listed = listing(ended, *(shown(room) for room in ROOMS[1:]))
    harness.work()
    fold_all(harness.client)
    assert states(harness.client, ROOMS) == ["stopped"] + ["playable"] * 11
    assert looks(stub) == ["/v2/hls?page=1&perPage=100", "/v2/hls/run-room-0"]  # the list, and a delivery record


def test_a_room_that_the_list_does_not_show_is_probed_individually(harness: Any, stub: Any) -> None:
    on_air(harness.client, ROOMS)
    look_at(harness.client, ROOMS)
    stub.listed = listing(*(shown(room) for room in ROOMS[1:]))
    stub.active = (200, {"code": 200, "data": shown(ROOMS[0])})
    harness.work()
    assert looks(stub)[1:] == [f"/v2/hls/{ROOMS[0]}/active"]
    fold_all(harness.client)
    assert states(harness.client, ROOMS) == ["playable"] * 12


def test_further_pages_are_read_while_rooms_are_missing_but_never_as_many_as_rooms(harness: Any, stub: Any) -> None:
    rooms = [f"room-{number}" for number in range(24)]
    on_air(harness.client, rooms)
    look_at(harness.client, rooms)

    def page(handler: Any) -> None:
        number = int(handler.path.split("page=")[1].split("&")[0])
        _, content = listing(shown(rooms[number]), shown("elsewhere"), page=number, last=50)
        raw = json.dumps(content).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    stub.listed = page
    harness.work()
    assert [path for path in looks(stub) if "page=" in path] == [
        f"/v2/hls?page={number}&perPage=100" for number in (1, 2, 3)
    ]
    assert len([path for path in looks(stub) if path.endswith("/active")]) == 21


def test_a_list_that_is_refused_is_not_retried_for_a_while_and_rooms_are_probed_individually(
    harness: Any, stub: Any
) -> None:
    on_air(harness.client, ROOMS)
    stub.active = lambda handler: handler.send_error(404)
    for _ in range(2):
        look_at(harness.client, ROOMS[:6])
        harness.work()
        assert {data["reached"] for data in probed(harness.client).values()} == {True}
        harness.client.flushall()
        on_air(harness.client, ROOMS)
    assert len([path for path in looks(stub) if "page=" in path]) == 1
    assert len([path for path in looks(stub) if path.endswith("/active")]) == 12


@pytest.mark.parametrize("status", [500, 503, 401])
def test_a_list_that_cannot_be_fetched_concludes_nothing_and_probes_no_single_room(
    harness: Any, stub: Any, status: int
) -> None:
    on_air(harness.client, ROOMS)
    look_at(harness.client, ROOMS)
    stub.listed = (status, {"message": "no"})
    harness.work()
    assert len(looks(stub)) == 1
    assert {data["reached"] for data in probed(harness.client).values()} == {False}
    fold_all(harness.client)
    assert states(harness.client, ROOMS) == ["playable"] * 12


def test_few_rooms_are_probed_individually(harness: Any, stub: Any) -> None:
    on_air(harness.client, ROOMS[:2])
    look_at(harness.client, ROOMS[:2])
    harness.work()
    active = [f"/v2/hls/{room}/active" for room in ROOMS[:2]]
    assert sorted(looks(stub)) == [*active, *(f"/v2/hls/run-{room}" for room in ROOMS[:2])]  # and delivery records


def test_probes_pause_as_long_as_retry_after_says_while_starts_are_still_made(harness: Any, stub: Any) -> None:
    stub.headers = {"Retry-After": "30"}
    stub.active = (429, {"message": "slow down"})
    harness.decided_probe("one")
    harness.work()
    assert 25_000 < Calls(harness.client).probe_pause_ms() <= 30_000
    assert probed(harness.client)["one"]["retry_after_ms"] == 30_000
    stub.headers = {}
    stub.active = (404, {"code": 404})
    request_count = len(stub.requests)
    harness.decided_probe("two")
    harness.decided_call("three")
    harness.work()
    assert (probed(harness.client)["two"]["reached"], probed(harness.client)["two"]["status"]) == (False, 429)
    assert 20_000 < probed(harness.client)["two"]["retry_after_ms"] <= 30_000
    assert [path for _, path, _, _ in stub.requests[request_count:]] == ["/v2/hls/three/active", "/v2/hls/start"]
    fold_all(harness.client)
    two = codec.room_of(harness.client.get(keys.room("two")))
    assert present(two.probing.paused_until) >= two.updated_at + 20_000


def test_a_429_without_retry_after_pauses_probes_briefly(harness: Any, stub: Any) -> None:
    stub.starts = (429, {"message": "slow down"})
    harness.decided_call()
    harness.work()
    assert 0 < Calls(harness.client).probe_pause_ms() <= 10_000


def test_probes_that_hang_hold_up_no_start(harness: Any, stub: Any) -> None:
    over = threading.Event()
    started = threading.Event()

    def look(handler: Any) -> None:
        if "/busy" not in handler.path:
            over.wait(scaled_limit(20))
        handler.send_error(404)

    def start(handler: Any) -> None:
        started.set()
        handler.send_error(500)

    stub.active, stub.starts = look, start
    for number in range(200):
        append(harness.client, entry(Source.OPERATOR, "start", f"waits-{number}", {}))
    append(harness.client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
    for number in range(200):
        append(harness.client, entry(Source.OPERATOR, "end", f"waits-{number}", {}))
        append(harness.client, entry(Source.OPERATOR, "start", f"waits-{number}", {}))
    fold_all(harness.client)
    assert harness.client.zcard(keys.PROBES_DUE) >= 200
    harness.decided_call("busy")
    working = threading.Thread(target=harness.caller.run, kwargs={"stopping": over.is_set})
    working.start()
    try:
        assert started.wait(scaled_limit(4))
        assert not over.is_set()
    finally:
        over.set()
        working.join()


def test_the_newest_stream_that_the_list_shows_of_a_room_counts_under_either_of_its_names(
    harness: Any, stub: Any
) -> None:
    on_air(harness.client, ROOMS[:4])
    look_at(harness.client, ROOMS[:4])
    ended = "2026-11-22T12:00:00.000Z"
    renamed = {key: value for key, value in shown(ROOMS[1]).items() if key != "roomId"} | {"meetingId": ROOMS[1]}
    newer = [shown(ROOMS[0], "next"), shown(ROOMS[0], end=ended), renamed]
    stub.listed = listing(*newer, *(shown(room) for room in ROOMS[2:4]))
    harness.work()
    probe_results = probed(harness.client)
    assert [probe_results[room]["active"]["id"] for room in ROOMS[:2]] == ["next", f"run-{ROOMS[1]}"]
    fold_all(harness.client)
    runs = codec.room_of(harness.client.get(keys.room(ROOMS[0]))).streams
    assert [(run.videosdk_id, run.live) for run in runs] == [(f"run-{ROOMS[0]}", False), ("next", True)]


def test_a_stream_whose_end_the_list_does_not_mention_says_nothing(harness: Any, stub: Any) -> None:
    on_air(harness.client, ROOMS[:4])
    look_at(harness.client, ROOMS[:4])
    stub.listed = listing(*({key: value for key, value in shown(room).items() if key != "end"} for room in ROOMS[:4]))
    harness.work()
    assert len([path for path in looks(stub) if path.endswith("/active")]) == 4


@pytest.mark.parametrize(
    ("header", "ms"),
    [
        ("7", 7_000),
        ("0", 0),
        ("99999999", 3_600_000),
        ("soon", None),
        ("-5", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date_and_junk_is_passed_over(
    harness: Any, stub: Any, header: str, ms: int | None
) -> None:
    stub.headers = {"Retry-After": header}
    stub.active = (503, {"message": "not now"})
    harness.decided_probe("one")
    harness.work()
    assert probed(harness.client)["one"].get("retry_after_ms") == ms
