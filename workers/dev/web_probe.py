"""Health check of the web process over HTTP, for the supervisor.

A web process that runs but does not answer accepts no webhooks. `GET /healthz` takes the same path as every request: it
is accepted, read and answered on the event loop, without the store.
"""

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from time import monotonic

from workers.dev.supervisor import Supervised

PROBE_EVERY_S = 5.0
ANSWER_TIMEOUT_S = 10.0
BODY_MAX_BYTES = 64 * 1024
UNRESPONSIVE_AFTER_S = 90.0  # long, since an overloaded machine answers late


class WebProbe:
    """Tracks when the web process last answered. `request` makes one request and returns whether it was answered."""

    def __init__(
        self,
        request: Callable[[], bool],
        *,
        name: str = "web",
        after_s: float = UNRESPONSIVE_AFTER_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._request = request
        self._name = name
        self._after_s = after_s
        self._clock = clock
        self._pid: int | None = None
        self._answered_at = clock()

    def probe(self) -> None:
        """Make one request and record whether it was answered."""
        if self._request():
            self._answered_at = self._clock()

    def is_unresponsive(self, process: Supervised) -> bool:
        """Whether `process` is the web process and has not answered for too long, counted from its launch."""
        if process.name != self._name:
            return False
        if process.pid != self._pid:
            self._pid, self._answered_at = process.pid, self._clock()
        return self._clock() - self._answered_at > self._after_s


def answers(host: str, port: int, *, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Whether the web process at this address answers `GET /healthz` with 200."""
    return get(host, port, "/healthz", timeout_s=timeout_s)[0] == 200


def get(host: str, port: int, path: str, *, timeout_s: float) -> tuple[int, bytes]:
    """Return status and the first 64 KiB of the body; status 0 without an answer."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(BODY_MAX_BYTES)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


@contextlib.contextmanager
def probing(host: str, port: int) -> Iterator[WebProbe]:
    """Run a probe on its own thread while the body runs."""
    probe = WebProbe(lambda: answers(host, port))
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(PROBE_EVERY_S):
            probe.probe()  # `answers` never raises

    threading.Thread(target=run, name="web-probe", daemon=True).start()
    try:
        yield probe
    finally:
        stop.set()
