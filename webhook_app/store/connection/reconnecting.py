"""Connections that reconnect after their server refused commands or did not answer.

A server that was demoted keeps its clients and answers each write READONLY for as long as they stay. So a connection
that meets a refusal is replaced before its next use; where another server may have taken over, so is every other
connection of its pool. The replacement goes wherever the address, or Sentinel, now leads. No command is repeated.
"""

from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio.connection as asyncio_connection
import redis.asyncio.sentinel as asyncio_sentinel
import redis.connection as sync_connection
import redis.sentinel as sync_sentinel

from webhook_app.store.connection.command_packer import CommandPacker
from webhook_app.store.connection.refusals import RECONNECT_REFUSALS, refusal_of

if TYPE_CHECKING:
    _Base = sync_connection.Connection
    _AsyncBase = asyncio_connection.Connection
else:
    _Base = _AsyncBase = object


class Generation:
    """Counts how often all connections of a process had to be replaced."""

    def __init__(self) -> None:
        self.number = 0

    def end(self) -> None:
        """Replace every connection that is open now before its next use."""
        self.number += 1


class _ConnectionAge:
    """The generation that a connection belongs to, and what outdates it."""

    _OUTDATED = -1

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.number = generation.number

    def renew(self) -> bool:
        """Whether the connection must be replaced; from now on it belongs to the present generation."""
        outdated, self.number = self.number != self.generation.number, self.generation.number
        return outdated

    def observe_response(self, answer: object) -> None:
        """Look for refusals among the answers of a transaction, which are returned and not raised."""
        if type(answer) is list:
            for item in answer:
                if isinstance(item, redis.ResponseError):
                    self.observe_error(item)

    def observe_error(self, error: redis.RedisError) -> None:
        refusal = refusal_of(error)
        if refusal is not None and error.status_code is None:
            error.status_code = refusal  # a pipeline writes other words before the error's text
        if refusal in RECONNECT_REFUSALS:
            self.generation.end()
        elif refusal is not None:
            self.number = self._OUTDATED

    def observe_timeout(self) -> None:
        """The server did not answer in time: replace the other connections to it too."""
        self.generation.end()


class _ReconnectingConnection(_Base):
    """What a connection does beyond the library's own, for clients of threads."""

    def __init__(self, *, generation: Generation, **options: Any) -> None:
        self._age = _ConnectionAge(generation)
        super().__init__(command_packer=CommandPacker(), **options)  # type: ignore[no-untyped-call]

    def connect(self) -> None:
        """Called by the pool before each use."""
        if self._age.renew():
            self.disconnect()  # type: ignore[no-untyped-call]
        try:
            super().connect()  # type: ignore[no-untyped-call]
        except redis.TimeoutError:
            self._age.observe_timeout()
            raise

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read one answer; raises what the server answers."""
        try:
            answer = super().read_response(*args, **options)
        except redis.TimeoutError:
            if "timeout" not in options:  # else a subscriber waits for what need not come
                self._age.observe_timeout()
            raise
        except redis.RedisError as error:
            self._age.observe_error(error)
            raise
        self._age.observe_response(answer)
        return answer


class _AsyncReconnectingConnection(_AsyncBase):
    """The same for an event loop."""

    def __init__(self, *, generation: Generation, **options: Any) -> None:
        self._age = _ConnectionAge(generation)
        super().__init__(**options)

    async def connect(self) -> None:
        """Called by the pool before each use."""
        if self._age.renew():
            await self.disconnect()
        try:
            await super().connect()  # type: ignore[no-untyped-call]
        except redis.TimeoutError:
            self._age.observe_timeout()
            raise

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read one answer; raises what the server answers."""
        try:
            answer = await super().read_response(*args, **options)
        except redis.TimeoutError:
            if "timeout" not in options:
                self._age.observe_timeout()
            raise
        except redis.RedisError as error:
            self._age.observe_error(error)
            raise
        self._age.observe_response(answer)
        return answer


class TcpConnection(_ReconnectingConnection, sync_connection.Connection):
    """`redis://`"""


class TlsConnection(_ReconnectingConnection, sync_connection.SSLConnection):
    """`rediss://`"""


class UnixConnection(_ReconnectingConnection, sync_connection.UnixDomainSocketConnection):
    """`unix://`"""


class _Primary(sync_sentinel.SentinelManagedConnection):
    """Reads as every other connection does.

    The library's own turns READONLY into a lost connection, and stays open when reading is interrupted: whoever used
    it next would take the answer to an earlier command for their own.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        return sync_connection.Connection.read_response(self, *args, **options)


class PrimaryConnection(_ReconnectingConnection, _Primary):
    """`redis+sentinel://`"""


class TlsPrimaryConnection(_ReconnectingConnection, _Primary, sync_sentinel.SentinelManagedSSLConnection):
    """`rediss+sentinel://`"""


class AsyncTcpConnection(_AsyncReconnectingConnection, asyncio_connection.Connection):
    """`redis://`"""


class AsyncTlsConnection(_AsyncReconnectingConnection, asyncio_connection.SSLConnection):
    """`rediss://`"""


class AsyncUnixConnection(_AsyncReconnectingConnection, asyncio_connection.UnixDomainSocketConnection):
    """`unix://`"""


class _AsyncPrimary(asyncio_sentinel.SentinelManagedConnection):
    """The same for an event loop."""

    async def read_response(self, *args: Any, **options: Any) -> Any:
        return await asyncio_connection.Connection.read_response(self, *args, **options)


class AsyncPrimaryConnection(_AsyncReconnectingConnection, _AsyncPrimary):
    """`redis+sentinel://`"""


class AsyncTlsPrimaryConnection(
    _AsyncReconnectingConnection, _AsyncPrimary, asyncio_sentinel.SentinelManagedSSLConnection
):
    """`rediss+sentinel://`"""
