"""A cache of all rooms, shared by the walls that one process serves."""

import threading
from collections.abc import Mapping
from time import monotonic, sleep

from webhook_app.domain.room import Room
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.queries.rooms import newest_and_on_air_room_ids, stored_rooms
from webhook_app.store.state.store import StateStore

ROOMS_MAX = 10_000
PAUSE_FACTOR = 2.0
PAUSE_MAX_S = 0.5


class RoomCache:
    """Reloads the rooms after events were processed, once for all viewers; decodes only rooms whose bytes changed.

    Pauses between reloads for twice as long as a reload takes, so that viewers cost at most a third of a processor.
    With more than 10,000 rooms, the cache has those on air and the most recent ones.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._raw: dict[str, bytes] = {}
        self._rooms: dict[str, Room] = {}
        self._cursor = "none yet"
        self._read_started_at = self._read_at = 0.0
        self._took_s = 0.0

    def all(self) -> Mapping[str, Room]:
        """Return the rooms by id, at least as current as this call."""
        called_at = monotonic()
        with self._lock:
            if self._read_started_at < called_at and StateStore(self._client).cursor() != self._cursor:
                pause = min(PAUSE_MAX_S, PAUSE_FACTOR * self._took_s) - (monotonic() - self._read_at)
                if pause > 0:
                    sleep(pause)
                self._read()
            return self._rooms

    def _read(self) -> None:
        started_at = monotonic()
        self._cursor = StateStore(self._client).cursor()
        raw = dict(stored_rooms(self._client, newest_and_on_air_room_ids(self._client, ROOMS_MAX)))
        self._rooms = {
            room_id: self._rooms[room_id] if self._raw.get(room_id) == value else codec.room_of(value)
            for room_id, value in raw.items()
        }
        self._raw = raw
        self._read_started_at, self._read_at = started_at, monotonic()
        self._took_s = self._read_at - started_at
