"""Announce notices to subscribers of a real endpoint, with deliverers on the tests' store."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from aiohttp import web

from tests.support.deliverer_factory import deliverer, subscribers_of
from tests.support.polling import scaled_limit
from tests.support.web_client import ROOM
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.types import AnyNoticeType
from webhook_app.secrets.subscriber_secrets import new_secret
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.outbox import Outbox
from workers.channels.apprise_limits import AppriseLimits
from workers.deliver.limits import DeliveryLimits

WITHIN_S = scaled_limit(20.0)
QUICK_LIMITS = DeliveryLimits(linger_s=0.03, idle_ms=10)


@dataclass
class Posted:
    """One POST as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> Any:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Endpoint:
    """Keeps every POST. `answers` holds the statuses by path, in turn; the last one is repeated."""

    posts: list[Posted] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    on_post: Callable[[], object] | None = None
    on_take: Callable[[], Awaitable[object]] | None = None
    refuses: str | None = None
    slow: tuple[str | None, float] = (None, 0.0)
    quotes_paths: bool = False

    async def take(self, request: Any) -> Any:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append(Posted(request.path, headers, body))
        if self.on_post is not None:
            self.on_post()
        if self.on_take is not None:
            await self.on_take()
        if request.path == self.slow[0]:
            await asyncio.sleep(self.slow[1])
        if self.refuses is not None and self.posts[-1].json["data"]["room_id"] == self.refuses:
            return web.Response(status=500)
        if request.path in self.holds:
            await self.holds[request.path].wait()
        statuses = self.answers.get(request.path, [204])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        text = f"Cannot POST {request.raw_path}" if self.quotes_paths else None
        return web.Response(status=status, headers=self.headers, text=text)

    def at(self, path: Any) -> Any:
        return [post for post in self.posts if post.path == path]

    def types(self, path: Any) -> Any:
        return sorted(post.json["type"] for post in self.at(path))


class DeliveryHarness:
    """Subscribers, notices and a deliverer, all on the tests' store."""

    def __init__(self, client: Client, store_url: str) -> None:
        self.client, self.store_url = client, store_url
        self.subscribers = subscribers_of(client)
        self.endpoint = Endpoint()
        self.port: int | None = None
        self.notice_count = 0
        self.base_url: str | None = None
        self.observing = False
        self.outbox_type: type[Outbox] = Outbox
        self.limits = QUICK_LIMITS
        self.apprise = AppriseLimits()
        self.opened: Callable[[], Awaitable[object]] | None = None
        self.slow: tuple[str | None, float] = (None, 0.0)

    def subscribe(
        self, name: Any, *, types: Any = ("*",), rooms: Any = ("*",), because: Any = ("*",), **more: Any
    ) -> Any:
        subscriber = Subscriber(
            subscriber_id=f"sub_{name}",
            name=name,
            url=f"http://127.0.0.1:{{port}}/{name}",
            created_at=1,
            wanted=Filter(tuple(types), tuple(rooms), tuple(because)),
            secret=new_secret(),
        )
        self.subscribers.put(replace(subscriber, **more))
        return subscriber

    def announce(
        self, kind: str = "stream.started", *, room: Any = ROOM, because: Any = None, at: Any = None, **data: Any
    ) -> Any:
        self.notice_count += 1
        now = at or int(time.time() * 1000)
        event_id = f"{self.notice_count}-0"
        notice = make_notice(
            event_id,
            cast(AnyNoticeType, kind),
            now,
            room_id=room,
            sequence=self.notice_count,
            because=because,
            data=data,
        )
        self.client.xadd(keys.OUTBOX, {"n": codec.encode(notice)})
        return notice

    def deliver(self, *, deliverers: int = 1) -> None:
        """Deliver until nothing is due."""

        async def run() -> None:
            async with self.open(deliverers) as running:
                await asyncio.wait_for(asyncio.gather(*(deliverer.run() for deliverer in running)), WITHIN_S)

        asyncio.run(run())

    @asynccontextmanager
    async def open(self, count: int = 1) -> AsyncIterator[Any]:
        """The endpoint and this many deliverers, on one event loop."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self.endpoint.take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port or 0).start()
        self.port = runner.addresses[0][1]
        if self.opened is not None:
            await self.opened()
        if self.slow[0] is not None:
            self.endpoint.slow = self.slow
        for subscriber in self.subscribers.all():
            if "{port}" in subscriber.url:
                self.subscribers.put(replace(subscriber, url=subscriber.url.format(port=self.port)))
        try:
            async with AsyncExitStack() as stack:
                opened = (
                    deliverer(
                        self.client,
                        self.store_url,
                        base_url=self.base_url,
                        observing=self.observing,
                        outbox_type=self.outbox_type,
                        limits=self.limits,
                        apprise=self.apprise,
                    )
                    for _ in range(count)
                )
                yield [await stack.enter_async_context(context) for context in opened]
        finally:
            await runner.cleanup()

    def deliveries(self, subscriber: Any = None) -> Any:
        """The stored deliveries, oldest first."""
        deliveries = [
            codec.decoder(Delivery)(self.client.get(key)) for key in self.client.scan_iter(keys.delivery("*"))
        ]
        selected = [
            delivery for delivery in deliveries if subscriber is None or delivery.subscriber_id == f"sub_{subscriber}"
        ]
        return sorted(selected, key=lambda delivery: (delivery.created_at, delivery.delivery_id))

    def only(self, subscriber: Any = None) -> Any:
        [delivery] = self.deliveries(subscriber)
        return delivery

    def make_due(self) -> None:
        """Make every pending delivery due now, and end the pauses of open breakers."""
        for subscriber in self.client.hkeys(keys.BREAKERS_OPEN_UNTIL):
            self.client.hset(keys.BREAKERS_OPEN_UNTIL, subscriber, 1)
        for key in self.client.scan_iter(keys.subscriber_due("*")):
            subscriber = key.decode().split(":")[2]
            for member in self.client.zrange(key, 0, -1):
                self.client.zadd(key, {member: 1})
            self.client.zadd(keys.SUBSCRIBERS_DUE, {subscriber: 1})

    def index(self, state: Any) -> Any:
        """The ids of the deliveries in a state, according to the indexes."""
        named = {"pending": keys.DELIVERIES_PENDING, "dead": keys.DELIVERIES_DEAD}
        of = {name: {member.decode() for member in self.client.zrange(key, 0, -1)} for name, key in named.items()}
        every = {member.decode() for member in self.client.zrange(keys.DELIVERIES, 0, -1)}
        return every - of["pending"] - of["dead"] if state == "delivered" else of[state]
