"""A client of the event stream: its filter, and its queue of frames to send."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from webhook_app.domain.events import Event
from webhook_app.live.limits import SseLimits


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The events that a client wants; None matches all."""

    room_id: str | None = None
    type: str | None = None
    source: str | None = None

    def matches(self, event: Event) -> bool:
        """Whether an event is wanted."""
        return (
            self.room_id in (None, event.room_id)
            and self.type in (None, event.type)
            and self.source in (None, event.source.value)
        )


@dataclass(frozen=True, slots=True)
class SseFrame:
    """An event in the format of the stream."""

    event_id: str
    text: bytes


class SseClient:
    """The queue between the broadcaster's thread, which puts frames, and the client's coroutine, which takes them.

    A client that falls behind the limits is closed; it reconnects and resumes from its last id.
    """

    def __init__(self, event_filter: EventFilter, limits: SseLimits) -> None:
        self.event_filter = event_filter
        self._limits = limits
        self._frames: deque[SseFrame] = deque()
        self._bytes = 0
        self._position: str | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self._reader: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def put(self, frames: Sequence[SseFrame], position: str) -> None:
        """Queue frames; everything up to the event id `position` has then been queued. Never blocks."""
        with self._lock:
            self._position = position
            if not frames or self._is_closed:
                return
            self._frames += frames
            self._bytes += sum(len(frame.text) for frame in frames)
            if len(self._frames) > self._limits.queue_max_events or self._bytes > self._limits.queue_max_bytes:
                self._frames.clear()
                self._is_closed = True
            self._notify()

    async def take(self, timeout_s: float) -> tuple[list[SseFrame], str | None] | None:
        """Take the queued frames and their position; no frames after a time-out, None when the client is closed."""
        with self._lock:
            if self._reader is None:
                self._reader = (asyncio.get_running_loop(), asyncio.Event())
            changed = self._reader[1]
            changed.clear()
            must_wait = not self._frames and not self._is_closed
        if must_wait:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await changed.wait()
        with self._lock:
            if self._is_closed:
                return None
            frames = list(self._frames)
            self._frames.clear()
            self._bytes = 0
            return frames, self._position

    @property
    def is_closed(self) -> bool:
        """Whether no more frames will come."""
        return self._is_closed

    def close(self) -> None:
        """End the stream, from any thread."""
        with self._lock:
            self._is_closed = True
            self._frames.clear()
            self._notify()

    def _notify(self) -> None:
        if self._reader is not None:
            loop, changed = self._reader
            with suppress(RuntimeError):  # the loop has ended, and its coroutine with it
                loop.call_soon_threadsafe(changed.set)
