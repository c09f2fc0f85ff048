"""Deliveries in line: claimed by lease, round-robin over subscribers, and settled with what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from webhook_app.domain.delivery.breaker import (
    BREAKER_FIRST_PAUSE_MS,
    BREAKER_MAX_PAUSE_MS,
    BREAKER_PROBE_MS,
    BREAKER_THRESHOLD,
    GIVE_UP_AFTER_MS,
    GIVE_UP_FAILURES,
)
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.times import HOUR
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms

LEASE_MS = 30_000
PARK_MS = 500
LOOK_AT_MAX = 256
HOURS_KEPT_S = 8 * 24 * 3600

# Raw, to be compared: the subscribers' version and the rooms' names say whether somebody's copy of both is current.
Version = tuple[bytes | None, bytes | None]
VERSION_KEYS = (keys.SUBSCRIBERS_VERSION, keys.NAMES)

delivery_of = codec.decoder(Delivery)

# Claim what is due, round-robin over subscribers, by moving its due moment ahead by a lease.
# ARGV: lease ms, park ms, at most in all, at most for one that answers, at most for one that has failed since, half
# open ms, how many to look at, how many of the following to bring back, then subscribers with bounds of their own.
# One at its bound is parked until somebody has hands for it again: who brings it back, or a settling.
# Answers: now, ms until something else is due or -1, the subscribers' version and the rooms' names as they are now, how
# many subscribers have more that is due, those, then for each claim its record and its notice.
_CLAIM = """
local p = KEYS[1]
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local lease, park, left = now + tonumber(ARGV[1]), now + tonumber(ARGV[2]), tonumber(ARGV[3])
local good, bad, half = tonumber(ARGV[4]), tonumber(ARGV[5]), now + tonumber(ARGV[6])
local caps, more, claims, line = {}, {}, {}, p .. 'subscribers:due'
for i = 9, #ARGV, 2 do
  caps[ARGV[i]] = tonumber(ARGV[i + 1])
  if i < 9 + 2 * tonumber(ARGV[8]) then redis.call('ZADD', line, 'XX', 'LT', now, ARGV[i]) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', line, '-inf', now, 'LIMIT', 0, ARGV[7])) do
  if left <= 0 then break end
  local of, cap = p .. 'subscriber:' .. id, caps[id]
  local due, health = of .. ':due', of .. ':health'
  local open = tonumber(redis.call('HGET', p .. 'subscribers:open', id) or 0)
  if cap == nil then
    local fails = redis.call('HGET', health, 'points')
    cap = (fails and fails ~= '0') and bad or good
  end
  if open > 0 then cap = math.min(cap, 1) end
  local rate, spent = tonumber(redis.call('HGET', p .. 'subscribers:rates', id) or 0), 0
  if rate > 0 then
    spent = math.max(now - 1000, tonumber(redis.call('HGET', health, 'spent') or 0))
    cap = math.min(cap, math.floor((now - spent) * rate / 1000))
  end
  if open > now then
    redis.call('ZADD', line, open, id)
  else
    local took = 0
    if cap > 0 then
      for _, one in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, math.min(left, cap))) do
        local record = redis.call('GET', p .. 'delivery:' .. one)
        if record then
          local entry = string.match(record, '"entry":"([^"]*)"')
          local found = entry and entry ~= '' and redis.call('XRANGE', p .. 'outbox', entry, entry)
          redis.call('ZADD', due, lease, one)
          claims[#claims + 1] = record
          claims[#claims + 1] = found and found[1] and found[1][2][2] or ''
          left, took = left - 1, took + 1
        else
          redis.call('ZREM', due, one)
          redis.call('ZREM', p .. 'deliveries:pending', one)
        end
      end
    end
    if open > 0 and took > 0 then
      -- Nobody else tries it before this one is settled, or its time is over.
      redis.call('HSET', p .. 'subscribers:open', id, string.format('%.0f', half))
      redis.call('HSET', health, 'trying', 1)
    end
    if rate > 0 then
      spent = math.ceil(spent + took * 1000 / rate)
      redis.call('HSET', health, 'spent', string.format('%.0f', spent))
    end
    local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
    if #head == 0 then
      redis.call('ZREM', line, id)
    else
      local next = math.max(now, tonumber(head[2]))
      if next == now then
        more[#more + 1] = id
        if open > 0 and took > 0 then next = half
        elseif rate > 0 and spent + 1000 / rate > now then next = math.ceil(spent + 1000 / rate)
        elseif took >= cap then next = park end
      end
      redis.call('ZADD', line, next, id)
    end
  end
end
local next, wait = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES'), -1
if #next > 0 then wait = math.max(0, tonumber(next[2]) - now) end
local out = {now, wait, redis.call('GET', p .. 'subscribers:version'), redis.call('GET', p .. 'names'), #more}
for _, id in ipairs(more) do out[#out + 1] = id end
for _, one in ipairs(claims) do out[#out + 1] = one end
return out
"""

# Settle attempts. ARGV[1], in MessagePack: retention s, trip points, open first ms, open max ms, give up after ms, give
# up failures, hours kept s; then two flat lists: subscribers, each as its id, answered, failed, points of its own
# failures, last error, ms of lag and jitter in percent; and deliveries, each as the number of its subscriber, id,
# state, JSON, next attempt ms, and the room whose order it keeps or ''.
# A delivery that somebody else has settled meanwhile (our lease had run out) stays so, but that what was delivered is
# not dead. Who is not told any more is remembered to have failed no more.
# Answers the subscribers that have failed for too long, and those whose breaker has opened.
_SETTLE = """
local p = KEYS[1]
local retention, trip, first, longest, patience, enough, hours, who, deliveries = unpack(cmsgpack.unpack(ARGV[1]))
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local subscribers, gone, opened_now = {}, {}, {}
for i = 1, #who, 7 do
  subscribers[#subscribers + 1] = {id = who[i], of = p .. 'subscriber:' .. who[i], answered = who[i + 1],
    failed = who[i + 2], points = who[i + 3], error = who[i + 4], lag = who[i + 5], jitter = who[i + 6]}
end
for i = 1, #deliveries, 6 do
  local one, id, state = subscribers[deliveries[i]], deliveries[i + 1], deliveries[i + 2]
  local record, queue = deliveries[i + 3], deliveries[i + 5]
  local due = one.of .. ':due'
  local made = redis.call('ZSCORE', p .. 'deliveries:pending', id)
  if not made then
    redis.call('ZREM', due, id)  -- what is not pending is never due, or it would be taken again and again
    if state == 'delivered' and redis.call('ZREM', p .. 'deliveries:dead', id) == 1 then
      redis.call('SET', p .. 'delivery:' .. id, record, 'EX', retention)
    end
  elseif state == 'pending' then
    redis.call('SET', p .. 'delivery:' .. id, record)
    redis.call('ZADD', due, deliveries[i + 4], id)
  else
    redis.call('SET', p .. 'delivery:' .. id, record, 'EX', retention)
    redis.call('ZREM', due, id)
    if state == 'dead' then redis.call('ZADD', p .. 'deliveries:dead', made, id) end
    redis.call('ZREM', p .. 'deliveries:pending', id)
    if queue ~= '' then
      local line = one.of .. ':queue:' .. queue
      redis.call('LREM', line, 1, id)
      local head = redis.call('LINDEX', line, 0)
      if head and not redis.call('ZSCORE', due, head) then redis.call('ZADD', due, now, head) end
    end
  end
end
for _, one in ipairs(subscribers) do
  local health, open = one.of .. ':health', p .. 'subscribers:open'
  local kept = redis.call('HGET', p .. 'subscribers', one.id)
  if not kept or string.find(kept, '"enabled":false', 1, true) then
    redis.call('DEL', health)
    redis.call('HDEL', open, one.id)
  elseif one.answered > 0 then
    redis.call('HSET', health, 'points', '0', 'answered_at', now)
    redis.call('HDEL', health, 'failing_since', 'failures', 'opened', 'error', 'trying')
    redis.call('HDEL', open, one.id)
  elseif one.points > 0 then
    local since = redis.call('HGET', health, 'failing_since')
    if not since then since = now; redis.call('HSET', health, 'failing_since', now) end
    redis.call('HSET', health, 'error', one.error, 'failed_at', now)
    local failures = redis.call('HINCRBY', health, 'failures', one.failed)
    local points = redis.call('HINCRBY', health, 'points', one.points)
    local until_ms = tonumber(redis.call('HGET', open, one.id) or 0)
    local tried = redis.call('HDEL', health, 'trying') == 1
    if points >= trip and (until_ms <= now or tried) then
      local opened = redis.call('HINCRBY', health, 'opened', 1)
      local pause = math.min(first * 2 ^ math.min(opened - 1, 20), longest)
      redis.call('HSET', open, one.id, string.format('%.0f', now + pause * (100 + one.jitter) / 100))
      opened_now[#opened_now + 1] = one.id
    end
    if now - tonumber(since) >= patience and failures >= enough then gone[#gone + 1] = one.id end
  end
  if one.answered + one.failed > 0 then
    local hour = one.of .. ':hour:' .. math.floor(now / 3600000)
    if one.answered > 0 then
      redis.call('HINCRBY', hour, 'answered', one.answered)
      redis.call('HINCRBY', hour, 'lag', one.lag)
    end
    if one.failed > 0 then redis.call('HINCRBY', hour, 'failed', one.failed) end
    redis.call('EXPIRE', hour, hours)
  end
  local head = redis.call('ZRANGE', one.of .. ':due', 0, 0, 'WITHSCORES')
  if #head == 0 then
    redis.call('ZREM', p .. 'subscribers:due', one.id)
  else
    local next = math.max(tonumber(head[2]), tonumber(redis.call('HGET', open, one.id) or 0))
    redis.call('ZADD', p .. 'subscribers:due', string.format('%.0f', next), one.id)
  end
end
return {gone, opened_now}
"""

# Put deliveries in line once more, or for the first time, unless they are in it; a breaker that is open lets one
# through at once. ARGV: a recovery's id or '', where it was, where it is now or '' when it is done, now ms; then for
# each delivery its subscriber, id, JSON and moment.
# Answers how many, or -1 when the recovery was not where the caller left it.
_REQUEUE = """
local p, n = KEYS[1], 0
if ARGV[1] ~= '' then
  if redis.call('HGET', p .. 'recoveries', ARGV[1]) ~= ARGV[2] then return -1 end
  if ARGV[3] == '' then redis.call('HDEL', p .. 'recoveries', ARGV[1])
  else redis.call('HSET', p .. 'recoveries', ARGV[1], ARGV[3]) end
end
for i = 5, #ARGV, 4 do
  local subscriber, id, moment = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  if not redis.call('ZSCORE', p .. 'deliveries:pending', id) then
    redis.call('SET', p .. 'delivery:' .. id, ARGV[i + 2])
    redis.call('ZADD', p .. 'deliveries:pending', moment, id)
    redis.call('ZADD', p .. 'deliveries:all', moment, id)
    redis.call('ZADD', p .. 'subscriber:' .. subscriber .. ':deliveries', moment, id)
    redis.call('ZREM', p .. 'deliveries:dead', id)
    redis.call('ZADD', p .. 'subscriber:' .. subscriber .. ':due', ARGV[4], id)
    if redis.call('HEXISTS', p .. 'subscribers:open', subscriber) == 1 then
      redis.call('HSET', p .. 'subscribers:open', subscriber, ARGV[4])
    end
    redis.call('ZADD', p .. 'subscribers:due', 'LT', ARGV[4], subscriber)
    n = n + 1
  end
end
return n
"""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery in our hands until the lease runs out; no notice when it is no longer kept."""

    delivery: Delivery
    notice: Notice | None


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What one claiming brought: `now` is the store's time, `wait_ms` until something else is due."""

    claims: Sequence[ClaimedDelivery]
    now: int
    wait_ms: int | None
    version: Version
    more: Sequence[str]


@dataclass(slots=True)
class AttemptStats:
    """What came of one subscriber's attempts, added up; `points` are those of its own failures."""

    answered: int = 0
    failed: int = 0
    failure_score: int = 0
    error: str = ""
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class SettleResult:
    """Subscribers that have failed for days, and those whose breaker has just opened."""

    gone: Sequence[str]
    opened: Sequence[str]


class Deliveries:
    """Claims and settles, on an event loop's client."""

    def __init__(self, client: Client, *, retention_s: int) -> None:
        self._client = client
        self._retention_s = retention_s
        self._claim = client.register_script(_CLAIM)
        self._settle = client.register_script(_SETTLE)
        self._requeue = client.register_script(_REQUEUE)

    async def claim(
        self, at_most: int, *, good: int, bad: int, wanting: Mapping[str, int], caps: Mapping[str, int]
    ) -> ClaimResult:
        """What is due: at most `good` of one that answers, `bad` of one that has failed since, or its own bound.

        Those in `wanting` have hands free, and are looked at although they were parked; those in `caps` have a bound.
        """
        look = LOOK_AT_MAX + len(caps) + len(wanting)
        bounds = (LEASE_MS, PARK_MS, at_most, good, bad, BREAKER_PROBE_MS, look, len(wanting))
        own = chain.from_iterable((*wanting.items(), *caps.items()))
        answer = await self._claim(keys=[keys.PREFIX], args=[*bounds, *own])
        first = 5 + int(answer[4])
        claims = [
            ClaimedDelivery(delivery_of(answer[at]), codec.notice_of(answer[at + 1]) if answer[at + 1] else None)
            for at in range(first, len(answer), 2)
        ]
        wait = int(answer[1])
        more = [one.decode() for one in answer[5:first]]
        return ClaimResult(claims, int(answer[0]), None if wait < 0 else wait, (answer[2], answer[3]), more)

    async def due(self, at_most: int) -> list[Delivery]:
        """Deliveries that are due now and leased to nobody, whatever breakers and rates say."""
        now = time_ms(await self._client.time())
        subscribers = [raw.decode() for raw in await self._client.zrange(keys.SUBSCRIBERS_DUE, 0, -1)]
        found: list[Delivery] = []
        for subscriber_id in subscribers:
            line = keys.subscriber_due(subscriber_id)
            ids = await self._client.zrangebyscore(line, "-inf", now, start=0, num=at_most - len(found))
            records = await self._client.mget([keys.delivery(raw.decode()) for raw in ids]) if ids else []
            gone = [raw for raw, record in zip(ids, records, strict=True) if record is None]
            if gone:
                await self._client.zrem(line, *gone)
                await self._client.zrem(keys.DELIVERIES_PENDING, *gone)
            found += [delivery_of(record) for record in records if record is not None]
            if len(found) >= at_most:
                break
        return found

    async def settle(
        self, settled: Sequence[Delivery], stats_by_subscriber: Mapping[str, AttemptStats]
    ) -> SettleResult:
        """Write what came of attempts; says who must not be tried further."""
        of = {one.subscriber_id: at for at, one in enumerate(settled)} | dict.fromkeys(stats_by_subscriber, 0)
        number = {subscriber: at for at, subscriber in enumerate(of, 1)}
        who: list[Any] = []
        for subscriber in number:
            one = stats_by_subscriber.get(subscriber) or AttemptStats()
            jitter = sum(subscriber.encode()) % 41 - 20
            who += (subscriber, one.answered, one.failed, one.failure_score, one.error, one.lag_ms, jitter)
        deliveries: list[Any] = []
        for each in settled:
            deliveries += (
                number[each.subscriber_id],
                each.delivery_id,
                each.state.value,
                codec.encode(each).decode(),
                each.next_attempt_at if each.next_attempt_at is not None else -1,
                each.queue or "",
            )
        bounds = (
            self._retention_s,
            BREAKER_THRESHOLD,
            BREAKER_FIRST_PAUSE_MS,
            BREAKER_MAX_PAUSE_MS,
            GIVE_UP_AFTER_MS,
            GIVE_UP_FAILURES,
        )
        args = [codec.pack([*bounds, HOURS_KEPT_S, who, deliveries])]
        gone, opened = await self._settle(keys=[keys.PREFIX], args=args)
        return SettleResult([one.decode() for one in gone], [one.decode() for one in opened])

    async def requeue(self, deliveries: Sequence[Delivery], *, now: int, recovery: tuple[str, bytes, bytes]) -> int:
        """Put deliveries in line as a piece of a recovery: its id, where it was, where it is (empty: done)."""
        return int(await self._requeue(keys=[keys.PREFIX], args=requeue_args(deliveries, now, recovery)))


def requeue_script(client: Client) -> Any:
    """The script that puts deliveries in line once more, for `renew_args`."""
    return client.register_script(_REQUEUE)


def requeue_args(
    deliveries: Sequence[Delivery], now: int, recovery: tuple[str, bytes, bytes] = ("", b"", b"")
) -> list[Any]:
    """Deliveries as that script takes them."""
    args: list[Any] = [*recovery, now]
    for one in deliveries:
        args += (one.subscriber_id, one.delivery_id, codec.encode(one), one.created_at)
    return args


def hour_number(now: int) -> int:
    """The hour of a moment in ms, as `keys.subscriber_hour` counts them."""
    return now // HOUR
