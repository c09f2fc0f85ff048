"""The dispatcher: which backlogs are throttled while others are sent fresh notices, and who gets the free slots."""

import asyncio
import time
from typing import Any

from tests.support.polling import scaled_limit
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.types import NoticeType
from workers.channels.port import Message
from workers.deliver.backlog_throttle import BacklogThrottle
from workers.deliver.dispatcher import Dispatcher
from workers.deliver.limits import DispatchLimits
from workers.deliver.subscriber_queue import LeasedDelivery, SubscriberQueue

ATTEMPTS_BEFORE = 100
DAY_MS = 24 * 3600 * 1000
LIMITS = DispatchLimits()


def leased(subscriber: Any, number: Any, *, age_ms: Any = 0) -> Any:
    at = int(time.time() * 1000) - age_ms
    notice = make_notice(
        f"{number}-0", NoticeType.STREAM_PLAYABLE, at, room_id="r", sequence=number, because=None, data={}
    )
    delivery = Delivery(
        f"dlv_{number}", notice.notice_id, subscriber.subscriber_id, at, f"{number}-0", next_attempt_at=at
    )
    return LeasedDelivery(delivery, Message(notice, b"{}"), time.monotonic())


class Sending:
    """A dispatcher whose every attempt succeeds while `gate` is open, but for subscribers in `never`."""

    def __init__(self, limits: Any = LIMITS) -> None:
        self.sent: list[str] = []
        self.given_back: list[Delivery] = []
        self.never: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.dispatcher = Dispatcher(self.send, give_back=self.given_back.append, limits=limits)
        self.behind = self.dispatcher.queue_of(Subscriber("sub_behind", "behind", "https://behind.example/", 0))
        self.other = self.dispatcher.queue_of(Subscriber("sub_other", "other", "https://other.example/", 0))

    async def send(self, queue: Any, leased: Any) -> None:
        if queue.subscriber_id in self.never:
            await asyncio.Event().wait()
        await self.gate.wait()
        self.sent.append(queue.subscriber_id)

    async def make_healthy(self) -> None:
        """Both have succeeded so often that much may wait in memory, and as much is in flight as they allow."""
        for queue in (self.behind, self.other):
            for number in range(ATTEMPTS_BEFORE):
                self.dispatcher.put(queue, leased(queue.subscriber, number, age_ms=DAY_MS))
        await self.dispatcher.drain()
        self.sent.clear()

    def fall_behind(self, count: Any, *, age_ms: Any = DAY_MS) -> None:
        self.dispatcher.update_backlog([self.behind.subscriber_id])
        for number in range(count):
            self.dispatcher.put(self.behind, leased(self.behind.subscriber, ATTEMPTS_BEFORE + number, age_ms=age_ms))

    def free_slots(self) -> Any:
        return self.dispatcher.free_slots_of(self.behind)


def played(scenario: Any, limits: Any = LIMITS) -> Any:
    async def go() -> Any:
        sending = Sending(limits)
        await sending.make_healthy()
        return await scenario(sending)

    return asyncio.run(go())


def test_a_backlog_is_not_throttled_when_nobody_is_sent_anything_fresh() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.fall_behind(100)
        async with asyncio.timeout(scaled_limit(10)):  # throttled it would take 100 s
            await sending.dispatcher.drain()
        return len(sending.sent)

    assert played(scenario, DispatchLimits(backlog_rate_per_s=1)) == 100


def test_a_backlog_is_throttled_while_another_is_sent_something_fresh() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.dispatcher.put(sending.other, leased(sending.other.subscriber, 3))
        sending.fall_behind(100)
        assert sending.free_slots() <= LIMITS.backlog_ahead
        began = time.monotonic()
        await sending.dispatcher.drain()
        assert sending.free_slots() == LIMITS.backlog_ahead
        return len(sending.sent), time.monotonic() - began

    count, took = played(scenario)
    assert count == 101
    assert took >= 99 / LIMITS.backlog_rate_per_s


def test_its_own_fresh_deliveries_do_not_throttle_a_backlog() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.dispatcher.put(sending.behind, leased(sending.behind.subscriber, 3))
        sending.fall_behind(1)
        return sending.free_slots()

    assert played(scenario) > LIMITS.backlog_ahead


def test_the_backlog_of_another_is_not_fresh() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.dispatcher.put(sending.other, leased(sending.other.subscriber, 3, age_ms=DAY_MS))
        sending.fall_behind(1)
        return sending.free_slots()

    assert played(scenario) > LIMITS.backlog_ahead


def test_many_fresh_deliveries_at_once_are_not_a_backlog() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.dispatcher.put(sending.other, leased(sending.other.subscriber, 3))
        sending.fall_behind(1, age_ms=0)
        return sending.free_slots()

    assert played(scenario) > LIMITS.backlog_ahead


def test_what_was_fresh_a_while_ago_throttles_nobody() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.dispatcher.put(sending.other, leased(sending.other.subscriber, 3))
        sending.fall_behind(1)
        return sending.free_slots()

    assert played(scenario, DispatchLimits(backlog_throttle_s=0.0)) > LIMITS.backlog_ahead


def test_a_slow_endpoint_with_a_throttled_backlog_has_as_many_in_flight_as_ever() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.gate.clear()
        sending.dispatcher.put(sending.other, leased(sending.other.subscriber, 3))
        sending.dispatcher.update_backlog([sending.behind.subscriber_id])
        while (free_slots := sending.free_slots()) > 0 or not sending.behind.in_flight:
            sending.fall_behind(max(1, free_slots))
        limit = sending.behind.limit
        in_flight = sending.behind.in_flight
        sending.gate.set()
        await sending.dispatcher.drain()
        return limit, in_flight

    limit, in_flight = played(scenario)
    assert in_flight == limit


def test_healthy_subscribers_do_not_queue_behind_those_that_hang() -> Any:
    async def scenario(sending: Any) -> Any:
        queues = [
            sending.dispatcher.queue_of(Subscriber(f"sub_{at}", "", f"https://{at}.example/", 0)) for at in range(8)
        ]
        sending.gate.clear()
        for queue in queues:
            sending.never.add(queue.subscriber_id)
            sending.dispatcher.put(queue, leased(queue.subscriber, 1))
        for number in range(3):
            sending.dispatcher.put(sending.behind, leased(sending.behind.subscriber, number))
        sending.dispatcher.put(sending.other, leased(sending.other.subscriber, 1))
        in_flight = [sum(queue.in_flight for queue in queues), sending.behind.in_flight, sending.other.in_flight]
        sending.gate.set()
        async with asyncio.timeout(scaled_limit(5)):
            while len(sending.sent) < 4:
                await asyncio.sleep(0)
        await sending.dispatcher.abandon()
        return in_flight, sending.sent

    in_flight, sent = played(scenario, DispatchLimits(in_flight_max=6, unhealthy_in_flight_max=3))
    assert in_flight == [3, 3, 0]
    assert sorted(sent) == ["sub_behind"] * 3 + ["sub_other"]


def test_a_throttled_backlog_is_sent_faster_than_it_grows() -> None:
    throttle, queue = BacklogThrottle(LIMITS), SubscriberQueue(Subscriber("sub_a", "", "https://a.example/", 0))
    before = throttle.rate_per_s(queue)
    for _ in range(700):
        queue.left_behind.add()
    assert before == LIMITS.backlog_rate_per_s
    assert throttle.rate_per_s(queue) >= 1_400


def test_a_delivery_that_waited_too_long_for_its_lease_is_given_back() -> Any:
    async def scenario(sending: Any) -> Any:
        sending.dispatcher.put(sending.behind, leased(sending.behind.subscriber, 1))
        await sending.dispatcher.drain()
        return sending.sent, [delivery.delivery_id for delivery in sending.given_back]

    async def go() -> Any:
        return await scenario(Sending(DispatchLimits(send_within_s=-1.0)))

    assert asyncio.run(go()) == ([], ["dlv_1"])
