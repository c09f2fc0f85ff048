"""Signs of life: which of our processes have been seen lately, by the store's own time."""

from webhook_app.store import keys
from webhook_app.store.clients import Client

ALIVE_FOR_MS = 10_000
FORGET_AFTER_MS = 24 * 3600 * 1000

_BEAT = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
return now
"""


class Processes:
    """Beats for one process, and says who is alive."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._beat = client.register_script(_BEAT)

    def beat(self, name: str, where: str) -> None:
        """This process lives; `where` tells it from others of its name."""
        self._beat(keys=[keys.PROCESSES], args=[f"{name}|{where}", FORGET_AFTER_MS])

    def gone(self, name: str, where: str) -> None:
        """This process ends in order."""
        self._client.zrem(keys.PROCESSES, f"{name}|{where}")

    def alive(self) -> dict[str, int]:
        """How many processes of each name have been seen within 10 s."""
        seconds, micros = self._client.time()
        since = int(seconds) * 1000 + int(micros) // 1000 - ALIVE_FOR_MS
        found: dict[str, int] = {}
        for member in self._client.zrangebyscore(keys.PROCESSES, since, "+inf"):
            name = member.decode().partition("|")[0]
            found[name] = found.get(name, 0) + 1
        return found
