"""What a pending delivery waits for, in the API and in words on the pages."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliverer_factory import subscribers_of
from tests.support.web_client import ADMIN_TOKEN, ROOM, WebClient, append, fold_all
from tests.web.console.test_error_pages import log_in
from webhook_app.domain.delivery.delivery import Attempt, Delivery, DeliveryState
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.delivery.waits import SETTLED, DeliveryWait, WaitingFor, wait_of
from webhook_app.domain.events import Source
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.times import MINUTE, rfc3339
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import entry

NOW = 1_800_000_000_000
W = WaitingFor


def delivery(**more: Any) -> Any:
    return Delivery("dlv_1", "msg_1", "sub_1", NOW - MINUTE, **more)


@pytest.mark.parametrize(
    ("fields", "is_due", "open_until", "wait"),
    [
        ({"next_attempt_at": NOW - 1}, True, None, DeliveryWait(W.FREE_SLOT)),
        ({"next_attempt_at": None}, True, None, DeliveryWait(W.FREE_SLOT)),
        ({"next_attempt_at": NOW + 5}, True, None, DeliveryWait(W.RETRY, NOW + 5)),
        ({"next_attempt_at": NOW - 1}, True, NOW + 9, DeliveryWait(W.BREAKER, NOW + 9)),
        ({"next_attempt_at": NOW + 20}, True, NOW + 9, DeliveryWait(W.BREAKER, NOW + 20)),
        ({"next_attempt_at": NOW - 1}, True, NOW - 9, DeliveryWait(W.FREE_SLOT)),
        ({"next_attempt_at": NOW - 1}, False, NOW + 9, DeliveryWait(W.EARLIER_DELIVERY)),
        ({"state": DeliveryState.DEAD, "next_attempt_at": NOW + 5}, True, NOW + 9, SETTLED),
        ({"state": DeliveryState.DELIVERED}, False, None, SETTLED),
    ],
)
def test_a_delivery_waits_for(fields: dict[str, Any], is_due: bool, open_until: Any, wait: Any) -> None:
    assert wait_of(delivery(**fields), is_due=is_due, open_until=open_until, now=NOW) == wait


@pytest.mark.parametrize("due", [-10, -1, 0, 1, 10])
@pytest.mark.parametrize("open_until", [None, -5, 5, 50])
@pytest.mark.parametrize("is_due", [True, False])
@pytest.mark.parametrize("state", list(DeliveryState))
def test_the_next_attempt_is_never_in_the_past(due: int, open_until: int | None, is_due: bool, state: Any) -> None:
    until = None if open_until is None else NOW + open_until
    wait = wait_of(delivery(state=state, next_attempt_at=NOW + due), is_due=is_due, open_until=until, now=NOW)
    assert wait.next_attempt_at is None or wait.next_attempt_at > NOW
    assert (wait.waiting_for is None) == (state is not DeliveryState.PENDING)


FAILED = Attempt(NOW, 500, "status", 12, "no")


class Filled:
    """A subscriber with one delivery of each kind, and the pages in front of it."""

    def __init__(self, client: Client, web_client: Any) -> None:
        self.client, self.web_client, self.now = client, web_client, now_ms(client)
        self.breaker_until = self.now + 30 * MINUTE
        rooms = {"lobby": {"room_id": ROOM}}
        append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": rooms, "rules": []}))
        fold_all(client)
        for who in ("sub_well", "sub_down"):
            subscriber = Subscriber(who, who, f"https://{who}.example/", self.now, Filter(), secret="c2VjcmV0")
            subscribers_of(client).put(subscriber)
        client.hset(keys.BREAKERS_OPEN_UNTIL, "sub_down", self.breaker_until)
        self.put("queued", "sub_well", "stream.started", due=-MINUTE)
        self.put("retried", "sub_well", "stream.failed", due=10 * MINUTE, attempts=(FAILED,) * 4)
        self.put("ordered", "sub_well", "stream.stopped", due=None)
        self.put("dead-1", "sub_well", "broadcast.late", state=DeliveryState.DEAD, attempts=(FAILED,) * 9)
        self.put("dead-2", "sub_well", "broadcast.missed", room_id="other", state=DeliveryState.DEAD)
        self.put("blocked", "sub_down", "stream.stopped", due=-MINUTE)

    def put(
        self,
        name: Any,
        who: Any,
        kind: Any,
        *,
        due: Any = None,
        room_id: Any = ROOM,
        state: Any = DeliveryState.PENDING,
        attempts: Any = (),
    ) -> None:
        notice = Notice(f"msg_{name}", kind, self.now, room_id, None, {"room_id": room_id})
        at = self.client.xadd(keys.OUTBOX, {"n": codec.encode(notice)}).decode()
        due_at = None if due is None else self.now + due
        delivery = Delivery(f"dlv_{name}", notice.notice_id, who, self.now, at, state, attempts, 0, due_at)
        self.client.set(keys.delivery(delivery.delivery_id), codec.encode(delivery))
        for key in (keys.DELIVERIES, keys.subscriber_deliveries(who)):
            self.client.zadd(key, {delivery.delivery_id: self.now})
        index = keys.DELIVERIES_DEAD if state is DeliveryState.DEAD else keys.DELIVERIES_PENDING
        self.client.zadd(index, {delivery.delivery_id: self.now})
        if due is not None:
            self.client.zadd(keys.subscriber_due(who), {delivery.delivery_id: self.now + due})


@pytest.fixture
def filled(client: Client, store_url: str, tmp_path: Path) -> Any:
    return Filled(client, WebClient(store_url, tmp_path))


@pytest.fixture
def page(filled: Any) -> Any:
    visitor = log_in(filled.web_client.web.app.test_client(), ADMIN_TOKEN)
    return lambda path: " ".join(re.sub(r"<[^>]+>", " ", visitor.get(path).get_data(as_text=True)).split())


def test_the_api_says_what_each_waits_for_and_when_it_is_really_tried(filled: Any) -> None:
    items = filled.web_client.get("/deliveries")["items"]
    shown = {item["id"]: (item["waiting_for"], item["next_attempt_at"]) for item in items}
    assert shown == {
        "dlv_queued": ("free-slot", None),
        "dlv_retried": ("retry", rfc3339(filled.now + 10 * MINUTE)),
        "dlv_ordered": ("earlier-delivery", None),
        "dlv_dead-1": (None, None),
        "dlv_dead-2": (None, None),
        "dlv_blocked": ("breaker", rfc3339(filled.breaker_until)),
    }
    assert filled.web_client.get("/deliveries/dlv_blocked")["waiting_for"] == "breaker"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("type=stream.*", {"dlv_queued", "dlv_retried", "dlv_ordered"}),
        ("type=broadcast.late", {"dlv_dead-1"}),
        ("room_id=other", {"dlv_dead-2"}),
        ("room_id=lobby&state=dead", {"dlv_dead-1"}),
        ("room_id=elsewhere", set()),
    ],
)
def test_deliveries_are_found_by_room_and_type(filled: Any, query: str, ids: Any) -> None:
    shown = filled.web_client.get(f"/subscribers/sub_well/deliveries?{query}")["items"]
    assert {item["id"] for item in shown} == ids
    everybody = {item["id"] for item in filled.web_client.get(f"/deliveries?{query}")["items"]}
    assert ids <= everybody


@pytest.mark.parametrize("pattern", ["x" * 1_000, "*" * 50, "%20"])
def test_a_type_filter_that_is_no_glob_is_refused_by_the_api(filled: Any, pattern: str) -> None:
    for path in ("/deliveries", "/subscribers/sub_well/deliveries"):
        answer = filled.web_client.api("GET", f"{path}?type={pattern}")
        assert (answer.status_code, "type" in answer.json["errors"]) == (422, True)


def test_a_type_filter_that_is_no_glob_is_ignored_by_the_page(page: Any) -> None:
    assert "stream.started" in page("/subscribers/sub_well?type=" + "*" * 50)


def test_the_subscribers_page_names_the_room_and_says_the_state_in_words(filled: Any, page: Any) -> None:
    well, down = page("/subscribers/sub_well"), page("/subscribers/sub_down")
    assert re.search(r"stream\.started lobby pending", well)
    assert re.search(r"stream\.failed lobby failed 4 times, next attempt ", well)
    assert re.search(r"stream\.stopped lobby waiting for an earlier delivery of this room", well)
    assert re.search(r"broadcast\.late lobby dead after 9 attempts", well)
    assert re.search(r"broadcast\.missed other dead", well)
    assert re.search(r"stream\.stopped lobby paused after repeated failures, next attempt ", down)
    assert "pending · next" not in well + down


def test_the_subscribers_page_finds_by_room_type_and_state(filled: Any, page: Any) -> None:
    assert "broadcast.missed other" not in page("/subscribers/sub_well?room=lobby")
    assert "stream.failed lobby" not in page("/subscribers/sub_well?type=broadcast.*")
    assert "No deliveries match" in page("/subscribers/sub_well?room=lobby&type=broadcast.*&state=pending")


def test_the_walls_newest_deliveries_say_the_same(filled: Any, page: Any) -> None:
    assert re.search(r"stream\.stopped lobby sub_down paused after repeated failures, next attempt ", page("/"))


def test_all_dead_ones_of_a_subscriber_are_retried_together(filled: Any, page: Any) -> None:
    assert "Retry all 2 dead" in page("/subscribers/sub_well")
    answer = filled.web_client.api("POST", "/subscribers/sub_well/retry-dead")
    assert (answer.status_code, answer.json) == (200, {"retried": 2})
    assert filled.web_client.get("/deliveries?state=dead")["items"] == []
    assert filled.web_client.get("/deliveries/dlv_dead-1")["waiting_for"] == "free-slot"
    assert filled.web_client.api("POST", "/subscribers/sub_well/retry-dead").json == {"retried": 0}
    assert "Retry all" not in page("/subscribers/sub_well")
    assert filled.web_client.api("POST", "/subscribers/none/retry-dead").status_code == 404
