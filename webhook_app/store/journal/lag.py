"""How far the reducer is behind the journal."""

from dataclasses import dataclass
from typing import Any

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client

COUNTED_MAX = 10_000

# KEYS: the journal, the cursor. ARGV: how many entries to count at most.
# Returns the cursor; how many entries come after it; of the first of them the id, the type, and its append's time (ms).
_LAG = """
local cursor = redis.call('GET', KEYS[2]) or '0-0'
local first = redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', 1)
if #first == 0 then return {cursor, 0, '', '', 0} end
local at, kind, fields = 0, '', first[1][2]
for i = 1, #fields, 2 do
  if fields[i] == 'a' then at = tonumber(fields[i + 1]) or 0 end
  if fields[i] == 't' then kind = fields[i + 1] end
end
local count, after, most = 0, cursor, tonumber(ARGV[1])
while count < most do
  local more = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', 500)
  count = count + #more
  if #more < 500 then break end
  after = more[#more][1]
end
return {cursor, math.min(count, most), first[1][1], kind, at}
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """The entries after the cursor: how many, and which is next; `oldest_at` is its append's time, ms."""

    cursor: str
    events: int
    next_id: str
    next_type: str
    oldest_at: int

    def waited_s(self, now_ms: int) -> float:
        """For how many seconds the next entry has waited."""
        return max(0, now_ms - self.oldest_at) / 1000 if self.events else 0.0


def read_lag(client: Client, *, at_most: int = COUNTED_MAX) -> Lag:
    """The lag now, counted up to a limit."""
    return lag_of(queue_lag(client, at_most=at_most))


def queue_lag(pipe: Client, *, at_most: int = COUNTED_MAX) -> Any:
    """Ask for the lag on a pipeline; `lag_of` reads the answer."""
    return pipe.eval(_LAG, 2, keys.JOURNAL, keys.CURSOR, at_most)


def lag_of(answer: Any) -> Lag:
    """The lag out of the script's answer."""
    cursor, events, next_id, kind, at = answer
    return Lag(cursor.decode(), int(events), next_id.decode(), kind.decode(errors="replace"), int(at))
