"""The audience: exactly those whose filters match, however many there are, and soon."""

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter, matches_filter
from webhook_app.domain.notices.matching import SubscriberIndex
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom

MANY = 10_000
PATTERNS = ["*", "a", "b", "hall", "a*", "[ab]", "?", "group:x", "group:y", "[a]"]
NAMED = {"a": ConfiguredRoom("hall", "a", ("x",)), "b": None, None: None}


def notice(kind: Any, room: Any, **data: Any) -> Any:
    return make_notice("1-0", kind, 1, room_id=room, sequence=1, because=None, data=data)


def subscriber(at: Any, notice_filter: Any, *, enabled: bool = True) -> Any:
    return Subscriber(f"sub_{at}", "", "https://example.com", 1, wanted=notice_filter, enabled=enabled)


filters = some.builds(
    Filter,
    types=some.lists(some.sampled_from(["*", "stream.*", "alarm.raised", "videosdk.*"]), min_size=1).map(tuple),
    rooms=some.lists(some.sampled_from(PATTERNS), min_size=1, max_size=3).map(tuple),
    because=some.sampled_from([("*",), ("operator",), ("rule:*",)]),
)


@given(
    some.lists(some.tuples(filters, some.booleans()), max_size=12),
    some.sampled_from(["stream.started", "alarm.raised", "videosdk.hls-started"]),
    some.sampled_from(["a", "b", None]),
)
def test_the_index_finds_the_same_subscribers_as_matching_each_one(filters: Any, kind: Any, room: Any) -> None:
    subscribers = [
        subscriber(at, notice_filter, enabled=enabled) for at, (notice_filter, enabled) in enumerate(filters)
    ]
    announcement, named = notice(kind, room), NAMED[room]
    matching = [subscriber.subscriber_id for subscriber in SubscriberIndex(subscribers).of(announcement, named)]
    one_by_one = [
        subscriber.subscriber_id
        for subscriber in subscribers
        if subscriber.enabled and matches_filter(subscriber.wanted, announcement, named)
    ]
    assert sorted(matching) == sorted(one_by_one)


def test_a_notice_addressed_to_one_subscriber_reaches_only_that_one() -> None:
    subscribers = [subscriber(1, Filter(types=("alarm.*",))), subscriber(2, Filter(), enabled=False)]
    of = SubscriberIndex(subscribers).of
    assert of(notice(NoticeType.SUBSCRIBER_TEST, None, subscriber_id="sub_1"), None) == subscribers[:1]
    assert of(notice(NoticeType.SUBSCRIBER_TEST, None, subscriber_id="sub_2"), None) == []
    assert of(notice(NoticeType.SUBSCRIBER_TEST, None, subscriber_id="nobody"), None) == []


def test_thousands_of_subscribers_to_other_rooms_are_not_matched_one_by_one() -> None:
    for pattern in ("room-{}", "group:{}", "room-{}-*"):
        index = SubscriberIndex(subscriber(at, Filter(("stream.*",), (pattern.format(at),))) for at in range(MANY))
        announcement, named = notice("stream.started", "elsewhere"), ConfiguredRoom("hall", "elsewhere", ("live",))
        assert index.of(announcement, named) == []
        spent = min(_time(index, announcement, named) for _ in range(5))
        assert spent < 0.05, pattern


def _time(index: Any, announcement: Any, named: Any) -> Any:
    began = time.process_time()
    index.of(announcement, named)
    return time.process_time() - began
