"""The queues of deliveries, one for each subscriber: claimed by lease, settled with the results of attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from webhook_app.domain.delivery.breaker import (
    BREAKER_FIRST_PAUSE_MS,
    BREAKER_MAX_PAUSE_MS,
    BREAKER_PROBE_MS,
    BREAKER_THRESHOLD,
    GIVE_UP_AFTER_MS,
    GIVE_UP_FAILURES,
)
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.times import HOUR
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.scripts import lua

LEASE_MS = 30_000
PARK_MS = 500
SUBSCRIBERS_LOOKED_AT_MAX = 256
HOURS_KEPT_S = 8 * 24 * 3600

# The subscribers' version and the rooms' names as they are stored: a reader's copy is current while both are equal.
Version = tuple[bytes | None, bytes | None]
VERSION_KEYS = (keys.SUBSCRIBERS_VERSION, keys.NAMES)

delivery_of = codec.decoder(Delivery)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is leased to us, with its notice; None when that is kept no longer."""

    delivery: Delivery
    notice: Notice | None


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The deliveries that were claimed, and what to claim next.

    `now` is the store's time in ms, `wait_ms` the time until another subscriber is due (None: none is), `backlogged`
    has the subscribers with more due deliveries.
    """

    claims: Sequence[ClaimedDelivery]
    now: int
    wait_ms: int | None
    version: Version
    backlogged: Sequence[str]


@dataclass(slots=True)
class AttemptStats:
    """The results of several attempts of one subscriber; `failure_score` counts failures of its own only."""

    succeeded: int = 0
    failed: int = 0
    failure_score: int = 0
    error: str = ""
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class SettleResult:
    """Subscribers that have failed for so long that they are to be disabled, and those whose breaker just opened."""

    to_disable: Sequence[str]
    breakers_opened: Sequence[str]


async def read_version(client: Client) -> Version:
    """The version of subscribers and rooms' names as it is now."""
    subscribers, names = await client.mget(VERSION_KEYS)
    return subscribers, names


class Deliveries:
    """Claims, settles and requeues deliveries, with an event loop's client."""

    def __init__(self, client: Client, *, retention_s: int) -> None:
        self._client = client
        self._retention_s = retention_s
        self._claim = client.register_script(lua("claim_deliveries"))
        self._settle = client.register_script(lua("settle_deliveries"))
        self._requeue = requeue_script(client)

    async def claim(
        self,
        at_most: int,
        *,
        healthy_limit: int,
        failing_limit: int,
        backlogged: Mapping[str, int],
        limits: Mapping[str, int],
    ) -> ClaimResult:
        """Lease due deliveries, round-robin over subscribers.

        A subscriber gets its own limit out of `backlogged` or `limits`, else `healthy_limit`, or `failing_limit` when
        it has failed since it last answered. Those in `backlogged` have free slots again, and are no longer parked.
        """
        look_at = SUBSCRIBERS_LOOKED_AT_MAX + len(limits) + len(backlogged)
        bounds = (LEASE_MS, PARK_MS, at_most, healthy_limit, failing_limit, BREAKER_PROBE_MS, look_at, len(backlogged))
        own_limits = chain.from_iterable((*backlogged.items(), *limits.items()))
        answer = await self._claim(keys=[keys.PREFIX], args=[*bounds, *own_limits])
        now, wait_ms, version, count = int(answer[0]), int(answer[1]), (answer[2], answer[3]), int(answer[4])
        first = 5 + count
        claims = [
            ClaimedDelivery(delivery_of(record), codec.notice_of(notice) if notice else None)
            for record, notice in zip(answer[first::2], answer[first + 1 :: 2], strict=True)
        ]
        with_more = [raw.decode() for raw in answer[5:first]]
        return ClaimResult(claims, now, None if wait_ms < 0 else wait_ms, version, with_more)

    async def now_ms(self) -> int:
        """The store's own time, in ms."""
        return time_ms(await self._client.time())

    async def by_id(self, delivery_ids: Sequence[str]) -> list[Delivery | None]:
        """Deliveries by id, None where none is kept."""
        records = await self._client.mget([keys.delivery(delivery_id) for delivery_id in delivery_ids])
        return [delivery_of(raw) if raw is not None else None for raw in records]

    async def recoveries(self) -> dict[bytes, bytes]:
        """Recoveries under way by id, as `requeue` takes them."""
        records: dict[bytes, bytes] = await self._client.hgetall(keys.RECOVERIES)
        return records

    async def due(self, at_most: int) -> list[Delivery]:
        """Deliveries that are due now and not leased, regardless of breakers and rates."""
        now = await self.now_ms()
        due: list[Delivery] = []
        for raw_id in await self._client.zrange(keys.SUBSCRIBERS_DUE, 0, -1):
            queue = keys.subscriber_due(raw_id.decode())
            ids = await self._client.zrangebyscore(queue, "-inf", now, start=0, num=at_most - len(due))
            records = await self._client.mget([keys.delivery(raw.decode()) for raw in ids]) if ids else []
            without_record = [raw for raw, record in zip(ids, records, strict=True) if record is None]
            if without_record:
                await self._client.zrem(queue, *without_record)
                await self._client.zrem(keys.DELIVERIES_PENDING, *without_record)
            due += [delivery_of(record) for record in records if record is not None]
            if len(due) >= at_most:
                break
        return due

    async def settle(
        self, settled: Sequence[Delivery], stats_by_subscriber: Mapping[str, AttemptStats]
    ) -> SettleResult:
        """Write deliveries after their attempts, and what the attempts mean for their subscribers' health."""
        subscriber_ids = dict.fromkeys([*(delivery.subscriber_id for delivery in settled), *stats_by_subscriber])
        numbers = {subscriber_id: number for number, subscriber_id in enumerate(subscriber_ids, 1)}
        subscribers: list[Any] = []
        for subscriber_id in numbers:
            stats = stats_by_subscriber.get(subscriber_id) or AttemptStats()
            jitter = sum(subscriber_id.encode()) % 41 - 20
            subscribers += (subscriber_id, stats.succeeded, stats.failed, stats.failure_score)
            subscribers += (stats.error, stats.lag_ms, jitter)
        deliveries: list[Any] = []
        for delivery in settled:
            deliveries += (
                numbers[delivery.subscriber_id],
                delivery.delivery_id,
                delivery.state.value,
                codec.encode(delivery).decode(),  # the script's MessagePack knows no bytes
                delivery.next_attempt_at if delivery.next_attempt_at is not None else -1,
                delivery.queue or "",
            )
        bounds = (
            self._retention_s,
            BREAKER_THRESHOLD,
            BREAKER_FIRST_PAUSE_MS,
            BREAKER_MAX_PAUSE_MS,
            GIVE_UP_AFTER_MS,
            GIVE_UP_FAILURES,
        )
        args = [codec.pack([*bounds, HOURS_KEPT_S, subscribers, deliveries])]
        to_disable, opened = await self._settle(keys=[keys.PREFIX], args=args)
        return SettleResult([raw.decode() for raw in to_disable], [raw.decode() for raw in opened])

    async def requeue(self, deliveries: Sequence[Delivery], *, now: int, recovery: tuple[str, bytes, bytes]) -> int:
        """Requeue deliveries as a piece of a recovery: its id, its record as it was read, its new record (b"": done).

        Returns how many were requeued, -1 when the recovery has changed since it was read.
        """
        return int(await self._requeue(keys=[keys.PREFIX], args=requeue_args(deliveries, now, recovery)))


def requeue_script(client: Client) -> Any:
    """The script that requeues deliveries, for `requeue_args`."""
    return client.register_script(lua("requeue_deliveries"))


def requeue_args(
    deliveries: Sequence[Delivery], now: int, recovery: tuple[str, bytes, bytes] = ("", b"", b"")
) -> list[Any]:
    """The arguments of that script."""
    args: list[Any] = [*recovery, now]
    for delivery in deliveries:
        args += (delivery.subscriber_id, delivery.delivery_id, codec.encode(delivery), delivery.created_at)
    return args


def hour_number(now: int) -> int:
    """The hour of a time in ms since 1970, as `keys.subscriber_hour` counts them."""
    return now // HOUR
