"""The cache of subscribers: who gets a notice, however often it is asked, and after every change."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.support.deliverer_factory import SEAL, SECRET, subscribers_of
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.store.connection.clients import Client, connect_async
from workers.deliver.subscriber_cache import SubscriberCache

ALL = Subscriber("sub_all", "", "https://example.com/", 1, Filter(types=("*",)), secret=SECRET)


def notice(kind: NoticeType, room_id: str | None = "room-a", because: str | None = None, **data: Any) -> Notice:
    """A notice of an event in a room."""
    return make_notice("1-0", kind, 1, room_id=room_id, sequence=1, because=because, data=data)


def alarm(subscriber_id: str) -> Mapping[str, str]:
    """An alarm about a subscriber."""
    return {"name": "subscriber_failing", "subscriber_id": subscriber_id}


def matching(store_url: str, client: Client, *notices: Notice, then: Subscriber | None = None) -> list[list[str]]:
    """The ids of the subscribers of each notice, matched twice; the second time after a subscriber has changed."""

    async def run() -> list[list[str]]:
        own = connect_async(store_url)
        cache = SubscriberCache(own, SEAL)
        await cache.refresh()
        ids = [[subscriber.subscriber_id for subscriber in cache.matching(each)] for each in notices]
        if then is not None:
            subscribers_of(client).put(then)
            await cache.refresh()
            ids = [[subscriber.subscriber_id for subscriber in cache.matching(each)] for each in notices]
        await own.aclose()
        return ids

    return asyncio.run(run())


def test_notices_of_another_room_type_or_cause_go_to_those_who_select_them(client: Client, store_url: str) -> None:
    for subscriber_id, selected in {
        "sub_room": Filter(rooms=("room-a",)),
        "sub_type": Filter(types=("stream.started",)),
        "sub_cause": Filter(because=("operator",)),
    }.items():
        subscribers_of(client).put(replace(ALL, subscriber_id=subscriber_id, wanted=selected))
    started, stopped = NoticeType.STREAM_STARTED, NoticeType.STREAM_STOPPED
    notices = (notice(started), notice(started, "room-b"), notice(stopped), notice(started, because="operator"))
    subscriber_ids = [set(ids) for ids in matching(store_url, client, *notices, notices[0])]
    assert subscriber_ids == [
        {"sub_room", "sub_type"},
        {"sub_type"},
        {"sub_room"},
        {"sub_room", "sub_type", "sub_cause"},
        {"sub_room", "sub_type"},
    ]


def test_an_alarm_goes_to_everybody_but_the_subscriber_it_is_about(client: Client, store_url: str) -> None:
    for subscriber_id in ("sub_1", "sub_2"):
        subscribers_of(client).put(replace(ALL, subscriber_id=subscriber_id))
    raised = NoticeType.ALARM_RAISED
    notices = (notice(raised, None, alarm=alarm("sub_1")), notice(raised, None, alarm=alarm("sub_2")))
    assert matching(store_url, client, *notices) == [["sub_2"], ["sub_1"]]


def test_a_changed_filter_counts_from_the_next_notice_on(client: Client, store_url: str) -> None:
    subscribers_of(client).put(ALL)
    changed = replace(ALL, wanted=Filter(rooms=("room-b",)))
    assert matching(store_url, client, notice(NoticeType.STREAM_STARTED), then=changed) == [[]]
