"""Many viewers of the event stream in one process, each watching one room; reports what they received."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from functools import partial

from bench.bodies import room_id
from bench.http_client import percentile

ID = b"\nid: "
AT = b'"at":"'


@dataclass
class Totals:
    """What all viewers have received; lags in ms from an event's append to its message."""

    connected: int = 0
    closed: int = 0
    events: int = 0
    lags: list[float] = field(default_factory=list)

    def report(self) -> dict[str, float]:
        """Return the counts and the percentiles of the lags."""
        counts = {name: value for name, value in asdict(self).items() if name != "lags"}
        return counts | {"lag_p50_ms": percentile(self.lags, 50), "lag_p99_ms": percentile(self.lags, 99)}


class Watcher(asyncio.Protocol):
    """One viewer that reads and counts messages."""

    def __init__(self, totals: Totals, request: bytes) -> None:
        self._totals = totals
        self._request = request
        self._begun = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._totals.connected += data.startswith(b"HTTP/1.1 200")
        data = self._rest + data
        whole, _, self._rest = data.rpartition(b"\n\n")
        for message in whole.split(b"\n\n"):
            if b"data: " in message:
                self._totals.events += 1
                # The journal's ids begin with the store's clock, which is this machine's.
                event_id = message.rpartition(b"id: ")[2].split(b"\n", 1)[0]
                self._totals.lags.append(_now_ms() - int(event_id.partition(b"-")[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._totals.closed += 1


async def watch(port: int, count: int, token: str) -> None:
    """Open all viewers; then print what was received since the last report, for each line on standard input."""
    loop = asyncio.get_running_loop()
    totals = Totals()
    for room in range(count):
        path = f"/api/v1/events/stream?room_id={room_id(room)}"
        request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        await loop.create_connection(partial(Watcher, totals, request), "127.0.0.1", port)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(totals.report()), flush=True)
        totals.events, totals.lags = 0, []


def _now_ms() -> float:
    import time

    return time.time() * 1000


if __name__ == "__main__":
    asyncio.run(watch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
