"""The Apprise process: carries out the requests that arrive on its socket. `python -m workers.channels.apprise_worker`.

Its arguments are the number of the socket's file descriptor and `AppriseLimits` as JSON. It exits when its parent
closes the socket, and when it was idle for `idle_s`.
"""

import os
import select
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from time import monotonic

import msgspec

from webhook_app.domain.delivery.delivery import AttemptError
from workers.channels import egress_guard
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_protocol import (
    LineBuffer,
    Ready,
    Released,
    SendRequest,
    SendResult,
    decode_request,
    encode_line,
)
from workers.channels.apprise_sender import AppriseSender
from workers.channels.egress_guard import EgressGuard

READ_BYTES = 65_536
MS = 1_000


@dataclass(slots=True)
class _Attempt:
    """A request that a thread carries out; `is_answered` once its result was written."""

    request: SendRequest
    guard: EgressGuard
    started_at: float
    is_answered: bool = False


class AppriseWorker:
    """Reads requests on the main thread and carries each out on a thread of the pool.

    The parent sends at most `concurrency` requests that were not released: a thread is always free for the next.
    """

    def __init__(self, parent: socket.socket, sender: AppriseSender, limits: AppriseLimits) -> None:
        self._parent = parent
        self._sender = sender
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="apprise")
        self._lock = threading.Lock()
        self._attempts: dict[int, _Attempt] = {}
        self._changed = threading.Event()
        self._lines = LineBuffer()
        self._idle_since = monotonic()

    def run(self) -> None:
        """Work until the parent closes the socket or there was nothing to do for `idle_s`."""
        self._write(Ready())
        while not self._is_idle():
            readable, _, _ = select.select([self._parent], [], [], self._wait_s())
            if readable and not self._receive():
                return
            self._end_overdue()
        self._finish()

    def _finish(self) -> None:
        """Receive nothing more, and carry out what the parent had sent by then."""
        self._parent.shutdown(socket.SHUT_RD)
        while self._receive():
            pass
        while self._attempts:
            self._changed.wait(self._wait_s())
            self._changed.clear()
            self._end_overdue()

    def _receive(self) -> bool:
        """Start the requests that have arrived; False when the socket is closed."""
        data = self._parent.recv(READ_BYTES)
        for line in self._lines.feed(data):
            request = decode_request(line)
            attempt = _Attempt(request, EgressGuard([ip_network(network) for network in request.allowed]), monotonic())
            with self._lock:
                self._attempts[request.number] = attempt
            self._pool.submit(self._carry_out, attempt)
        return bool(data)

    def _carry_out(self, attempt: _Attempt) -> None:
        number = attempt.request.number
        try:
            result = self._sender.send(attempt.request, attempt.guard)
            self._answer(attempt, result)
        finally:
            with self._lock:
                del self._attempts[number]
                self._idle_since = monotonic()
            self._write(Released(number))
            self._changed.set()

    def _end_overdue(self) -> None:
        """Abort the attempts that have timed out, and report that."""
        now = monotonic()
        with self._lock:
            overdue = [attempt for attempt in self._attempts.values() if self._deadline(attempt) <= now]
        for attempt in overdue:
            attempt.guard.end()
            spent_ms = round((now - attempt.started_at) * MS)
            self._answer(attempt, SendResult(attempt.request.number, None, AttemptError.TIMEOUT, spent_ms))

    def _answer(self, attempt: _Attempt, result: SendResult) -> None:
        with self._lock:
            if attempt.is_answered:
                return
            attempt.is_answered = True
        self._write(result)

    def _write(self, message: Ready | SendResult | Released) -> None:
        with self._lock, suppress(OSError):  # without a parent the main thread is about to exit
            self._parent.sendall(encode_line(message))

    def _is_idle(self) -> bool:
        with self._lock:
            return not self._attempts and monotonic() - self._idle_since >= self._limits.idle_s

    def _wait_s(self) -> float:
        """Seconds until something is to be done without the parent asking for it."""
        now = monotonic()
        with self._lock:
            deadlines = [self._deadline(attempt) for attempt in self._attempts.values() if not attempt.is_answered]
            idle_at = self._idle_since + self._limits.idle_s
        return max(0.0, min(deadlines, default=idle_at if not self._attempts else now + self._limits.idle_s) - now)

    def _deadline(self, attempt: _Attempt) -> float:
        return attempt.started_at + self._limits.total_timeout_s


def main(arguments: list[str]) -> None:
    """Run until there is nothing more to do, then exit without waiting for threads."""
    limits = msgspec.json.decode(arguments[1], type=AppriseLimits)
    egress_guard.install()
    inherited = int(arguments[0])
    parent = socket.socket(fileno=os.dup(inherited))  # the lowest free number: `select` takes none above 1,023
    os.close(inherited)
    AppriseWorker(parent, AppriseSender(limits), limits).run()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
