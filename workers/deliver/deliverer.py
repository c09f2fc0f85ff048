"""The deliver hand: expands the outbox to subscribers and sends what is due, many at once on one event loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from logging import DEBUG
from time import monotonic, time

from webhook_app.access.encryption import SecretBox
from webhook_app.domain.delivery.breaker import failure_score
from webhook_app.domain.delivery.connectivity import ConnectivityMonitor, shows_connectivity
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState
from webhook_app.domain.notices.notice import RECOVER, Notice, family, notice_body
from webhook_app.ops.logs import logger
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.outbox import ExpandResult, Expansion, Outbox, OutboxEntry
from webhook_app.store.deliveries.queue import PARK_MS, AttemptStats, ClaimedDelivery, Deliveries, Version
from webhook_app.store.operations.metrics import NOTICE_TO_DELIVERED, MetricsBuffer
from webhook_app.text.masked_excerpt import masked_excerpt
from workers.channels.apprise import AppriseChannel
from workers.channels.port import AttemptResult, ChannelBusyError
from workers.channels.webhook import WebhookChannel, encode_body, signed_headers
from workers.deliver.dispatcher import Dispatcher, LeasedDelivery, SubscriberQueue
from workers.deliver.escalations import Escalations
from workers.deliver.recovery import RecoveryRunner, initial_recovery
from workers.deliver.subscriber_cache import SubscriberCache
from workers.deliver.transitions import GONE, after_attempt, new_delivery, unsent

CLAIM_GOOD = 8
CLAIM_MAX = 128
EXPAND_NOTICES = 200
EXPAND_DELIVERIES_MAX = 2_000
EXPAND_SPELL_S = 0.02  # as long as the event loop can be kept from everything else
NEWS_MAX = 64  # so few deliveries are news: the store is theirs for the moment they take
PRESSURE_MAX_S = 0.25
PRESSURE_LOOK_S = 0.005
REST_MS = 100
SETTLE_MAX = 128
DISCARD_AT_ONCE = 128
SETTLE_GATHER_S = 0.006
LINGER_S = 0.25
LOOK_EVERY_S = 0.02
JOB_MAX_S = 60.0
AWAKE_TTL_MS = 1_000
AWAKE_EVERY_S = 0.4
GAVE_UP = "it has not answered for five days"

log = logger()


class Deliverer:
    """One event loop's worth of delivering. Lives as long as its process; each wake-up runs it until it is quiet.

    Four hands work side by side and wait for the store on their own: one expands, one claims, one settles, one
    recovers what was missed. A slow disk or a slow endpoint holds up none of the others.
    """

    def __init__(
        self,
        client: Client,
        webhook_channel: WebhookChannel,
        apprise_channel: AppriseChannel,
        *,
        seal: SecretBox,
        retention_s: int,
        reports: Escalations,
        observing: bool = False,
    ) -> None:
        self._client = client
        self._poster = webhook_channel
        self._speaker = apprise_channel
        self._reports = reports
        self._observing = observing
        self._caught_up = False
        self._outbox = Outbox(client)
        self._deliveries = Deliveries(client, retention_s=retention_s)
        self._recovering = RecoveryRunner(client, self._outbox, self._deliveries)
        self._dispatcher = Dispatcher(self._send, give_back=self._let_go)
        self._subscriber_cache = SubscriberCache(client, seal)
        self._connectivity = ConnectivityMonitor()
        self._measures = MetricsBuffer()
        self._cut_off: bool | None = None
        self._settled: list[Delivery] = []
        self._lags_ms: list[int] = []
        self._tallies: dict[str, AttemptStats] = {}
        self._cursor: str | None = None
        self._begun = 0
        self._busy_at = self._awake_at = 0.0
        self._stopping: Callable[[], bool] = lambda: False
        self._ending = self._soon = False
        self._calm = asyncio.Event()
        self._calm.set()
        self._to_claim = asyncio.Event()
        self._to_settle = asyncio.Event()
        self._to_recover = asyncio.Event()

    async def run(self, *, stopping: Callable[[], bool] = lambda: False, at_most_s: float = JOB_MAX_S) -> int:
        """Expand and send until nothing is due for a moment. Returns how many attempts were begun.

        The time only runs out when nothing is in progress: one endpoint that hangs must not hold up the others.
        """
        self._stopping, begun, until = stopping, self._begun, monotonic() + at_most_s
        self._cursor, self._busy_at = None, monotonic()
        if self._observing:
            await self._discard_until_quiet(stopping)
            return 0
        if not self._caught_up:
            # What fell due while this copy only observed is not sent now that it acts.
            if await self._client.exists(keys.OBSERVED):
                await self._discard_due()
                await self._client.delete(keys.OBSERVED)  # only now: a process that dies meanwhile begins anew
            self._caught_up = True
        self._to_recover.set()
        while True:
            await self._client.delete(keys.wake("deliver"))
            await self._work(until)
            await self._client.delete(keys.wake("deliver"))
            if stopping() or monotonic() > until or not await self._any_more():
                await self._finish()
                return self._begun - begun

    async def _discard_until_quiet(self, stopping: Callable[[], bool]) -> None:
        """Expand notices and settle every due delivery as dead, unsent, until there are no more of either."""
        await self._client.set(keys.OBSERVED, "1")
        more = True
        while more and not stopping():
            await self._client.delete(keys.wake("deliver"))
            expanded = await self._expand(None)
            more = bool(await self._discard_due() or expanded)

    async def _discard_due(self) -> int:
        """Settle what is due now as dead, unsent. Returns how many there were."""
        count = 0
        while due := await self._deliveries.due(DISCARD_AT_ONCE):
            await self._deliveries.settle([unsent(delivery) for delivery in due], {})
            count += len(due)
        return count

    async def _work(self, until: float) -> None:
        """All hands, until it has been quiet for a moment; raises what a hand raised, when all have come to rest."""
        self._ending, self._busy_at = False, monotonic()
        free_slots = [
            asyncio.create_task(hand()) for hand in (self._expanding, self._claiming, self._settling, self._recover)
        ]
        try:
            while not self._quiet(until):
                done, _ = await asyncio.wait(free_slots, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    break
        finally:
            self._ending = True
            for event in (self._to_claim, self._to_settle, self._to_recover):
                event.set()
            if self._stopping() or any(hand.done() for hand in free_slots):
                self._dispatcher.release_all()
                await self._dispatcher.drain()
            await asyncio.gather(*free_slots, return_exceptions=True)
        for hand in free_slots:
            hand.result()

    def _quiet(self, until: float) -> bool:
        if self._stopping():
            return True
        now = monotonic()
        if self._dispatcher.in_progress or self._settled:
            self._busy_at = now
            return False
        return now > until or now - self._busy_at > LINGER_S

    async def _any_more(self) -> bool:
        """The last look: whether anything is to be told now, or as soon as what is parked comes back.

        What the hands began while they came to rest is settled first, as that may make something else due.
        """
        if self._dispatcher.in_progress:
            return True
        await self._settle_all()
        if await self._expand(None):
            return True
        await self._claim()
        return self._soon or self._dispatcher.in_progress

    async def _finish(self) -> None:
        await self._dispatcher.drain()
        await self._settle_all()

    async def _settle_all(self) -> None:
        while self._settled or self._tallies:
            await self._settle()
        await self._measures.flush_async(self._client, every_s=0)

    async def _expanding(self) -> None:
        while not self._ending:
            await self._stay_awake()
            await self._expand(REST_MS)

    async def _expand(self, block_ms: int | None) -> int:
        if self._cursor is None:
            self._cursor = await self._outbox.cursor()
        cursor = self._cursor
        told, version = await self._outbox.read(cursor, EXPAND_NOTICES, block_ms=block_ms)
        if not told:
            if cursor != (now_at := await self._outbox.cursor()):
                self._cursor = now_at
            return 0
        self._busy_at = monotonic()
        await self._refresh(version)
        taken, deliveries, notices = self._made_of(told)
        wanted = {one.subscriber_id for one in deliveries}
        lines = {name: self._dispatcher.of(self._subscriber_cache.subscribers[name]) for name in wanted}
        recoveries = {one.notice.notice_id: initial_recovery(one) for one in taken if one.notice.type == RECOVER}
        for piece, after in self._in_pieces(deliveries, lines, cursor, taken[-1].entry):
            of_it = {one.subscriber_id for one in piece}
            what = Expansion(
                before=cursor,
                after=after,
                latest=_latest(taken),
                recoveries=recoveries,
                free_slots={name: self._hands_for(lines[name]) for name in of_it},
                deliveries=piece,
            )
            if len(piece) <= NEWS_MAX:
                self._calm.clear()
            try:
                made = await self._outbox.expand(what)
            finally:
                self._calm.set()
            if made is None:
                self._cursor = None
                return len(taken)
            self._take_leased(piece, made, notices, lines)
        self._cursor = taken[-1].entry
        if recoveries:
            self._to_recover.set()
        if len(told) == EXPAND_NOTICES:
            await self._ease(wanted)
        return len(taken)

    def _in_pieces(
        self, deliveries: list[Delivery], lines: Mapping[str, SubscriberQueue], before: str, after: str
    ) -> list[tuple[list[Delivery], str]]:
        """The deliveries as they are made, each piece with the cursor after it.

        A few whose endpoints answer do not wait for many whose do not: they come first, and the cursor stays. Should
        this process die in between, what is there already is not made twice.
        """
        if len(deliveries) > NEWS_MAX:
            answering = [one for one in deliveries if lines[one.subscriber_id].concurrency.healthy]
            if 0 < len(answering) <= len(deliveries) // 4:
                rest = [one for one in deliveries if not lines[one.subscriber_id].concurrency.healthy]
                return [(answering, before), (rest, after)]
        return [(deliveries, after)]

    def _hands_for(self, line: SubscriberQueue) -> int:
        if line.subscriber.rate_limit is not None or self._observing:
            return 0
        return self._dispatcher.free_slots(line) or -1

    def _made_of(self, told: Sequence[OutboxEntry]) -> tuple[list[OutboxEntry], list[Delivery], dict[str, Notice]]:
        """The part of these entries that is expanded at once, its deliveries, and the notices by id."""
        taken: list[OutboxEntry] = []
        deliveries: list[Delivery] = []
        until = monotonic() + EXPAND_SPELL_S
        for one in told:
            deliveries += self._of_notice(one)
            taken.append(one)
            if len(deliveries) >= EXPAND_DELIVERIES_MAX or monotonic() > until:
                break
        return taken, deliveries, {one.notice.notice_id: one.notice for one in taken}

    def _of_notice(self, told: OutboxEntry) -> list[Delivery]:
        if told.notice.observed and not self._observing:
            return []
        return [new_delivery(subscriber, told) for subscriber in self._subscriber_cache.interested(told.notice)]

    def _take_leased(
        self,
        deliveries: Sequence[Delivery],
        made: Sequence[ExpandResult],
        notices: Mapping[str, Notice],
        lines: dict[str, SubscriberQueue],
    ) -> None:
        """What the expanding has put in our hands is sent without being claimed, each notice written out once."""
        bodies: dict[str, bytes] = {}
        left: set[str] = set()
        for one, outcome in zip(deliveries, made, strict=True):
            line = lines[one.subscriber_id]
            if outcome is ExpandResult.LEASED:
                notice = notices[one.notice_id]
                body = bodies.get(one.notice_id)
                if body is None:
                    body = bodies[one.notice_id] = encode_body(notice_body(notice))
                self._dispatcher.take(line, LeasedDelivery(ClaimedDelivery(one, notice), monotonic(), body))
            elif outcome is ExpandResult.WAITING:
                line.count_arrival()
                left.add(one.subscriber_id)
        if left:
            self._dispatcher.update_backlog(left)
            self._to_claim.set()

    async def _ease(self, names: set[str]) -> None:
        """When the outbox is long, those that answer are kept up with before more is expanded."""
        until = monotonic() + PRESSURE_MAX_S
        while self._dispatcher.is_behind(names) and monotonic() < until and not self._ending:
            await asyncio.sleep(PRESSURE_LOOK_S)

    async def _refresh(self, version: Version | None = None) -> None:
        if await self._subscriber_cache.refresh(version):
            self._dispatcher.update_subscribers(self._subscriber_cache.subscribers)

    async def _claiming(self) -> None:
        while not self._ending:
            self._to_claim.clear()
            await self._calm.wait()
            wait = await self._claim()
            if wait and not self._ending:
                try:
                    async with asyncio.timeout(wait):
                        await self._to_claim.wait()
                except TimeoutError:
                    pass

    async def _claim(self) -> float:
        """Take what is due; returns how many seconds to rest, at most."""
        room = min(CLAIM_MAX, self._dispatcher.room)
        if room <= 0:
            return LOOK_EVERY_S
        bad, (wanting, caps) = self._dispatcher.new_bound(), self._dispatcher.claim_limits()
        found = await self._deliveries.claim(room, good=max(bad, CLAIM_GOOD), bad=bad, wanting=wanting, caps=caps)
        if found.claims:
            await self._refresh(found.version)
        self._soon = found.wait_ms is not None and found.wait_ms <= PARK_MS
        if found.claims or self._soon:
            self._busy_at = monotonic()
        await self._take(found.claims)
        for name in found.more:
            if name in self._subscriber_cache.subscribers:
                self._dispatcher.of(self._subscriber_cache.subscribers[name])
        self._dispatcher.update_backlog(found.more, no_more=wanting)
        if found.claims:
            return 0.0
        return REST_MS / 1000 if found.wait_ms is None else min(REST_MS, max(1, found.wait_ms)) / 1000

    async def _take(self, claims: Sequence[ClaimedDelivery]) -> None:
        again = [claim for claim in claims if claim.notice and (claim.delivery.tries or claim.delivery.again)]
        newest = await self._outbox.latest([_subject(claim.notice) for claim in again if claim.notice])
        overtaken = {
            claim.delivery.delivery_id
            for claim, latest in zip(again, newest, strict=True)
            if latest is not None and claim.notice and latest > (claim.notice.data.get("sequence") or latest)
        }
        for claim in claims:
            subscriber = self._subscriber_cache.subscribers.get(claim.delivery.subscriber_id)
            if subscriber is None or not subscriber.enabled or claim.notice is None:
                self._settle_soon(replace(claim.delivery, state=DeliveryState.DEAD, next_attempt_at=None))
                continue
            content, stale = notice_body(claim.notice), claim.delivery.delivery_id in overtaken
            if stale:
                content |= {"stale": True}
            self._dispatcher.take(
                self._dispatcher.of(subscriber), LeasedDelivery(claim, monotonic(), encode_body(content), stale)
            )

    async def _send(self, line: SubscriberQueue, one: LeasedDelivery) -> str | None:
        """One attempt; never raises."""
        subscriber, delivery, notice = line.subscriber, one.claim.delivery, one.claim.notice
        assert notice is not None
        self._begun += 1
        at = int(time() * 1000)
        try:
            if subscriber.uses_webhooks:
                headers = signed_headers(notice.notice_id, at // 1000, one.body, subscriber.secrets(at))
                reply = await self._poster.post(subscriber.url, one.body, headers)
            else:
                named = self._subscriber_cache.rooms.named(notice.room_id or "")
                reply = await self._speaker.tell(subscriber, notice, named, stale=one.stale)
        except ChannelBusyError:
            self._let_go(delivery)
            return "refused"
        except Exception:
            log.exception("an attempt could not be made", delivery=delivery.delivery_id)
            reply = AttemptResult(None, "refused", 0, sent=False)
        self._note(line, delivery, reply, at)
        return reply.error

    def _note(self, line: SubscriberQueue, delivery: Delivery, reply: AttemptResult, at: int) -> None:
        now, name = at + reply.duration_ms, delivery.subscriber_id
        if reply.response:  # an endpoint may quote the path that it was asked for, and everybody who may look sees it
            reply = replace(reply, response=masked_excerpt(reply.response, line.subscriber.url))
        if not reply.sent:
            self._settle_soon(after_attempt(delivery, reply, at=at, now=now))
            return
        cut_off = self._connectivity.record(line.host, reply.error, now)
        if (cut_off or shows_connectivity(reply.error)) and cut_off != self._cut_off:
            if self._cut_off is None and not cut_off:
                self._reports.heard()
            else:
                self._reports.cut_off(cut_off)
            self._cut_off = cut_off
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = AttemptStats()
        if reply.error is None:
            tally.answered += 1
            lag_ms = max(0, now - delivery.created_at)
            tally.lag_ms += lag_ms
            self._lags_ms.append(lag_ms)
        else:
            tally.failed += 1
            tally.failure_score += 0 if cut_off or reply.status == GONE else failure_score(reply.error)
            tally.error = reply.error if reply.status is None else f"{reply.error} {reply.status}"
        self._settle_soon(after_attempt(delivery, reply, at=at, now=now))
        if reply.status == GONE:
            self._reports.disable(name, "it answered 410 Gone")

    def _let_go(self, one: Delivery) -> None:
        """Give a claim back, as due as it was."""
        self._settle_soon(replace(one, next_attempt_at=int(time() * 1000)))

    def _settle_soon(self, one: Delivery) -> None:
        self._settled.append(one)
        self._to_settle.set()

    async def _settling(self) -> None:
        while not self._ending or self._settled:
            if not self._settled:
                self._to_settle.clear()
                await self._to_settle.wait()
            if len(self._settled) < SETTLE_MAX and not self._ending:
                await asyncio.sleep(SETTLE_GATHER_S)
            await self._calm.wait()
            await self._settle()

    async def _settle(self) -> None:
        settled, self._settled = self._settled[:SETTLE_MAX], self._settled[SETTLE_MAX:]
        tallies, self._tallies = self._tallies, {}
        lags_ms, self._lags_ms = self._lags_ms, []
        self._measures.observe_many(NOTICE_TO_DELIVERED, lags_ms)
        try:
            failing = await self._deliveries.settle(settled, tallies)
        except BaseException:
            # Kept for the next time; what a lease brings back meanwhile goes out once more under the same webhook-id.
            self._settled = settled + self._settled
            self._tallies = tallies | self._tallies
            raise
        await self._measures.flush_async(self._client)
        self._busy_at = monotonic()
        _log(settled)
        if any(one.queue for one in settled) or self._dispatcher.wants({one.subscriber_id for one in settled}):
            self._to_claim.set()  # settling has brought these back from where they were parked
        self._dispatcher.release_subscribers(failing.opened)
        for name in failing.gone:
            known = self._subscriber_cache.subscribers.get(name)
            if known is not None and known.enabled:
                self._reports.disable(name, GAVE_UP)

    async def _recover(self) -> None:
        await self._to_recover.wait()
        while not self._ending:
            self._to_recover.clear()
            await self._refresh()
            if await self._recovering.once(self._subscriber_cache.subscribers, self._subscriber_cache.rooms):
                self._busy_at = monotonic()
                self._to_claim.set()
            elif not self._ending:
                await self._to_recover.wait()

    async def _stay_awake(self) -> None:
        # While this worker is awake no wake-up is needed: the flag says so, and is cleared before the last look.
        if monotonic() - self._awake_at > AWAKE_EVERY_S:
            await self._client.set(keys.wake("deliver"), "1", px=AWAKE_TTL_MS)
            self._awake_at = monotonic()


def _log(settled: Sequence[Delivery]) -> None:
    debug = log.is_enabled_for(DEBUG)
    for one in settled:
        if one.state is DeliveryState.DELIVERED and not debug:
            continue
        about = {"delivery": one.delivery_id, "notice": one.notice_id, "subscriber": one.subscriber_id}
        if one.state is DeliveryState.DEAD:
            log.info("a delivery is dead", attempts=len(one.attempts), **about)
        elif debug:
            log.debug("attempted", state=one.state.value, attempts=len(one.attempts), **about)


def _subject(notice: Notice) -> str:
    return f"{notice.room_id or ''}|{family(notice.type)}"


def _latest(told: Sequence[OutboxEntry]) -> dict[str, int]:
    found = {}
    for one in told:
        sequence = one.notice.data.get("sequence")
        if one.notice.room_id is not None and isinstance(sequence, int):
            found[_subject(one.notice)] = sequence
    return found
