"""The queue of calls to VideoSDK: claimed by lease, marked just before they are sent, answered through the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from webhook_app.domain.control.call import Call, CallKind
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import REPLICA_WAIT_MS, WAKE_TTL_MS, Entry
from webhook_app.store.journal.wakeups import clear_wake_up
from webhook_app.store.scripts import lua

LEASE_MS = 20_000
ATTEMPTS_KEPT = 20
MARK_KEPT_S = 7 * 24 * 3600
TOO_OLD_MS = 5_000


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A call that is leased to us; `marked` when an earlier sender began to send it and left no answer."""

    call: Call
    marked: bool


class MarkResult(IntEnum):
    """Whether a call may be sent now; the codes of `mark_call.lua`."""

    MARKED = 1
    SUPERSEDED = 0  # it is not its room's current call any more
    TOO_OLD = -1  # decided too long ago, or too few replicas have the mark
    MARKED_BEFORE = -2  # another sender began to send it


class Calls:
    """Claims calls and probes, marks them and journals their answers."""

    def __init__(self, client: Client, *, ack_replicas: int = 0, too_old_ms: int = TOO_OLD_MS) -> None:
        self._client = client
        self._ack_replicas = ack_replicas
        self._too_old_ms = too_old_ms
        self._claim = client.register_script(lua("claim_calls"))
        self._mark = client.register_script(lua("mark_call"))
        self._answer = client.register_script(lua("answer_call"))

    def clear_wake_up(self) -> None:
        """Let calls that are decided from now on send a wake-up; to be called before claiming."""
        clear_wake_up(self._client, "call")

    def claim(self, at_most: int) -> list[ClaimedCall]:
        """Lease starts and ends that are due."""
        answer = self._claim(keys=[keys.CALLS_DUE, keys.PREFIX], args=[at_most, LEASE_MS])
        return [ClaimedCall(codec.call_of(answer[at]), bool(answer[at + 1])) for at in range(0, len(answer), 2)]

    def claim_probes(self, at_most: int) -> list[Call]:
        """Lease probes that are due; they have a queue of their own, so that they delay no start and no end."""
        answer = self._claim(keys=[keys.PROBES_DUE, keys.PREFIX], args=[at_most, LEASE_MS])
        return [codec.call_of(answer[at]) for at in range(0, len(answer), 2)]

    def pause_probes(self, ms: int) -> None:
        """Have all processes stop probing for so long, since VideoSDK limits our requests."""
        if ms > self.probe_pause_ms():
            self._client.set(keys.PROBES_PAUSED, "1", px=ms)

    def probe_pause_ms(self) -> int:
        """How long probing is paused still, in ms; 0 when it is not."""
        return max(0, int(self._client.pttl(keys.PROBES_PAUSED)))

    def mark(self, call: Call) -> tuple[MarkResult, int]:
        """Mark a call just before it is sent; the result, and the store's time in ms."""
        key = keys.call_mark(call.call_id)
        is_transcode = call.kind is CallKind.TRANSCODE
        code, now = self._mark(
            keys=[keys.TRANSCODES_CURRENT if is_transcode else keys.current_calls(call.output), key],
            args=[call.room_id, call.call_id, call.created_at, self._too_old_ms, MARK_KEPT_S],
        )
        result = MarkResult(code)
        if result is MarkResult.MARKED and not self._is_replicated():
            self._client.delete(key)
            return MarkResult.TOO_OLD, int(now)
        return result, int(now)

    def _is_replicated(self) -> bool:
        count = self._ack_replicas
        return not count or int(self._client.wait(count, REPLICA_WAIT_MS)) >= count

    def answer(self, call: Call, entry: Entry) -> tuple[str | None, bool]:
        """Journal a call's answer, once; its id (None when the call was answered before), whether to wake `process`."""
        event_id, wake = self._answer(
            keys=[keys.CALLS_DUE, keys.JOURNAL, keys.wake("process"), keys.PROBES_DUE],
            args=[call.call_id, entry.source.value, entry.type, entry.room_id or "", entry.data, WAKE_TTL_MS],
        )
        return event_id.decode() or None, bool(wake)

    def record_attempt(self, call_id: str, attempt: Mapping[str, Any]) -> None:
        """Keep what was sent and what came back, for the console and the API."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.rpush(keys.call_attempts(call_id), codec.encode(attempt))
            pipe.ltrim(keys.call_attempts(call_id), -ATTEMPTS_KEPT, -1)
            pipe.execute()

    def now_ms(self) -> int:
        """The store's own time."""
        return now_ms(self._client)

    def waiting(self) -> int:
        """How many calls and probes are not answered yet."""
        return int(self._client.zcard(keys.CALLS_DUE)) + int(self._client.zcard(keys.PROBES_DUE))
