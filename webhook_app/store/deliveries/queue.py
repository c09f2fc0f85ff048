"""Deliveries in line: claimed by lease, round-robin over subscribers, and settled with what came of them."""

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
LOOK_AT_MAX = 256
HOURS_KEPT_S = 8 * 24 * 3600

# Raw, to be compared: the subscribers' version and the rooms' names say whether somebody's copy of both is current.
Version = tuple[bytes | None, bytes | None]
VERSION_KEYS = (keys.SUBSCRIBERS_VERSION, keys.NAMES)

delivery_of = codec.decoder(Delivery)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery in our hands until the lease runs out; no notice when it is no longer kept."""

    delivery: Delivery
    notice: Notice | None


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What one claiming brought: `now` is the store's time, `wait_ms` until something else is due."""

    claims: Sequence[ClaimedDelivery]
    now: int
    wait_ms: int | None
    version: Version
    more: Sequence[str]


@dataclass(slots=True)
class AttemptStats:
    """What came of one subscriber's attempts, added up; `points` are those of its own failures."""

    answered: int = 0
    failed: int = 0
    failure_score: int = 0
    error: str = ""
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class SettleResult:
    """Subscribers that have failed for days, and those whose breaker has just opened."""

    gone: Sequence[str]
    opened: Sequence[str]


async def read_version(client: Client) -> Version:
    """The version of subscribers and rooms' names as it is now."""
    subscribers, names = await client.mget(VERSION_KEYS)
    return subscribers, names


class Deliveries:
    """Claims and settles, on an event loop's client."""

    def __init__(self, client: Client, *, retention_s: int) -> None:
        self._client = client
        self._retention_s = retention_s
        self._claim = client.register_script(lua("claim_deliveries"))
        self._settle = client.register_script(lua("settle_deliveries"))
        self._requeue = client.register_script(lua("requeue_deliveries"))

    async def claim(
        self, at_most: int, *, good: int, bad: int, wanting: Mapping[str, int], caps: Mapping[str, int]
    ) -> ClaimResult:
        """What is due: at most `good` of one that answers, `bad` of one that has failed since, or its own bound.

        Those in `wanting` have hands free, and are looked at although they were parked; those in `caps` have a bound.
        """
        look = LOOK_AT_MAX + len(caps) + len(wanting)
        bounds = (LEASE_MS, PARK_MS, at_most, good, bad, BREAKER_PROBE_MS, look, len(wanting))
        own = chain.from_iterable((*wanting.items(), *caps.items()))
        answer = await self._claim(keys=[keys.PREFIX], args=[*bounds, *own])
        first = 5 + int(answer[4])
        claims = [
            ClaimedDelivery(delivery_of(answer[at]), codec.notice_of(answer[at + 1]) if answer[at + 1] else None)
            for at in range(first, len(answer), 2)
        ]
        wait = int(answer[1])
        more = [one.decode() for one in answer[5:first]]
        return ClaimResult(claims, int(answer[0]), None if wait < 0 else wait, (answer[2], answer[3]), more)

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
        """Deliveries that are due now and leased to nobody, whatever breakers and rates say."""
        now = time_ms(await self._client.time())
        subscribers = [raw.decode() for raw in await self._client.zrange(keys.SUBSCRIBERS_DUE, 0, -1)]
        found: list[Delivery] = []
        for subscriber_id in subscribers:
            line = keys.subscriber_due(subscriber_id)
            ids = await self._client.zrangebyscore(line, "-inf", now, start=0, num=at_most - len(found))
            records = await self._client.mget([keys.delivery(raw.decode()) for raw in ids]) if ids else []
            gone = [raw for raw, record in zip(ids, records, strict=True) if record is None]
            if gone:
                await self._client.zrem(line, *gone)
                await self._client.zrem(keys.DELIVERIES_PENDING, *gone)
            found += [delivery_of(record) for record in records if record is not None]
            if len(found) >= at_most:
                break
        return found

    async def settle(
        self, settled: Sequence[Delivery], stats_by_subscriber: Mapping[str, AttemptStats]
    ) -> SettleResult:
        """Write what came of attempts; says who must not be tried further."""
        of = {one.subscriber_id: at for at, one in enumerate(settled)} | dict.fromkeys(stats_by_subscriber, 0)
        number = {subscriber: at for at, subscriber in enumerate(of, 1)}
        who: list[Any] = []
        for subscriber in number:
            one = stats_by_subscriber.get(subscriber) or AttemptStats()
            jitter = sum(subscriber.encode()) % 41 - 20
            who += (subscriber, one.answered, one.failed, one.failure_score, one.error, one.lag_ms, jitter)
        deliveries: list[Any] = []
        for each in settled:
            deliveries += (
                number[each.subscriber_id],
                each.delivery_id,
                each.state.value,
                codec.encode(each).decode(),
                each.next_attempt_at if each.next_attempt_at is not None else -1,
                each.queue or "",
            )
        bounds = (
            self._retention_s,
            BREAKER_THRESHOLD,
            BREAKER_FIRST_PAUSE_MS,
            BREAKER_MAX_PAUSE_MS,
            GIVE_UP_AFTER_MS,
            GIVE_UP_FAILURES,
        )
        args = [codec.pack([*bounds, HOURS_KEPT_S, who, deliveries])]
        gone, opened = await self._settle(keys=[keys.PREFIX], args=args)
        return SettleResult([one.decode() for one in gone], [one.decode() for one in opened])

    async def requeue(self, deliveries: Sequence[Delivery], *, now: int, recovery: tuple[str, bytes, bytes]) -> int:
        """Put deliveries in line as a piece of a recovery: its id, where it was, where it is (empty: done)."""
        return int(await self._requeue(keys=[keys.PREFIX], args=requeue_args(deliveries, now, recovery)))


def requeue_script(client: Client) -> Any:
    """The script that puts deliveries in line once more, for `renew_args`."""
    return client.register_script(lua("requeue_deliveries"))


def requeue_args(
    deliveries: Sequence[Delivery], now: int, recovery: tuple[str, bytes, bytes] = ("", b"", b"")
) -> list[Any]:
    """Deliveries as that script takes them."""
    args: list[Any] = [*recovery, now]
    for one in deliveries:
        args += (one.subscriber_id, one.delivery_id, codec.encode(one), one.created_at)
    return args


def hour_number(now: int) -> int:
    """The hour of a moment in ms, as `keys.subscriber_hour` counts them."""
    return now // HOUR
