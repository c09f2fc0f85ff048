"""An endpoint's health: how much it is trusted with at once, and whether a failure is its own or ours."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from webhook_app.domain.times import DAY, MINUTE, SECOND

FIRST_BOUND = 2
TRIP_POINTS = 10
POINTS = {"timeout": 3}
OPEN_FIRST_MS = 30 * SECOND
OPEN_MAX_MS = 10 * MINUTE
HALF_OPEN_MS = 20 * SECOND
GIVE_UP_AFTER_MS = 5 * DAY
GIVE_UP_FAILURES = 10
CUT_OFF_HOSTS = 2
CUT_OFF_MS = 60 * SECOND
HOSTS_MAX = 1_000
OF_THE_NETWORK = frozenset({"dns", "refused", "timeout", "tls", "not-http"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How many attempts may be in flight to one endpoint: few at first, more with each success, one after a time-out.

    `proven` says that the last attempt was answered; the others share a part of the room, so that a thousand
    endpoints that hang leave the healthy ones theirs.
    """

    bound: int = FIRST_BOUND
    proven: bool = False

    def after(self, error: str | None, *, at_most: int) -> "Pace":
        """The pace after an attempt that ended this way."""
        if error is None:
            return self if self.proven and self.bound >= at_most else Pace(min(self.bound + 1, at_most), proven=True)
        if error == "timeout":
            return Pace(1, proven=False)
        return replace(self, bound=max(1, self.bound // 2))


def points(error: str | None) -> int:
    """How much a failure counts towards opening the breaker at `TRIP_POINTS`."""
    return POINTS.get(error or "", 1)


def was_heard(error: str | None) -> bool:
    """Whether somebody outside has answered: an address that we refuse to reach shows nothing about the network."""
    return error not in OF_THE_NETWORK and error != "blocked"


class Horizon:
    """Whether we can reach anybody at all: failures of unrelated hosts, with no answer from any, are ours."""

    def __init__(self) -> None:
        self._lost = False
        self._answered_at: int | None = None
        self._failed: OrderedDict[str, int] = OrderedDict()

    def note(self, host: str, error: str | None, at: int) -> bool:
        """An attempt at a host ended this way; whether we are cut off now. Any answer shows the network is there."""
        if was_heard(error):
            self._answered_at, self._lost = at, False
            self._failed.clear()
            return False
        if error == "blocked":
            return self.cut_off(at)
        self._failed[host] = at
        self._failed.move_to_end(host)
        if len(self._failed) > HOSTS_MAX:
            self._failed.popitem(last=False)
        self._lost = self.cut_off(at)
        return self._lost

    def cut_off(self, at: int) -> bool:
        """Whether all that were tried within a minute, hosts that share nothing, failed, and nobody answered since."""
        if self._lost:
            return True
        if self._answered_at is not None and at - self._answered_at < CUT_OFF_MS:
            return False
        lately = sum(1 for moment in self._failed.values() if at - moment < CUT_OFF_MS)
        return lately >= CUT_OFF_HOSTS
