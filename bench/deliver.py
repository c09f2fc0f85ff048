"""deliver: deliveries per second on one core, compared with a plain client posting the same bodies to the same sink."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import bodies, product, seeding, sink
from bench.results import Goal, Result, rounds
from bench.scale import Scale
from webhook_app.config.values import networks
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.notice import notice_body
from webhook_app.runtime.loops import Loops
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.subscriber_secrets import new_secret
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect, connect_async
from webhook_app.store.deliveries.outbox import Outbox
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.wakeups import Wakeups
from webhook_app.store.subscribers import Subscribers
from workers.channels.registry import ChannelRegistry
from workers.channels.settings import ChannelSettings
from workers.channels.webhook import encode_body, signed_headers
from workers.deliver.deliverer import Deliverer
from workers.deliver.escalations import Escalations
from workers.deliver.factory import build_deliverer

ROOMS = 100
GOAL = Goal(0.60)
SEAL = SecretBox("the-key-of-the-bench")
LOOPBACK = networks("127.0.0.0/8")
RETENTION_S = 30 * 24 * 3600
IN_FLIGHT = {1: 32, 10: 512}
QUIET_S = 10.0

Post = tuple[bytes, dict[str, str]]


@dataclass(frozen=True)
class StoreAndSink:
    """The store and the sink of a measurement."""

    url: str
    client: Client
    sink: sink.Sink


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure deliveries to one subscriber, then the same number to ten."""
    with product.store(directory) as store, sink.running(directory) as other:
        target = StoreAndSink(store.url, connect(store.url), other)
        for count, in_flight in IN_FLIGHT.items():
            yield from _both(target, count, in_flight, scale)
        target.client.close()


def subscribe(client: Client, url: str, count: int) -> None:
    """Add subscribers to all stream notices."""
    for at in range(count):
        subscriber = Subscriber(f"sub_{at}", f"bench {at}", url, 0, Filter(types=("stream.*",)), secret=new_secret())
        Subscribers(client, SEAL).put(subscriber)


async def deliver(url: str, other: sink.Sink, expected: int) -> None:
    """Deliver everything in the outbox, as the deliver process does."""
    async with running_deliverer(url) as deliverer:
        while other.counts().different < expected:
            await deliverer.run()


@asynccontextmanager
async def running_deliverer(url: str) -> AsyncIterator[Deliverer]:
    """Open a deliverer on the store at this address."""
    client, own = connect_async(url), connect(url)
    channels = ChannelRegistry(ChannelSettings(client=client, allowed=LOOPBACK))
    escalations = Escalations(own, Subscribers(own, SEAL), Journal(own), Wakeups(own), Loops())
    try:
        yield build_deliverer(client, channels, secret_box=SEAL, retention_s=RETENTION_S, escalations=escalations)
    finally:
        await channels.close()
        await client.aclose()
        own.close()


def _both(target: StoreAndSink, count: int, in_flight: int, scale: Scale) -> Iterator[Result]:
    notices = scale.deliver_count // count
    outbox = _outbox(target.client, notices)
    posts = asyncio.run(_posts(target, notices)) * count
    cpu: list[tuple[float, float]] = []
    wall: list[tuple[float, float]] = []
    for _ in range(scale.rounds):
        target.client.flushall()
        target.client.restore(keys.OUTBOX, 0, outbox)
        subscribe(target.client, target.sink.url, count)
        bare = _timed(target, lambda: _bare(target.sink.url, posts, in_flight), len(posts))
        delivered = _timed(target, lambda: deliver(target.url, target.sink, notices), len(posts))
        cpu.append((delivered[0], bare[0]))
        wall.append((delivered[1], bare[1]))
    to = f"{count} subscriber{'s' if count > 1 else ''}"
    baseline_name = f"plain client, {in_flight} in flight"
    yield rounds("deliver", f"deliveries/s, {to}", "/s", wall, baseline_name=baseline_name, goal=GOAL)
    yield rounds("deliver", f"deliveries/s of CPU, {to}", "/s", cpu, baseline_name=baseline_name)


def _outbox(client: Client, notices: int) -> bytes:
    """Return the dump of an outbox with this many notices about streams."""
    client.flushall()
    cycles = notices // (ROOMS * len(bodies.STATES)) + 1
    seeding.append(client, seeding.entries(bodies.runs(ROOMS, cycles))[:notices])
    seeding.fold(client)
    dumped: bytes = client.dump(keys.OUTBOX)
    return dumped


async def _posts(target: StoreAndSink, notices: int) -> list[Post]:
    """Return the bodies and headers that will be delivered."""
    client = connect_async(target.url)
    entries, _ = await Outbox(client).read("0-0", 2 * notices)
    await client.aclose()
    notices_sent = [entry.notice for entry in entries if entry.notice.type.startswith("stream.")]
    assert len(notices_sent) == notices, f"{len(notices_sent)} notices, expected {notices}"
    encoded = [(notice.notice_id, encode_body(notice_body(notice))) for notice in notices_sent]
    secret = new_secret()
    return [(body, signed_headers(notice_id, round(time.time()), body, [secret])) for notice_id, body in encoded]


async def _bare(url: str, posts: list[Post], in_flight: int) -> None:
    waiting = iter(posts)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:

        async def work() -> None:
            for body, headers in waiting:
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()

        await asyncio.gather(*(work() for _ in range(in_flight)))


def _timed(target: StoreAndSink, work: Callable[[], Awaitable[None]], expected: int) -> tuple[float, float]:
    """Return deliveries per second of this process's CPU time, and of wall time until the sink got the last one."""
    target.sink.forget()
    gc.collect()
    cpu, wall = time.process_time(), time.monotonic()

    async def once() -> None:
        await work()

    asyncio.run(once())
    cpu = time.process_time() - cpu
    arrived = target.sink.counts()
    assert arrived.posts >= expected, f"{arrived.posts} posts, expected {expected}"
    return arrived.posts / cpu, arrived.posts / (arrived.last_at - wall)
