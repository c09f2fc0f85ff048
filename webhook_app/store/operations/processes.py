"""Signs of life: which of our processes were seen lately, by the store's own time, and which of their loops fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client

ALIVE_FOR_MS = 10_000
FORGET_AFTER_MS = 24 * 3600 * 1000

# KEYS: the processes, what fails in them. ARGV: the process, how long to remember one that is gone (ms), what fails
# in this one as JSON or ''.
_BEAT = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
if ARGV[3] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
return now
"""

# KEYS: the processes, what fails in them. ARGV: how recent a sign of life must be (ms).
# Returns each live process, followed by what fails in it or ''.
_LIVE = """
local t = redis.call('TIME')
local since = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) - tonumber(ARGV[1])
local out = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf')) do
  out[#out + 1] = member
  out[#out + 1] = redis.call('HGET', KEYS[2], member) or ''
end
return out
"""

_failing_of = codec.decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class LiveProcesses:
    """The processes that were seen within 10 s: how many of each name, and the loops that fail, with their reason."""

    alive: Mapping[str, int]
    failing: Mapping[str, str]  # by "<process>: <loop>"

    def failing_in(self, *names: str) -> dict[str, str]:
        """What fails in the processes of these names."""
        return {loop: why for loop, why in self.failing.items() if loop.partition(":")[0] in names}


class Processes:
    """Leaves signs of life for one process, and lists who is alive."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._beat = client.register_script(_BEAT)

    def beat(self, name: str, where: str, failing: Mapping[str, str] | None = None) -> None:
        """Leave a sign of life; `where` tells this process from others of its name."""
        text = codec.encode(failing) if failing else ""
        self._beat(keys=[keys.PROCESSES, keys.FAILING_LOOPS], args=[f"{name}|{where}", FORGET_AFTER_MS, text])

    def gone(self, name: str, where: str) -> None:
        """Remove a process that ends in order."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zrem(keys.PROCESSES, f"{name}|{where}")
            pipe.hdel(keys.FAILING_LOOPS, f"{name}|{where}")
            pipe.execute()

    def live(self) -> LiveProcesses:
        """The processes that were seen within 10 s."""
        return live_processes_of(queue_live_processes(self._client))

    def alive(self) -> Mapping[str, int]:
        """How many processes of each name were seen within 10 s."""
        return self.live().alive


def queue_live_processes(pipe: Client) -> Any:
    """Ask for the live processes on a pipeline; `live_of` reads the answer."""
    return pipe.eval(_LIVE, 2, keys.PROCESSES, keys.FAILING_LOOPS, ALIVE_FOR_MS)


def live_processes_of(answer: Any) -> LiveProcesses:
    """The live processes out of the script's answer."""
    alive: dict[str, int] = {}
    failing: dict[str, str] = {}
    for member, text in zip(answer[::2], answer[1::2], strict=True):
        name = member.decode().partition("|")[0]
        alive[name] = alive.get(name, 0) + 1
        if text:
            failing |= {f"{name}: {loop}": why for loop, why in _failing_of(text).items()}
    return LiveProcesses(alive, failing)
