"""An office that tells: subscribers, notices, a real endpoint, and deliver hands on the tests' store."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from tests.support.deliverer_factory import deliverer, subscribers_of
from tests.support.polling import scaled_limit
from tests.support.web_client import ROOM
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.notice import make_notice
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
    headers: dict
    body: bytes

    @property
    def id(self) -> Any:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Endpoint:
    """Keeps what it is told; `answers` says, by path, what comes back: statuses in turn, the last for ever."""

    posts: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    holds: dict = field(default_factory=dict)
    on_post: object = None
    on_take: object = None
    refuses: str | None = None
    slow: tuple = (None, 0.0)
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
        self.port = None
        self.told = 0
        self.base_url = None
        self.observing = False
        self.outbox_type = Outbox
        self.limits = QUICK_LIMITS
        self.apprise = AppriseLimits()
        self.opened = None
        self.slow = (None, 0.0)

    def subscribe(
        self, name: Any, *, types: Any = ("*",), rooms: Any = ("*",), because: Any = ("*",), **more: Any
    ) -> Any:
        known = Subscriber(
            subscriber_id=f"sub_{name}",
            name=name,
            url=f"http://127.0.0.1:{{port}}/{name}",
            created_at=1,
            wanted=Filter(tuple(types), tuple(rooms), tuple(because)),
            secret=new_secret(),
        )
        self.subscribers.put(replace(known, **more))
        return known

    def tell(
        self, kind: str = "stream.started", *, room: Any = ROOM, because: Any = None, at: Any = None, **data: Any
    ) -> Any:
        self.told += 1
        now = at or int(time.time() * 1000)
        event_id = f"{self.told}-0"
        notice = make_notice(event_id, kind, now, room_id=room, sequence=self.told, because=because, data=data)
        self.client.xadd(keys.OUTBOX, {"n": codec.encode(notice)})
        return notice

    def deliver(self, *, deliverers: int = 1) -> None:
        """Run until quiet."""

        async def run() -> None:
            async with self.open(deliverers) as made:
                await asyncio.wait_for(asyncio.gather(*(one.run() for one in made)), WITHIN_S)

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
        for known in self.subscribers.all():
            if "{port}" in known.url:
                self.subscribers.put(replace(known, url=known.url.format(port=self.port)))
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
                yield [await stack.enter_async_context(one) for one in opened]
        finally:
            await runner.cleanup()

    def deliveries(self, subscriber: Any = None) -> Any:
        """Every delivery there is, oldest first."""
        found = [codec.decoder(Delivery)(self.client.get(key)) for key in self.client.scan_iter(keys.delivery("*"))]
        of_one = [one for one in found if subscriber is None or one.subscriber_id == f"sub_{subscriber}"]
        return sorted(of_one, key=lambda one: (one.created_at, one.delivery_id))

    def only(self, subscriber: Any = None) -> Any:
        [one] = self.deliveries(subscriber)
        return one

    def make_due(self) -> None:
        """So much time has passed that whatever waits is due, and who was left alone is tried again."""
        for subscriber in self.client.hkeys(keys.BREAKERS_OPEN_UNTIL):
            self.client.hset(keys.BREAKERS_OPEN_UNTIL, subscriber, 1)
        for key in self.client.scan_iter(keys.subscriber_due("*")):
            subscriber = key.decode().split(":")[2]
            for member in self.client.zrange(key, 0, -1):
                self.client.zadd(key, {member: 1})
            self.client.zadd(keys.SUBSCRIBERS_DUE, {subscriber: 1})

    def index(self, state: Any) -> Any:
        """Which are in that state, by the indexes."""
        named = {"pending": keys.DELIVERIES_PENDING, "dead": keys.DELIVERIES_DEAD}
        of = {name: {one.decode() for one in self.client.zrange(key, 0, -1)} for name, key in named.items()}
        every = {one.decode() for one in self.client.zrange(keys.DELIVERIES, 0, -1)}
        return every - of["pending"] - of["dead"] if state == "delivered" else of[state]
