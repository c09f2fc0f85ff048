"""The deliver hand: expands the outbox to subscribers and sends what is due, many at once on one event loop."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

import redis
import structlog

from webhook_app.domain.events import Source
from webhook_app.domain.notices import Notice, notice_body, wants
from webhook_app.domain.rules import RoomName
from webhook_app.domain.subscribers import (
    Attempt,
    Delivery,
    DeliveryState,
    Subscriber,
    delivery_id,
    next_attempt,
)
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.deliveries import Claim, Deliveries, Outbox
from webhook_app.store.journal import Journal, Wake, entry
from webhook_app.store.subscribers import Subscribers, subscriber_of
from workers.post import Poster, Reply, body_of, standard_headers

IN_HAND_MAX = 1_024
IN_FLIGHT_PER_SUBSCRIBER = 32
AHEAD_MAX = 480
EXPAND_NOTICES = 200
EXPAND_DELIVERIES_MAX = 2_000
LOOK_EVERY_S = 0.005
REST_MS = 100
SETTLE_MAX = 512
LINGER_S = 0.25
JOB_MAX_S = 60.0
AWAKE_TTL_MS = 1_000
GONE = 410
TOO_MANY = 429

log = structlog.get_logger()

Disable = Callable[[Subscriber, str], None]


class Deliverer:
    """One event loop's worth of delivering. Lives as long as its process; each wake-up runs it until it is quiet."""

    def __init__(self, client: Client, poster: Poster, *, retention_s: int, disable: Disable) -> None:
        self._client = client
        self._poster = poster
        self._outbox = Outbox(client, retention_s=retention_s)
        self._deliveries = Deliveries(client, retention_s=retention_s)
        self._disable = disable
        self._subscribers: dict[str, Subscriber] = {}
        self._names: Mapping[str, RoomName] = {}
        self._version: tuple[Any, ...] | None = None
        self._in_hand: Counter[str] = Counter()
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._busy_at = 0.0
        self._second = 0
        self._finished: Counter[str] = Counter()
        self._lately: Counter[str] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        self._settled: list[Delivery] = []
        self._cursor: str | None = None

    async def run(self, *, stopping: Callable[[], bool] = lambda: False, at_most_s: float = JOB_MAX_S) -> int:
        """Expand and send until nothing is due for a moment. Returns how many attempts were begun.

        Expanding, claiming and settling each wait for the store on their own: a slow disk holds up none of the others.
        """
        begun, until = 0, monotonic() + at_most_s
        self._cursor = None
        while True:
            await self._client.delete(keys.wake("deliver"))
            looked = await self._until_quiet(stopping, until)
            begun += looked
            if not self._in_progress and (not looked or stopping() or monotonic() > until):
                return begun

    @property
    def _in_progress(self) -> bool:
        return bool(self._running or self._settled)

    async def _until_quiet(self, stopping: Callable[[], bool], until: float) -> int:
        """The time only runs out when nothing is in progress: one endpoint that hangs must not hold up the others."""
        begun, self._busy_at = 0, monotonic()
        expand, claim, settle = _Turn(self._expand), _Turn(self._claim), _Turn(self._settle)
        try:
            while True:
                ending = stopping()
                expand.take(again=not ending)
                begun += claim.take(again=not ending and len(self._running) < IN_HAND_MAX)
                settle.take(again=bool(self._settled))
                if self._in_progress or settle.under_way:
                    self._busy_at = monotonic()
                elif ending or monotonic() > until or monotonic() - self._busy_at > LINGER_S:
                    break
                await self._rest()
        finally:
            await asyncio.gather(expand.stop(), claim.stop(), settle.stop(), return_exceptions=True)
        await self._client.delete(keys.wake("deliver"))
        if not stopping():
            begun += await self._expand() + await self._claim()  # what this begins goes on in the next round
        return begun

    async def _expand(self) -> int:
        if self._cursor is None:
            self._cursor = await self._outbox.cursor()
        cursor = self._cursor
        entries = await self._outbox.read(cursor, EXPAND_NOTICES)
        if not entries:
            return 0
        self._busy_at = monotonic()
        await self._refresh()
        notices: list[Notice] = []
        deliveries: list[Delivery] = []
        after = cursor
        for entry_id, notice in entries:
            deliveries += self._made_of(notice)
            notices.append(notice)
            after = entry_id
            if len(deliveries) >= EXPAND_DELIVERIES_MAX:
                break
        wanted = {one.notice_id for one in deliveries}
        kept = [notice for notice in notices if notice.notice_id in wanted]
        made = await self._outbox.expand(cursor, after, kept, deliveries)
        self._cursor = None if made < 0 else after
        self._busy_at = monotonic()
        return len(notices)

    def _made_of(self, notice: Notice) -> list[Delivery]:
        named = self._names.get(notice.room_id or "")
        return [
            Delivery(
                delivery_id=delivery_id(notice.notice_id, known.subscriber_id),
                notice_id=notice.notice_id,
                subscriber_id=known.subscriber_id,
                created_at=notice.at,
                next_attempt_at=notice.at,
            )
            for known in self._subscribers.values()
            if known.enabled and wants(known.wanted, notice, named)
        ]

    async def _refresh(self) -> None:
        version, names = await self._client.mget([keys.SUBSCRIBERS_VERSION, keys.NAMES])
        if self._version == (version, names):
            return
        found = [subscriber_of(raw) for raw in await self._client.hvals(keys.SUBSCRIBERS)]
        self._subscribers = {known.subscriber_id: known for known in found}
        self._names = {known.room_id: known for known in codec.names_of(names).values()} if names else {}
        self._version = (version, names)

    async def _claim(self) -> int:
        room = IN_HAND_MAX - len(self._running)
        if room <= 0:
            return 0
        caps = {who: max(0, self._allowance(who) - count) for who, count in self._in_hand.items()}
        claims, now, _ = await self._deliveries.claim(room, each=IN_FLIGHT_PER_SUBSCRIBER, caps=caps)
        if claims:
            await self._refresh()
        for claim in claims:
            subscriber = self._subscribers.get(claim.delivery.subscriber_id)
            if subscriber is None or not subscriber.enabled:
                self._settled.append(replace(claim.delivery, state=DeliveryState.DEAD, next_attempt_at=None))
                continue
            self._in_hand[subscriber.subscriber_id] += 1
            task = asyncio.create_task(self._attempt(subscriber, claim, now))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(claims)

    def _allowance(self, subscriber_id: str) -> int:
        """How many may be in hand: those in flight, and as many more as it lately took within a second."""
        second = int(monotonic())
        if second != self._second:
            self._second, self._lately, self._finished = second, self._finished, Counter()
        lately = max(self._lately[subscriber_id], self._finished[subscriber_id])
        return IN_FLIGHT_PER_SUBSCRIBER + min(AHEAD_MAX, lately)

    async def _attempt(self, subscriber: Subscriber, claim: Claim, now: int) -> None:
        who, notice = subscriber.subscriber_id, claim.notice
        claimed = began = monotonic()
        try:
            async with self._gate(who):
                began = monotonic()
                at = now + round((began - claimed) * 1000)
                body = body_of(notice_body(notice))
                headers = standard_headers(notice.notice_id, at // 1000, body, subscriber.secrets)
                reply = await self._poster.post(subscriber.url, body, headers)
        except Exception:
            log.exception("an attempt could not be made", delivery=claim.delivery.delivery_id)
            reply = Reply(None, "refused", 0)
        finally:
            self._finished[who] += 1
            self._in_hand[who] -= 1
            if not self._in_hand[who]:
                del self._in_hand[who]
                self._gates.pop(who, None)
        at = now + round((began - claimed) * 1000)
        self._settled.append(after_attempt(claim.delivery, reply, at=at, now=at + reply.duration_ms))
        if reply.status == GONE:
            self._disable(subscriber, "it answered 410 Gone")

    def _gate(self, subscriber_id: str) -> asyncio.Semaphore:
        gate = self._gates.get(subscriber_id)
        if gate is None:
            gate = self._gates[subscriber_id] = asyncio.Semaphore(IN_FLIGHT_PER_SUBSCRIBER)
        return gate

    async def _settle(self) -> int:
        settled, self._settled = self._settled[:SETTLE_MAX], self._settled[SETTLE_MAX:]
        if settled:
            try:
                await self._deliveries.settle(settled)
            except redis.RedisError:
                # The leases bring these back: the same webhook-id goes out once more.
                log.warning("what came of attempts could not be kept", deliveries=len(settled))
                raise
        return len(settled)

    async def _rest(self) -> None:
        if self._in_progress:
            await asyncio.sleep(LOOK_EVERY_S)
            return
        # While this worker is awake no wake-up is needed: the flag says so, and is cleared before the last look.
        await self._client.set(keys.wake("deliver"), "1", px=AWAKE_TTL_MS)
        await self._outbox.read(self._cursor or "0-0", 1, block_ms=REST_MS)


class _Turn:
    """One thing done over and over, at most one at a time, while the loop goes on."""

    def __init__(self, act: Callable[[], Awaitable[int]]) -> None:
        self._act = act
        self._task: asyncio.Task[int] | None = None

    @property
    def under_way(self) -> bool:
        """Whether it is being done now."""
        return self._task is not None

    def take(self, *, again: bool) -> int:
        """What the last time came to, when it is over; begins the next. Raises what it raised."""
        count = 0
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            count = task.result()
        if self._task is None and again:
            self._task = asyncio.ensure_future(self._act())
        return count

    async def stop(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            task, self._task = self._task, None
            await task


def after_attempt(one: Delivery, reply: Reply, *, at: int, now: int) -> Delivery:
    """The delivery after an attempt: delivered, to be tried again, or dead."""
    attempt = Attempt(
        at=at, status=reply.status, error=reply.error, duration_ms=reply.duration_ms, response=reply.response
    )
    attempts = (*one.attempts, attempt)
    if reply.error is None:
        return replace(one, state=DeliveryState.DELIVERED, attempts=attempts, next_attempt_at=None)
    due = None
    if reply.status != GONE:
        due = next_attempt(
            one.delivery_id,
            len(attempts),
            now=now,
            slow_down=reply.status == TOO_MANY or reply.error == "timeout",
            retry_after_ms=reply.retry_after_ms,
        )
    state = DeliveryState.DEAD if due is None else DeliveryState.PENDING
    return replace(one, state=state, attempts=attempts, next_attempt_at=due)


def disabler(client: Client, wake: Wake) -> Disable:
    """Disables a subscriber in the store, and journals it so that others are told."""
    subscribers, journal = Subscribers(client), Journal(client)

    def disable(subscriber: Subscriber, reason: str) -> None:
        known = subscribers.get(subscriber.subscriber_id)
        if known is None or not known.enabled:
            return
        subscribers.put(replace(known, enabled=False, disabled_because=reason))
        told = {"subscriber_id": known.subscriber_id, "reason": f"{known.name or known.subscriber_id}: {reason}"}
        _, woken = journal.append([entry(Source.SYSTEM, "subscriber-disabled", None, told)])
        if woken:
            wake.wake("process")

    return disable
