"""The index of timers: popped by the clock, each pop and its journaling one atomic step."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import WAKE_TTL_MS

POP_MAX = 200

_POP = """
local t = redis.call('TIME')
local at = t[1] .. string.format('%03d', math.floor(t[2] / 1000))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #due, 2 do
  local room, name = string.match(due[i], '^(.*)|([^|]*)$')
  redis.call('XADD', KEYS[2], '*', 's', 'clock', 't', 'timer', 'r', room, 'a', at,
    'd', cjson.encode({timer = name, due = tonumber(due[i + 1])}))
  redis.call('ZREM', KEYS[1], due[i])
end
local woken = 0
if #due > 0 and redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then woken = 1 end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local wait = -1
if #next > 0 then wait = math.max(0, tonumber(next[2]) - tonumber(at)) end
return {#due / 2, woken, wait}
"""


class Timers:
    """Pops what is due by the store's own time."""

    def __init__(self, client: Client) -> None:
        self._pop = client.register_script(_POP)

    def pop(self) -> tuple[int, bool, int | None]:
        """Journal what is due: how many, whether `process` wants a wake-up, ms until the next (None: none)."""
        count, woken, wait = self._pop(
            keys=[keys.TIMERS, keys.JOURNAL, keys.wake("process")], args=[POP_MAX, WAKE_TTL_MS]
        )
        return int(count), bool(woken), None if int(wait) < 0 else int(wait)
