"""Starts and ends the process that runs Apprise, and passes requests to it."""

import asyncio
from collections.abc import Callable
from time import monotonic

from webhook_app.runtime.logs import logger
from workers.channels.apprise_connection import AppriseConnection, ProcessEndedError
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_protocol import SendRequest, SendResult
from workers.channels.port import ChannelBusyError

log = logger()


class AppriseProcess:
    """The Apprise process of one event loop.

    1. The first request starts it. It ends by itself after `idle_s` without work, and the next request starts another.
       It also ends with its parent, however that ends.
    2. Before it ends when idle it stops receiving: a request is either carried out, or fails to be sent and goes to a
       new process.
    3. When it crashes, the requests in progress raise ProcessEndedError.
    """

    def __init__(self, limits: AppriseLimits = AppriseLimits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._current: AppriseConnection | None = None
        self._connections: set[AppriseConnection] = set()  # also those that still finish what they had received
        self._next_start_at = 0.0
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The id of the process that takes requests; None while there is none."""
        return None if self._current is None else self._current.pid

    async def send(self, url: str, title: str, body: str, allowed: tuple[str, ...]) -> SendResult:
        """Have a text sent. ChannelBusyError, TimeoutError or ProcessEndedError."""
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._slots.acquire()
                release = _once(self._slots.release)
                try:
                    connection, result = await self._submit(url, title, body, allowed, release)
                except BaseException:
                    release()
                    raise
        except TimeoutError:
            raise ChannelBusyError from None
        try:
            async with asyncio.timeout(self._limits.total_timeout_s + self._limits.overdue_s):
                return await result
        except TimeoutError:
            connection.kill()  # it no longer enforces its own time limit
            raise

    def close(self) -> None:
        """End the process."""
        for connection in list(self._connections):
            connection.close()
        self._current = None

    async def _submit(
        self, url: str, title: str, body: str, allowed: tuple[str, ...], release: Callable[[], None]
    ) -> tuple[AppriseConnection, "asyncio.Future[SendResult]"]:
        self._requests += 1
        request = SendRequest(self._requests, url, title, body, allowed)
        while True:
            connection = await self._ready()
            try:
                return connection, await connection.send(request, release)
            except OSError:
                self._retire(connection)  # it has just ended, being idle

    async def _ready(self) -> AppriseConnection:
        """The connection to a process that has loaded Apprise; ProcessEndedError when it ended before."""
        connection = self._current or await self._start()
        if not await connection.ready():
            raise ProcessEndedError("The process that sends to this service ended while it started.")
        return connection

    async def _start(self) -> AppriseConnection:
        await asyncio.sleep(max(0.0, self._next_start_at - monotonic()))
        if self._current is None:
            self._next_start_at = monotonic() + self._limits.restart_delay_s
            try:
                self._current = AppriseConnection.open(self._limits, on_end=self._ended)
            except OSError as error:
                log.warning("the Apprise process could not be started", error=str(error))
                raise ChannelBusyError from None
            self._connections.add(self._current)
        return self._current

    def _ended(self, connection: AppriseConnection) -> None:
        self._connections.discard(connection)
        self._retire(connection)

    def _retire(self, connection: AppriseConnection) -> None:
        if self._current is connection:
            self._current = None


def _once(action: Callable[[], None]) -> Callable[[], None]:
    """The action, of which only the first call has an effect."""
    pending = [action]

    def act() -> None:
        if pending:
            pending.pop()()

    return act
