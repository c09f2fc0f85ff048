"""The events stream: live, resumed without loss, filtered, bounded, and behind the reducer's cursor."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import paths
from tests.support.pauses import assert_holds_for
from tests.support.polling import scaled_limit, wait_until
from tests.support.ports import free_ports
from tests.support.product import ask, product, public_pem, signature, webhook
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, VIEWER_TOKEN, NullWake, WebClient, append, fold_all, folding
from webhook_app.app import WebLimits
from webhook_app.config.settings import VIEWERS_HELD
from webhook_app.domain.events import Source
from webhook_app.live.limits import SseLimits
from webhook_app.live.sse_client import SseFrame
from webhook_app.server import tcp_timeout
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal
from workers.reduce.reducer import Reducer

WITHIN_S = scaled_limit(15.0)
TREE = paths.ROOT


@pytest.fixture
def sse_limits() -> SseLimits:
    """The limits of the client's streams; a test parametrizes them."""
    return SseLimits()


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path, sse_limits: SseLimits) -> Iterator[WebClient]:
    web_client = WebClient(store_url, tmp_path, limits=WebLimits(sse=sse_limits))
    yield web_client
    web_client.web.stop()


def happened(room: str, kind: str = "hls-started") -> Entry:
    return Entry(Source.VIDEOSDK, kind, room, webhook(kind, room))


class Watcher:
    """A viewer of the app, read on a thread of its own: its messages as they come."""

    def __init__(
        self, web_client: WebClient, query: str = "", *, last: str | None = None, token: str = VIEWER_TOKEN
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} | ({} if last is None else {"Last-Event-ID": last})
        self.answer = web_client.http.get(f"/api/v1/events/stream{query}", headers=headers)
        self.text = b""
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for piece in self.answer.iter_encoded():
            self.text += piece
        self.ended.set()

    @property
    def blocks(self) -> list[dict[str, str]]:
        whole = self.text.decode().split("\n\n")[:-1]
        return [dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":") for block in whole]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(block["data"]) for block in self.blocks if "data" in block and "event" not in block]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    @property
    def last_id(self) -> str:
        return [block["id"] for block in self.blocks if "id" in block][-1]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.events) >= count, WITHIN_S, f"{count} events", describe=lambda: self.text)
        return self.events


def test_an_event_is_streamed_once_it_is_folded_with_its_effect(client: Client, web_client: WebClient) -> None:
    watcher = Watcher(web_client)
    assert watcher.answer.content_type.startswith("text/event-stream")
    assert watcher.answer.headers["Cache-Control"] == "no-store"
    (event_id,) = append(client, happened("room-a"))
    assert_holds_for(0.2, lambda: watcher.events == [], "no event before it is processed")
    fold_all(client)
    (event,) = watcher.wait_for(1)
    shown = web_client.get(f"/events/{event_id}")
    assert event["effect"] is not None
    assert event == {name: shown[name] for name in event}


def test_a_stream_without_an_id_begins_now(client: Client, web_client: WebClient) -> None:
    append(client, happened("room-a"))
    fold_all(client)
    watcher = Watcher(web_client)
    (event_id,) = append(client, happened("room-b"))
    fold_all(client)
    watcher.wait_for(1)
    assert watcher.ids == [event_id]


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_viewer_that_comes_back_misses_nothing_and_sees_nothing_twice(
    client: Client, web_client: WebClient, how: str
) -> None:
    ids = append(client, *(happened(f"room-{at % 7}") for at in range(900)))
    fold_all(client)
    last_id = ids[99]
    back = Watcher(web_client, last=last_id) if how == "header" else Watcher(web_client, f"?after={last_id}")
    more = append(client, *(happened("room-x") for _ in range(50)))
    fold_all(client)
    back.wait_for(850)
    assert back.ids == [*ids[100:], *more]


def test_nothing_is_lost_between_catching_up_and_live_while_much_is_written(
    client: Client, web_client: WebClient
) -> None:
    first = append(client, happened("room-a"))[0]
    with folding(client):
        journal, written, stop = Journal(client), [first], threading.Event()

        def write() -> None:
            while not stop.wait(0.002):
                written.extend(journal.append([happened("room-a") for _ in range(7)])[0])

        def wait_for_more_events() -> None:
            enough = len(written) + 70
            wait_until(lambda: len(written) >= enough, WITHIN_S, "more events in the journal")

        writer = threading.Thread(target=write)
        writer.start()
        watchers = []
        for _ in range(6):
            wait_for_more_events()
            watchers.append(Watcher(web_client, last=first))
        stop.set()
        writer.join()
        for watcher in watchers:
            watcher.wait_for(len(written) - 1)
            assert watcher.ids == written[1:]


def test_filters_are_those_of_the_list(client: Client, web_client: WebClient) -> None:
    kinds = [
        ("room-a", "hls-started"),
        ("room-b", "hls-started"),
        ("room-a", "hls-stopped"),
        ("room-a", "participant-joined"),
    ]
    ids = append(client, *(happened(room, kind) for room, kind in kinds))
    fold_all(client)
    expected = {
        "?room_id=room-a": [0, 2, 3],
        "?room_id=room-a&type=hls-stopped": [2],
        "?type=hls-started": [0, 1],
        "?source=operator": [],
        "?source=videosdk&room_id=room-b": [1],
    }
    live = {query: Watcher(web_client, query) for query in expected}
    caught_up = {query: Watcher(web_client, f"{query}&after=0-0") for query in expected}
    again = append(client, *(happened(room, kind) for room, kind in kinds))
    append(client, happened("room-c", "hls-playable"))
    fold_all(client)
    for query, places in expected.items():
        live[query].wait_for(len(places))
        assert live[query].ids == [again[at] for at in places], query
        caught_up[query].wait_for(2 * len(places))
        assert caught_up[query].ids == [ids[at] for at in places] + [again[at] for at in places], query


@pytest.mark.parametrize("sse_limits", [SseLimits(heartbeat_s=0.1)])
def test_an_idle_stream_sends_heartbeats_and_advances_its_id(client: Client, web_client: WebClient) -> None:
    watcher = Watcher(web_client, "?room_id=room-a")
    (event_id,) = append(client, happened("room-b"))
    fold_all(client)
    wait_until(lambda: watcher.last_id == event_id, WITHIN_S, "the id that moves on")
    assert watcher.events == []
    assert b": still here\n" in watcher.text


@pytest.mark.parametrize("sse_limits", [SseLimits(queue_max_events=20)])
def test_a_client_that_falls_behind_is_disconnected_and_resumes(client: Client, web_client: WebClient) -> None:
    headers = {"Authorization": f"Bearer {VIEWER_TOKEN}"}
    slow = web_client.http.get("/api/v1/events/stream", headers=headers).iter_encoded()
    began = next(slow).decode()
    ids = append(client, *(happened("room-a") for _ in range(100)))
    fold_all(client)
    wait_until(lambda: web_client.web.broadcaster.position == ids[-1], WITHIN_S, "all being handed out")
    assert b"".join(slow) == b""
    back = Watcher(web_client, last=began.split("id: ")[1].strip())
    back.wait_for(100)
    assert back.ids == ids


def test_a_feed_that_stumbles_lets_its_viewers_go_and_reads_again_for_the_next(
    client: Client, web_client: WebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> list[SseFrame]:
        raise ValueError("an entry that nobody foresaw")

    watcher = Watcher(web_client)
    with monkeypatch.context() as patch:
        patch.setattr(web_client.web.broadcaster, "render_frames", fail)
        append(client, happened("room-a"))
        fold_all(client)
        assert watcher.ended.wait(WITHIN_S)
    back = Watcher(web_client, last=watcher.last_id)
    append(client, happened("room-b"))
    fold_all(client)
    assert [event["room_id"] for event in back.wait_for(2)] == ["room-a", "room-b"]


@pytest.mark.parametrize("sse_limits", [SseLimits(catch_up_max_events=500)])
def test_a_long_catch_up_takes_several_connections(client: Client, web_client: WebClient) -> None:
    ids = append(client, *(happened("room-a") for _ in range(1_200)))
    fold_all(client)
    event_ids: list[str] = []
    last = "0-0"
    for _ in range(3):
        watcher = Watcher(web_client, last=last)
        watcher.wait_for(min(500, 1_200 - len(event_ids)))
        event_ids += watcher.ids
        last = watcher.last_id
    assert event_ids == ids


def test_when_every_place_is_taken_the_answer_is_what_is_new_and_when_to_come_again(
    client: Client, web_client: WebClient
) -> None:
    ids = append(client, *(happened("room-a") for _ in range(3)))
    fold_all(client)
    watchers = [Watcher(web_client) for _ in range(web_client.settings.viewers_held)]
    other = Watcher(web_client, last=ids[0])
    assert other.ended.wait(WITHIN_S)
    assert other.ids == ids[1:]
    assert other.blocks[0]["retry"] == str(SseLimits().retry_full_ms)
    late = Watcher(web_client)
    assert late.ended.wait(WITHIN_S) and late.last_id == ids[-1]
    watchers[0].answer.close()
    wait_until(
        lambda: web_client.web.broadcaster.slots_taken < web_client.settings.viewers_held,
        WITHIN_S,
        "a place being free",
    )
    assert not Watcher(web_client).ended.wait(0.2)


def test_events_that_were_trimmed_are_reported_as_a_gap(client: Client, web_client: WebClient) -> None:
    ids = append(client, *(happened("room-a") for _ in range(4)))
    fold_all(client)
    client.xtrim(keys.JOURNAL, minid=ids[3], approximate=False)
    client.hset(keys.SNAPSHOT, "at", ids[2])
    watcher = Watcher(web_client, last=ids[0])
    watcher.wait_for(1)
    assert watcher.ids == [ids[3]]
    assert [block["event"] for block in watcher.blocks if "event" in block] == ["gap"]


@pytest.mark.parametrize("bad", ["x", "1-", "-1", "1" * 40, "99999999999999999999999-0"])
def test_an_id_that_is_none_is_refused_by_name(web_client: WebClient, bad: str) -> None:
    headers = {"Authorization": f"Bearer {VIEWER_TOKEN}", "Last-Event-ID": bad}
    answer = web_client.http.get("/api/v1/events/stream", headers=headers)
    assert answer.status_code == 422 and answer.content_type == PROBLEM
    assert list(answer.get_json()["errors"]) == ["Last-Event-ID"]
    assert web_client.web.broadcaster.slots_taken == 0


def test_an_id_from_the_future_begins_now_and_says_so(client: Client, web_client: WebClient) -> None:
    watcher = Watcher(web_client, last="9999999999999-0")
    (event_id,) = append(client, happened("room-a"))
    fold_all(client)
    watcher.wait_for(1)
    assert watcher.ids == [event_id] and b"event: gap" in watcher.text


def test_requests_without_read_access_are_refused(web_client: WebClient) -> None:
    assert web_client.http.get("/api/v1/events/stream").status_code == 401
    wrong = web_client.http.get("/api/v1/events/stream", headers={"Authorization": "Bearer nonsense"})
    assert wrong.status_code == 401


def test_the_page_s_cookie_opens_the_stream_and_nothing_else_and_not_for_other_sites(web_client: WebClient) -> None:
    log_in(web_client)
    answer = web_client.http.get("/api/v1/events/stream", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200
    answer.close()
    for path in ("/api/v1/events", "/api/v1/rooms", "/api/v1/events/1-0"):
        assert web_client.http.get(path).status_code == 401
    assert web_client.http.get("/api/v1/events/stream", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 401
    wrong = web_client.http.get("/api/v1/events/stream", headers={"Authorization": "Bearer nonsense"})
    assert wrong.status_code == 401


def log_in(web_client: WebClient) -> None:
    form = web_client.http.get("/login").get_data(as_text=True)
    match = re.search(r'name="csrf" value="([^"]+)"', form)
    assert match is not None
    csrf = match.group(1)
    assert web_client.http.post("/login", data={"csrf": csrf, "token": VIEWER_TOKEN}).status_code == 303


@contextlib.contextmanager
def serving(store_url: str, home: Path, **environ: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A web process of its own on the tests' store."""
    (port,) = free_ports(1)
    settings = {"PORT": str(port), "DATA_DIR": str(home), "REDIS_URL": store_url, "ADMIN_TOKEN": ADMIN_TOKEN}
    settings |= {"VIDEOSDK_PUBLIC_KEY": public_pem(), "PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", "web"], cwd=home, env=settings | environ, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _up(port), 40, "the web")
        yield port, process
    finally:
        process.terminate()
        process.wait(scaled_limit(30))


def _up(port: int) -> bool:
    try:
        return ask("GET", f"http://127.0.0.1:{port}/healthz", limit_s=10).status == 200
    except OSError:
        return False


def watch(port: int, query: str = "") -> socket.socket:
    """A viewer over the wire; its answer's head has come."""
    line = begin(port, query)
    assert line.recv(12) == b"HTTP/1.1 200"
    return line


def begin(port: int, query: str) -> socket.socket:
    """A connection on which a viewer has sent its request."""
    line = socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S)
    request = f"GET /api/v1/events/stream{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
    line.sendall(request.encode())
    return line


@pytest.mark.process
def test_two_hundred_watch_one_console_process_and_it_answers_others_and_ends_at_once(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    rooms = [f"room-{at}" for at in range(200)]
    with serving(store_url, tmp_path, SURFACE="console") as (port, process):
        lines = [begin(port, f"?room_id={room}") for room in rooms]  # all at once
        assert {line.recv(12) for line in lines} == {b"HTTP/1.1 200"}
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        assert ask("GET", f"http://127.0.0.1:{port}/api/v1/rooms", headers=headers).status == 200
        append(client, *(happened(room) for room in rooms))
        reducer = Reducer(client, NullWake())
        while reducer.reduce():
            pass
        for room, line in zip(rooms, lines, strict=True):
            got = b""
            while b'"type":"hls-started"' not in got:
                got += line.recv(65_536)
            assert got.count(b"data: ") == 1 and f'"room_id":"{room}"'.encode() in got
        process.send_signal(signal.SIGTERM)
        process.wait(WITHIN_S)  # although all the viewers stay
        for line in lines:
            line.close()


@pytest.mark.process
def test_viewers_that_vanish_give_their_places_back(client: Client, store_url: str, tmp_path: Path) -> None:
    with serving(store_url, tmp_path) as (port, _):
        gone = [watch(port) for _ in range(VIEWERS_HELD["all"])]
        assert not is_held(port)
        for line in gone:
            line.close()

        def free() -> bool:
            append(client, happened("room-a"))  # whoever has gone is noticed at the next write
            fold_all(client)
            return is_held(port)

        wait_until(free, WITHIN_S, "a free place")


@pytest.mark.process
def test_viewers_never_keep_webhooks_waiting(client: Client, store_url: str, tmp_path: Path) -> None:
    with serving(store_url, tmp_path, WEB_THREADS="8") as (port, _):
        lines = [begin(port, "") for _ in range(120)]  # more than are held at once
        for at in range(40):
            body = webhook("hls-started", f"room-{at}")
            headers = {"videosdk-signature": signature(body)}
            assert ask("POST", f"http://127.0.0.1:{port}/webhooks/videosdk", body, headers).status == 200
            line = lines.pop(60)
            line.close()
            lines.append(begin(port, ""))
        for line in lines:
            line.close()


class Resuming:
    """A viewer as a browser is one: comes back with the last id it has seen, whatever happens."""

    def __init__(self, url: str, token: str) -> None:
        self._port = urlsplit(url).port
        self._token = token
        self.ids: list[str] = []
        self.answers = 0
        self._last = "0-0"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._watch_once()

    def _watch_once(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=3)
        with contextlib.closing(line):
            headers = {"Authorization": f"Bearer {self._token}", "Last-Event-ID": self._last}
            line.request("GET", "/api/v1/events/stream", headers=headers)
            answer = line.getresponse()
            if answer.status != 200:
                return
            self.answers += 1
            event_id = None
            has_data = False
            while not self._stop.is_set() and (row := answer.readline()):
                if row.startswith(b"id: "):
                    event_id = row[4:].strip().decode()
                elif row.startswith(b"data: "):
                    has_data = True
                elif row == b"\n" and event_id is not None:
                    if has_data:
                        self.ids.append(event_id)
                    self._last, event_id, has_data = event_id, None, False


@pytest.mark.process
def test_who_resumes_sees_every_event_once_though_web_and_store_are_killed(tmp_path: Path) -> None:
    with product(tmp_path, pinned=True) as instance:
        viewer = Resuming(instance.url, instance.token)

        def is_connected() -> bool:
            return viewer.answers > 0

        wait_until(is_connected, 30, "the viewer's first answer")
        for at in range(60):
            if at in (20, 40):
                instance.kill(instance.pids()["web" if at == 20 else "store"])

            def taken(body: bytes = webhook("participant-joined", f"room-{at % 5}", participantId=f"p{at}")) -> bool:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    return instance.post_webhook(body).status == 200
                return False

            wait_until(taken, 30, "a webhook being taken")

        def all_seen() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                return viewer.ids == [event["id"] for event in instance.items("/events")]
            return False

        wait_until(all_seen, 30, "every event, once, in order")
        viewer.stop()
        assert viewer.answers > 1 and len(viewer.ids) >= 60


def is_held(port: int) -> bool:
    """Whether one more viewer would be held open."""
    with contextlib.closing(watch(port)) as line:
        got = b""
        while b"retry: " not in got:
            got += line.recv(65_536)
        return b"retry: %d\n" % SseLimits().retry_ms in got


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_peer_that_reads_nothing_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert tcp_timeout.set_limit(1_000)
        with socket.create_connection(listening.getsockname()), contextlib.closing(listening.accept()[0]) as line:
            line.setblocking(False)

            def cut_off() -> bool:
                try:
                    line.send(b"x" * 65_536)
                except BlockingIOError:
                    return False
                except OSError:
                    return True
                return False

            wait_until(cut_off, 30, "being cut off")
