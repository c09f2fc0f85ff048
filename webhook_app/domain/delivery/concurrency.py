"""How many attempts may be in flight to one endpoint at once."""

from dataclasses import dataclass, replace

from webhook_app.domain.delivery.delivery import AttemptError

INITIAL_LIMIT = 2


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """Low at first, higher with each success, half of it with a failure, one after a time-out.

    `healthy`: the last attempt succeeded. Endpoints that are not healthy share a part of all slots, so that a thousand
    that hang leave the healthy ones theirs.
    """

    limit: int = INITIAL_LIMIT
    healthy: bool = False

    def after(self, error: AttemptError | None, *, at_most: int) -> "ConcurrencyLimit":
        """The limit after an attempt that ended this way."""
        if error is None:
            if self.healthy and self.limit >= at_most:
                return self
            return ConcurrencyLimit(min(self.limit + 1, at_most), healthy=True)
        if error == AttemptError.TIMEOUT:
            return ConcurrencyLimit(1, healthy=False)
        return replace(self, limit=max(1, self.limit // 2))
