"""The deliver hand of the simulated world: notices become deliveries, attempts fail, and the hand dies."""

from collections import deque

from tests.simulation.agenda import SECOND, Agenda, Broken
from tests.simulation.worker import Worker
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState, delivery_id
from webhook_app.domain.delivery.retry import next_retry_at
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.filters import Filter, matches_filter
from webhook_app.domain.notices.notice import Notice

LEASE_MS = 30 * SECOND
SUBSCRIBERS = {
    "all": Filter(types=("*",)),
    "show": Filter(types=("broadcast.*", "alarm.*"), because=("rule:show-*",)),
    "a": Filter(types=("stream.*",), rooms=("aaaa-*",)),
}


class Teller:
    """Expands the outbox behind a cursor of its own, and tries each delivery until it is settled."""

    def __init__(self, agenda: Agenda, worker: Worker) -> None:
        self.agenda = agenda
        self.worker = worker
        self.told: list[Notice] = []  # since the last check
        self.outbox: deque[Notice] = deque()
        self.deliveries: dict[str, Delivery] = {}
        self.made: dict[str, int] = {}
        self._expanding = False

    def add(self, notice: Notice) -> None:
        """A notice was committed."""
        self.agenda.say("{} told {} {}", (notice.room_id or "-")[:1], notice.type, str(notice.data.get("reason") or ""))
        self.told.append(notice)
        self.outbox.append(notice)
        if not self._expanding:
            self._expanding = True
            self.agenda.later(self.agenda.rng.choice((5, 50)), self._expand)

    def check(self) -> None:
        """Every notice is delivered to each matching subscriber, waits for its next attempt, or is dead."""
        left = set(self.outbox_ids())
        for notice in self.told:
            for name, wanted in SUBSCRIBERS.items():
                if notice.notice_id in left or not matches_filter(wanted, notice, None):
                    continue
                known = self.deliveries.get(delivery_id(notice.notice_id, name))
                if known is None:
                    raise Broken(f"{notice.type} {notice.notice_id} was never told to {name}")
                if known.state is DeliveryState.PENDING and (known.next_attempt_at or 0) < self.agenda.now - LEASE_MS:
                    raise Broken(f"{notice.type} {notice.notice_id} to {name} is pending, and nobody tries it")
        self.told = [notice for notice in self.told if notice.notice_id in left]
        settled = [one for one, known in self.deliveries.items() if known.state is not DeliveryState.PENDING]
        for one in settled:
            del self.deliveries[one]
            self.made.pop(one, None)

    def sweep(self) -> None:
        """Look at everything that waits."""
        self.agenda.later(0, self._expand)
        for one, known in self.deliveries.items():
            due = known.next_attempt_at
            if due is not None and due <= self.agenda.now:
                self.agenda.later(0, self._try, one, due)

    def outbox_ids(self) -> list[str]:
        """What is not yet expanded."""
        return [notice.notice_id for notice in self.outbox]

    def _expand(self) -> None:
        agenda = self.agenda
        if agenda.now < self.worker.down_until["deliver"]:
            agenda.later(self.worker.down_until["deliver"] - agenda.now, self._expand)
            return
        self._expanding = False
        while self.outbox:
            notice = self.outbox[0]
            for name, wanted in SUBSCRIBERS.items():
                one = delivery_id(notice.notice_id, name)
                if matches_filter(wanted, notice, None) and one not in self.deliveries:
                    due = agenda.now
                    self.deliveries[one] = Delivery(one, notice.notice_id, name, due, next_attempt_at=due)
                    agenda.later(0, self._try, one, due)
            if agenda.dies():  # before its cursor moves: expanding twice makes the same deliveries
                self._expanding = True
                agenda.later(SECOND, self._expand)
                return
            self.outbox.popleft()

    def _try(self, one: str, due: int) -> None:
        agenda, known = self.agenda, self.deliveries.get(one)
        if known is None or known.state is not DeliveryState.PENDING or known.next_attempt_at != due:
            return
        at = max(due, self.worker.down_until["deliver"])
        if at > agenda.now:
            agenda.later(at - agenda.now, self._try, one, due)
            return
        if agenda.dies():  # its claim comes back by itself
            agenda.later(LEASE_MS, self._try, one, due)
            return
        self.made[one] = self.made.get(one, 0) + 1
        agenda.count("attempts")
        if not agenda.chance(agenda.faults.deaf):
            self.deliveries[one] = replace(known, state=DeliveryState.DELIVERED, next_attempt_at=None)
            return
        again = next_retry_at(one, self.made[one], now=agenda.now, slow_down=agenda.rng.random() < 0.3)
        state = DeliveryState.DEAD if again is None else DeliveryState.PENDING
        self.deliveries[one] = replace(known, state=state, next_attempt_at=again)
        if again is not None:
            agenda.later(again - agenda.now, self._try, one, again)
