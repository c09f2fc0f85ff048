"""Group commit: requests on one event loop share appends to the journal, without a thread each."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from webhook_app.store.connection.circuit_breaker import CircuitBreaker
from webhook_app.store.connection.clients import Client, StoreSilentError, StoreUnavailableError
from webhook_app.store.journal.journal import (
    APPEND_KEYS,
    REPLICA_WAIT_MS,
    Entry,
    Wake,
    append_args,
    append_errors,
    appended,
    check_acknowledged,
)
from webhook_app.store.scripts import lua

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AppendLimits:
    """How much one append takes, and how much may wait for it and for how long."""

    group_entries: int = 256
    group_bytes: int = 4 * MIB
    waiting_entries: int = 8_192
    waiting_bytes: int = 64 * MIB
    wait_s: float = 15.0


AppendEntries = Callable[[Sequence[Entry]], Awaitable[tuple[list[str], bool]]]


def journal_append(client: Client, *, ack_replicas: int = 0) -> AppendEntries:
    """An append to the journal through an asynchronous client, as `Journal.append` does it."""
    script = client.register_script(lua("append_journal"))

    async def append(entries: Sequence[Entry]) -> tuple[list[str], bool]:
        args = append_args(entries)
        with append_errors():
            if not ack_replicas:
                return appended(await script(keys=APPEND_KEYS, args=args))
            async with client.pipeline(transaction=False) as pipe:
                pipe.eval(lua("append_journal"), len(APPEND_KEYS), *APPEND_KEYS, *args)
                pipe.execute_command("WAIT", ack_replicas, REPLICA_WAIT_MS)
                answer, replicas = await pipe.execute()
        check_acknowledged(int(replicas), ack_replicas)
        return appended(answer)

    return append


@dataclass(slots=True, eq=False)
class _Waiter:
    entry: Entry
    future: asyncio.Future[str]
    expired: bool = False


def _expire(waiter: _Waiter) -> None:
    """Fail an entry that has waited too long."""
    if not waiter.future.done():
        waiter.expired = True
        waiter.future.set_exception(StoreUnavailableError("the append took too long"))


class GroupAppender:
    """Appends entries in their order, all that wait at a time; one append is in flight at a time."""

    def __init__(
        self,
        append_entries: AppendEntries,
        wake: Wake,
        circuit: CircuitBreaker,
        limits: AppendLimits = AppendLimits(),
    ) -> None:
        self._append_entries = append_entries
        self._wake = wake
        self._circuit = circuit
        self._limits = limits
        self._waiting: deque[_Waiter] = deque()
        self._waiting_bytes = 0
        self._appending: asyncio.Task[None] | None = None

    async def append(self, entry: Entry) -> str:
        """Append one entry; returns its id when it is durable. StoreUnavailableError when it is not known to be.

        While the store does not answer, this fails at once.
        """
        await self._circuit.admit()
        limits = self._limits
        if len(self._waiting) >= limits.waiting_entries or self._waiting_bytes >= limits.waiting_bytes:
            raise StoreUnavailableError("too many webhooks wait for the store")
        loop = asyncio.get_running_loop()
        waiter = _Waiter(entry, loop.create_future())
        self._waiting.append(waiter)
        self._waiting_bytes += len(entry.data)
        if self._appending is None:
            self._appending = asyncio.create_task(self._append_all())
        expiry = loop.call_later(self._limits.wait_s, _expire, waiter)
        try:
            return await waiter.future
        finally:
            expiry.cancel()
            if waiter.future.cancelled() or waiter.expired:
                self._forget(waiter)

    async def _append_all(self) -> None:
        try:
            while self._waiting:
                await self._append_group(self._take_group())
        finally:
            self._appending = None

    async def _append_group(self, group: list[_Waiter]) -> None:
        try:
            ids, wake = await self._append_entries([waiter.entry for waiter in group])
        except Exception as error:
            unavailable = error if isinstance(error, StoreUnavailableError) else StoreUnavailableError(repr(error))
            if isinstance(error, StoreSilentError):
                self._circuit.open()
                group += self._take_all()  # each would wait for the same time-out in turn
            for waiter in group:
                if not waiter.future.done():
                    waiter.future.set_exception(unavailable)
                    waiter.future.exception()  # mark it as retrieved: the waiter may be gone
            return
        for waiter, event_id in zip(group, ids, strict=True):
            if not waiter.future.done():
                waiter.future.set_result(event_id)
        if wake:
            self._wake.wake("process")

    def _take_group(self) -> list[_Waiter]:
        group: list[_Waiter] = []
        size = 0
        limits = self._limits
        while self._waiting and len(group) < limits.group_entries and size < limits.group_bytes:
            waiter = self._waiting.popleft()
            group.append(waiter)
            size += len(waiter.entry.data)
        self._waiting_bytes -= size
        return group

    def _take_all(self) -> list[_Waiter]:
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        return waiting

    def _forget(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            self._waiting_bytes -= len(waiter.entry.data)
