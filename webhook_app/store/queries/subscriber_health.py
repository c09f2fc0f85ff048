"""How subscribers have answered: failures, breaker, attempts of the last 24 hours, deliveries due."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.deliveries.queue import hour_number

HOURS = 24


@dataclass(frozen=True, slots=True)
class SubscriberHealth:
    """How a subscriber has answered: times in ms, attempts of the last 24 hours by hour, the oldest first."""

    failing_since: int | None
    answered_at: int | None
    error: str | None
    open_until: int | None
    answered_by_hour: Sequence[int]
    failed_by_hour: Sequence[int]
    lag_ms: int
    due: int
    oldest_due_at: int | None

    @property
    def answered(self) -> int:
        """How many attempts were answered with 2xx."""
        return sum(self.answered_by_hour)

    @property
    def failed(self) -> int:
        """How many attempts failed."""
        return sum(self.failed_by_hour)

    @property
    def success_rate(self) -> float | None:
        """The share of attempts that were answered with 2xx; None when there were none."""
        attempts = self.answered + self.failed
        return self.answered / attempts if attempts else None

    @property
    def mean_lag_ms(self) -> int | None:
        """The mean time from a notice to its delivery; None when nothing was delivered."""
        return self.lag_ms // self.answered if self.answered else None


def read_subscriber_health(client: Client, subscriber_ids: Sequence[str]) -> list[SubscriberHealth]:
    """The health of these subscribers, in one round trip."""
    now = now_ms(client)
    hours = range(hour_number(now) - HOURS + 1, hour_number(now) + 1)
    with client.pipeline(transaction=False) as pipe:
        for subscriber_id in subscriber_ids:
            pipe.hgetall(keys.subscriber_health(subscriber_id))
            pipe.hget(keys.BREAKERS_OPEN_UNTIL, subscriber_id)
            pipe.zcard(keys.subscriber_due(subscriber_id))
            pipe.zrange(keys.subscriber_due(subscriber_id), 0, 0, withscores=True)
            for hour in hours:
                pipe.hmget(keys.subscriber_hour(subscriber_id, hour), ["answered", "failed", "lag"])
        answers = pipe.execute()
    size = 4 + len(hours)
    return [_health_of(answers[start : start + size]) for start in range(0, len(answers), size)]


def _health_of(answers: Sequence[Any]) -> SubscriberHealth:
    health, open_until, due, oldest, *hours = answers
    answered, failed, lags_ms = ([int(hour[at] or 0) for hour in hours] for at in range(3))
    since, answered_at, error = (health.get(name) for name in (b"failing_since", b"answered_at", b"error"))
    return SubscriberHealth(
        failing_since=int(since) if since else None,
        answered_at=int(answered_at) if answered_at else None,
        error=error.decode() if error else None,
        open_until=int(open_until) if open_until else None,
        answered_by_hour=answered,
        failed_by_hour=failed,
        lag_ms=sum(lags_ms),
        due=int(due),
        oldest_due_at=int(oldest[0][1]) if oldest else None,
    )
