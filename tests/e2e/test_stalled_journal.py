"""A whole product whose journal stands still: everybody is told once, and told again when it gets on."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.product import Product, ask, product, webhook

LIMIT_S = 150.0


def alarm_notices(running: Product) -> list[tuple[str, str]]:
    notices = [notice.json for notice in running.sink.requests]
    return [
        (notice["type"], notice["data"]["alarm"]["name"]) for notice in notices if notice["type"].startswith("alarm.")
    ]


@pytest.mark.process
def test_a_stalled_journal_is_announced_and_so_is_its_recovery(tmp_path: Path) -> None:
    with product(tmp_path, pinned=True) as running:
        running.subscribe("alarm.*")
        worker = running.pids()["worker"]
        os.kill(worker, signal.SIGSTOP)
        try:
            assert running.post_webhook(webhook("hls-started", "a-room", id="a")).status == 200
            wait_until(lambda: alarm_notices(running) == [("alarm.raised", "journal-stalled")], LIMIT_S, "the alarm")
            ready = ask("GET", f"{running.url}/readyz")
            assert ready.status == 503 and ready.json["checks"]["journal"]["ok"] is False, ready.body
            assert [alarm["name"] for alarm in running.items("/alarms?active=true")] == ["journal-stalled"]
        finally:
            os.kill(worker, signal.SIGCONT)
        wait_until(lambda: len(alarm_notices(running)) == 2, LIMIT_S, "the end of the alarm")
        assert alarm_notices(running)[1] == ("alarm.cleared", "journal-stalled")
        running.wait_ready(LIMIT_S)
        assert running.pids()["worker"] == worker  # it slept outside of a fold, and was not ended for it
