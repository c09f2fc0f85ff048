"""Read and validate the configuration file; errors name line and field, and what would be valid."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from webhook_app.config.settings import Settings
from webhook_app.domain.globs import is_glob
from webhook_app.domain.rules.config import Config
from webhook_app.providers.registry import PROVIDER
from webhook_app.schemas.fields import NAME_PATTERN, is_name
from webhook_app.schemas.rule import RuleSchema
from webhook_app.schemas.subscriber import SubscribeSchema
from webhook_app.text.json_depth import JSON_DEPTH_MAX
from webhook_app.text.validation_messages import iterate_errors
from webhook_app.usecases.declared_configuration import DeclaredConfiguration
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.rule_warnings import KnownRooms, quota_warning, room_warnings, rule_warnings
from webhook_app.usecases.subscriber_urls import check_url
from workers.config_file.variables import VariableError, replace_variables
from workers.config_file.yaml import VALUES_MAX, FileError, Mistake, line_of, load_yaml, read_content

__all__ = ["FileError", "Mistake", "parse", "read", "warnings"]

TOP = ("rooms", "rules", "subscribers")
PLAIN_KEY = "is in plain text: whoever reads the file can send to this stream; write ${NAME} and set NAME in .env"


class RoomNameSchema(Schema):
    """A room in the file."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "a room is a mapping, such as {room_id: abcd-efgh-ijkl}"}  # noqa: RUF012 - marshmallow's way

    room_id = fields.String(required=True, validate=validate.Length(1, PROVIDER.facts.id_max_chars))
    groups = fields.List(fields.String(validate=is_name))


class FileSubscriberSchema(SubscribeSchema):
    """A subscriber in the file, identified by its name."""

    name = fields.String(required=True, validate=validate.Length(1, 200))


def read(path: Path, settings: Settings) -> DeclaredConfiguration:
    """Read and validate the file. Raises FileError with all errors."""
    return parse(path, read_content(path), settings)


def parse(path: Path, raw: bytes, settings: Settings) -> DeclaredConfiguration:
    """Validate the file's content. Raises FileError with all errors."""
    try:
        content = load_yaml(path, raw)
        return DeclaredConfiguration({}, [], []) if content is None else _Checker(path, settings).check(content)
    except RecursionError:
        raise FileError(path, [Mistake(None, None, f"nested more than {JSON_DEPTH_MAX} levels deep")]) from None


def warnings(
    config: Config,
    settings: Settings,
    *,
    at: int,
    subscribers: Iterable[Mapping[str, Any]] = (),
    seen_ids: Collection[str] | None = None,
) -> list[str]:
    """Return warnings about content that is valid but probably unintended, as the console's editor does.

    `seen_ids` are the ids of rooms that have a state, None without a store.
    """
    known_rooms = KnownRooms(config, seen_ids, settings.rooms)
    messages: list[str] = []
    for rule in config.rules.values():
        for warning in rule_warnings(rule, known_rooms, types=PROVIDER.facts.documented_types):
            messages.append(f"rules.{rule.name}.{warning.field}: {warning.message}")
    for subscriber in subscribers:
        for warning in room_warnings(subscriber["rooms"], known_rooms):
            messages.append(f"subscribers.{subscriber['name']}.rooms: {warning.message}")
    if settings.max_streams is not None:
        crowded = quota_warning(config, _rooms_with_windows(config), at=at, limit=settings.max_streams)
        messages += [crowded.message] if crowded is not None else []
    return messages


def _rooms_with_windows(config: Config) -> list[str]:
    named = {room.room_id for room in config.names.values()}
    room_ids: set[str] = set()
    for rule in config.rules.values():
        if rule.schedule_trigger is None:
            continue
        rooms = config.rooms_of(rule)
        if rooms is None:
            # A glob or group matches the rooms that the file names; others are unknown here.
            rooms = frozenset(room_id for room_id in named if rule in config.about(room_id))
            rooms |= {pattern for pattern in rule.rooms if not is_glob(pattern) and not pattern.startswith("group:")}
        room_ids |= rooms
    return sorted(room_ids)


class _Checker:
    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._mistakes: list[Mistake] = []
        self._warnings: list[str] = []
        self._values = 0

    def check(self, content: Any) -> DeclaredConfiguration:
        if not isinstance(content, dict):
            raise FileError(self._path, [Mistake(1, None, "the file holds `rooms`, `rules` and `subscribers`")])
        for key in content:
            if key not in TOP:
                self._add_mistake(
                    content, (key,), str(key), "is unknown; the file holds `rooms`, `rules` and `subscribers`"
                )
        rooms = self._rooms(content)
        rules = self._items(content, "rules", RuleSchema())
        subscribers = self._items(content, "subscribers", FileSubscriberSchema())
        if self._mistakes:
            raise FileError(self._path, sorted(self._mistakes, key=lambda mistake: mistake.line or 0))
        return DeclaredConfiguration(rooms, rules, subscribers, tuple(self._warnings))

    def _rooms(self, content: Any) -> dict[str, Mapping[str, Any]]:
        section = content.get("rooms") or {}
        rooms: dict[str, Mapping[str, Any]] = {}
        if not isinstance(section, dict):
            what = "must be a mapping of names, such as main-hall: {room_id: abcd-efgh-ijkl}"
            self._add_mistake(content, ("rooms",), "rooms", what)
            return rooms
        for name, room in section.items():
            if not isinstance(name, str) or not re.match(NAME_PATTERN, name):
                self._add_mistake(
                    section, (name,), f"rooms.{name}", "names may contain a-z, 0-9 and -, such as main-hall"
                )
                continue
            loaded = self._load(RoomNameSchema(), room, section, name, f"rooms.{name}")
            if loaded is not None:
                rooms[name] = loaded
        self._check_rooms_differ(section, rooms)
        return rooms

    def _check_rooms_differ(self, section: Any, rooms: Mapping[str, Mapping[str, Any]]) -> None:
        """Reject ambiguous names: one room with two names, or a name that is another room's id."""
        names: dict[str, str] = {}
        for name, room in rooms.items():
            first = names.setdefault(str(room["room_id"]), name)
            if first != name:
                where = _on_line(section, first)
                what = (
                    f"{room['room_id']} is already room {first}{where}; give a room one name, and groups for the rest"
                )
                self._add_mistake(section[name], ("room_id",), f"rooms.{name}.room_id", what)
        for name, room in rooms.items():
            other = names.get(name)
            if other is not None and room["room_id"] != name:
                what = f"is the id of room {other}{_on_line(section, other)}; choose another name"
                self._add_mistake(section, (name,), f"rooms.{name}", what)

    def _items(self, content: Any, key: str, schema: Schema) -> list[Mapping[str, Any]]:
        section = content.get(key) or []
        if not isinstance(section, list):
            self._add_mistake(content, (key,), key, "must be a list whose items begin with `- name:`")
            return []
        items: list[Mapping[str, Any]] = []
        used_names: set[str] = set()
        for at, item in enumerate(section):
            name = item.get("name") if isinstance(item, dict) else None
            where = f"{key}.{name or at}"
            loaded = self._load(schema, item, section, at, where)
            if isinstance(name, str) and name in used_names:
                self._add_mistake(item, ("name",), f"{where}.name", "is used twice; names must be unique")
            used_names.add(str(name))
            if loaded is not None and key == "subscribers":
                self._check_url(loaded["url"], item, where)
            if loaded is not None:
                items.append(loaded)
        return items

    def _load(self, schema: Schema, item: Any, parent: Any, key: Any, where: str) -> dict[str, Any] | None:
        if not isinstance(item, dict):
            what = schema.error_messages.get("type") if isinstance(schema, RoomNameSchema) else None
            self._add_mistake(parent, (key,), where, what or "must be a mapping that begins with `name:`")
            return None
        count_before = len(self._mistakes)
        plain = self._plain(item, item, (), where)
        if len(self._mistakes) > count_before:
            return None  # a variable is not set, so the item cannot be validated
        try:
            loaded: dict[str, Any] = schema.load(plain)
        except ValidationError as error:
            for path, message in iterate_errors(error.messages, schema):
                value = _value_at(plain, path)
                is_quoted = message.startswith("must be") and isinstance(value, str | int | float) and path[0] != "rtmp"
                quoted_value = f"{value!r}: " if is_quoted else ""
                self._add_mistake(item, path, ".".join((where, *map(str, path))), f"{quoted_value}{message}")
            return None
        return loaded

    def _plain(self, value: Any, item: Any, path: tuple[Any, ...], where: str) -> Any:
        self._values += 1
        if self._values > VALUES_MAX:
            raise FileError(self._path, [Mistake(None, None, f"holds more than {VALUES_MAX} values")])
        if len(path) > JSON_DEPTH_MAX:
            raise RecursionError
        if isinstance(value, dict):
            return {str(key): self._plain(inner, item, (*path, key), where) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._plain(inner, item, (*path, at), where) for at, inner in enumerate(value)]
        if isinstance(value, str):
            if path and path[-1] == "stream_key" and "${" not in value:
                self._warnings.append(f"{'.'.join((where, *map(str, path)))}: {PLAIN_KEY}")
            try:
                return replace_variables(str(value), self._settings.variables)
            except VariableError as error:
                self._add_mistake(item, path, ".".join((where, *map(str, path))), str(error))
                return ""
        if value is None or isinstance(value, bool | int | float):
            return value
        return str(value)

    def _check_url(self, url: str, item: Any, where: str) -> None:
        try:
            check_url(url, self._settings.allow_networks, self._settings.sandbox_url)
        except InvalidInputError as error:
            self._add_mistake(item, ("url",), f"{where}.url", str(error.messages_by_field["url"][0]))

    def _add_mistake(self, node: Any, path: tuple[Any, ...], field: str, what: str) -> None:
        self._mistakes.append(Mistake(line_of(node, path), field, what))


def _on_line(rooms: Any, name: str) -> str:
    line = line_of(rooms, (name,))
    return "" if line is None else f" (line {line})"


def _value_at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
