"""Retention of deliveries: settled ones leave with their records, pending and recently dead ones stay listed."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliverer_factory import put_delivery
from tests.support.delivery_harness import DeliveryHarness
from tests.support.web_client import WebClient
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.state.retention import RetentionLimits
from workers.clock.retention import RetentionJob

DAY_MS = 86_400_000


def delivery(name: Any, days_old: Any, state: Any) -> Any:
    created_at = int(time.time() * 1000) - round(days_old * DAY_MS)
    return Delivery(f"dlv_{name}", f"msg_{name}", "sub_tv", created_at, state=state)


def put(client: Client, delivery_record: Any, *, kept: Any) -> None:
    put_delivery(client, delivery_record)
    client.zadd(keys.subscriber_deliveries("sub_tv"), {delivery_record.delivery_id: delivery_record.created_at})
    if not kept:
        client.delete(keys.delivery(delivery_record.delivery_id))


@pytest.mark.parametrize("piece", [1, 2, 1_000])
def test_what_has_just_died_and_what_still_waits_stay_on_their_lists_however_old(client: Client, piece: int) -> None:
    pending, dead = delivery("waits", 3, DeliveryState.PENDING), delivery("died", 3.5, DeliveryState.DEAD)
    gone = [delivery(f"gone{at}", 2 + at, DeliveryState.DELIVERED) for at in range(5)]
    for delivery_record in (pending, dead):
        put(client, delivery_record, kept=True)
    for delivery_record in (*gone, delivery("gone", 4, DeliveryState.DEAD)):
        put(client, delivery_record, kept=False)
    RetentionJob(client, retention_days=1, limits=RetentionLimits(at_once=piece))()
    both = {b"dlv_waits", b"dlv_died"}
    assert set(client.zrange(keys.DELIVERIES, 0, -1)) == both
    assert set(client.zrange(keys.subscriber_deliveries("sub_tv"), 0, -1)) == both
    assert client.zrange(keys.DELIVERIES_DEAD, 0, -1) == [b"dlv_died"]


def test_a_day_of_retention_hides_no_dead_letter(harness: DeliveryHarness, store_url: str, tmp_path: Path) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [410]
    four_days_ago = int(time.time() * 1000) - 4 * DAY_MS
    notice = harness.announce(at=four_days_ago)
    harness.deliver()
    RetentionJob(harness.client, retention_days=1)()
    listed = WebClient(store_url, tmp_path).get("/deliveries?state=dead")["items"]
    assert [delivery_record["notice"]["id"] for delivery_record in listed] == [notice.notice_id]


def test_a_retry_that_is_days_old_still_has_its_notice(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    harness.announce(at=int(time.time() * 1000) - 4 * DAY_MS)
    harness.deliver()
    RetentionJob(harness.client, retention_days=1)()
    harness.make_due()
    harness.deliver()
    assert harness.only().state is DeliveryState.DELIVERED
    assert harness.only().tries == 2
