"""The outbox: notices in the order they were told, kept as long as the journal; expanded once, to whoever wants them.

A delivery names its notice by the place in this stream, so a notice is kept once however many are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from webhook_app.domain.notices import Notice
from webhook_app.domain.subscribers import Delivery
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.deliveries import LEASE_MS, PARK_MS

# Make deliveries that are not there yet and move the outbox's cursor, if it is where the reader left it.
# ARGV: cursor before, cursor after, lease ms, park ms;
#   how many latest, then for each a field of room and family, and its sequence;
#   how many recoveries, then for each an id and JSON;
#   how many subscribers, then for each its id and how many the caller has hands for at once, -1 to leave it parked;
#   then for each delivery the number of its subscriber, its id, JSON, moment, and the room whose order it keeps or ''.
# Answers -1 when the cursor has moved, else for each delivery 0 it was there, 1 it is due, 2 it is in the caller's
# hands. One that keeps an order, or whose subscriber has others due or a breaker open, waits its turn.
_EXPAND = """
local cursor, p = KEYS[1], KEYS[2]
if (redis.call('GET', cursor) or '0-0') ~= ARGV[1] then return -1 end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local lease, park, at = now + tonumber(ARGV[3]), now + tonumber(ARGV[4]), 5
local function pairs_of(key)
  local n = tonumber(ARGV[at])
  for i = at + 1, at + 2 * n, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
  at = at + 2 * n + 1
end
pairs_of(p .. 'outbox:latest')
pairs_of(p .. 'recoveries')
local subscribers, n = {}, tonumber(ARGV[at])
for i = at + 1, at + 2 * n, 2 do
  local id = ARGV[i]
  local one = {id = id, due = p .. 'subscriber:' .. id .. ':due', hands = tonumber(ARGV[i + 1])}
  one.full = one.hands < 0
  one.open = redis.call('HGET', p .. 'subscribers:open', id)
  local head = redis.call('ZRANGE', one.due, 0, 0, 'WITHSCORES')
  if one.open or (#head > 0 and tonumber(head[2]) <= now) then one.hands = 0 end
  subscribers[#subscribers + 1] = one
end
at = at + 2 * n + 1
local out = {}
for i = at, #ARGV, 5 do
  local one, id, moment, queue = subscribers[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
  if redis.call('SET', p .. 'delivery:' .. id, ARGV[i + 2], 'NX') then
    redis.call('ZADD', p .. 'deliveries:pending', moment, id)
    redis.call('ZADD', p .. 'deliveries:all', moment, id)
    redis.call('ZADD', p .. 'subscriber:' .. one.id .. ':deliveries', moment, id)
    if queue ~= '' and redis.call('RPUSH', p .. 'subscriber:' .. one.id .. ':queue:' .. queue, id) > 1 then
      out[#out + 1] = 1
    else
      local leased = one.hands > 0
      if leased then one.hands = one.hands - 1 end
      redis.call('ZADD', one.due, leased and lease or now, id)
      one.changed = true
      out[#out + 1] = leased and 2 or 1
    end
  else
    out[#out + 1] = 0
  end
end
for _, one in ipairs(subscribers) do
  if one.changed then
    local head = redis.call('ZRANGE', one.due, 0, 0, 'WITHSCORES')
    if one.open then redis.call('ZADD', p .. 'subscribers:due', 'NX', one.open, one.id)
    elseif one.full then redis.call('ZADD', p .. 'subscribers:due', 'NX', park, one.id)
    else redis.call('ZADD', p .. 'subscribers:due', math.max(now, tonumber(head[2])), one.id) end
  end
end
redis.call('SET', cursor, ARGV[2])
return out
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice at its place in the outbox."""

    entry: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a piece of the outbox comes to: `hands` says how many of each subscriber's may be leased at once, -1 when it
    has as many in hand as it may."""

    before: str
    after: str
    latest: Mapping[str, int]
    recoveries: Mapping[str, bytes]
    hands: Mapping[str, int]
    deliveries: Sequence[Delivery]


class Outbox:
    """What the reducer wrote to be told; answers are awaited, on an event loop's client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._expand = client.register_script(_EXPAND)

    async def cursor(self) -> str:
        """The id of the last expanded entry."""
        value = await self._client.get(keys.OUTBOX_CURSOR)
        return value.decode() if value else "0-0"

    async def read(self, after: str, count: int, *, block_ms: int | None = None) -> list[Told]:
        """Notices after an id, oldest first; waits for one when `block_ms` is given."""
        found = await self._client.xread({keys.OUTBOX: after}, count=count, block=block_ms)
        if not found:
            return []
        entries = found[0][1] if isinstance(found, list) else next(iter(found.values()))[0]
        return [told_of(*one) for one in entries]

    async def between(self, after: str, until: str, count: int) -> list[Told]:
        """Notices after an id and up to a moment, oldest first."""
        return [told_of(*one) for one in await self._client.xrange(keys.OUTBOX, f"({after}", until, count=count)]

    async def latest(self, fields: Sequence[str]) -> list[int | None]:
        """The newest sequence that was told, by room and family."""
        if not fields:
            return []
        return [int(raw) if raw else None for raw in await self._client.hmget(keys.OUTBOX_LATEST, fields)]

    async def expand(self, what: Expansion) -> list[int] | None:
        """Make deliveries and move the cursor. None when somebody else moved it first; else, for each delivery,
        0 when it was there already, 1 when it is due, 2 when it is in the caller's hands for a lease."""
        number = {subscriber: at for at, subscriber in enumerate(what.hands, 1)}
        args: list[Any] = [what.before, what.after, LEASE_MS, PARK_MS]
        for fields in (what.latest, what.recoveries, what.hands):
            args += (len(fields), *chain.from_iterable(fields.items()))
        for one in what.deliveries:
            args += (
                number[one.subscriber_id],
                one.delivery_id,
                codec.encode(one),
                one.created_at,
                one.queue or "",
            )
        made = await self._expand(keys=[keys.OUTBOX_CURSOR, keys.PREFIX], args=args)
        return None if made == -1 else made


def told_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Told:
    """An entry of the stream."""
    return Told(entry_id.decode(), codec.notice_of(fields[b"n"]))
