"""A slower store: a proxy that delays every answer by some milliseconds, in order."""

import asyncio
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench import children

DELAY_S = 0.005


class _ToStore(asyncio.Protocol):
    """The proxy's connection to the store: each chunk is delayed independently of others."""

    def __init__(self, caller: asyncio.Transport) -> None:
        self._caller = caller
        self._delayed: deque[bytes] = deque()

    def data_received(self, data: bytes) -> None:
        self._delayed.append(data)
        asyncio.get_running_loop().call_later(DELAY_S, self._forward)

    def _forward(self) -> None:
        self._caller.write(self._delayed.popleft())

    def connection_lost(self, exc: Exception | None) -> None:
        self._caller.close()


class _FromCaller(asyncio.Protocol):
    """A client's connection: its data goes to the store at once."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._before_open: list[bytes] = []
        self._store_connection: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._opening = asyncio.get_running_loop().create_task(self._open(transport))

    async def _open(self, caller: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._store_connection, _ = await loop.create_unix_connection(lambda: _ToStore(caller), self._store)
        self._store_connection.writelines(self._before_open)

    def data_received(self, data: bytes) -> None:
        if self._store_connection is None:
            self._before_open.append(data)
        else:
            self._store_connection.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._store_connection is not None:
            self._store_connection.close()


@contextmanager
def before(redis_url: str, directory: Path) -> Iterator[str]:
    """Run the proxy in front of an embedded store; yields its address."""
    store = unquote(urlsplit(redis_url).path)
    port = children.free_port()
    with children.python("bench.slow_store", store, str(port), environ={}, log=directory / "proxy.log"):
        children.wait_for(lambda: _listens(port), "the slow store")
        yield f"redis://127.0.0.1:{port}/0"


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _serve(store: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _FromCaller(store), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
