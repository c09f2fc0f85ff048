"""Speaking: a notice is told to people by Apprise, on threads of its own, in their words and never twice."""

import asyncio
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from time import perf_counter
from typing import Any

from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.text import NoticeText, announced_state, render_notice
from webhook_app.domain.rules.rule import ConfiguredRoom
from webhook_app.outbound.addresses import Network
from webhook_app.outbound.channel_urls import apprise_plugin
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from workers.channels import egress_guard
from workers.channels.port import AttemptResult, ChannelBusyError

TOTAL_TIMEOUT_S = 15.0
THREADS = 64
THREAD_WAIT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
TOLD_KEPT_S = 30 * 24 * 3600
ALREADY_ANNOUNCED = "not said again: it is what was said last"
_STATUS = re.compile(r"error=(\d{3})\b")
_SECRET = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


class AppriseChannel:
    """Tells people; one for each process."""

    def __init__(self, client: Client, *, allowed: Sequence[Network], base_url: str | None) -> None:
        self._client = client
        self._allowed = tuple(allowed)
        self._base_url = base_url
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="speak")
        self._threads = asyncio.Semaphore(THREADS)
        self._log_capture = _LogCapture()
        egress_guard.install()

    async def tell(
        self, subscriber: Subscriber, notice: Notice, named: ConfiguredRoom | None, *, stale: bool = False
    ) -> AttemptResult:
        """Tell one notice, unless it says what was said last. Raises BusyError, and what the store raises."""
        key, state = keys.last_announced(subscriber.subscriber_id), announced_state(notice)
        if state is not None and await self._client.hget(key, state[0]) == state[1].encode():
            return AttemptResult(None, None, 0, ALREADY_ANNOUNCED, sent=False)
        text = render_notice(notice, room_name=named.name if named else None, base_url=self._base_url, stale=stale)
        await self._thread()
        began, watch = perf_counter(), egress_guard.EgressGuard(self._allowed)
        saying = self._pool.submit(self._say, subscriber.url, text, watch)
        saying.add_done_callback(partial(self._thread_is_free, asyncio.get_running_loop()))
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                reply = await asyncio.wrap_future(saying)
        except TimeoutError:
            watch.end()
            return AttemptResult(None, "timeout", round((perf_counter() - began) * 1000))
        if reply.error is None and state is not None and not stale:
            await self._client.hset(key, state[0], state[1])
            await self._client.expire(key, TOLD_KEPT_S)
        return reply

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._log_capture.close()

    async def _thread(self) -> None:
        """Wait for a thread that is free: that others hang must not count against this one."""
        try:
            async with asyncio.timeout(THREAD_WAIT_S):
                await self._threads.acquire()
        except TimeoutError:
            raise ChannelBusyError from None

    def _thread_is_free(self, loop: asyncio.AbstractEventLoop, done: object) -> None:
        try:
            loop.call_soon_threadsafe(self._threads.release)
        except RuntimeError:
            pass  # the loop is closed: this process is coming to its end

    def _say(self, url: str, text: NoticeText, watch: egress_guard.EgressGuard) -> AttemptResult:
        began = perf_counter()
        with egress_guard.guarding(watch), self._log_capture.here() as lines:
            try:
                said = bool(_channel(url).notify(body=text.body, title=text.title))
            except Exception as error:  # whatever a service's code may raise is that service's failure
                said = False
                lines.append(type(error).__name__)
        spent = round((perf_counter() - began) * 1000)
        lines = [watch.blocked, *lines] if watch.blocked else lines
        heard = _SECRET.sub("…", "; ".join(lines)).encode("utf-8", "replace").decode()[:RESPONSE_KEPT_BYTES]
        if said:
            return AttemptResult(None, None, spent, heard)
        status = _STATUS.search(heard)
        kind = "blocked" if watch.blocked else "dns" if watch.unknown else "status" if status else "refused"
        return AttemptResult(int(status[1]) if status else None, kind, spent, heard)


@lru_cache(maxsize=1_000)
def _channel(url: str) -> Any:
    made = apprise_plugin(url)
    made.notify_format = "text"  # as it is: a name with markup in it stays a name
    made.request_rate_per_sec = 0  # the subscriber's own limit paces it
    made.socket_connect_timeout = min(made.socket_connect_timeout, CONNECT_TIMEOUT_S)
    made.socket_read_timeout = min(made.socket_read_timeout, READ_TIMEOUT_S)
    return made


class _LogCapture(logging.Handler):
    """What Apprise logs on a thread while it tells something: the only word it gives of why it could not."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._here = threading.local()
        self._logger = logging.getLogger("apprise")
        self._logger.addHandler(self)
        self._logger.propagate = False

    @contextmanager
    def here(self) -> Iterator[list[str]]:
        """What is logged on this thread while the body runs."""
        lines: list[str] = []
        self._here.lines = lines
        try:
            yield lines
        finally:
            del self._here.lines

    def emit(self, record: logging.LogRecord) -> None:
        lines: list[str] | None = getattr(self._here, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())

    def close(self) -> None:
        self._logger.removeHandler(self)
        super().close()
