"""How often somebody may try to log in: failures are counted by address, in this process."""

import threading
from collections import OrderedDict
from time import monotonic

WINDOW_S = 60.0
FAILURES_MAX = 10
ADDRESSES_MAX = 4_096


class Throttle:
    """Counts failures of an address within a minute; the oldest addresses are forgotten when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Seconds until this address may try again; 0 when it may now."""
        with self._lock:
            recent = self._recent(_network(address))
            return 0 if len(recent) < FAILURES_MAX else max(1, round(recent[0] + WINDOW_S - monotonic()))

    def failed(self, address: str) -> None:
        """This address gave a wrong token."""
        with self._lock:
            network = _network(address)
            self._failures[network] = [*self._recent(network), monotonic()][-FAILURES_MAX:]
            self._failures.move_to_end(network)
            while len(self._failures) > ADDRESSES_MAX:
                self._failures.popitem(last=False)

    def _recent(self, network: str) -> list[float]:
        since = monotonic() - WINDOW_S
        return [at for at in self._failures.get(network, []) if at > since]


def _network(address: str) -> str:
    """An IPv6 address stands for its /64: whoever has one has all of it."""
    return ":".join(address.split(":")[:4]) if address.count(":") > 1 else address
