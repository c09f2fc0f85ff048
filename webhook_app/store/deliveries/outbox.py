"""The outbox: notices in the order they were told, kept as long as the journal; expanded once, to whoever wants them.

A delivery names its notice by the place in this stream, so a notice is kept once however many are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.notices.notice import Notice
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import LEASE_MS, PARK_MS, VERSION_KEYS, Version

# Make deliveries that are not there yet and move the outbox's cursor, if it is where the reader left it.
# ARGV[1], in MessagePack, which costs the caller a tenth of what an argument each would: cursor before, cursor after,
# lease ms, park ms; then four flat lists: fields of room and family, each with its sequence; recoveries, each with its
# JSON; subscribers, each with how many the caller has hands for at once, -1 to leave it parked; and deliveries, each
# as the number of its subscriber, its id, JSON, moment, and the room whose order it keeps or ''.
# Answers -1 when the cursor has moved, else for each delivery 0 it was there, 1 it is due, 2 it is in the caller's
# hands. One that keeps an order, or whose subscriber has others due or a breaker open, waits its turn.
_EXPAND = """
local cursor, p = KEYS[1], KEYS[2]
local before, after, lease, park, latest, recoveries, who, deliveries = unpack(cmsgpack.unpack(ARGV[1]))
if (redis.call('GET', cursor) or '0-0') ~= before then return -1 end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
lease, park = now + lease, now + park
for i = 1, #latest, 2 do redis.call('HSET', p .. 'outbox:latest', latest[i], latest[i + 1]) end
for i = 1, #recoveries, 2 do redis.call('HSET', p .. 'recoveries', recoveries[i], recoveries[i + 1]) end
local subscribers = {}
for i = 1, #who, 2 do
  local one = {id = who[i], hands = who[i + 1], full = who[i + 1] < 0, of = p .. 'subscriber:' .. who[i]}
  one.due, one.all = one.of .. ':due', one.of .. ':deliveries'
  one.open = redis.call('HGET', p .. 'subscribers:open', one.id)
  local head = redis.call('ZRANGE', one.due, 0, 0, 'WITHSCORES')
  if one.open or (#head > 0 and tonumber(head[2]) <= now) then one.hands = 0 end
  subscribers[#subscribers + 1] = one
end
local out, record, pending, all = {}, p .. 'delivery:', p .. 'deliveries:pending', p .. 'deliveries:all'
for i = 1, #deliveries, 5 do
  local one, id, moment, queue = subscribers[deliveries[i]], deliveries[i + 1], deliveries[i + 3], deliveries[i + 4]
  local made = 0
  if redis.call('SET', record .. id, deliveries[i + 2], 'NX') then
    redis.call('ZADD', pending, moment, id)
    redis.call('ZADD', all, moment, id)
    redis.call('ZADD', one.all, moment, id)
    made = 1
    if queue == '' or redis.call('RPUSH', one.of .. ':queue:' .. queue, id) == 1 then
      if one.hands > 0 then one.hands, made = one.hands - 1, 2 end
      redis.call('ZADD', one.due, made == 2 and lease or now, id)
      one.changed = true
    end
  end
  out[#out + 1] = made
end
for _, one in ipairs(subscribers) do
  if one.changed then
    if one.open then redis.call('ZADD', p .. 'subscribers:due', 'LT', one.open, one.id)
    elseif one.full then redis.call('ZADD', p .. 'subscribers:due', 'LT', park, one.id)
    else
      local head = redis.call('ZRANGE', one.due, 0, 0, 'WITHSCORES')
      redis.call('ZADD', p .. 'subscribers:due', math.max(now, tonumber(head[2])), one.id)
    end
  end
end
redis.call('SET', cursor, after)
return out
"""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
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
    recoveries: Mapping[str, str]
    free_slots: Mapping[str, int]
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

    async def read(self, after: str, count: int, *, block_ms: int | None = None) -> tuple[list[OutboxEntry], Version]:
        """Notices after an id, oldest first; waits for one when `block_ms` is given. With them, the version at once
        after: asked in the same breath, it is answered when the waiting is over."""
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.xread({keys.OUTBOX: after}, count=count, block=block_ms)
            pipe.mget(VERSION_KEYS)
            found, (subscribers, names) = await pipe.execute()
        if not found:
            return [], (subscribers, names)
        entries = found[0][1] if isinstance(found, list) else next(iter(found.values()))[0]
        return [outbox_entry_of(*one) for one in entries], (subscribers, names)

    async def between(self, after: str, until: str, count: int) -> list[OutboxEntry]:
        """Notices after an id and up to a moment, oldest first."""
        return [
            outbox_entry_of(*one) for one in await self._client.xrange(keys.OUTBOX, f"({after}", until, count=count)
        ]

    async def latest(self, fields: Sequence[str]) -> list[int | None]:
        """The newest sequence that was told, by room and family."""
        if not fields:
            return []
        return [int(raw) if raw else None for raw in await self._client.hmget(keys.OUTBOX_LATEST, fields)]

    async def expand(self, what: Expansion) -> list[int] | None:
        """Make deliveries and move the cursor. None when somebody else moved it first; else, for each delivery,
        0 when it was there already, 1 when it is due, 2 when it is in the caller's hands for a lease."""
        number = {subscriber: at for at, subscriber in enumerate(what.free_slots, 1)}
        deliveries: list[Any] = []
        for one in what.deliveries:
            deliveries += (
                number[one.subscriber_id],
                one.delivery_id,
                codec.encode(one).decode(),  # the script's MessagePack knows no bytes
                one.created_at,
                one.queue or "",
            )
        lists = [list(chain.from_iterable(each.items())) for each in (what.latest, what.recoveries, what.free_slots)]
        args = [codec.pack([what.before, what.after, LEASE_MS, PARK_MS, *lists, deliveries])]
        made = await self._expand(keys=[keys.OUTBOX_CURSOR, keys.PREFIX], args=args)
        return None if made == -1 else made


def outbox_entry_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> OutboxEntry:
    """An entry of the stream."""
    return OutboxEntry(entry_id.decode(), codec.notice_of(fields[b"n"]))
