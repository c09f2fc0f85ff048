"""The outbox and what comes of it: one delivery for each subscriber that wants a notice, claimed by lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from webhook_app.domain.notices import Notice
from webhook_app.domain.subscribers import Delivery, DeliveryState
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client

CLAIM_MAX = 128
CLAIM_PER_SUBSCRIBER = 32
NOTICE_KEPT_S = 6 * 24 * 3600
LEASE_MS = 30_000

delivery_of = codec.decoder(Delivery)

# Make deliveries that are not there yet and move the outbox's cursor, if it is where the reader left it.
# ARGV: the cursor before, the cursor after, retention s, the number of notices, then for each an id and JSON, then
# for each delivery its id, subscriber, JSON, created ms.
_EXPAND = """
local cursor = redis.call('GET', KEYS[1]) or '0-0'
if cursor ~= ARGV[1] then return -1 end
local p, made = KEYS[2], 0
local n = tonumber(ARGV[4])
for i = 5, 3 + 2 * n + 1, 2 do
  redis.call('SET', p .. 'notice:' .. ARGV[i], ARGV[i + 1], 'EX', ARGV[3])
end
for i = 5 + 2 * n, #ARGV, 4 do
  local id, subscriber, at = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  if redis.call('SET', p .. 'delivery:' .. id, ARGV[i + 2], 'NX') then
    made = made + 1
    redis.call('ZADD', p .. 'subscriber:' .. subscriber .. ':due', at, id)
    redis.call('ZADD', p .. 'subscribers:due', 'LT', at, subscriber)
    redis.call('ZADD', p .. 'deliveries:pending', at, id)
    redis.call('ZADD', p .. 'subscriber:' .. subscriber .. ':deliveries', at, id)
  end
end
redis.call('SET', KEYS[1], ARGV[2])
return made
"""

# Claim what is due, round-robin over subscribers, by moving its due moment ahead by a lease.
# ARGV: lease ms, at most in all, at most per subscriber, then subscribers with bounds of their own.
_CLAIM = """
local p = KEYS[1]
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local lease, left, each = now + tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local caps = {}
for i = 4, #ARGV, 2 do caps[ARGV[i]] = tonumber(ARGV[i + 1]) end
local out = {now, -1}
local subscribers = redis.call('ZRANGEBYSCORE', p .. 'subscribers:due', '-inf', now, 'LIMIT', 0, 64 + #ARGV)
for _, subscriber in ipairs(subscribers) do
  if left <= 0 then break end
  local cap = caps[subscriber] or each
  if cap > 0 then
    local due = p .. 'subscriber:' .. subscriber .. ':due'
    local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, math.min(left, cap))
    for _, id in ipairs(ids) do
      local record = redis.call('GET', p .. 'delivery:' .. id)
      local notice = record and redis.call('GET', p .. 'notice:' .. string.match(record, '"notice_id":"([^"]+)"'))
      if notice then
        redis.call('ZADD', due, lease, id)
        out[#out + 1] = record
        out[#out + 1] = notice
        left = left - 1
      else
        redis.call('ZREM', due, id)
      end
    end
    local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
    if #head == 0 then redis.call('ZREM', p .. 'subscribers:due', subscriber)
    else redis.call('ZADD', p .. 'subscribers:due', math.max(now, tonumber(head[2])), subscriber) end
  end
end
local next = redis.call('ZRANGE', p .. 'subscribers:due', 0, 0, 'WITHSCORES')
if #next > 0 then out[2] = math.max(0, tonumber(next[2]) - now) end
return out
"""

# Settle attempts: for each delivery its id, subscriber, state, JSON, created ms, next attempt ms or -1, retention s.
_SETTLE = """
local p = KEYS[1]
for i = 1, #ARGV, 7 do
  local id, subscriber, state, at, next = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4], ARGV[i + 5]
  local due = p .. 'subscriber:' .. subscriber .. ':due'
  if redis.call('EXISTS', p .. 'delivery:' .. id) == 1 then
    if state == 'pending' then
      redis.call('SET', p .. 'delivery:' .. id, ARGV[i + 3])
      redis.call('ZADD', due, next, id)
      redis.call('ZADD', p .. 'subscribers:due', 'LT', next, subscriber)
    else
      redis.call('SET', p .. 'delivery:' .. id, ARGV[i + 3], 'EX', ARGV[i + 6])
      redis.call('ZREM', due, id)
      redis.call('ZREM', p .. 'deliveries:pending', id)
    end
    if state ~= 'dead' then redis.call('ZREM', p .. 'deliveries:dead', id) end
    redis.call('ZADD', p .. 'deliveries:' .. state, at, id)
  end
end
return #ARGV / 7
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in our hands until the lease runs out."""

    delivery: Delivery
    notice: Notice


class Outbox:
    """What the reducer wrote to be told; works on either kind of client, answers are awaited by the caller."""

    def __init__(self, client: Client, *, retention_s: int) -> None:
        self._client = client
        self._retention_s = retention_s
        self._expand = client.register_script(_EXPAND)

    async def cursor(self) -> str:
        """The id of the last expanded entry."""
        value = await self._client.get(keys.OUTBOX_CURSOR)
        return value.decode() if value else "0-0"

    async def read(self, after: str, count: int, *, block_ms: int | None = None) -> list[tuple[str, Notice]]:
        """Notices after an id, oldest first; waits for one when `block_ms` is given."""
        found = await self._client.xread({keys.OUTBOX: after}, count=count, block=block_ms)
        if not found:
            return []
        entries = found[0][1] if isinstance(found, list) else next(iter(found.values()))[0]
        return [(entry_id.decode(), codec.notice_of(fields[b"n"])) for entry_id, fields in entries]

    async def expand(self, before: str, after: str, notices: Sequence[Notice], deliveries: Sequence[Delivery]) -> int:
        """Make deliveries and move the cursor; -1 when somebody else moved it first."""
        args: list[Any] = [before, after, max(self._retention_s, NOTICE_KEPT_S), len(notices)]
        for notice in notices:
            args += (notice.notice_id, codec.encode(notice))
        for one in deliveries:
            args += (one.delivery_id, one.subscriber_id, codec.encode(one), one.created_at)
        return int(await self._expand(keys=[keys.OUTBOX_CURSOR, keys.PREFIX], args=args))


class Deliveries:
    """Claims and settles, on an event loop's client."""

    def __init__(self, client: Client, *, retention_s: int) -> None:
        self._retention_s = retention_s
        self._claim = client.register_script(_CLAIM)
        self._settle = client.register_script(_SETTLE)

    async def claim(
        self, at_most: int, *, each: int, caps: Mapping[str, int] | None = None
    ) -> tuple[list[Claim], int, int | None]:
        """What is due: claims, the store's time in ms, and ms until something else is due (None: nothing)."""
        answer = await self._claim(
            keys=[keys.PREFIX], args=[LEASE_MS, at_most, each, *chain.from_iterable((caps or {}).items())]
        )
        claims = []
        for at in range(2, len(answer), 2):
            claims.append(Claim(delivery_of(answer[at]), codec.notice_of(answer[at + 1])))
        return claims, int(answer[0]), None if int(answer[1]) < 0 else int(answer[1])

    async def settle(self, settled: Sequence[Delivery]) -> None:
        """Write what came of attempts."""
        args: list[Any] = []
        for one in settled:
            args += settle_args(one, self._retention_s)
        if args:
            await self._settle(keys=[keys.PREFIX], args=args)


def settle_args(one: Delivery, retention_s: int) -> list[Any]:
    """One delivery as the settling script takes it."""
    return [
        one.delivery_id,
        one.subscriber_id,
        one.state.value,
        codec.encode(one),
        one.created_at,
        one.next_attempt_at if one.next_attempt_at is not None else -1,
        retention_s,
    ]


class DeliveryRecords:
    """Reads deliveries, and puts dead ones back in line by hand."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._settle = client.register_script(_SETTLE)

    def get(self, delivery_ids: Sequence[str]) -> list[tuple[Delivery, Notice | None]]:
        """Deliveries with their notices, those that are kept."""
        if not delivery_ids:
            return []
        found = [delivery_of(raw) for raw in self._client.mget([keys.delivery(one) for one in delivery_ids]) if raw]
        if not found:
            return []
        notices = self._client.mget([keys.notice(one.notice_id) for one in found])
        return [(one, codec.notice_of(raw) if raw else None) for one, raw in zip(found, notices, strict=True)]

    def retry(self, one: Delivery) -> None:
        """Put a delivery back in line."""
        self._settle(keys=[keys.PREFIX], args=settle_args(one, 0))

    def counts(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        return {state.value: int(self._client.zcard(keys.deliveries(state))) for state in DeliveryState}
