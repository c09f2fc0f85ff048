"""A store that goes away: every process waits without burning, and all goes on by itself when it is back."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.product import Product, product, webhook
from webhook_app.store.connection.clients import connect
from workers.dev.embedded_store.server import EmbeddedStore

pytestmark = pytest.mark.process

AWAY_S = float(os.environ.get("STORE_AWAY_S", "12"))  # a minute by hand; long enough here for every retry to have come
BUSY_MAX = 0.15
BACK_WITHIN_S = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and its children have used."""
    spent = 0.0
    for process in [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]:
        parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        spent += (int(parts[11]) + int(parts[12])) / TICKS
    return spent


def outbox_entry_of(running: Product, room: str) -> bool:
    return any(request.json["data"]["room_id"] == room for request in running.sink.requests)


def a_webhook_becomes_a_notice(running: Product, room: str, limit_s: float) -> None:
    body = webhook("hls-started", room, playbackHlsUrl=f"https://cdn.example/{room}/index.m3u8")
    wait_until(lambda: running.post_webhook(body).status == 200, limit_s, f"the webhook of {room} being taken")
    wait_until(lambda: outbox_entry_of(running, room), limit_s, f"the notice about {room}")


def test_a_store_that_is_away_burns_nothing_and_all_goes_on_when_it_is_back(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "elsewhere", ends_with_us=True)
    store.start()
    with product(tmp_path, pinned=True, REDIS_URL=store.url) as running:
        running.subscribe("stream.*")
        running.sink.refuse_next(1)
        a_webhook_becomes_a_notice(running, "before", BACK_WITHIN_S)
        pids = running.pids()
        store.stop()
        assert running.post_webhook(webhook("hls-started", "refused")).status == 503
        began, before = time.monotonic(), {name: cpu_s(pid) for name, pid in pids.items()}
        wait_until(lambda: time.monotonic() - began >= AWAY_S, AWAY_S + 5, "the store's absence")
        spent = {name: (cpu_s(pid) - before[name]) / AWAY_S for name, pid in pids.items()}
        assert {name: share for name, share in spent.items() if share > BUSY_MAX} == {}
        assert running.pids() == pids
        store.start()
        a_webhook_becomes_a_notice(running, "after", BACK_WITHIN_S)
        wait_until(
            lambda: [request.json["data"]["room_id"] for request in running.sink.requests].count("before") >= 2,
            30,
            "the retry",
        )
        with closing(connect(store.url)) as client:
            wait_until(lambda: not client.zcard("tally:deliveries:pending"), BACK_WITHIN_S, "all being delivered")
        running.wait_ready()
        assert running.pids() == pids
        assert not outbox_entry_of(running, "refused")
    store.stop()
