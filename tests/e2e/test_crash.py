"""The crash test: every process is killed again and again under load, and nothing that was acknowledged is lost."""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from tests.support.pauses import pace
from tests.support.polling import scaled_limit, wait_until
from tests.support.product import Product, Sandbox, children_of, product, signature, webhook
from tests.support.replay import Refolded, differences, refold
from webhook_app.domain.control.call import CallKind
from webhook_app.domain.ids import order
from webhook_app.domain.notices.notice import notice_body
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal.journal import Journal, Wake
from webhook_app.store.state.store import StateStore
from workers.child_process import runs
from workers.dev.embedded_store.server import EmbeddedStore
from workers.reduce.reducer import Reducer

pytestmark = pytest.mark.process

WEBHOOKS = 3_000
STORM_S = 22.0
ROOMS = 20
SENDERS = 8
ATTEMPTS_MAX = 1_200
ANSWER_LIMIT_S = 30.0
SETTLE_LIMIT_S = 75.0
LIVE_ROOMS = tuple(f"live-room-{number}" for number in range(6))
STATES = ("starting", "started", "playable", "stopping", "stopped", "failed")
WEBS_WORKER = "the web's worker"
# When each is killed, in seconds from the storm's beginning: a moment drawn from each window. What a dead `call` or
# `deliver` had claimed comes back 20 and 30 s later, so these die early.
KILLS = {
    "web": ((2, 6), (8, 13), (15, 21)),
    WEBS_WORKER: ((1, 5), (6, 12), (13, 21)),
    "worker": ((1, 6), (7, 13), (14, 21)),
    "call": ((1, 4), (5, 9), (10, 13)),
    "deliver": ((1, 4), (5, 8), (9, 12)),
    "clock": ((1, 6), (8, 13), (15, 21)),
    "store": ((3, 7), (9, 14), (16, 21)),
}


@dataclass
class Sending:
    """What became of one body: how often it may have arrived, and the id that its one 200 named."""

    body: bytes
    perhaps_arrived: int = 0
    answered: str | None = None
    wrong: list[str] = field(default_factory=list)


class Storm:
    """Webhooks about many rooms, each sent as VideoSDK would: again, until it is answered with 200."""

    def __init__(self, url: str, draw: random.Random) -> None:
        self._address = urlsplit(url).netloc
        self.sendings = [Sending(body) for body in bodies(draw)]
        self._pauses = random.Random(draw.random())
        self._next = iter(enumerate(self.sendings))
        self._lock = threading.Lock()
        self._began = 0.0
        self._threads = [threading.Thread(target=self._send_all, name=f"sender-{n}") for n in range(SENDERS)]

    def begin(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until every body is answered, or given up."""
        for thread in self._threads:
            thread.join(scaled_limit(STORM_S + SETTLE_LIMIT_S))
            assert not thread.is_alive()

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._began

    def lasts(self, for_s: float) -> bool:
        """Whether the storm is at least so old."""
        return self.age_s >= for_s

    def _send_all(self) -> None:
        with closing(http.client.HTTPConnection(self._address, timeout=ANSWER_LIMIT_S)) as line:
            while True:
                with self._lock:
                    number, sending = next(self._next, (0, None))
                if sending is None:
                    return
                self._rest(STORM_S * number / WEBHOOKS - self.age_s)
                self._send(line, sending)

    def _send(self, line: http.client.HTTPConnection, sending: Sending) -> None:
        headers = {"Content-Type": "application/json", "videosdk-signature": signature(sending.body)}
        for _ in range(ATTEMPTS_MAX):
            try:
                if line.sock is None:
                    line.connect()
                sending.perhaps_arrived += 1
                line.request("POST", "/webhooks/videosdk", sending.body, headers)
                answer = line.getresponse()
                output = answer.read()
            except (OSError, http.client.HTTPException):
                line.close()
            else:
                if answer.status == 200:
                    sending.answered = json.loads(output)["id"]
                    return
                if answer.status != 503:
                    sending.wrong.append(f"{answer.status} {output[:200]!r}")
            self._rest(self._pauses.uniform(0.05, 0.4))

    def _rest(self, pause_s: float) -> None:
        pace(pause_s)


def bodies(draw: random.Random) -> Iterator[bytes]:
    """What VideoSDK might say about rooms that live their lives, no two alike."""
    run: Counter[str] = Counter()
    for number in range(WEBHOOKS):
        room = f"storm-room-{draw.randrange(ROOMS)}"
        session = f"{room}-s{number * 3 // WEBHOOKS}"
        nonce = f"{number}-{draw.randrange(10**9)}"
        kind = draw.random()
        if kind < 0.6:
            who = f"p{draw.randrange(25)}"
            joined = draw.choice(("participant-joined", "participant-left"))
            yield webhook(joined, room, session, participantId=who, participantName=who, nonce=nonce)
        elif kind < 0.9:
            run[room] += draw.random() < 0.2
            named = f"{room}-run-{run[room]}"
            url = f"https://cdn.example/{named}/index.m3u8"
            yield webhook(f"hls-{draw.choice(STATES)}", room, session, id=named, playbackHlsUrl=url, nonce=nonce)
        elif kind < 0.95:
            yield webhook(draw.choice(("session-started", "session-ended")), room, session, nonce=nonce)
        else:
            yield webhook(draw.choice(("recording-started", "a-type-of-next-year")), room, session, nonce=nonce)


class Reaper:
    """Kills processes at drawn moments, each when it lives, and lets hosts join rooms in between."""

    def __init__(self, running: Product, sandbox: Sandbox, draw: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self.pids: dict[str, set[int]] = {name: {pid} for name, pid in running.pids().items()}
        self._one = running
        self._sandbox = sandbox
        plan = [(draw.uniform(*window), name) for name, windows in KILLS.items() for window in windows]
        # Each host joins a moment before the call hand dies, so that calls are in flight when it does.
        deaths = [at for at, name in plan if name == "call"] * 2
        plan += [
            (max(0.5, at - draw.uniform(0.1, 1.2)), room) for at, room in zip(sorted(deaths), LIVE_ROOMS, strict=True)
        ]
        self._plan = sorted(plan)

    def work(self, storm: Storm) -> None:
        for at, name in self._plan:
            wait_until(partial(storm.lasts, at), STORM_S, f"second {at:.1f} of the storm")
            if name in LIVE_ROOMS:
                self._sandbox.join(name)
            else:
                pid = wait_until(partial(self._living, name), SETTLE_LIMIT_S, f"{name} being alive")
                self._one.kill(pid)
                self.killed[name] += 1

    def _living(self, name: str) -> int:
        """The process of this name if it lives, else 0."""
        run = self._one.run()
        if name == WEBS_WORKER:
            return next(iter(children_of(run["processes"]["web"])), 0)
        pid: int = run["processes"][name]
        if not runs(pid, run["commands"][name]):
            return 0
        self.pids[name].add(pid)
        return pid


def test_kill_9_of_every_process_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(10**9)))
    print(f"CRASH_SEED={seed}")
    draw = random.Random(seed)
    with product(tmp_path, pinned=True, pace_factor=0.2) as running:
        assert running.sandbox is not None
        running.sandbox.pace(answer_s=0.3)
        running.sink.answer_s = 0.15
        running.sink.refuses_at_first = every_seventh  # so that hands die with retries in line and in flight
        running.subscribe("*", "videosdk.recording-started")
        running.put_rule(
            "live-with-the-host", rooms=["live-room-*"], on="participant-joined", do="start", if_="room.session.live"
        )
        storm, reaper = Storm(running.url, draw), Reaper(running, running.sandbox, draw)
        storm.begin()
        reaper.work(storm)
        storm.end()
        print(f"the storm took {storm.age_s:.1f} s")
        settled_at = wait_until_settled(running)
        print(f"all was settled after {storm.age_s:.1f} s")
        every_process_was_started_again(running, reaper)
        assert running.stop() == 0
        with stored(running) as client:
            folded = refold(client)
            assert differences(client, folded) == []
            assert "poisoned-event" not in folded.world.alarms
            every_answered_webhook_is_in_the_journal_under_its_id(storm, client)
            no_body_is_there_more_often_than_it_was_sent(storm, client)
            no_desired_state_had_two_runs(running.sandbox, folded)
            every_notice_reached_the_sink_under_one_id(running, folded, settled_at)
            nothing_is_left_in_line(client)


def every_seventh(notice_id: str) -> bool:
    """Whether a notice is refused when it first comes."""
    return int(notice_id.removeprefix("msg_"), 16) % 7 == 0


def wait_until_settled(running: Product) -> str:
    """Everything folded, expanded, delivered and called; the id of the last event that this is true of."""
    with closing(connect(running.run()["store"])) as client:

        def settled() -> str:
            try:
                return last_event_if_settled(client)
            except redis.RedisError:
                return ""  # the store itself is still being started again

        return wait_until(settled, SETTLE_LIMIT_S, "all being settled")


def last_event_if_settled(client: Client) -> str:
    state = StateStore(client)
    cursor = state.cursor()
    shown = [room.shown_stream for room in state.rooms(LIVE_ROOMS).values()]
    on_air = [run for run in shown if run is not None and run.state == "playable"]
    newest = client.xrevrange(keys.OUTBOX, count=1)
    done = (
        len(on_air) == len(LIVE_ROOMS)
        and not client.zcard(keys.CALLS_DUE)
        and not client.zcard(keys.PROBES_DUE)
        and (not newest or newest[0][0] == client.get(keys.OUTBOX_CURSOR))
        and not client.zcard(keys.DELIVERIES_PENDING)
    )
    return cursor if done and Journal(client).last_id() == cursor else ""


def every_process_was_started_again(running: Product, reaper: Reaper) -> None:
    running.wait_ready()
    assert reaper.killed == {name: len(windows) for name, windows in KILLS.items()}
    run = running.run()
    for name, pid in run["processes"].items():
        assert runs(pid, run["commands"][name]), name
        assert len(reaper.pids[name] | {pid}) > 3, name


@contextmanager
def stored(running: Product) -> Iterator[Client]:
    """What the product left, on a store of its own, with what came in last folded as the next run would."""

    class Nobody(Wake):
        def wake(self, queue: str) -> None:
            pass

    store = EmbeddedStore(running.data_dir)
    store.start()
    try:
        with closing(connect(store.url)) as client:
            reducer = Reducer(client, Nobody())
            while reducer.reduce():
                pass
            yield client
    finally:
        store.stop()


def every_answered_webhook_is_in_the_journal_under_its_id(storm: Storm, client: Client) -> None:
    kept = {entry_id.decode(): fields[b"d"] for entry_id, fields in client.xrange(keys.JOURNAL)}
    assert [sending.wrong for sending in storm.sendings if sending.wrong] == []
    assert all(sending.answered for sending in storm.sendings)
    lost = [sending for sending in storm.sendings if kept.get(sending.answered or "") != sending.body]
    assert lost == []
    assert len({sending.answered for sending in storm.sendings}) == WEBHOOKS


def no_body_is_there_more_often_than_it_was_sent(storm: Storm, client: Client) -> None:
    kept = Counter(fields[b"d"] for _, fields in client.xrange(keys.JOURNAL))
    doubled = [sending for sending in storm.sendings if kept[sending.body] > sending.perhaps_arrived]
    assert doubled == []


def no_desired_state_had_two_runs(sandbox: Sandbox, folded: Refolded) -> None:
    """One host joined each room once, so each had one wish: one run, and never a start while it lived."""
    for room in LIVE_ROOMS:
        started = sandbox.log("run", room)
        assert len(started) == 1, started
        starts = sandbox.starts(room)
        assert [call for call in starts if call["status"] == 409] == []
        decided = [call for call in folded.calls.values() if (call.room_id, call.kind) == (room, CallKind.START)]
        assert 1 <= len(starts) <= len(decided)


def every_notice_reached_the_sink_under_one_id(running: Product, folded: Refolded, settled_at: str) -> None:
    due = {notice.notice_id: plain(notice_body(notice)) for _, notice in folded.notices if is_wanted(notice.type)}
    by_then = {notice.notice_id for at, notice in folded.notices if is_wanted(notice.type) and before(at, settled_at)}
    received = {notice.id for notice in running.sink.requests}
    assert len(by_then) > WEBHOOKS / 4
    assert by_then - received == set()
    assert received - due.keys() == set()
    for notice in running.sink.requests:
        content = {name: value for name, value in notice.json.items() if name != "stale"}
        assert content == due[notice.id]
    again = {
        notice_id for notice_id, count in Counter(request.id for request in running.sink.requests).items() if count > 1
    }
    assert {notice_id for notice_id in by_then if every_seventh(notice_id)} <= again


def nothing_is_left_in_line(client: Client) -> None:
    """No lease is stuck and no index names what is settled; what came in last may be in line."""
    pending = {member.decode() for member in client.zrange(keys.DELIVERIES_PENDING, 0, -1)}
    for key in client.scan_iter(keys.subscriber_due("*")):
        assert {member.decode() for member in client.zrange(key, 0, -1)} <= pending
    for delivery_id in pending:
        assert b'"state":"pending"' in client.get(keys.delivery(delivery_id))
    assert not client.zcard(keys.DELIVERIES_DEAD)


def is_wanted(kind: str) -> bool:
    return not kind.startswith("videosdk.") or kind == "videosdk.recording-started"


def before(event_id: str, other: str) -> bool:
    return order(event_id) <= order(other)


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
