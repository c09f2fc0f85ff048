"""Lines: who is sent at full speed, and who takes its time because somebody else is told news."""

import asyncio
import time
from typing import Any

import pytest

from tests.support.polling import scaled_limit
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.notice import make_notice
from webhook_app.store.deliveries.queue import ClaimedDelivery
from workers.deliver import dispatcher
from workers.deliver.dispatcher import BACKLOG_AHEAD_MAX, Dispatcher, LeasedDelivery

PROOFS = 100
DAY_MS = 24 * 3600 * 1000


def in_hand(subscriber: Any, number: Any, *, age_ms: int = 0) -> Any:
    at = int(time.time() * 1000) - age_ms
    notice = make_notice(f"{number}-0", "stream.playable", at, room_id="r", sequence=number, because=None, data={})
    one = Delivery(f"dlv_{number}", notice.notice_id, subscriber.subscriber_id, at, f"{number}-0", next_attempt_at=at)
    return LeasedDelivery(ClaimedDelivery(one, notice), time.monotonic(), b"{}")


class Told:
    """Lines whose every attempt is answered when `gate` is open, but for those to whom it never is."""

    def __init__(self) -> None:
        self.sent = []
        self.given_back = []
        self.never = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.lines = Dispatcher(self.send, give_back=self.given_back.append)
        self.behind = self.lines.of(Subscriber("sub_behind", "behind", "https://behind.example/", 0))
        self.other = self.lines.of(Subscriber("sub_other", "other", "https://other.example/", 0))

    async def send(self, line: Any, one: Any) -> None:
        while line.subscriber.subscriber_id in self.never:
            await asyncio.sleep(60)
        await self.gate.wait()
        self.sent.append(line.subscriber.subscriber_id)
        return

    async def prove(self) -> None:
        """Both have answered so often that much may be in hand, and as much in flight as they allow."""
        for line in (self.behind, self.other):
            for number in range(PROOFS):
                self.lines.take(line, in_hand(line.subscriber, number, age_ms=DAY_MS))
        await self.lines.drain()
        self.sent.clear()

    def fall_behind(self, count: Any, *, age_ms: Any = DAY_MS) -> None:
        self.lines.update_backlog([self.behind.subscriber.subscriber_id])
        for number in range(count):
            self.lines.take(self.behind, in_hand(self.behind.subscriber, PROOFS + number, age_ms=age_ms))


def played(scenario: Any) -> Any:
    async def go() -> Any:
        told = Told()
        await told.prove()
        return await scenario(told)

    return asyncio.run(go())


def test_a_backlog_goes_at_full_speed_when_nobody_is_told_news(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    async def turn(line: Any) -> None:
        waited.append(line)

    monkeypatch.setattr(dispatcher, "_turn", turn)

    async def scenario(told: Any) -> Any:
        told.fall_behind(100)
        await told.lines.drain()
        return len(told.sent)

    assert (played(scenario), waited) == (100, [])


def test_a_backlog_takes_its_time_while_another_is_told_news() -> None:
    async def scenario(told: Any) -> Any:
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.fall_behind(100)
        assert told.lines.free_slots(told.behind) <= BACKLOG_AHEAD_MAX
        began = time.monotonic()
        await told.lines.drain()
        assert told.lines.free_slots(told.behind) == BACKLOG_AHEAD_MAX
        return len(told.sent), time.monotonic() - began

    count, took = played(scenario)
    assert count == 101
    assert took >= 99 / dispatcher.BACKLOG_RATE_PER_S


def test_its_own_news_do_not_slow_a_backlog() -> None:
    async def scenario(told: Any) -> Any:
        told.lines.take(told.behind, in_hand(told.behind.subscriber, 3))
        told.fall_behind(1)
        return told.lines.free_slots(told.behind)

    assert played(scenario) > BACKLOG_AHEAD_MAX


def test_another_ones_backlog_is_no_news() -> None:
    async def scenario(told: Any) -> Any:
        told.lines.take(told.other, in_hand(told.other.subscriber, 3, age_ms=DAY_MS))
        told.fall_behind(1)
        return told.lines.free_slots(told.behind)

    assert played(scenario) > BACKLOG_AHEAD_MAX


def test_who_has_much_news_at_once_is_not_behind() -> None:
    async def scenario(told: Any) -> Any:
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.fall_behind(1, age_ms=0)
        return told.lines.free_slots(told.behind)

    assert played(scenario) > BACKLOG_AHEAD_MAX


def test_news_of_a_while_ago_slow_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "BACKLOG_THROTTLE_S", 0.0)

    async def scenario(told: Any) -> Any:
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.fall_behind(1)
        return told.lines.free_slots(told.behind)

    assert played(scenario) > BACKLOG_AHEAD_MAX


def test_a_slow_endpoint_that_is_behind_has_as_many_in_flight_as_ever() -> None:
    async def scenario(told: Any) -> Any:
        told.gate.clear()
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.lines.update_backlog([told.behind.subscriber.subscriber_id])
        while (free_slots := told.lines.free_slots(told.behind)) > 0 or not told.behind.in_flight:
            told.fall_behind(max(1, free_slots))
        limit = told.behind.limit
        in_flight = told.behind.in_flight
        told.gate.set()
        await told.lines.drain()
        return limit, in_flight

    limit, in_flight = played(scenario)
    assert in_flight == limit


def test_who_answers_does_not_stand_in_line_behind_who_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "IN_FLIGHT_TOTAL_MAX", 6)
    monkeypatch.setattr(dispatcher, "UNHEALTHY_IN_FLIGHT_MAX", 3)

    async def scenario(told: Any) -> Any:
        hanging = [told.lines.of(Subscriber(f"sub_{at}", "", f"https://{at}.example/", 0)) for at in range(8)]
        told.gate.clear()
        for line in hanging:
            told.never.add(line.subscriber.subscriber_id)
            told.lines.take(line, in_hand(line.subscriber, 1))
        for number in range(3):
            told.lines.take(told.behind, in_hand(told.behind.subscriber, number))
        told.lines.take(told.other, in_hand(told.other.subscriber, 1))
        in_flight = [sum(line.in_flight for line in hanging), told.behind.in_flight, told.other.in_flight]
        told.gate.set()
        async with asyncio.timeout(scaled_limit(5)):
            while len(told.sent) < 4:
                await asyncio.sleep(0)
        return in_flight, told.sent

    in_flight, sent = played(scenario)
    assert in_flight == [3, 3, 0]
    assert sorted(sent) == ["sub_behind"] * 3 + ["sub_other"]


def test_a_backlog_that_grows_is_sent_faster_than_it_grows() -> None:
    async def scenario(told: Any) -> Any:
        before = told.behind.backlog_rate_per_s
        for _ in range(700):
            told.behind.count_arrival()
        return before, told.behind.backlog_rate_per_s

    before, growing = played(scenario)
    assert before == dispatcher.BACKLOG_RATE_PER_S
    assert growing >= 1_400
