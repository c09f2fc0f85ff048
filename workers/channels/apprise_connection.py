"""A running Apprise process and the socket to it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Self, assert_never

import msgspec

from webhook_app.config.variables import SECRETS
from webhook_app.runtime.logs import logger
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_protocol import (
    LineBuffer,
    Ready,
    Released,
    SendRequest,
    SendResult,
    decode_from_process,
    encode_line,
)
from workers.child_process import spawn

MODULE = "workers.channels.apprise_worker"
READ_BYTES = 65_536
NOT_PASSED_ON = SECRETS | {"REDIS_URL"}  # Apprise is third-party code and needs no credentials of ours

log = logger()


class ProcessEndedError(Exception):
    """The Apprise process ended while a request was in progress: whether that was carried out is unknown."""


class AppriseConnection:
    """Writes requests and settles them as results arrive. `on_end` is called once, when the process has ended."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        end: socket.socket,
        limits: AppriseLimits,
        on_end: Callable[["AppriseConnection"], None],
    ) -> None:
        self._process = process
        self._socket = end
        self._limits = limits
        self._on_end = on_end
        self._lines = LineBuffer()
        self._results: dict[int, asyncio.Future[SendResult]] = {}
        self._releases: dict[int, Callable[[], None]] = {}
        self._writing = asyncio.Lock()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[bool] = self._loop.create_future()
        self._loop.add_reader(end, self._read)
        self._start_timer = self._loop.call_later(limits.start_timeout_s, self.kill)

    @classmethod
    def open(cls, limits: AppriseLimits, on_end: Callable[["AppriseConnection"], None]) -> Self:
        """Start a process; OSError when that is impossible. It ends with the thread that calls this."""
        parent_end, child_end = socket.socketpair()
        with child_end:
            parent_end.setblocking(False)
            command = (sys.executable, "-m", MODULE, str(child_end.fileno()), msgspec.json.encode(limits).decode())
            try:
                environ = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
                process = spawn(command, environ=environ, pass_fds=[child_end.fileno()], end_signal=signal.SIGKILL)
            except OSError:
                parent_end.close()
                raise
        log.debug("the Apprise process was started", pid=process.pid)
        return cls(process, parent_end, limits, on_end)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def ready(self) -> bool:
        """Wait until Apprise is loaded; False when the process ended before."""
        return await asyncio.shield(self._loaded)

    async def send(self, request: SendRequest, release: Callable[[], None]) -> "asyncio.Future[SendResult]":
        """Write a request and return its result to come; OSError when the process no longer receives.

        `release` is called when the process has finished with the request, which may be later than its result.
        """
        if self._ended.is_set():
            raise BrokenPipeError("the process has ended")
        result: asyncio.Future[SendResult] = self._loop.create_future()
        self._results[request.number], self._releases[request.number] = result, release
        try:
            async with self._writing:
                await self._write(encode_line(request))
        except BaseException:
            self._results.pop(request.number, None)
            self._releases.pop(request.number, None)
            if not result.cancel():
                result.exception()  # it failed with the process, and is not waited for
            raise
        finally:
            if self._ended.is_set():
                self._socket.close()
        return result

    async def _write(self, line: bytes) -> None:
        try:
            await self._loop.sock_sendall(self._socket, line)
        except asyncio.CancelledError:
            self.kill()  # a part of the line may have been written, and nothing could follow it
            raise

    def kill(self) -> None:
        """Kill the process; requests in progress fail."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """End the process: it exits when its socket closes, but not while it still loads Apprise."""
        if not self._loaded.done():
            self._process.kill()
        self._end(is_expected=True)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._process.kill()  # it closed its socket: it is exiting, or is to
            self._end()
            return
        try:
            for line in self._lines.feed(data):
                self._receive(decode_from_process(line))
        except ValueError as error:
            log.warning("the Apprise process sent an invalid message", error=type(error).__name__)
            self.kill()

    def _receive(self, message: Ready | SendResult | Released) -> None:
        match message:
            case Ready():
                self._start_timer.cancel()
                if not self._loaded.done():
                    self._loaded.set_result(True)
            case SendResult():
                result = self._results.pop(message.number, None)
                if result is not None and not result.done():
                    result.set_result(message)
            case Released():
                release = self._releases.pop(message.number, None)
                if release is not None:
                    release()
            case _:
                assert_never(message)

    def _end(self, *, is_expected: bool = False) -> None:
        """Close the socket, and fail what is in progress. The process is waited for on a thread, not on the loop."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._start_timer.cancel()
        self._loop.remove_reader(self._socket)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # a write in progress fails, and closes the socket
        if not self._writing.locked():
            self._socket.close()
        # Not a daemon: when the worker exits, Python waits for this thread, and the process may finish in time.
        threading.Thread(target=self._reap, args=(is_expected,), name="apprise-reaper").start()
        if not self._loaded.done():
            self._loaded.set_result(False)
        for result in self._results.values():
            if not result.done():
                result.set_exception(ProcessEndedError("The process that sends to this service ended unexpectedly."))
        for release in self._releases.values():
            release()
        self._results, self._releases = {}, {}
        self._on_end(self)

    def _reap(self, is_expected: bool) -> None:
        """Wait for the process; kill it when it takes too long."""
        try:
            status = self._process.wait(self._limits.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status != 0 and not is_expected:
            log.warning("the Apprise process ended unexpectedly", status=status)
