"""Dead man's switch: fetch HEARTBEAT_URL every minute while the product is healthy.

An external monitor raises the alarm when the requests stop.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import redis
import requests
import structlog

from webhook_app.ops.health import WORKERS
from webhook_app.outbound.blocking import make_session
from webhook_app.outbound.failures import failure_text
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.runtime.loops import Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.health import read_health

EVERY_S = 60.0
FIRST_AFTER_S = 5.0
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
TICKED_WITHIN_S = 10.0

log = structlog.get_logger()


class UptimePing:
    """Sends a ping if store, workers and clock are healthy.

    `last_tick_at` returns the clock's last tick on the monotonic clock.
    """

    def __init__(
        self, client: Client, url: str, *, last_tick_at: Callable[[], float], proxies: Proxies = DIRECT
    ) -> None:
        self._client = client
        self._url = url
        self._proxies = proxies
        self._last_tick_at = last_tick_at
        self._problem: str | None = None

    def ping(self) -> bool:
        """Fetch the URL if all is healthy; return whether that succeeded. A problem is logged once."""
        problem = self._health_problem() or self._fetch()
        if problem != self._problem:
            # Do not log the URL, which is a secret: anyone who has it can silence the monitor.
            if problem is None:
                log.info("heartbeat sent again")
            else:
                log.warning("heartbeat not sent", why=problem)
        self._problem = problem
        return problem is None

    def _health_problem(self) -> str | None:
        try:
            store_health = read_health(self._client)
        except redis.RedisError:
            return "the store does not answer"
        if store_health.problem is not None:
            return f"the store accepts no writes: {store_health.problem}"
        if store_health.halted:
            return "event processing is halted"
        if store_health.stalled is not None:
            return f"event processing has stalled: {store_health.stalled}"
        if monotonic() - self._last_tick_at() > TICKED_WITHIN_S:
            return "the clock has stalled"
        missing = [name for name in WORKERS if not store_health.live.alive.get(name)]
        if missing:
            return f"not running: {', '.join(missing)}"
        return next(
            (f"{loop} {reason}" for loop, reason in store_health.live.failing_in("clock", *WORKERS).items()), None
        )

    def _fetch(self) -> str | None:
        try:
            with (
                make_session(self._proxies) as session,
                session.get(self._url, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), stream=True) as answer,
            ):
                return None if answer.ok else f"the monitor answered {answer.status_code}"
        except requests.RequestException as error:
            return f"the monitor is unreachable: {failure_text(error)}"


@contextmanager
def uptime_pings(
    url: str | None,
    client: Client,
    loops: Loops,
    *,
    last_tick_at: Callable[[], float],
    proxies: Proxies = DIRECT,
    every_s: float = EVERY_S,
) -> Iterator[None]:
    """Send pings on a thread while the body runs; does nothing without a URL."""
    stop = threading.Event()
    if url is not None:
        pings = UptimePing(client, url, last_tick_at=last_tick_at, proxies=proxies)

        def send_ping() -> None:
            pings.ping()

        first_after_s, failing_after_s = min(FIRST_AFTER_S, every_s), 3 * every_s
        loops.start(
            "heartbeat",
            send_ping,
            every_s=every_s,
            first_after_s=first_after_s,
            failing_after_s=failing_after_s,
            stop=stop,
        )
    try:
        yield
    finally:
        stop.set()
