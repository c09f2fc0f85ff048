"""The snapshot: the state that folding gives at the point up to which the journal was trimmed."""

from typing import Any

import msgspec
import redis

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.rules.config import Settings, make_config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.schedules.calendars.calendar import Calendar, encode_calendar
from webhook_app.domain.state import SystemState
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client


class Snapshots:
    """Keeps one snapshot, and trims the journal and the timelines up to it in the same transaction."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def load(self) -> tuple[SystemState, str]:
        """The state at the trim point and its journal id; an empty state at `0-0` when nothing was ever trimmed."""
        raw = self._client.hgetall(keys.SNAPSHOT)
        if not raw:
            return SystemState(), "0-0"
        config = make_config(
            codec.rules_of(raw[b"rules"]),
            _names(raw[b"names"]),
            codec.settings_of(raw[b"settings"]),
            _calendars(raw[b"calendars"], int(raw[b"at"].partition(b"-")[0])),
        )
        state = SystemState(config, codec.rooms_of(raw[b"rooms"]), _memory(raw[b"memory"]), _alarms(raw[b"alarms"]))
        return state, raw[b"at"].decode()

    def trimmed_at(self) -> str:
        """The journal id up to which the journal was trimmed; `0-0` when it never was."""
        raw = self._client.hget(keys.SNAPSHOT, "at")
        return raw.decode() if raw else "0-0"

    def keep(self, state: SystemState, *, before: str, after: str) -> bool:
        """Replace the snapshot at `before` by one at `after`, and trim up to it; False if another process was first."""
        rooms = [
            room_id.decode()
            for key in (keys.ROOMS, keys.ROOMS_FORGOTTEN)
            for room_id in self._client.zrange(key, 0, -1)
        ]
        with self._client.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(keys.SNAPSHOT)
                at = pipe.hget(keys.SNAPSHOT, "at")
                if (at.decode() if at else "0-0") != before:
                    return False
                pipe.multi()
                pipe.hset(keys.SNAPSHOT, mapping=_fields(state, after))
                first_kept = f"{after.partition('-')[0]}-{int(after.partition('-')[2]) + 1}"
                by_room = [key(room_id) for room_id in rooms for key in (keys.timeline, keys.outline)]
                for key in (keys.JOURNAL, keys.timeline(""), *by_room):
                    pipe.xtrim(key, minid=first_kept, approximate=False)
                # A timeline that was trimmed as a forgotten room's holds nothing from before the room was forgotten.
                pipe.zremrangebyscore(keys.ROOMS_FORGOTTEN, "-inf", int(after.partition("-")[0]))
                pipe.execute()
            except redis.WatchError:
                return False
        return True


_names = codec.decoder(dict[str, ConfiguredRoom])
_stored_rule_states = codec.decoder(dict[str, RuleState])
_stored_alarms = codec.decoder(dict[str, msgspec.Raw])
_calendar_fields = codec.decoder(dict[str, msgspec.Raw])


def _memory(raw: bytes) -> dict[str, RuleState]:
    return {name: codec.with_error_code(state) for name, state in _stored_rule_states(raw).items()}


def _alarms(raw: bytes) -> dict[str, Alarm]:
    return codec.active_alarms_of(bytes(alarm) for alarm in _stored_alarms(raw).values())


def _calendars(raw: bytes, at: int) -> dict[str, Calendar]:
    """The calendars of a snapshot; one of an earlier version holds their texts."""
    stored = {
        source.encode(): codec.decode(value).encode() if bytes(value).startswith(b'"') else bytes(value)
        for source, value in _calendar_fields(raw).items()
    }
    return codec.calendar_sources(stored, at)


def _fields(state: SystemState, at: str) -> dict[str, Any]:
    settings: Settings = state.config.settings
    return {
        "at": at,
        "rules": codec.encode_rules(state.config.rules),
        "names": codec.encode(state.config.names),
        "settings": codec.encode(settings),
        "calendars": codec.encode(
            {name: encode_calendar(calendar) for name, calendar in state.config.calendars.items()}
        ),
        "rooms": codec.encode_rooms(state.rooms),
        "memory": codec.encode(state.memory),
        "alarms": codec.encode(state.alarms),
    }
