"""The deliverer of the simulated product: notices become deliveries, attempts fail, and the process dies."""

from collections import deque

from tests.simulation.agenda import SECOND, Agenda, InvariantError
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


class Deliverer:
    """Expands the outbox behind a cursor of its own, and tries each delivery until it is settled."""

    def __init__(self, agenda: Agenda, worker: Worker) -> None:
        self.agenda = agenda
        self.worker = worker
        self.notices: list[Notice] = []  # since the last check
        self.outbox: deque[Notice] = deque()
        self.deliveries: dict[str, Delivery] = {}
        self.attempts: dict[str, int] = {}
        self._expanding = False

    def add(self, notice: Notice) -> None:
        """A notice was committed."""
        self.agenda.say(
            "{} notice {} {}", (notice.room_id or "-")[:1], notice.type, str(notice.data.get("reason") or "")
        )
        self.notices.append(notice)
        self.outbox.append(notice)
        if not self._expanding:
            self._expanding = True
            self.agenda.later(self.agenda.rng.choice((5, 50)), self._expand)

    def check(self) -> None:
        """Every notice is delivered to each matching subscriber, waits for its next attempt, or is dead."""
        left = set(self.outbox_ids())
        for notice in self.notices:
            for name, notice_filter in SUBSCRIBERS.items():
                if notice.notice_id in left or not matches_filter(notice_filter, notice, None):
                    continue
                delivery = self.deliveries.get(delivery_id(notice.notice_id, name))
                if delivery is None:
                    raise InvariantError(f"{notice.type} {notice.notice_id} was never sent to {name}")
                if (
                    delivery.state is DeliveryState.PENDING
                    and (delivery.next_attempt_at or 0) < self.agenda.now - LEASE_MS
                ):
                    raise InvariantError(f"{notice.type} {notice.notice_id} to {name} is pending and is never tried")
        self.notices = [notice for notice in self.notices if notice.notice_id in left]
        settled = [key for key, delivery in self.deliveries.items() if delivery.state is not DeliveryState.PENDING]
        for key in settled:
            del self.deliveries[key]
            self.attempts.pop(key, None)

    def sweep(self) -> None:
        """Try every delivery that is due."""
        self.agenda.later(0, self._expand)
        for key, delivery in self.deliveries.items():
            due = delivery.next_attempt_at
            if due is not None and due <= self.agenda.now:
                self.agenda.later(0, self._try, key, due)

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
            for name, notice_filter in SUBSCRIBERS.items():
                key = delivery_id(notice.notice_id, name)
                if matches_filter(notice_filter, notice, None) and key not in self.deliveries:
                    due = agenda.now
                    self.deliveries[key] = Delivery(key, notice.notice_id, name, due, next_attempt_at=due)
                    agenda.later(0, self._try, key, due)
            if agenda.dies():  # before its cursor moves: expanding twice makes the same deliveries
                self._expanding = True
                agenda.later(SECOND, self._expand)
                return
            self.outbox.popleft()

    def _try(self, key: str, due: int) -> None:
        agenda, delivery = self.agenda, self.deliveries.get(key)
        if delivery is None or delivery.state is not DeliveryState.PENDING or delivery.next_attempt_at != due:
            return
        at = max(due, self.worker.down_until["deliver"])
        if at > agenda.now:
            agenda.later(at - agenda.now, self._try, key, due)
            return
        if agenda.dies():  # its claim comes back by itself
            agenda.later(LEASE_MS, self._try, key, due)
            return
        self.attempts[key] = self.attempts.get(key, 0) + 1
        agenda.count("attempts")
        if not agenda.chance(agenda.faults.deaf):
            self.deliveries[key] = replace(delivery, state=DeliveryState.DELIVERED, next_attempt_at=None)
            return
        again = next_retry_at(key, self.attempts[key], now=agenda.now, slow_down=agenda.rng.random() < 0.3)
        state = DeliveryState.DEAD if again is None else DeliveryState.PENDING
        self.deliveries[key] = replace(delivery, state=state, next_attempt_at=again)
        if again is not None:
            agenda.later(again - agenda.now, self._try, key, again)
