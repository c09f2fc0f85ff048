"""Metrics: the contract's names, the same from every process, present from the start, and cheap to collect."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.support.pauses import let_clock_advance
from tests.support.polling import scaled_limit
from tests.support.product import webhook
from tests.support.web_client import ADMIN_TOKEN, VIEWER_TOKEN, WebClient, append, fold_all, folding
from webhook_app.domain.alarms.alarm import Alarm, AlarmName
from webhook_app.domain.events import Event, Source
from webhook_app.domain.notices.notice import Notice
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, connect_async
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.operations import metrics
from webhook_app.store.operations.processes import Processes

CONTRACT = {
    "tallylight_room_on_air": {"room_id"},
    "tallylight_webhooks_total": {"type", "outcome"},
    "tallylight_last_webhook_timestamp_seconds": set(),
    "tallylight_journal_lag_events": set(),
    "tallylight_event_to_state_seconds_bucket": {"le"},
    "tallylight_event_to_state_seconds_count": set(),
    "tallylight_event_to_state_seconds_sum": set(),
    "tallylight_notice_to_delivered_seconds_bucket": {"le"},
    "tallylight_deliveries": {"state"},
    "tallylight_oldest_due_seconds": set(),
    "tallylight_output_on": {"room_id", "output"},
    "tallylight_calls_total": {"kind", "outcome", "output"},
    "tallylight_broadcasts_total": {"rule", "outcome", "output"},
    "tallylight_repairs_total": set(),
    "tallylight_next_opening_timestamp_seconds": {"rule"},
    "tallylight_alarm_active": {"name"},
    "tallylight_process_last_seen_timestamp_seconds": {"process"},
}
FROM_THE_START = CONTRACT.keys() - {
    "tallylight_room_on_air",
    "tallylight_output_on",
    "tallylight_last_webhook_timestamp_seconds",
    "tallylight_broadcasts_total",
    "tallylight_next_opening_timestamp_seconds",
    "tallylight_process_last_seen_timestamp_seconds",
}


class Scrape:
    """One answer of /metrics, read by Prometheus' own reader."""

    def __init__(self, web_client: WebClient, **more: Any) -> None:
        answer = web_client.http.get("/metrics", **more)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.content_type = answer.content_type
        read: Callable[[str], Any] = read_openmetrics if "openmetrics" in answer.content_type else read_text
        self.families = list(read(answer.get_data(as_text=True)))
        self.samples = [sample for family in self.families for sample in family.samples]

    def value(self, metric: str, /, **labels: str) -> float | None:
        values = [sample.value for sample in self.samples if sample.name == metric and sample.labels == labels]
        assert len(values) < 2
        return values[0] if values else None

    def labels(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for sample in self.samples if sample.name == name]


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Iterator[WebClient]:
    web_client = WebClient(store_url, tmp_path)
    yield web_client
    web_client.web.stop()


def put_rule(web_client: WebClient, client: Client, name: str, **rule: Any) -> None:
    with folding(client):
        answer = web_client.api("PUT", f"/rules/{name}", rule)
    assert answer.status_code == 201, answer.get_data(as_text=True)


def everything_happens(web_client: WebClient, client: Client) -> None:
    """A history after which every metric of the contract has a sample."""
    put_rule(web_client, client, "sunday", rooms=["room-a"], schedule={"cron": "0 9 * * SUN", "duration": "1h"})
    assert web_client.webhook(webhook("hls-started", "room-a")).status_code == 200
    web_client.web.counts.flush()
    fold_all(client)
    data = {"rule": "sunday", "opens_at": None, "closes_at": None, "reason": None, "stream": None}
    client.hincrby(keys.MEASURES, f"{metrics.BROADCASTS}|{data['rule']}|missed", 1)
    Processes(client).record("worker", "here:1")
    client.hset(keys.ALARMS, "videosdk-401", codec.encode(Alarm("videosdk-401", "critical", "x", 1)))


def test_every_name_of_the_contract_is_there_with_its_labels(client: Client, web_client: WebClient) -> None:
    everything_happens(web_client, client)
    scrape = Scrape(web_client)
    for name, labels in CONTRACT.items():
        assert scrape.labels(name), name
        assert all(label.keys() == labels for label in scrape.labels(name)), name


def test_what_can_be_is_there_before_anything_has_happened(client: Client, web_client: WebClient) -> None:
    scrape = Scrape(web_client)
    assert {name for name in FROM_THE_START if not scrape.labels(name)} == set()
    assert scrape.value("tallylight_event_to_state_seconds_count") == 0
    assert scrape.value("tallylight_notice_to_delivered_seconds_bucket", le="+Inf") == 0
    assert scrape.value("tallylight_webhooks_total", type="hls-started", outcome="kept") == 0
    assert scrape.value("tallylight_calls_total", kind="start", outcome="succeeded", output="hls") == 0


def test_openmetrics_is_returned_when_requested(client: Client, web_client: WebClient) -> None:
    everything_happens(web_client, client)
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    scrape = Scrape(web_client, headers=accept)
    assert scrape.content_type.startswith("application/openmetrics-text")
    assert scrape.value("tallylight_webhooks_total", type="hls-started", outcome="kept") == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' own tool is not installed")
def test_prometheus_own_tool_finds_nothing_wrong(client: Client, web_client: WebClient) -> None:
    everything_happens(web_client, client)
    text = web_client.http.get("/metrics").get_data()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=scaled_limit(30))
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_rooms_on_air_are_one_and_configured_ones_else_nought(client: Client, web_client: WebClient) -> None:
    names = {"hall": {"room_id": "room-a", "groups": []}, "attic": {"room_id": "room-b", "groups": []}}
    append(client, Entry(Source.VIDEOSDK, "hls-started", "room-a", webhook("hls-started", "room-a")))
    append(client, Entry(Source.VIDEOSDK, "hls-started", "room-c", webhook("hls-started", "room-c")))
    fold_all(client)
    client.set(keys.NAMES, json.dumps({n: {"name": n, **of} for n, of in names.items()}))
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_room_on_air", room_id="room-a") == 1
    assert scrape.value("tallylight_room_on_air", room_id="room-b") == 0
    assert scrape.value("tallylight_room_on_air", room_id="room-c") == 1
    assert scrape.value("tallylight_rooms_on_air") == 2


def test_webhooks_count_the_same_from_two_processes(client: Client, store_url: str, tmp_path: Path) -> None:
    two = [WebClient(store_url, tmp_path), WebClient(store_url, tmp_path)]
    for web_client, times in zip(two, (2, 3), strict=True):
        for _ in range(times):
            web_client.webhook(webhook("hls-started", "room-a"))
        web_client.webhook(webhook("hls-started", "room-a"), signed=None)
        web_client.webhook(webhook("brand-new-type", "room-a"))
        web_client.web.counts.flush()
    for web_client in two:
        scrape = Scrape(web_client)
        assert scrape.value("tallylight_webhooks_total", type="hls-started", outcome="kept") == 5
        assert scrape.value("tallylight_webhooks_total", type="unknown", outcome="unsigned") == 2
        assert scrape.value("tallylight_webhooks_total", type="other", outcome="kept") == 2
        last = scrape.value("tallylight_last_webhook_timestamp_seconds")
        assert last is not None and abs(time.time() - last) < 30


def test_lag_counts_what_is_not_folded_and_for_how_long(client: Client, web_client: WebClient) -> None:
    append(client, *(Entry(Source.VIDEOSDK, "x", "room-a", webhook("x", "room-a")) for _ in range(1_203)))
    let_clock_advance(50)
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_journal_lag_events") == 1_203
    waited = scrape.value("tallylight_journal_lag_seconds")
    assert waited is not None and 0.05 <= waited < 30
    fold_all(client)
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_journal_lag_events") == 0
    assert scrape.value("tallylight_journal_lag_seconds") == 0


def test_every_folded_event_is_measured_once(client: Client, web_client: WebClient) -> None:
    from tests.support.web_client import NullWake
    from workers.reduce.reducer import Reducer

    append(client, *(Entry(Source.VIDEOSDK, "x", "room-a", webhook("x", "room-a")) for _ in range(700)))
    reducer = Reducer(client, NullWake())
    reducer.run()
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_event_to_state_seconds_count") == 700
    assert scrape.value("tallylight_event_to_state_seconds_bucket", le="+Inf") == 700
    total = scrape.value("tallylight_event_to_state_seconds_sum")
    assert total is not None and 0 < total < 700 * 30
    reducer.run()
    assert Scrape(web_client).value("tallylight_event_to_state_seconds_count") == 700


def test_calls_and_repairs_are_counted_as_they_are_folded(client: Client, web_client: WebClient) -> None:
    refused = {"call_id": "c", "kind": "start", "outcome": "refused"}
    append(client, entry(Source.CALL, "start-refused", "room-a", refused))
    append(client, entry(Source.CALL, "start-refused", "room-a", refused | {"output": "recording"}))
    append(client, entry(Source.CALL, "transcode-refused", "room-a", refused | {"kind": "transcode"}))
    append(client, entry(Source.PROBE, "probed", "room-a", {"call_id": "c", "kind": "probe", "outcome": "made-up"}))
    fold_all(client)
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_calls_total", kind="start", outcome="refused", output="hls") == 1
    assert scrape.value("tallylight_calls_total", kind="start", outcome="refused", output="recording") == 1
    assert scrape.value("tallylight_calls_total", kind="transcode", outcome="refused", output="hls") == 1
    assert scrape.value("tallylight_calls_total", kind="probe", outcome="other", output="hls") == 1
    assert scrape.value("tallylight_repairs_total") == 0


def test_broadcasts_are_counted_by_output(client: Client, web_client: WebClient) -> None:
    event = Event("1-0", Source.CLOCK, "timer", "room-a", 1, {})
    reports = [{"rule": "sunday"}, {"rule": "sunday", "output": "hls"}, {"rule": "sunday", "output": "recording"}]
    notices = [Notice("msg_x", "broadcast.missed", 1, "room-a", None, report) for report in reports]
    for name in metrics.counted(event, notices):
        client.hincrby(keys.MEASURES, name, 1)
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_broadcasts_total", rule="sunday", outcome="missed", output="hls") == 2
    assert scrape.value("tallylight_broadcasts_total", rule="sunday", outcome="missed", output="recording") == 1


def test_each_output_that_was_used_says_whether_it_is_on(client: Client, web_client: WebClient) -> None:
    for kind, room_id in (("recording-started", "room-a"), ("livestream-started", "room-b")):
        append(client, Entry(Source.VIDEOSDK, kind, room_id, webhook(kind, room_id)))
    append(client, Entry(Source.VIDEOSDK, "recording-stopped", "room-b", webhook("recording-stopped", "room-b")))
    fold_all(client)
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_output_on", room_id="room-a", output="recording") == 1
    assert scrape.value("tallylight_output_on", room_id="room-b", output="rtmp") == 1
    assert scrape.value("tallylight_output_on", room_id="room-b", output="hls") == 0
    assert scrape.value("tallylight_room_on_air", room_id="room-b") == 0
    assert scrape.value("tallylight_rooms_on_air") == 0


def test_next_openings_are_those_of_the_state(client: Client, web_client: WebClient) -> None:
    opens_at = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    at = opens_at.isoformat()[:16]
    put_rule(web_client, client, "soon", rooms=["room-a", "room-b"], schedule={"at": at, "duration": "1h"})
    scrape = Scrape(web_client)
    assert scrape.value("tallylight_next_opening_timestamp_seconds", rule="soon") == opens_at.timestamp()


def test_alarms_are_one_while_they_are_raised(client: Client, web_client: WebClient) -> None:
    for room in ("a", "b"):
        late = Alarm("broadcast-late", "critical", "x", 1, key=f"broadcast-late:{room}")
        client.hset(keys.ALARMS, late.key, codec.encode(late))
    of_an_earlier_version = Alarm("calendar-0123", "warning", "x", 1)
    client.hset(keys.ALARMS, "calendar-0123", codec.encode(of_an_earlier_version))
    client.hset(keys.ALARMS, "max-streams", codec.encode(Alarm("max-streams", "warning", "x", 1, cleared_at=2)))
    scrape = Scrape(web_client)
    values = {name.value: scrape.value("tallylight_alarm_active", name=name.value) for name in AlarmName}
    assert {name for name, value in values.items() if value} == {"broadcast-late", "calendar-failing"}
    assert all(value in (0, 1) for value in values.values())
    client.set(keys.HALTED, "why")
    assert Scrape(web_client).value("tallylight_alarm_active", name="reducing-halted") == 1


def test_on_loopback_no_token_is_needed_but_behind_a_proxy(web_client: WebClient) -> None:
    assert web_client.http.get("/metrics").status_code == 200
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert web_client.http.get("/metrics", headers=forwarded).status_code == 401
    with_token = forwarded | {"Authorization": f"Bearer {VIEWER_TOKEN}"}
    assert web_client.http.get("/metrics", headers=with_token).status_code == 200


@pytest.mark.parametrize("surface", ["all", "console", "receiver"])
def test_on_another_machine_either_token_is_required(
    client: Client, store_url: str, tmp_path: Path, surface: str
) -> None:
    web_client = WebClient(store_url, tmp_path, host="0.0.0.0", surface=surface)
    assert web_client.http.get("/metrics").status_code == 401
    for token in (ADMIN_TOKEN, VIEWER_TOKEN):
        assert web_client.http.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_measures_of_many_writers_add_up_on_either_kind_of_client(client: Client, store_url: str) -> None:
    ours, theirs = metrics.MetricsBuffer(), metrics.MetricsBuffer()
    ours.observe_many(metrics.NOTICE_TO_DELIVERED, [-5, 10, 11, 400_000_000])
    theirs.observe_many(metrics.NOTICE_TO_DELIVERED, [11])
    ours.flush(client, every_s=0)

    async def write() -> None:
        other = connect_async(store_url)
        await theirs.flush_async(other, every_s=0)
        await theirs.flush_async(other, every_s=0)
        await other.aclose()

    asyncio.run(write())
    kept = metrics.histogram(metrics.read(client), metrics.NOTICE_TO_DELIVERED)
    assert {bound: count for bound, count in kept.buckets.items() if count} == {10: 2, 25: 2, None: 1}
    assert kept.sum_ms == 400_000_032


def test_what_could_not_be_written_is_written_later(client: Client) -> None:
    gathered = metrics.MetricsBuffer()
    gathered.observe_many(metrics.EVENT_TO_STATE, [1, 2, 3])
    client.set(keys.MEASURES, "of a wrong type")
    gathered.flush(client, every_s=0)
    client.delete(keys.MEASURES)
    gathered.flush(client, every_s=0)
    assert metrics.histogram(metrics.read(client), metrics.EVENT_TO_STATE).buckets[5] == 3


def test_measuring_costs_the_fold_next_to_nothing() -> None:
    gathered, values = metrics.MetricsBuffer(), list(range(500))
    began = time.process_time()
    for _ in range(100):
        gathered.observe_many(metrics.EVENT_TO_STATE, values)
    per_event_us = (time.process_time() - began) / 50_000 * 1e6
    assert per_event_us < 2  # folding an event takes fourteen at best
