"""Streams by id, and the newest ones of a room."""

from collections.abc import Sequence

from webhook_app.domain.streams.stream import Stream
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client


def streams_by_id(client: Client, stream_ids: Sequence[str]) -> list[Stream | None]:
    """Streams by id, None where none is kept."""
    records = client.mget([keys.stream(stream_id) for stream_id in stream_ids]) if stream_ids else []
    return [codec.stream_of(raw) if raw else None for raw in records]


def newest_streams(client: Client, room_id: str, count: int) -> list[Stream]:
    """The streams of a room that opened last, the newest first."""
    stream_ids = [raw.decode() for raw in client.zrevrange(keys.room_streams(room_id), 0, count - 1)]
    return [stream for stream in streams_by_id(client, stream_ids) if stream is not None]
