"""The circuit breaker's figures: how failures of a subscriber are scored, and how long its deliveries pause.

The breaker's state is kept in the store and changes with each settlement, in Lua.
"""

from collections.abc import Mapping

from webhook_app.domain.delivery.delivery import AttemptError
from webhook_app.domain.times import DAY, MINUTE, SECOND

BREAKER_THRESHOLD = 10  # the failure score that opens it
BREAKER_FIRST_PAUSE_MS = 30 * SECOND  # doubled each time it opens again
BREAKER_MAX_PAUSE_MS = 10 * MINUTE
BREAKER_PROBE_MS = 20 * SECOND  # how long one delivery is tried alone, after the pause
GIVE_UP_AFTER_MS = 5 * DAY
GIVE_UP_FAILURES = 10
FAILURE_SCORES: Mapping[AttemptError, int] = {AttemptError.TIMEOUT: 3}


def failure_score(error: AttemptError) -> int:
    """How much a failure adds to the subscriber's failure score."""
    return FAILURE_SCORES.get(error, 1)
