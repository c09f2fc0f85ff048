"""Select the URLs that a webhook is sent to."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sandbox.entities import SandboxState, Webhook


def receivers(state: SandboxState, webhook: Webhook, everywhere: Sequence[str]) -> tuple[str, ...]:
    """Return each URL once: the room's (all events if it names none), the stream's, and those of `everywhere`."""
    urls: list[str] = []
    room = state.rooms[webhook.room_id]
    if room.end_point is not None and _wants(room.events or ("*",), webhook.type):
        urls.append(room.end_point)
    stream = state.streams.get(webhook.stream_id or "")
    if stream is not None and stream.options.webhook_url is not None:
        urls.append(stream.options.webhook_url)
    return tuple(dict.fromkeys((*urls, *everywhere)))


def _wants(events: tuple[str, ...], kind: str) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in events)
