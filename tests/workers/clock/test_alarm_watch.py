"""Alarms that the clock raises from what the store shows: failing subscribers, and a full quota."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.product import webhook
from tests.support.web_client import ROOM, NullWake, WebClient, append, fold_all
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry
from webhook_app.store.state.alarms import active_alarms
from workers.clock.alarm_watch import REPEAT_AFTER_S, AlarmWatch, failure_of


class FakeClock:
    now = 1_000.0

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def web_client(store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


@pytest.fixture
def subscriber_id(client: Client, web_client: WebClient) -> Any:
    body = {"name": "on-call", "url": "https://hooks.example.org/secret-path", "types": ["alarm.*"]}
    return web_client.api("POST", "/subscribers", body).json["id"]


def breaker_opens(client: Client, subscriber_id: Any, error: str = "status 503") -> None:
    client.hset(keys.BREAKERS_OPEN_UNTIL, subscriber_id, "1795348800000")
    client.hset(
        keys.subscriber_health(subscriber_id), mapping={"failing_since": "1795348800000", "error": error, "points": 10}
    )


def looked(client: Client, *, max_streams: Any = None) -> Any:
    """The active alarms after a look, by name."""
    AlarmWatch(client, NullWake(), max_streams=max_streams).check()
    fold_all(client)
    return {alarm.name: alarm for alarm in active_alarms(client)}


def test_an_open_breaker_is_an_alarm_that_names_the_subscriber(client: Client, subscriber_id: Any) -> None:
    breaker_opens(client, subscriber_id)
    alarm = looked(client)[AlarmName.SUBSCRIBER_FAILING]
    assert (alarm.subscriber_id, alarm.severity) == (subscriber_id, "warning")
    assert alarm.summary_text.startswith(
        "subscriber on-call has been failing since 2026-11-22 12:00 UTC: it answered 503."
    )


def test_a_subscriber_without_a_name_is_named_by_its_masked_address(client: Client, web_client: WebClient) -> None:
    url = "https://hooks.example.org/services/T0001/B0002/abcdefghijklmnopqrstuvwx"
    subscriber = web_client.api("POST", "/subscribers", {"url": url}).json
    breaker_opens(client, subscriber["id"], "timeout")
    summary = looked(client)[AlarmName.SUBSCRIBER_FAILING].summary_text
    assert "hooks.example.org" in summary and "abcdefghijklmnop" not in summary
    assert "it did not answer in time" in summary


def test_it_clears_when_the_breaker_closes(client: Client, subscriber_id: Any) -> None:
    breaker_opens(client, subscriber_id)
    assert looked(client)
    client.hdel(keys.BREAKERS_OPEN_UNTIL, subscriber_id)
    assert looked(client) == {}


@pytest.mark.parametrize("change", ["delete", "disable", "enable"])
def test_it_clears_when_the_subscriber_is_deleted_disabled_or_enabled_anew(
    client: Client, web_client: WebClient, subscriber_id: Any, change: str
) -> None:
    breaker_opens(client, subscriber_id)
    assert looked(client)
    match change:
        case "delete":
            web_client.api("DELETE", f"/subscribers/{subscriber_id}")
        case "disable":
            web_client.api("PATCH", f"/subscribers/{subscriber_id}", {"enabled": False})
        case "enable":
            web_client.api("POST", f"/subscribers/{subscriber_id}/enable", {})
    assert looked(client) == {}


def test_a_breaker_of_a_subscriber_that_is_gone_raises_nothing(client: Client) -> None:
    client.hset(keys.BREAKERS_OPEN_UNTIL, "sub_gone", "1")
    assert looked(client) == {}


def test_a_full_quota_is_an_alarm_until_a_stream_ends(client: Client) -> None:
    client.sadd(keys.ON_AIR, "a", "b")
    assert looked(client, max_streams=3) == {}
    summary = looked(client, max_streams=2)[AlarmName.MAX_STREAMS].summary_text
    assert summary == "2 HLS streams are on air, and MAX_STREAMS is 2"
    client.srem(keys.ON_AIR, "a")
    assert looked(client, max_streams=2) == {}


def received(client: Client, *kinds: str) -> None:
    append(client, *(Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM)) for kind in kinds))
    fold_all(client)


def test_the_quota_counts_neither_rtmp_streams_nor_recordings(client: Client) -> None:
    received(client, "session-started", "livestream-started", "recording-started")
    assert looked(client, max_streams=1) == {}
    received(client, "hls-started")
    assert AlarmName.MAX_STREAMS in looked(client, max_streams=1)
    received(client, "hls-stopped")
    assert looked(client, max_streams=1) == {}


def test_what_is_not_processed_yet_is_journaled_once_a_minute(client: Client, subscriber_id: Any) -> None:
    breaker_opens(client, subscriber_id)
    before, clock = client.xlen(keys.JOURNAL), FakeClock()
    watch = AlarmWatch(client, NullWake(), max_streams=None, clock=clock)
    for _ in range(5):
        watch.check()
    assert client.xlen(keys.JOURNAL) == before + 1
    clock.now += REPEAT_AFTER_S
    watch.check()
    assert client.xlen(keys.JOURNAL) == before + 2
    fold_all(client)
    assert [alarm.count for alarm in active_alarms(client)] == [1]


@pytest.mark.parametrize("error", ["timeout", "dns", "tls", "refused", "not-http", "blocked", "status 500", "", "odd"])
def test_every_failure_has_words(error: str) -> None:
    assert " " in failure_of(error).text
