"""Webhooks on their way: signed, sent in a room's order, tried again, and spoilt by request."""

from __future__ import annotations

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

ATTEMPT_S = 10.0  # the time-out of one attempt
RETRY_AFTER_S = (1, 2, 4, 8, 15, 30, 30, 30, 30)  # after each failed attempt; VideoSDK's own are not known
PENDING_MAX = 20_000  # letters on their way; more are lost, and the log says so
HOLD_S = 1.0  # the longest that reordering holds a webhook back when no other follows

FaultsOf = Callable[[str], WebhookFaults]  # by room


@dataclass(slots=True)
class OutgoingWebhook:
    """One webhook to one receiver."""

    webhook: Webhook
    stream: Stream | None
    url: str
    shown: dict[str, Any]
    body: bytes = b""
    signature: str = ""
    not_before: float = 0.0  # in the loop's time
    attempts: int = 0
    retried: bool = True


@dataclass(slots=True)
class SendQueue:
    """What goes to one receiver about one room: first attempts in order, one at a time."""

    waiting: deque[OutgoingWebhook] = field(default_factory=deque)
    held: list[OutgoingWebhook] = field(default_factory=list)
    moving: bool = False


class Sender:
    def __init__(
        self, *, key: RSAPrivateKey, log: Log, now_ms: Callable[[], int], faults_of: FaultsOf, seed: str
    ) -> None:
        self._faults_of = faults_of
        self._key = key
        self._log = log
        self._now_ms = now_ms
        self._random = random.Random(seed)
        self._lanes: dict[tuple[str, str], SendQueue] = {}
        self._pending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None

    def send(self, webhook: Webhook, stream: Stream | None, urls: Sequence[str]) -> None:
        """Returns at once; the sending goes on by itself."""
        faults = self._faults_of(webhook.room_id)
        if webhook.of_viewer and not faults.viewers:
            return
        shown = webhook_json(webhook, stream_ids=faults.stream_ids, urls=faults.urls, room_key=faults.room_key)
        if not urls:
            self._note(OutgoingWebhook(webhook, stream, "", shown), "nobody")
            return
        body = msgspec.json.encode(shown)
        signature = sign(self._key, body)
        not_before = asyncio.get_running_loop().time() + faults.delay_s
        for url in urls:
            letter = OutgoingWebhook(webhook, stream, url, shown, body, signature, not_before)
            if stream is not None:
                stream.delivered.setdefault((webhook.type, url), False)
            if self._is_dropped(webhook.type, faults):
                self._note(letter, "dropped")
                continue
            for _ in range(1 + self._copies(faults)):
                letter = OutgoingWebhook(
                    webhook, stream, url, shown, body, signature, not_before, retried=faults.retries
                )
                self._post(letter, faults)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def _is_dropped(self, kind: str, faults: WebhookFaults) -> bool:
        drop = faults.dropped()
        return any(fnmatchcase(kind, pattern) for pattern in drop.types) and self._chance(drop.probability)

    def _copies(self, faults: WebhookFaults) -> int:
        repeat = faults.repeat
        return int(repeat) if repeat >= 1 else int(self._chance(repeat))

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _post(self, letter: OutgoingWebhook, faults: WebhookFaults) -> None:
        if self._pending >= PENDING_MAX:
            self._note(letter, "overflowed")
            return
        self._pending += 1
        address = (letter.url, letter.webhook.room_id)
        lane = self._lanes.setdefault(address, SendQueue())
        if self._chance(float(faults.reorder)) and not lane.held:
            lane.held.append(letter)
            asyncio.get_running_loop().call_later(HOLD_S + faults.delay_s, self._release, address, lane)
            return
        lane.waiting.append(letter)
        self._release(address, lane)

    def _release(self, address: tuple[str, str], lane: SendQueue) -> None:
        lane.waiting.extend(lane.held)
        lane.held.clear()
        if lane.waiting and not lane.moving:
            lane.moving = True
            self._spawn(self._move(address, lane))

    async def _move(self, address: tuple[str, str], lane: SendQueue) -> None:
        while lane.waiting:
            letter = lane.waiting.popleft()
            await asyncio.sleep(max(0.0, letter.not_before - asyncio.get_running_loop().time()))
            if await self._attempt(letter) or not letter.retried:
                self._pending -= 1
            else:
                self._spawn(self._retry(letter))
        lane.moving = False
        if not lane.held and self._lanes.get(address) is lane:
            del self._lanes[address]

    async def _retry(self, letter: OutgoingWebhook) -> None:
        for pause_s in RETRY_AFTER_S:
            await asyncio.sleep(pause_s)
            if await self._attempt(letter):
                break
        self._pending -= 1

    async def _attempt(self, letter: OutgoingWebhook) -> bool:
        letter.attempts += 1
        item = self._note(letter, "sending")
        headers = {"Content-Type": "application/json", "videosdk-signature": letter.signature}
        try:
            async with self._open().post(
                letter.url, data=letter.body, headers=headers, allow_redirects=False
            ) as answer:
                item["status"] = answer.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            item["error"] = f"{type(error).__name__}: {error}"[:200]
        arrived = item["status"] is not None and 200 <= item["status"] < 300
        last = not letter.retried or letter.attempts > len(RETRY_AFTER_S)
        item["outcome"] = "delivered" if arrived else "given-up" if last else "failed"
        if arrived and letter.stream is not None:
            letter.stream.delivered[letter.webhook.type, letter.url] = True
        return arrived

    def _open(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._client

    def _note(self, letter: OutgoingWebhook, outcome: str) -> dict[str, Any]:
        return self._log.add(
            "webhook",
            iso(self._now_ms()) or "",
            type=letter.webhook.type,
            room=letter.webhook.room_id,
            url=letter.url,
            body=letter.shown,
            attempt=letter.attempts,
            status=None,
            outcome=outcome,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
