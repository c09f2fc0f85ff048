"""Who a webhook is sent to."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sandbox.entities import SandboxState, Webhook


def receivers(world: SandboxState, webhook: Webhook, everywhere: Sequence[str]) -> tuple[str, ...]:
    """Each URL once: the room's own (all events when it names none), the stream's, and `everywhere`'s."""
    urls: list[str] = []
    room = world.rooms[webhook.room_id]
    if room.end_point is not None and _wants(room.events or ("*",), webhook.type):
        urls.append(room.end_point)
    stream = world.streams.get(webhook.stream_id or "")
    if stream is not None and stream.webhook_url is not None:
        urls.append(stream.webhook_url)
    return tuple(dict.fromkeys((*urls, *everywhere)))


def _wants(events: tuple[str, ...], kind: str) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in events)
