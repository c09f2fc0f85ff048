"""The rooms as they are, for everybody who looks at this process's walls."""

import threading
from collections.abc import Mapping
from time import monotonic, sleep

from webhook_app.domain.room import Room
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.queries.rooms import newest_and_on_air_room_ids, stored_rooms
from webhook_app.store.state.store import StateStore

ROOMS_MAX = 10_000
REST_FACTOR = 2.0
REST_MAX_S = 0.5


class RoomCache:
    """Read anew when something was folded, once for all who look; a room is decoded only when its bytes have changed.

    Between two readings is a rest twice as long as a reading takes, so that many who look cost a third of a processor
    at most. Of more than 10,000 rooms, those on air and the newest known are seen.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._raw: dict[str, bytes] = {}
        self._rooms: dict[str, Room] = {}
        self._cursor = "none yet"
        self._began_at = self._read_at = 0.0
        self._took_s = 0.0

    def all(self) -> Mapping[str, Room]:
        """Rooms by id, at least as new as this call."""
        came_at = monotonic()
        with self._lock:
            if self._began_at < came_at and StateStore(self._client).cursor() != self._cursor:
                rest = min(REST_MAX_S, REST_FACTOR * self._took_s) - (monotonic() - self._read_at)
                if rest > 0:
                    sleep(rest)
                self._read()
            return self._rooms

    def _read(self) -> None:
        began = monotonic()
        self._cursor = StateStore(self._client).cursor()
        raw = dict(stored_rooms(self._client, newest_and_on_air_room_ids(self._client, ROOMS_MAX)))
        self._rooms = {
            one: self._rooms[one] if self._raw.get(one) == value else codec.room_of(value) for one, value in raw.items()
        }
        self._raw = raw
        self._began_at, self._read_at = began, monotonic()
        self._took_s = self._read_at - began
