"""The retry schedule: when a failed delivery is tried again."""

from webhook_app.domain.ids import derive
from webhook_app.domain.times import HOUR, MINUTE, SECOND

RETRY_SCHEDULE_MS = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
SLOW_DOWN_MIN_MS = 60 * SECOND
JITTER = 0.2


def next_retry_at(
    delivery_id: str, attempts: int, *, now: int, slow_down: bool = False, retry_after_ms: int | None = None
) -> int | None:
    """When to try again after so many attempts, in ms; None when the schedule has no further attempt.

    1. The base is the schedule's delay after this many attempts; with `slow_down` (429, or no response in time) a
       minute at least.
    2. A Retry-After longer than the base is honoured up to twice the base, without jitter.
    3. Otherwise the base varies by up to a fifth, by a draw from the delivery's id.
    """
    if attempts > len(RETRY_SCHEDULE_MS):
        return None
    base = RETRY_SCHEDULE_MS[attempts - 1]
    if slow_down:
        base = max(base, SLOW_DOWN_MIN_MS)
    if retry_after_ms is not None and retry_after_ms > base:
        return now + min(retry_after_ms, 2 * base)
    draw = int.from_bytes(derive("", delivery_id, str(attempts)).encode()[:6], "big") % 1000 / 1000
    return now + round(base * (1 + JITTER * (2 * draw - 1)))
