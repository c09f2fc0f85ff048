"""Figures of the whole product, for the system page, the metrics and the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.deliveries.queue import hour_number
from webhook_app.store.journal.lag import lag_of, queue_lag
from webhook_app.store.journal.wakeups import QUEUES, rq_queue_key

HOURS = 24


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """How long the journal is, and how far the reducer is behind it; times in ms."""

    length: int
    oldest_at: int | None
    last_webhook_at: int | None
    behind: int  # counted up to a limit
    oldest_behind_at: int | None


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """What waits: wake-ups by queue, calls, probes, timers."""

    wakeups: Mapping[str, int]
    calls: int
    probes: int
    timers: int
    timers_overdue: int
    is_outbox_expanded: bool


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """How many deliveries are kept by state, and since when the most overdue one is due, in ms."""

    pending: int
    delivered: int
    dead: int
    oldest_due_at: float | None


def read_journal_figures(client: Client, *, behind_max: int) -> JournalFigures:
    """The journal as it is now; entries behind the cursor are counted up to `behind_max`, in the store."""
    with client.pipeline(transaction=True) as pipe:
        pipe.xlen(keys.JOURNAL)
        pipe.xrange(keys.JOURNAL, count=1)
        pipe.get(keys.LAST_WEBHOOK)
        queue_lag(pipe, at_most=behind_max)
        length, oldest, last_webhook, answer = pipe.execute()
    lag = lag_of(answer)
    return JournalFigures(
        length=int(length),
        oldest_at=int(oldest[0][0].partition(b"-")[0]) if oldest else None,
        last_webhook_at=int(float(last_webhook) * 1000) if last_webhook else None,
        behind=lag.events,
        oldest_behind_at=lag.oldest_at or None,
    )


def journal_length(client: Client) -> int:
    """How many entries the journal holds."""
    return int(client.xlen(keys.JOURNAL))


def read_queue_figures(client: Client, *, now: int) -> QueueFigures:
    """What waits now."""
    with client.pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            pipe.llen(rq_queue_key(queue))
        pipe.zcard(keys.CALLS_DUE)
        pipe.zcard(keys.PROBES_DUE)
        pipe.zcard(keys.TIMERS)
        pipe.zcount(keys.TIMERS, "-inf", now)
        pipe.get(keys.OUTBOX_CURSOR)
        pipe.xrevrange(keys.OUTBOX, count=1)
        *wakeups, calls, probes, timers, overdue, cursor, newest = pipe.execute()
    last, expanded = (newest[0][0].decode() if newest else "0-0"), (cursor or b"0-0").decode()
    return QueueFigures(
        wakeups={queue: int(count) for queue, count in zip(QUEUES, wakeups, strict=True)},
        calls=int(calls),
        probes=int(probes),
        timers=int(timers),
        timers_overdue=int(overdue),
        is_outbox_expanded=order(expanded) >= order(last),
    )


def read_delivery_figures(client: Client) -> DeliveryFigures:
    """Deliveries as they are now."""
    with client.pipeline(transaction=True) as pipe:
        for key in (keys.DELIVERIES, keys.DELIVERIES_PENDING, keys.DELIVERIES_DEAD):
            pipe.zcard(key)
        pipe.zrange(keys.SUBSCRIBERS_DUE, 0, 0, withscores=True)
        total, pending, dead, due = pipe.execute()
    return DeliveryFigures(pending, max(0, total - pending - dead), dead, due[0][1] if due else None)


def queues_with_work(client: Client) -> list[str]:
    """The queues whose workers have something to do now, whether or not a wake-up is pending."""
    with client.pipeline(transaction=False) as pipe:
        pipe.xrevrange(keys.JOURNAL, count=1)
        pipe.get(keys.CURSOR)
        pipe.xrevrange(keys.OUTBOX, count=1)
        pipe.get(keys.OUTBOX_CURSOR)
        pipe.zrange(keys.CALLS_DUE, 0, 0, withscores=True)
        pipe.zrange(keys.PROBES_DUE, 0, 0, withscores=True)
        pipe.zrange(keys.SUBSCRIBERS_DUE, 0, 0, withscores=True)
        pipe.time()
        journal, cursor, outbox, outbox_cursor, calls, probes, due, time = pipe.execute()
    now = time_ms(time)
    work = {
        "process": bool(journal) and journal[0][0] != cursor,
        "deliver": (bool(outbox) and outbox[0][0] != outbox_cursor) or (bool(due) and due[0][1] <= now),
        "call": any(queue and queue[0][1] <= now for queue in (calls, probes)),
    }
    return [queue for queue, has_work in work.items() if has_work]


def attempts_by_hour(client: Client, subscriber_ids: Sequence[str], now: int) -> tuple[list[int], list[int]]:
    """Attempts of the last 24 hours by hour, those answered and those that failed, of these subscribers together."""
    hours = range(hour_number(now) - HOURS + 1, hour_number(now) + 1)
    with client.pipeline(transaction=False) as pipe:
        for subscriber_id in subscriber_ids:
            for hour in hours:
                pipe.hmget(keys.subscriber_hour(subscriber_id, hour), ["answered", "failed"])
        counts = pipe.execute()
    answered_by_hour, failed_by_hour = [0] * HOURS, [0] * HOURS
    for at, (answered, failed) in enumerate(counts):
        answered_by_hour[at % HOURS] += int(answered or 0)
        failed_by_hour[at % HOURS] += int(failed or 0)
    return answered_by_hour, failed_by_hour
