"""How much has come lately: the journal's newest entries counted by minute, in the store itself."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client

COUNTED_MAX = 5_000
CHUNK = 500

# Looks back from the newest entry; answers the store's now, how many were counted, the oldest moment looked at, and
# a count for each minute of the past that has one: its number (0 is the present one) and the count.
_COUNT = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local since, left, top, counts, oldest, seen = now - ARGV[1] * 60000, tonumber(ARGV[2]), '+', {}, now, 0
while left > 0 do
  local found = redis.call('XREVRANGE', KEYS[1], top, '-', 'COUNT', math.min(left, tonumber(ARGV[3])))
  if #found == 0 then break end
  for _, entry in ipairs(found) do
    local at = tonumber(string.match(entry[1], '^(%d+)'))
    if at < since then left = 0 break end
    local ago = math.max(0, math.floor((now - at) / 60000))
    counts[ago] = (counts[ago] or 0) + 1
    oldest, seen, left = at, seen + 1, left - 1
    top = '(' .. entry[1]
  end
end
local out = {now, seen, oldest}
for ago, count in pairs(counts) do out[#out + 1] = ago; out[#out + 1] = count end
return out
"""


def events_by_minute(client: Client, minutes: int) -> tuple[list[int], bool]:
    """Events a minute, the newest last, and whether all of the span was looked at.

    A busy journal is looked at only as far back as its newest 5,000 entries reach.
    """
    now, seen, oldest, *pairs = client.eval(_COUNT, 1, keys.JOURNAL, minutes, COUNTED_MAX, CHUNK)
    counts = {int(pairs[at]): int(pairs[at + 1]) for at in range(0, len(pairs), 2)}
    whole = int(seen) < COUNTED_MAX
    span = minutes if whole else max(1, (int(now) - int(oldest)) // 60_000)
    return [counts.get(ago, 0) for ago in range(span - 1, -1, -1)], whole
