"""Run the model in real time: the clock, scheduled steps, outgoing webhooks, faults and the log."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox.entities import ROOMS_MAX, Outcome, Pace, RefusedError, SandboxState, ScheduledStep, Stream
from sandbox.faults import Faults, RestFault, RoomFaults, WebhookFaults
from sandbox.json_views import iso
from sandbox.keys import public_pem
from sandbox.log import Log
from sandbox.model import advance
from sandbox.open_points import Forms
from sandbox.recipients import receivers
from sandbox.sender import Sender


class SandboxRuntime:
    """The running sandbox. Use it from one event loop."""

    def __init__(
        self,
        *,
        key: RSAPrivateKey,
        api_key: str,
        secret: str,
        webhook_urls: Sequence[str],
        pace: Pace,
        quota: int | None,
        seed: str,
    ) -> None:
        self.state = SandboxState(seed=seed, pace=pace, quota=quota)
        self.log = Log()
        self.faults = Faults()
        self.room_faults: dict[str, RoomFaults] = {}
        self.answer_s = 0.0
        self.closing = False
        self.api_key = api_key
        self.secret = secret
        self.public_key = public_pem(key)
        self._quota = quota
        self._webhook_urls = tuple(webhook_urls)
        self._sender = Sender(key=key, log=self.log, now_ms=self.now_ms, faults_of=self._webhook_faults, seed=seed)
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}  # by stream
        self._stream_items: dict[str, dict[str, Any]] = {}  # log items of streams that have not ended
        self._latest_ms = 0

    def now_ms(self) -> int:
        """Return the current time; it never decreases."""
        self._latest_ms = max(self._latest_ms, time.time_ns() // 1_000_000)
        return self._latest_ms

    def now(self) -> str:
        """Return the current time as text."""
        return iso(self.now_ms()) or ""

    def set_faults(self, faults: Faults) -> None:
        """Replace the general faults."""
        self.faults = faults
        self.state.quota = self._quota if faults.quota is None else faults.quota
        self.state.forms = faults.forms or Forms()

    def set_room_faults(self, room_id: str, faults: RoomFaults) -> None:
        """Replace a room's faults; empty ones clear them. Raises `RefusedError` if too many rooms have faults."""
        self.room_faults.pop(room_id, None)
        self.state.room_forms.pop(room_id, None)
        if faults == RoomFaults():
            return
        if len(self.room_faults) >= ROOMS_MAX:
            raise RefusedError(400, f"the sandbox keeps faults of {ROOMS_MAX} rooms")
        self.room_faults[room_id] = faults
        if faults.forms is not None:
            self.state.room_forms[room_id] = faults.forms

    def take_fault(self, path: str, room_id: str | None) -> RestFault | None:
        """Return the fault that applies to this call, if any, and count it down."""
        own = self.room_faults.get(room_id or "")
        return (own.take(path) if own is not None else None) or self.faults.take(path)

    def play(self, outcome: Outcome) -> None:
        """Apply the consequences of a change: schedule its steps and send its webhooks."""
        for due in outcome.due:
            wait_s = max(0, due.at_ms - self.now_ms()) / 1000
            timer = asyncio.get_running_loop().call_later(wait_s, self._advance, due)
            self._timers.setdefault(due.stream_id, []).append(timer)
        for webhook in outcome.webhooks:
            stream = self.state.streams.get(webhook.stream_id or "")
            if stream is not None:
                self._log_stream(stream)
            self._sender.send(webhook, stream, receivers(self.state, webhook, self._webhook_urls))

    async def close(self) -> None:
        """Cancel scheduled steps and stop sending."""
        self.closing = True
        for timers in self._timers.values():
            for timer in timers:
                timer.cancel()
        await self._sender.close()

    def _webhook_faults(self, room_id: str) -> WebhookFaults:
        return self.room_faults.get(room_id, self.faults).webhooks

    def _advance(self, due: ScheduledStep) -> None:
        self.play(advance(self.state, self.now_ms(), due))

    def _log_stream(self, stream: Stream) -> None:
        if stream.id not in self._stream_items:
            started = iso(stream.start_ms) or ""
            self._stream_items[stream.id] = self.log.add(
                "run",
                started,
                id=stream.id,
                output=stream.output.value,
                room=stream.room_id,
                roomId=stream.room_id,
                started_at=started,
                ended_at=None,
                state=stream.state.value,
            )
        self._stream_items[stream.id].update(state=stream.state.value, ended_at=iso(stream.end_ms))
        if stream.over:
            del self._stream_items[stream.id]
            for timer in self._timers.pop(stream.id, ()):
                timer.cancel()


RUNTIME = web.AppKey("stage", SandboxRuntime)
