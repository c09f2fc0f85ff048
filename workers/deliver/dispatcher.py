"""Lines: for each subscriber what is in our hands, how much of it may be in flight, and the lanes that send it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from urllib.parse import urlsplit

from webhook_app.domain.delivery.concurrency import FIRST_BOUND, Pace
from webhook_app.domain.delivery.delivery import Delivery, Subscriber
from webhook_app.store.deliveries import LEASE_MS, Claim

FLIGHTS_MAX = 2_048
UNPROVEN_FLIGHTS_MAX = 1_024
AHEAD_MAX = 480
GENTLE_PER_S = 500  # spread out, so that nobody else's notice waits behind a burst
GENTLE_AHEAD = 8
GENTLE_FOR_S = 5.0
FRESH_S = 1.0
SENT_WITHIN_S = LEASE_MS / 1000 - 18.0  # an attempt takes 15 s at most, then its outcome is to be written


@dataclass(slots=True)
class InHand:
    """A claim, when it came, the body to send, and whether newer news has overtaken it."""

    claim: Claim
    taken_at: float
    body: bytes
    stale: bool = False


@dataclass(slots=True)
class Line:
    """One subscriber's."""

    subscriber: Subscriber
    pace: Pace = field(default_factory=Pace)
    waiting: deque[InHand] = field(default_factory=deque)
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
    def bound(self) -> int:
        """How many may be in flight."""
        return min(self.pace.bound, self.subscriber.max_in_flight)

    @property
    def hands(self) -> int:
        """How many more may be taken: what may be in flight, and as many ahead as it lately took within a second."""
        self._turn_second()
        ahead = min(AHEAD_MAX, max(self.lately, self.finished)) if self.pace.proven else 0
        return max(0, self.bound + ahead - self.in_flight - len(self.waiting))

    def finish(self) -> None:
        """One attempt is over."""
        self._turn_second()
        self.finished += 1

    def arrive(self) -> None:
        """One more is left in the store, as this line is behind."""
        self._turn_second()
        self.arrived += 1

    @property
    def gentle_per_s(self) -> float:
        """How many a second are sent while it goes gently: always more than arrive, or it would never catch up."""
        self._turn_second()
        return GENTLE_PER_S + 2 * max(self.arriving, self.arrived)

    def _turn_second(self) -> None:
        now = int(monotonic())
        if now != self.second:
            followed = now == self.second + 1
            self.lately, self.arriving = (self.finished, self.arrived) if followed else (0, 0)
            self.second, self.finished, self.arrived = now, 0, 0


Send = Callable[[Line, InHand], Awaitable[str | None]]


class Lines:
    """All lines of a process. `send` makes one attempt and says how it failed, or None; it never raises."""

    def __init__(self, send: Send, *, let_go: Callable[[Delivery], None]) -> None:
        self._send = send
        self._let_go = let_go
        self._lines: dict[str, Line] = {}
        self._busy: dict[str, Line] = {}
        self._more: dict[str, Line] = {}
        self._hungry: dict[bool, deque[Line]] = {True: deque(), False: deque()}  # by whether it is proven
        self._fresh = self._fresh_before = ("", float("-inf"))
        self._flights = 0
        self._unproven = 0
        self._lanes: set[asyncio.Task[None]] = set()

    @property
    def in_progress(self) -> bool:
        """Whether anything is in our hands."""
        return bool(self._lanes or self._busy)

    async def landed(self) -> None:
        """Wait until nothing is in flight."""
        while self._lanes:
            await asyncio.wait(self._lanes)

    @property
    def room(self) -> int:
        """How many may still be in flight."""
        return FLIGHTS_MAX - self._flights

    @property
    def room_for_unproven(self) -> int:
        """How many of those may go to endpoints that have not answered lately."""
        return min(self.room, UNPROVEN_FLIGHTS_MAX - self._unproven)

    def of(self, subscriber: Subscriber) -> Line:
        """The line of a subscriber as it is now."""
        line = self._lines.get(subscriber.subscriber_id)
        if line is None:
            line = self._lines[subscriber.subscriber_id] = Line(subscriber)
        elif line.subscriber is not subscriber:
            if line.subscriber.url != subscriber.url:
                line.pace = Pace()
            line.point_at(subscriber)
        return line

    def follow(self, subscribers: Mapping[str, Subscriber]) -> None:
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

    def hands(self, line: Line) -> int:
        """How many of a subscriber's may be taken now."""
        hands = min(line.hands, self.room if line.pace.proven else max(0, self.room_for_unproven))
        if not self._gently(line):
            return hands
        free = GENTLE_AHEAD - len(line.waiting)
        return min(hands, free) if free >= GENTLE_AHEAD // 2 else 0

    def asking(self) -> tuple[dict[str, int], dict[str, int]]:
        """The same for those that more is due for and that have hands free, and for the others that are busy."""
        wanting = {name: hands for name, line in self._more.items() if (hands := self.hands(line)) > 0}
        return wanting, {name: self.hands(line) for name, line in self._busy.items() if name not in wanting}

    def hear_more(self, more: Iterable[str], no_more: Iterable[str] = ()) -> None:
        """Which have more that is due, in the store, and which that was thought of have none."""
        for name in no_more:
            self._more.pop(name, None)
        for name in more:
            if name in self._lines:
                self._more[name] = self._lines[name]

    def wants(self, names: Iterable[str]) -> bool:
        """Whether any of these has hands free, and more is due for it as far as we know."""
        return any(self.hands(self._more[name]) > 0 for name in names if name in self._more)

    def behind(self, names: Iterable[str]) -> bool:
        """Whether any of these answers, and has more than it has hands for."""
        lines = [self._lines[name] for name in names if name in self._lines]
        return any(
            line.pace.proven and (line.subscriber.subscriber_id in self._more or len(line.waiting) > 8 * line.bound)
            for line in lines
        )

    def new_bound(self) -> int:
        """How many may be taken of one that nothing is in our hands of."""
        return FIRST_BOUND if self.room_for_unproven > 0 else 0

    def take(self, line: Line, one: InHand) -> None:
        """Put a claim in its line, and send it when there is room."""
        name = line.subscriber.subscriber_id
        self._busy[name] = line
        line.late = time() - one.claim.delivery.created_at / 1000 > FRESH_S
        if not line.late and name not in self._more:
            if name != self._fresh[0]:
                self._fresh_before = self._fresh
            self._fresh = (name, monotonic())
        line.waiting.append(one)
        self._pump(line)

    def release(self, line: Line) -> None:
        """Give back what waits in a line."""
        while line.waiting:
            self._let_go(line.waiting.popleft().claim.delivery)
        self._settle_busy(line)

    def release_of(self, names: Iterable[str]) -> None:
        """Give back what waits for these: they are left alone now."""
        for name in names:
            if name in self._busy:
                self.release(self._busy[name])

    def release_all(self) -> None:
        """Give back whatever has not been sent."""
        for line in list(self._busy.values()):
            self.release(line)

    def _gently(self, line: Line) -> bool:
        """Whether a line that is behind should take its time, because somebody else is being told news."""
        if not line.late or line.subscriber.subscriber_id not in self._more:
            return False
        name, at = self._fresh
        if name == line.subscriber.subscriber_id:
            _, at = self._fresh_before
        return monotonic() - at < GENTLE_FOR_S

    def _pump(self, line: Line) -> None:
        while (one := self._next(line)) is not None:
            lane = asyncio.create_task(self._lane(line, one, proven=line.pace.proven))
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        if line.waiting and line.in_flight < line.bound and not line.hungry:
            line.hungry = True  # there is no room for it to fly
            self._hungry[line.pace.proven].append(line)

    def _may_fly(self, *, proven: bool) -> bool:
        return self._flights < FLIGHTS_MAX and (proven or self._unproven < UNPROVEN_FLIGHTS_MAX)

    def _took_off(self, line: Line) -> None:
        line.in_flight += 1
        self._flights += 1
        if not line.pace.proven:
            self._unproven += 1

    def _landed(self, line: Line, *, proven: bool) -> None:
        line.in_flight -= 1
        self._flights -= 1
        if not proven:
            self._unproven -= 1

    async def _lane(self, line: Line, one: InHand | None, *, proven: bool) -> None:
        """Send one after the other, as long as the line has some and may have this many in flight."""
        while one is not None:
            try:
                if self._gently(line):
                    await _turn(line)
                error = await self._send(line, one)
            except BaseException:
                self._landed(line, proven=proven)
                self._settle_busy(line)
                raise
            self._landed(line, proven=proven)
            line.finish()
            line.pace = line.pace.after(error, at_most=line.subscriber.max_in_flight)
            if error == "timeout":
                self.release(line)
            one, proven = self._next(line), line.pace.proven
            if line.waiting and line.in_flight < line.bound:
                self._pump(line)  # its bound has grown
        self._settle_busy(line)
        self._pump(line)
        for proven, hungry in self._hungry.items():
            while hungry and self._may_fly(proven=proven):
                next_one = hungry.popleft()
                next_one.hungry = False
                self._pump(next_one)

    def _next(self, line: Line) -> InHand | None:
        """The next that may be sent now, taken off; what has waited too long to be sent in time is given back."""
        while line.waiting and line.in_flight < line.bound and self._may_fly(proven=line.pace.proven):
            one = line.waiting.popleft()
            if monotonic() - one.taken_at <= SENT_WITHIN_S:
                self._took_off(line)
                return one
            self._let_go(one.claim.delivery)
        return None

    def _settle_busy(self, line: Line) -> None:
        if not line.in_flight and not line.waiting:
            self._busy.pop(line.subscriber.subscriber_id, None)


async def _turn(line: Line) -> None:
    """Wait until it is this line's turn again."""
    now = monotonic()
    line.next_at = max(now, line.next_at + 1 / line.gentle_per_s)
    if line.next_at > now:
        await asyncio.sleep(line.next_at - now)
