"""Send webhooks: signed, in order per room, with retries and injected faults."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox.entities import Stream, Webhook
from sandbox.faults import WebhookFaults
from sandbox.json_views import iso, webhook_json
from sandbox.keys import sign
from sandbox.log import Log

ATTEMPT_S = 10.0  # timeout of one attempt
RETRY_AFTER_S = (1, 2, 4, 8, 15, 30, 30, 30, 30)  # after each failed attempt; VideoSDK's own are not known
PENDING_MAX = 20_000  # webhooks being sent; further ones are dropped and logged as `overflowed`
HOLD_S = 1.0  # longest time that reordering holds back a webhook if no other follows

FaultsOf = Callable[[str], WebhookFaults]  # by room


@dataclass(slots=True)
class OutgoingWebhook:
    """One webhook to one URL."""

    webhook: Webhook
    stream: Stream | None
    url: str
    envelope: dict[str, Any]
    body: bytes = b""
    signature: str = ""
    not_before: float = 0.0  # event loop time
    attempts: int = 0
    may_retry: bool = True


@dataclass(slots=True)
class SendQueue:
    """First attempts to one URL for one room: in order, one at a time."""

    waiting: deque[OutgoingWebhook] = field(default_factory=deque)
    held_back: list[OutgoingWebhook] = field(default_factory=list)
    is_sending: bool = False


class Sender:
    """Sends webhooks in background tasks. Use it from one event loop."""

    def __init__(
        self, *, key: RSAPrivateKey, log: Log, now_ms: Callable[[], int], faults_of: FaultsOf, seed: str
    ) -> None:
        self._faults_of = faults_of
        self._key = key
        self._log = log
        self._now_ms = now_ms
        self._random = random.Random(seed)
        self._queues: dict[tuple[str, str], SendQueue] = {}
        self._pending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None

    def send(self, webhook: Webhook, stream: Stream | None, urls: Sequence[str]) -> None:
        """Queue a webhook for these URLs and return at once."""
        faults = self._faults_of(webhook.room_id)
        if webhook.of_viewer and not faults.viewers:
            return
        envelope = webhook_json(webhook, stream_ids=faults.stream_ids, urls=faults.urls, room_key=faults.room_key)
        if not urls:
            self._log_attempt(OutgoingWebhook(webhook, stream, "", envelope), "no-url")
            return
        body = msgspec.json.encode(envelope)
        signature = sign(self._key, body)
        not_before = asyncio.get_running_loop().time() + faults.delay_s
        for url in urls:
            # One for each copy is made below; this one is only for the log of a webhook that is dropped.
            message = OutgoingWebhook(webhook, stream, url, envelope, body, signature, not_before)
            if stream is not None:
                stream.delivered.setdefault((webhook.type, url), False)
            if self._is_dropped(webhook.type, faults):
                self._log_attempt(message, "dropped")
                continue
            for _ in range(1 + self._copies(webhook.type, faults)):
                message = OutgoingWebhook(
                    webhook, stream, url, envelope, body, signature, not_before, may_retry=faults.retries
                )
                late = faults.late
                if late is not None and _matches(webhook.type, late.types):
                    self._spawn(self._enqueue_late(message, faults, late.by_s))
                else:
                    self._enqueue(message, faults)

    async def close(self) -> None:
        """Cancel all tasks and close the HTTP client."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def _is_dropped(self, kind: str, faults: WebhookFaults) -> bool:
        drop = faults.dropped()
        return _matches(kind, drop.types) and self._happens(drop.probability)

    def _copies(self, kind: str, faults: WebhookFaults) -> int:
        repeat = faults.repeated()
        if not _matches(kind, repeat.types):
            return 0
        return int(repeat.copies) if repeat.copies >= 1 else int(self._happens(repeat.copies))

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    async def _enqueue_late(self, message: OutgoingWebhook, faults: WebhookFaults, by_s: float) -> None:
        await asyncio.sleep(by_s)
        self._enqueue(message, faults)

    def _enqueue(self, message: OutgoingWebhook, faults: WebhookFaults) -> None:
        if self._pending >= PENDING_MAX:
            self._log_attempt(message, "overflowed")
            return
        self._pending += 1
        address = (message.url, message.webhook.room_id)
        queue = self._queues.setdefault(address, SendQueue())
        if self._happens(float(faults.reorder)) and not queue.held_back:
            queue.held_back.append(message)
            asyncio.get_running_loop().call_later(HOLD_S + faults.delay_s, self._release, address, queue)
            return
        queue.waiting.append(message)
        self._release(address, queue)

    def _release(self, address: tuple[str, str], queue: SendQueue) -> None:
        queue.waiting.extend(queue.held_back)
        queue.held_back.clear()
        if queue.waiting and not queue.is_sending:
            queue.is_sending = True
            self._spawn(self._send_in_order(address, queue))

    async def _send_in_order(self, address: tuple[str, str], queue: SendQueue) -> None:
        while queue.waiting:
            message = queue.waiting.popleft()
            await asyncio.sleep(max(0.0, message.not_before - asyncio.get_running_loop().time()))
            if await self._attempt(message) or not message.may_retry:
                self._pending -= 1
            else:
                self._spawn(self._retry(message))
        queue.is_sending = False
        if not queue.held_back and self._queues.get(address) is queue:
            del self._queues[address]

    async def _retry(self, message: OutgoingWebhook) -> None:
        for pause_s in RETRY_AFTER_S:
            await asyncio.sleep(pause_s)
            if await self._attempt(message):
                break
        self._pending -= 1

    async def _attempt(self, message: OutgoingWebhook) -> bool:
        message.attempts += 1
        item = self._log_attempt(message, "sending")
        headers = {"Content-Type": "application/json", "videosdk-signature": message.signature}
        try:
            async with self._http_client().post(
                message.url, data=message.body, headers=headers, allow_redirects=False
            ) as answer:
                item["status"] = answer.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            item["error"] = f"{type(error).__name__}: {error}"[:200]
        arrived = item["status"] is not None and 200 <= item["status"] < 300
        last = not message.may_retry or message.attempts > len(RETRY_AFTER_S)
        item["outcome"] = "delivered" if arrived else "given-up" if last else "failed"
        if arrived and message.stream is not None:
            message.stream.delivered[message.webhook.type, message.url] = True
        return arrived

    def _http_client(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._client

    def _log_attempt(self, message: OutgoingWebhook, outcome: str) -> dict[str, Any]:
        return self._log.add(
            "webhook",
            iso(self._now_ms()) or "",
            type=message.webhook.type,
            room=message.webhook.room_id,
            url=message.url,
            body=message.envelope,
            attempt=message.attempts,
            status=None,
            outcome=outcome,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _matches(kind: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)
