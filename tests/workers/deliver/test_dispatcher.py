"""Lines: who is sent at full speed, and who takes its time because somebody else is told news."""

import asyncio
import time

from tests.support.polling import patient
from webhook_app.domain.delivery.delivery import Delivery, Subscriber
from webhook_app.domain.notices.types import make_notice
from webhook_app.store.deliveries import Claim
from workers.deliver import dispatcher
from workers.deliver.dispatcher import GENTLE_AHEAD, InHand, Lines

PROOFS = 100
DAY_MS = 24 * 3600 * 1000


def in_hand(subscriber, number, *, age_ms=0):
    at = int(time.time() * 1000) - age_ms
    notice = make_notice(f"{number}-0", "stream.playable", at, room_id="r", sequence=number, because=None, data={})
    one = Delivery(f"dlv_{number}", notice.notice_id, subscriber.subscriber_id, at, f"{number}-0", next_attempt_at=at)
    return InHand(Claim(one, notice), time.monotonic(), b"{}")


class Told:
    """Lines whose every attempt is answered when `gate` is open, but for those to whom it never is."""

    def __init__(self):
        self.sent = []
        self.given_back = []
        self.never = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.lines = Lines(self.send, let_go=self.given_back.append)
        self.behind = self.lines.of(Subscriber("sub_behind", "behind", "https://behind.example/", 0))
        self.other = self.lines.of(Subscriber("sub_other", "other", "https://other.example/", 0))

    async def send(self, line, one):
        while line.subscriber.subscriber_id in self.never:
            await asyncio.sleep(60)
        await self.gate.wait()
        self.sent.append(line.subscriber.subscriber_id)
        return

    async def prove(self):
        """Both have answered so often that much may be in hand, and as much in flight as they allow."""
        for line in (self.behind, self.other):
            for number in range(PROOFS):
                self.lines.take(line, in_hand(line.subscriber, number, age_ms=DAY_MS))
        await self.lines.landed()
        self.sent.clear()

    def fall_behind(self, count, *, age_ms=DAY_MS):
        self.lines.hear_more([self.behind.subscriber.subscriber_id])
        for number in range(count):
            self.lines.take(self.behind, in_hand(self.behind.subscriber, PROOFS + number, age_ms=age_ms))


def played(story):
    async def go():
        told = Told()
        await told.prove()
        return await story(told)

    return asyncio.run(go())


def test_a_backlog_goes_at_full_speed_when_nobody_is_told_news(monkeypatch):
    waited = []

    async def turn(line):
        waited.append(line)

    monkeypatch.setattr(dispatcher, "_turn", turn)

    async def story(told):
        told.fall_behind(100)
        await told.lines.landed()
        return len(told.sent)

    assert (played(story), waited) == (100, [])


def test_a_backlog_takes_its_time_while_another_is_told_news():
    async def story(told):
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.fall_behind(100)
        assert told.lines.hands(told.behind) <= GENTLE_AHEAD
        began = time.monotonic()
        await told.lines.landed()
        assert told.lines.hands(told.behind) == GENTLE_AHEAD
        return len(told.sent), time.monotonic() - began

    count, took = played(story)
    assert count == 101
    assert took >= 99 / dispatcher.GENTLE_PER_S


def test_its_own_news_do_not_slow_a_backlog():
    async def story(told):
        told.lines.take(told.behind, in_hand(told.behind.subscriber, 3))
        told.fall_behind(1)
        return told.lines.hands(told.behind)

    assert played(story) > GENTLE_AHEAD


def test_another_ones_backlog_is_no_news():
    async def story(told):
        told.lines.take(told.other, in_hand(told.other.subscriber, 3, age_ms=DAY_MS))
        told.fall_behind(1)
        return told.lines.hands(told.behind)

    assert played(story) > GENTLE_AHEAD


def test_who_has_much_news_at_once_is_not_behind():
    async def story(told):
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.fall_behind(1, age_ms=0)
        return told.lines.hands(told.behind)

    assert played(story) > GENTLE_AHEAD


def test_news_of_a_while_ago_slow_nobody(monkeypatch):
    monkeypatch.setattr(dispatcher, "GENTLE_FOR_S", 0.0)

    async def story(told):
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.fall_behind(1)
        return told.lines.hands(told.behind)

    assert played(story) > GENTLE_AHEAD


def test_a_slow_endpoint_that_is_behind_has_as_many_in_flight_as_ever():
    async def story(told):
        told.gate.clear()
        told.lines.take(told.other, in_hand(told.other.subscriber, 3))
        told.lines.hear_more([told.behind.subscriber.subscriber_id])
        while (hands := told.lines.hands(told.behind)) > 0 or not told.behind.in_flight:
            told.fall_behind(max(1, hands))
        bound = told.behind.bound
        in_flight = told.behind.in_flight
        told.gate.set()
        await told.lines.landed()
        return bound, in_flight

    bound, in_flight = played(story)
    assert in_flight == bound


def test_who_answers_does_not_stand_in_line_behind_who_does_not(monkeypatch):
    monkeypatch.setattr(dispatcher, "FLIGHTS_MAX", 6)
    monkeypatch.setattr(dispatcher, "UNPROVEN_FLIGHTS_MAX", 3)

    async def story(told):
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
        async with asyncio.timeout(patient(5)):
            while len(told.sent) < 4:
                await asyncio.sleep(0)
        return in_flight, told.sent

    in_flight, sent = played(story)
    assert in_flight == [3, 3, 0]
    assert sorted(sent) == ["sub_behind"] * 3 + ["sub_other"]


def test_a_backlog_that_grows_is_sent_faster_than_it_grows():
    async def story(told):
        before = told.behind.gentle_per_s
        for _ in range(700):
            told.behind.arrive()
        return before, told.behind.gentle_per_s

    before, growing = played(story)
    assert before == dispatcher.GENTLE_PER_S
    assert growing >= 1_400
