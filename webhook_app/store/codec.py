"""Frozen domain values to JSON bytes and back; msgspec reads the dataclasses' own annotations."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from webhook_app.domain.alarms.alarm import Alarm, with_key
from webhook_app.domain.control.call import Call
from webhook_app.domain.events import Event, JournalEvent, Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import Decision
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Settings
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.rule import Rule, RuleState
from webhook_app.domain.schedules.calendars.calendar import Calendar, Horizon, decode_calendar, horizon_at
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.domain.streams.stream import Stream
from webhook_app.event_decoding.decoder import UNDECODABLE
from webhook_app.event_decoding.decoder import decode as decode_record
from webhook_app.providers.port import UNREADABLE
from webhook_app.providers.registry import CALLED, TRANSLATORS, translator_of
from webhook_app.store.migrations import room_from_1, stream_from_1
from webhook_app.store.rule_records import rule_from_record, rule_record

T = TypeVar("T")

encode = msgspec.json.encode
decode = msgspec.json.decode
pack = msgspec.msgpack.encode  # for scripts, which unpack it by themselves


def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Return a decoder from JSON bytes to this frozen dataclass."""
    return msgspec.json.Decoder(kind).decode


FORMAT = 2
_OLD_SCHEDULE_ERROR = "schedule: "
_FORMAT_PREFIX = b'{"format":%d,' % FORMAT
_room_of = decoder(Room)
_stream_of = decoder(Stream)
_raw_objects_of = decoder(dict[str, msgspec.Raw])
_record_of = decoder(dict[str, Any])
_records_of = decoder(dict[str, dict[str, Any]])
call_of = decoder(Call)
_rule_state_of = decoder(RuleState)
names_of = decoder(dict[str, ConfiguredRoom])
settings_of = decoder(Settings)
_alarm_of = decoder(Alarm)
decisions_of = decoder(list[Decision])
notice_of = decoder(Notice)
arguments_of = decoder(list[dict[str, Any]])


def _format_1(raw: bytes) -> dict[str, Any]:
    """The fields of a record without a format number. ValueError for one that a later version has written."""
    fields: dict[str, Any] = decode(raw)
    if "format" in fields:
        raise ValueError(f"stored in format {fields['format']}; this version reads formats up to {FORMAT}")
    return fields


def encode_room(room: Room) -> bytes:
    """A room with the number of its format first, by which reading recognizes an earlier format."""
    return _FORMAT_PREFIX + encode(room)[1:]


def room_of(raw: bytes) -> Room:
    """A stored room, of this format or an earlier one."""
    return with_mode_roles(_room_of(raw if raw.startswith(_FORMAT_PREFIX) else encode(room_from_1(_format_1(raw)))))


def with_mode_roles(room: Room) -> Room:
    """A stored room whose session says what its participants' modes mean, which earlier versions did not store."""
    session = room.session
    if session is None or session.mode_roles or not (session.participants or session.unlisted):
        return room
    return replace(room, session=replace(session, mode_roles=CALLED.mode_roles))


def encode_rooms(rooms: Mapping[str, Room]) -> bytes:
    """Rooms by their ids."""
    return b"{" + b",".join(encode(room_id) + b":" + encode_room(room) for room_id, room in rooms.items()) + b"}"


def rooms_of(raw: bytes) -> dict[str, Room]:
    """Stored rooms by their ids, each of this format or an earlier one."""
    return {room_id: room_of(bytes(room)) for room_id, room in _raw_objects_of(raw).items()}


def encode_stream(stream: Stream) -> bytes:
    """A stream with the number of its format first."""
    return _FORMAT_PREFIX + encode(stream)[1:]


def stream_of(raw: bytes) -> Stream:
    """A stored stream, of this format or an earlier one."""
    return _stream_of(raw if raw.startswith(_FORMAT_PREFIX) else encode(stream_from_1(_format_1(raw))))


def encode_rule(rule: Rule) -> bytes:
    """A rule in its stored form."""
    return encode(rule_record(rule))


def rule_of(raw: bytes) -> Rule:
    """A stored rule."""
    return rule_from_record(_record_of(raw))


def encode_rules(rules: Mapping[str, Rule]) -> bytes:
    """Rules by their names."""
    return encode({name: rule_record(rule) for name, rule in rules.items()})


def rules_of(raw: bytes) -> dict[str, Rule]:
    """Stored rules by their names."""
    return {name: rule_from_record(record) for name, record in _records_of(raw).items()}


def with_error_code(state: RuleState) -> RuleState:
    """A stored state with its schedule's error as a code, which earlier versions stored as text with a prefix."""
    error = state.last_error
    if not isinstance(error, str) or not error.startswith(_OLD_SCHEDULE_ERROR):
        return state
    why = error.removeprefix(_OLD_SCHEDULE_ERROR)
    return replace(state, last_error=explain(Reason.SCHEDULE_NOT_COMPUTED, error=why))


def rule_state_of(raw: bytes) -> RuleState:
    """A stored state of a rule; one of an earlier version gets the code of its error."""
    return with_error_code(_rule_state_of(raw))


def alarm_of(raw: bytes) -> Alarm:
    """A stored alarm; one of an earlier version gets its key."""
    return with_key(_alarm_of(raw))


def active_alarms_of(stored: Iterable[bytes]) -> dict[str, Alarm]:
    """The active ones of stored alarms by their keys; earlier versions kept the cleared ones beside them."""
    alarms = map(alarm_of, stored)
    return {alarm.key: alarm for alarm in alarms if alarm.is_active}


def calendar_sources(stored: Mapping[bytes, bytes], at: int) -> dict[str, Calendar]:
    """Stored calendars by their source; `at` is the time of the last folded event in ms.

    Earlier versions stored a calendar's text. It is read within the horizon of that time; a text that cannot be read
    counts as a calendar that was never fetched.
    """
    calendars = {source.decode(): calendar_of(raw, at) for source, raw in stored.items()}
    return {source: calendar for source, calendar in calendars.items() if calendar is not None}


def calendar_of(raw: bytes, at: int) -> Calendar | None:
    """One stored calendar, or None when it is a text of an earlier version that cannot be read."""
    return _calendar(raw) if is_calendar_data(raw) else _calendar_text(raw, horizon_at(at))


def is_calendar_data(raw: bytes) -> bool:
    """Whether a stored calendar is in the form of this version, and not a text of an earlier one."""
    return raw.startswith(b"{")


@lru_cache(maxsize=64)
def _calendar(raw: bytes) -> Calendar:
    return decode_calendar(decode(raw))


@lru_cache(maxsize=64)
def _calendar_text(raw: bytes, horizon: Horizon) -> Calendar | None:
    try:
        return replace(read_calendar(raw, horizon), from_text=True)
    except CalendarError:
        return None


_SOURCES = {source.value.encode(): source for source in Source}


def journal_event(event: Event) -> JournalEvent:
    """A journal record with what it says, decoded; never raises."""
    return decode_record(event, TRANSLATORS, CALLED)


def event_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    """A journal entry as an event. A webhook's entry holds its raw body; its `data` is the event's.

    An entry that cannot be read, such as one of a newer version, becomes an event that folding refuses.
    """
    try:
        return _read_event(entry_id, fields)
    except (KeyError, ValueError, AttributeError, RecursionError) as error:
        event_id = entry_id.decode()
        why = {"error": f"{type(error).__name__}: {error}"[:300]}
        return Event(event_id, Source.SYSTEM, UNDECODABLE, None, int(event_id.partition("-")[0]), why)


def _read_event(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    source = _SOURCES[fields[b"s"]]
    room = fields[b"r"]
    raw = fields[b"d"]
    kind = fields[b"t"].decode()
    if kind == UNREADABLE:
        data = _unreadable(raw, source)
    else:
        translator = TRANSLATORS.get(source)
        data = decode(raw) if translator is None else translator.body(raw).data
    return Event(entry_id.decode(), source, kind, room.decode() if room else None, int(fields[b"a"]), data)


def _unreadable(raw: bytes, source: Source) -> Mapping[str, Any]:
    """The beginning of a body for people, and why it could not be read; None where today's reader could."""
    return {
        "body": raw[:2_000].decode("utf-8", "replace"),
        "bytes": len(raw),
        "reason": translator_of(source).body(raw).reason,
    }
