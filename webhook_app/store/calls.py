"""Calls that wait to be made: claimed by lease, marked just before they are sent, answered through the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.room import Call
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import REPLICA_WAIT_MS, WAKE_TTL_MS, Entry

LEASE_MS = 20_000
ATTEMPTS_KEPT = 20
MARK_KEPT_S = 7 * 24 * 3600
TOO_OLD_MS = 5_000

_CLAIM = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id)
  local record = redis.call('GET', KEYS[2] .. 'call:' .. id)
  if record then
    out[#out + 1] = record
    out[#out + 1] = redis.call('EXISTS', KEYS[2] .. 'call:' .. id .. ':mark')
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return out
"""

# 1: marked, send now. 0: not this room's current call. -1: older than it may be. -2: marked before.
_MARK = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {0, now} end
if now - tonumber(ARGV[3]) > tonumber(ARGV[4]) then return {-1, now} end
if not redis.call('SET', KEYS[2], now, 'NX', 'EX', ARGV[5]) then return {-2, now} end
return {1, now}
"""

# The answer's append and the end of the claim are one step.
_ANSWER = """
if redis.call('ZREM', KEYS[1], ARGV[1]) + redis.call('ZREM', KEYS[4], ARGV[1]) == 0 then return {'', 0} end
local t = redis.call('TIME')
local at = t[1] .. string.format('%03d', math.floor(t[2] / 1000))
local id = redis.call('XADD', KEYS[2], '*', 's', ARGV[2], 't', ARGV[3], 'r', ARGV[4], 'a', at, 'd', ARGV[5])
local woken = 0
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[6]) then woken = 1 end
return {id, woken}
"""


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A call in our hands; `marked` when somebody had begun to send it and left no answer."""

    call: Call
    marked: bool


class Calls:
    """The queue of calls."""

    def __init__(self, client: Client, *, ack_replicas: int = 0) -> None:
        self._client = client
        self._ack_replicas = ack_replicas
        self._claim = client.register_script(_CLAIM)
        self._mark = client.register_script(_MARK)
        self._answer = client.register_script(_ANSWER)

    def clear_wake_up(self) -> None:
        """Before claiming: a call that is decided from now on sends a wake-up of its own."""
        self._client.delete(keys.wake("call"))

    def claim(self, at_most: int) -> list[ClaimedCall]:
        """Starts and ends that are due, ours until the lease runs out."""
        found = self._claim(keys=[keys.CALLS_DUE, keys.PREFIX], args=[at_most, LEASE_MS])
        return [ClaimedCall(codec.call_of(found[at]), bool(found[at + 1])) for at in range(0, len(found), 2)]

    def claim_probes(self, at_most: int) -> list[Call]:
        """Probes that are due, in a line of their own, so that they hold up no start and no end."""
        found = self._claim(keys=[keys.PROBES_DUE, keys.PREFIX], args=[at_most, LEASE_MS])
        return [codec.call_of(found[at]) for at in range(0, len(found), 2)]

    def pause_probes(self, ms: int) -> None:
        """VideoSDK wants fewer requests: no process of ours probes for so long."""
        if ms > self.quiet_ms():
            self._client.set(keys.PROBES_PAUSED, "1", px=ms)

    def quiet_ms(self) -> int:
        """For how long nothing is to be probed; 0 when it may be."""
        return max(0, int(self._client.pttl(keys.PROBES_PAUSED)))

    def mark(self, call: Call) -> tuple[int, int]:
        """Mark a call just before it is sent: (1 marked, 0 superseded, -1 too old, -2 marked before; now in ms)."""
        key = keys.call_mark(call.call_id)
        outcome, now = self._mark(
            keys=[keys.CALLS_CURRENT, key],
            args=[call.room_id, call.call_id, call.created_at, TOO_OLD_MS, MARK_KEPT_S],
        )
        if int(outcome) == 1 and not self._acked():
            self._client.delete(key)
            return -1, int(now)
        return int(outcome), int(now)

    def _acked(self) -> bool:
        wanted = self._ack_replicas
        return not wanted or int(self._client.wait(wanted, REPLICA_WAIT_MS)) >= wanted

    def answer(self, call: Call, entry: Entry) -> tuple[str | None, bool]:
        """Journal an answer once: its id (None when it was answered before), and whether to wake `process`."""
        event_id, woken = self._answer(
            keys=[keys.CALLS_DUE, keys.JOURNAL, keys.wake("process"), keys.PROBES_DUE],
            args=[call.call_id, entry.source.value, entry.type, entry.room_id or "", entry.data, WAKE_TTL_MS],
        )
        return event_id.decode() or None, bool(woken)

    def record_attempt(self, call_id: str, attempt: Mapping[str, Any]) -> None:
        """Keep what was sent and what came back, for people to read."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.rpush(keys.call_attempts(call_id), codec.encode(attempt))
            pipe.ltrim(keys.call_attempts(call_id), -ATTEMPTS_KEPT, -1)
            pipe.execute()

    def now_ms(self) -> int:
        """The store's own time."""
        return now_ms(self._client)

    def waiting(self) -> int:
        """How many calls and probes are not answered."""
        return int(self._client.zcard(keys.CALLS_DUE)) + int(self._client.zcard(keys.PROBES_DUE))
