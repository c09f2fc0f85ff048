"""Lines: for each subscriber what is in our hands, how much of it may be in flight, and the lanes that send it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from urllib.parse import urlsplit

from webhook_app.domain.delivery.concurrency import INITIAL_LIMIT, ConcurrencyLimit
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.store.deliveries.queue import LEASE_MS, ClaimedDelivery

IN_FLIGHT_TOTAL_MAX = 2_048
UNHEALTHY_IN_FLIGHT_MAX = 1_024
AHEAD_MAX = 480
BACKLOG_RATE_PER_S = 500  # spread out, so that nobody else's notice waits behind a burst
BACKLOG_AHEAD_MAX = 8
BACKLOG_THROTTLE_S = 5.0
FRESH_WITHIN_S = 1.0
SENT_WITHIN_S = LEASE_MS / 1000 - 18.0  # an attempt takes 15 s at most, then its outcome is to be written


@dataclass(slots=True)
class LeasedDelivery:
    """A claim, when it came, the body to send, and whether newer news has overtaken it."""

    claim: ClaimedDelivery
    taken_at: float
    body: bytes
    stale: bool = False


@dataclass(slots=True)
class SubscriberQueue:
    """One subscriber's."""

    subscriber: Subscriber
    concurrency: ConcurrencyLimit = field(default_factory=ConcurrencyLimit)
    waiting: deque[LeasedDelivery] = field(default_factory=deque)
    in_flight: int = 0
    hungry: bool = False
    second: int = 0
    finished: int = 0
    lately: int = 0
    arrived: int = 0
    arriving: int = 0
    next_at: float = 0.0
    host: str = ""
    late: bool = False

    def __post_init__(self) -> None:
        self.point_at(self.subscriber)

    def point_at(self, subscriber: Subscriber) -> None:
        """Go on with the subscriber as it is now."""
        self.subscriber = subscriber
        self.host = urlsplit(subscriber.url).hostname or subscriber.url

    @property
    def limit(self) -> int:
        """How many may be in flight."""
        return min(self.concurrency.limit, self.subscriber.max_in_flight)

    @property
    def free_slots(self) -> int:
        """How many more may be taken: what may be in flight, and as many ahead as it lately took within a second."""
        self._turn_second()
        ahead = min(AHEAD_MAX, max(self.lately, self.finished)) if self.concurrency.healthy else 0
        return max(0, self.limit + ahead - self.in_flight - len(self.waiting))

    def finish(self) -> None:
        """One attempt is over."""
        self._turn_second()
        self.finished += 1

    def count_arrival(self) -> None:
        """One more is left in the store, as this line is behind."""
        self._turn_second()
        self.arrived += 1

    @property
    def backlog_rate_per_s(self) -> float:
        """How many a second are sent while it goes gently: always more than arrive, or it would never catch up."""
        self._turn_second()
        return BACKLOG_RATE_PER_S + 2 * max(self.arriving, self.arrived)

    def _turn_second(self) -> None:
        now = int(monotonic())
        if now != self.second:
            followed = now == self.second + 1
            self.lately, self.arriving = (self.finished, self.arrived) if followed else (0, 0)
            self.second, self.finished, self.arrived = now, 0, 0


Send = Callable[[SubscriberQueue, LeasedDelivery], Awaitable[str | None]]


class Dispatcher:
    """All lines of a process. `send` makes one attempt and says how it failed, or None; it never raises."""

    def __init__(self, send: Send, *, give_back: Callable[[Delivery], None]) -> None:
        self._send = send
        self._let_go = give_back
        self._lines: dict[str, SubscriberQueue] = {}
        self._busy: dict[str, SubscriberQueue] = {}
        self._more: dict[str, SubscriberQueue] = {}
        self._hungry: dict[bool, deque[SubscriberQueue]] = {True: deque(), False: deque()}  # by whether it is proven
        self._fresh = self._fresh_before = ("", float("-inf"))
        self._flights = 0
        self._unproven = 0
        self._senders: set[asyncio.Task[None]] = set()

    @property
    def in_progress(self) -> bool:
        """Whether anything is in our hands."""
        return bool(self._senders or self._busy)

    async def drain(self) -> None:
        """Wait until nothing is in flight."""
        while self._senders:
            await asyncio.wait(self._senders)

    @property
    def room(self) -> int:
        """How many may still be in flight."""
        return IN_FLIGHT_TOTAL_MAX - self._flights

    @property
    def room_for_unproven(self) -> int:
        """How many of those may go to endpoints that have not answered lately."""
        return min(self.room, UNHEALTHY_IN_FLIGHT_MAX - self._unproven)

    def of(self, subscriber: Subscriber) -> SubscriberQueue:
        """The line of a subscriber as it is now."""
        line = self._lines.get(subscriber.subscriber_id)
        if line is None:
            line = self._lines[subscriber.subscriber_id] = SubscriberQueue(subscriber)
        elif line.subscriber is not subscriber:
            if line.subscriber.url != subscriber.url:
                line.concurrency = ConcurrencyLimit()
            line.point_at(subscriber)
        return line

    def update_subscribers(self, subscribers: Mapping[str, Subscriber]) -> None:
        """Go on with the subscribers as they are now. What waits for one that is gone or disabled is given back; what
        is in flight ends by itself."""
        for name, line in list(self._lines.items()):
            now = subscribers.get(name)
            if now is not None:
                self.of(now)
            if now is None or not now.enabled:
                self.release(line)
            if now is None and not line.in_flight:
                self._more.pop(name, None)
                del self._lines[name]

    def free_slots(self, line: SubscriberQueue) -> int:
        """How many of a subscriber's may be taken now."""
        free_slots = min(line.free_slots, self.room if line.concurrency.healthy else max(0, self.room_for_unproven))
        if not self._is_throttled(line):
            return free_slots
        free = BACKLOG_AHEAD_MAX - len(line.waiting)
        return min(free_slots, free) if free >= BACKLOG_AHEAD_MAX // 2 else 0

    def claim_limits(self) -> tuple[dict[str, int], dict[str, int]]:
        """The same for those that more is due for and that have hands free, and for the others that are busy."""
        wanting = {name: free_slots for name, line in self._more.items() if (free_slots := self.free_slots(line)) > 0}
        return wanting, {name: self.free_slots(line) for name, line in self._busy.items() if name not in wanting}

    def update_backlog(self, more: Iterable[str], no_more: Iterable[str] = ()) -> None:
        """Which have more that is due, in the store, and which that was thought of have none."""
        for name in no_more:
            self._more.pop(name, None)
        for name in more:
            if name in self._lines:
                self._more[name] = self._lines[name]

    def wants(self, names: Iterable[str]) -> bool:
        """Whether any of these has hands free, and more is due for it as far as we know."""
        return any(self.free_slots(self._more[name]) > 0 for name in names if name in self._more)

    def is_behind(self, names: Iterable[str]) -> bool:
        """Whether any of these answers, and has more than it has hands for."""
        lines = [self._lines[name] for name in names if name in self._lines]
        return any(
            line.concurrency.healthy
            and (line.subscriber.subscriber_id in self._more or len(line.waiting) > 8 * line.limit)
            for line in lines
        )

    def new_bound(self) -> int:
        """How many may be taken of one that nothing is in our hands of."""
        return INITIAL_LIMIT if self.room_for_unproven > 0 else 0

    def take(self, line: SubscriberQueue, one: LeasedDelivery) -> None:
        """Put a claim in its line, and send it when there is room."""
        name = line.subscriber.subscriber_id
        self._busy[name] = line
        line.late = time() - one.claim.delivery.created_at / 1000 > FRESH_WITHIN_S
        if not line.late and name not in self._more:
            if name != self._fresh[0]:
                self._fresh_before = self._fresh
            self._fresh = (name, monotonic())
        line.waiting.append(one)
        self._pump(line)

    def release(self, line: SubscriberQueue) -> None:
        """Give back what waits in a line."""
        while line.waiting:
            self._let_go(line.waiting.popleft().claim.delivery)
        self._settle_busy(line)

    def release_subscribers(self, names: Iterable[str]) -> None:
        """Give back what waits for these: they are left alone now."""
        for name in names:
            if name in self._busy:
                self.release(self._busy[name])

    def release_all(self) -> None:
        """Give back whatever has not been sent."""
        for line in list(self._busy.values()):
            self.release(line)

    def _is_throttled(self, line: SubscriberQueue) -> bool:
        """Whether a line that is behind should take its time, because somebody else is being told news."""
        if not line.late or line.subscriber.subscriber_id not in self._more:
            return False
        name, at = self._fresh
        if name == line.subscriber.subscriber_id:
            _, at = self._fresh_before
        return monotonic() - at < BACKLOG_THROTTLE_S

    def _pump(self, line: SubscriberQueue) -> None:
        while (one := self._next(line)) is not None:
            lane = asyncio.create_task(self._lane(line, one, healthy=line.concurrency.healthy))
            self._senders.add(lane)
            lane.add_done_callback(self._senders.discard)
        if line.waiting and line.in_flight < line.limit and not line.hungry:
            line.hungry = True  # there is no room for it to fly
            self._hungry[line.concurrency.healthy].append(line)

    def _may_fly(self, *, healthy: bool) -> bool:
        return self._flights < IN_FLIGHT_TOTAL_MAX and (healthy or self._unproven < UNHEALTHY_IN_FLIGHT_MAX)

    def _took_off(self, line: SubscriberQueue) -> None:
        line.in_flight += 1
        self._flights += 1
        if not line.concurrency.healthy:
            self._unproven += 1

    def _landed(self, line: SubscriberQueue, *, healthy: bool) -> None:
        line.in_flight -= 1
        self._flights -= 1
        if not healthy:
            self._unproven -= 1

    async def _lane(self, line: SubscriberQueue, one: LeasedDelivery | None, *, healthy: bool) -> None:
        """Send one after the other, as long as the line has some and may have this many in flight."""
        while one is not None:
            try:
                if self._is_throttled(line):
                    await _turn(line)
                error = await self._send(line, one)
            except BaseException:
                self._landed(line, healthy=healthy)
                self._settle_busy(line)
                raise
            self._landed(line, healthy=healthy)
            line.finish()
            line.concurrency = line.concurrency.after(error, at_most=line.subscriber.max_in_flight)
            if error == "timeout":
                self.release(line)
            one, healthy = self._next(line), line.concurrency.healthy
            if line.waiting and line.in_flight < line.limit:
                self._pump(line)  # its bound has grown
        self._settle_busy(line)
        self._pump(line)
        for healthy, hungry in self._hungry.items():
            while hungry and self._may_fly(healthy=healthy):
                next_one = hungry.popleft()
                next_one.hungry = False
                self._pump(next_one)

    def _next(self, line: SubscriberQueue) -> LeasedDelivery | None:
        """The next that may be sent now, taken off; what has waited too long to be sent in time is given back."""
        while line.waiting and line.in_flight < line.limit and self._may_fly(healthy=line.concurrency.healthy):
            one = line.waiting.popleft()
            if monotonic() - one.taken_at <= SENT_WITHIN_S:
                self._took_off(line)
                return one
            self._let_go(one.claim.delivery)
        return None

    def _settle_busy(self, line: SubscriberQueue) -> None:
        if not line.in_flight and not line.waiting:
            self._busy.pop(line.subscriber.subscriber_id, None)


async def _turn(line: SubscriberQueue) -> None:
    """Wait until it is this line's turn again."""
    now = monotonic()
    line.next_at = max(now, line.next_at + 1 / line.backlog_rate_per_s)
    if line.next_at > now:
        await asyncio.sleep(line.next_at - now)
