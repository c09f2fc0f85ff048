"""The reducer's state as it was committed: rooms, rules, configuration, alarms."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from webhook_app.domain.events import JournalEvent
from webhook_app.domain.reducer import rooms_needed
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config, Settings, make_config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.calendars.calendar import Calendar
from webhook_app.domain.state import SystemState
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.queries.rooms import known_room_ids, stored_rooms


class StateStore:
    """Reads the committed state; `commit.commit` writes it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def cursor(self, client: Any = None) -> str:
        """The id of the last processed event; `0-0` when there is none."""
        value = (client or self._client).get(keys.CURSOR)
        return value.decode() if value else "0-0"

    def config(self) -> Config:
        """The rules, room names, settings and calendars in force."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.RULES)
            pipe.get(keys.NAMES)
            pipe.get(keys.SETTINGS)
            pipe.hgetall(keys.CALENDARS)
            pipe.get(keys.CURSOR)
            rules, names, settings, calendars, cursor = pipe.execute()
        return make_config(
            {name.decode(): codec.rule_of(raw) for name, raw in sorted(rules.items())},
            codec.names_of(names) if names else {},
            codec.settings_of(settings) if settings else Settings(),
            codec.calendar_sources(calendars, cursor_ms(cursor)),
        )

    def names(self) -> Config:
        """Room names and settings without the rules, for views of rooms."""
        return _config_without_rules(*self._client.mget([keys.NAMES, keys.SETTINGS]))

    def calendars(self, sources: Iterable[str]) -> dict[str, Calendar]:
        """Fetched calendars by their source."""
        names = sorted(sources)
        if not names:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.CALENDARS, names)
            pipe.get(keys.CURSOR)
            stored, cursor = pipe.execute()
        raw = {source.encode(): value for source, value in zip(names, stored, strict=True) if value is not None}
        return codec.calendar_sources(raw, cursor_ms(cursor))

    def rule(self, name: str) -> Rule | None:
        """One rule; None when there is none."""
        raw = self._client.hget(keys.RULES, name)
        return codec.rule_of(raw) if raw else None

    def load_state(self) -> SystemState:
        """The state without its rooms, which are loaded as events name them."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.RULE_MEMORY)
            pipe.hvals(keys.ALARMS)
            memory, alarms = pipe.execute()
        return SystemState(
            config=self.config(),
            memory={name.decode(): codec.rule_state_of(raw) for name, raw in memory.items()},
            alarms=codec.active_alarms_of(alarms),
        )

    def load_rooms(self, state: SystemState, events: Iterable[JournalEvent]) -> None:
        """Load the rooms that these events may touch into the state."""
        room_ids: set[str] = set()
        for event in events:
            needed = rooms_needed(state, event)
            if needed is None:
                room_ids.update(known_room_ids(self._client))
                break
            room_ids |= needed
        state.rooms.update(self.rooms(sorted(room_id for room_id in room_ids if room_id not in state.rooms)))

    def rooms(self, room_ids: Sequence[str]) -> dict[str, Room]:
        """Rooms by id, those that have a state."""
        return {room_id: codec.room_of(raw) for room_id, raw in stored_rooms(self._client, room_ids)}

    def room(self, room_id: str) -> Room | None:
        """One room; None when it has no state."""
        return self.rooms([room_id]).get(room_id)

    def newest_room_ids(self, count: int) -> list[str]:
        """Ids of the rooms with a state, those that became known last first."""
        return [room_id.decode() for room_id in self._client.zrevrange(keys.ROOMS, 0, count - 1)]


@lru_cache(maxsize=8)
def _config_without_rules(names: bytes | None, settings: bytes | None) -> Config:
    """Cached by its bytes: most requests show rooms, and thousands of them may be configured."""
    return make_config(
        {}, codec.names_of(names) if names else {}, codec.settings_of(settings) if settings else Settings()
    )


def cursor_ms(cursor: bytes | None) -> int:
    """The time of the last processed event in ms, out of its id; 0 when there is none."""
    return int(cursor.partition(b"-")[0]) if cursor else 0
