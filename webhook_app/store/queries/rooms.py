"""Which rooms there are, and their stored states."""

from collections.abc import Iterator, Sequence

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client

READ_CHUNK = 500


def known_room_ids(client: Client) -> list[str]:
    """The ids of all rooms with a state, those known longest first."""
    return [room_id.decode() for room_id in client.zrange(keys.ROOMS, 0, -1)]


def count_rooms(client: Client) -> int:
    """How many rooms have a state."""
    return int(client.zcard(keys.ROOMS))


def on_air_room_ids(client: Client) -> list[str]:
    """The ids of the rooms that are on air, sorted."""
    return sorted(room_id.decode() for room_id in client.smembers(keys.ON_AIR))


def newest_and_on_air_room_ids(client: Client, newest_max: int) -> list[str]:
    """The ids of the rooms that became known last and of all that are on air, sorted."""
    newest = client.zrevrange(keys.ROOMS, 0, newest_max - 1)
    return sorted({room_id.decode() for room_id in newest} | set(on_air_room_ids(client)))


def stored_rooms(client: Client, room_ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Rooms as they are stored, for callers that decode only what has changed, or a part of it."""
    for start in range(0, len(room_ids), READ_CHUNK):
        chunk = room_ids[start : start + READ_CHUNK]
        for room_id, raw in zip(chunk, client.mget([keys.room(room_id) for room_id in chunk]), strict=True):
            if raw is not None:
                yield room_id, raw
