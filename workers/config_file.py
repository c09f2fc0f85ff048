"""The configuration file: read with line and field for each mistake, applied at start and on change."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis
import structlog
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from webhook_app.api.rule_schema import NAME, RuleSchema
from webhook_app.api.subscriber_schema import SubscribeSchema, check_url
from webhook_app.api.subscribers import asks_for_bodies, new_subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.subscribers import rotated
from webhook_app.problems import Problem
from webhook_app.schemas import ID_MAX_CHARS
from webhook_app.sealed import Seal
from webhook_app.secrets_file import secrets_key
from webhook_app.settings import Settings
from webhook_app.store.clients import StoreUnavailable
from webhook_app.store.journal import Journal, entry
from webhook_app.store.subscribers import Subscribers
from webhook_app.subscriber_secrets import new_secret, read_secret
from workers.wiring import Wiring

FILE_MAX_BYTES = 4 * 1024 * 1024
LOOK_EVERY_S = 1.0
ALARM = "configuration-file"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

log = structlog.get_logger()


class FileError(Exception):
    """What is wrong with the file, a line each: where, what, and what would be right."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class RoomNameSchema(Schema):
    """A room of the file."""

    class Meta:
        unknown = RAISE

    room_id = fields.String(required=True, validate=validate.Length(1, ID_MAX_CHARS))
    groups = fields.List(fields.String(validate=validate.Regexp(NAME, error="a group is a-z, 0-9 and -")))


class FileSubscriberSchema(SubscribeSchema):
    """A subscriber of the file: its name tells it from others."""

    name = fields.String(required=True, validate=validate.Length(1, 200))


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What the file says, checked."""

    rooms: Mapping[str, Mapping[str, Any]]
    rules: list[Mapping[str, Any]]
    subscribers: list[Mapping[str, Any]]


def read(path: Path, settings: Settings) -> ConfigFile:
    """Read and check the file; FileError names every mistake."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(raw) > FILE_MAX_BYTES:
        raise FileError([f"{path}: larger than {FILE_MAX_BYTES} bytes"])
    yaml = YAML()
    try:
        content = yaml.load(raw)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise FileError([f"{where}: not YAML: {getattr(error, 'problem', None) or 'cannot be read'}"]) from None
    if content is None:
        return ConfigFile({}, [], [])
    return _Checker(path, settings).check(content)


class _Checker:
    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._lines: list[str] = []

    def check(self, content: Any) -> ConfigFile:
        if not isinstance(content, dict):
            raise FileError([f"{self._path}:1: the file holds `rooms`, `rules` and `subscribers`"])
        for key in content:
            if key not in ("rooms", "rules", "subscribers"):
                self._say(content, key, f"{key}: unknown; the file holds `rooms`, `rules` and `subscribers`")
        rooms = self._rooms(content)
        rules = self._items(content, "rules", RuleSchema())
        subscribers = self._items(content, "subscribers", FileSubscriberSchema())
        if self._lines:
            raise FileError(self._lines)
        return ConfigFile(rooms, rules, subscribers)

    def _rooms(self, content: Any) -> dict[str, Mapping[str, Any]]:
        given = content.get("rooms") or {}
        found: dict[str, Mapping[str, Any]] = {}
        if not isinstance(given, dict):
            self._say(content, "rooms", "rooms: a mapping of names, such as main-hall: {room_id: abcd-efgh-ijkl}")
            return found
        for name, room in given.items():
            if not isinstance(name, str) or not re.match(NAME, name):
                self._say(given, name, f"rooms.{name}: a name is a-z, 0-9 and -")
                continue
            loaded = self._load(RoomNameSchema(), room, given, name, f"rooms.{name}")
            if loaded is not None:
                found[name] = loaded
        return found

    def _items(self, content: Any, key: str, schema: Schema) -> list[Mapping[str, Any]]:
        given = content.get(key) or []
        if not isinstance(given, list):
            self._say(content, key, f"{key}: a list, each item beginning with `- name:`")
            return []
        found: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        for at, item in enumerate(given):
            name = item.get("name") if isinstance(item, dict) else None
            where = f"{key}.{name or at}"
            loaded = self._load(schema, item, given, at, where)
            if isinstance(name, str) and name in seen:
                self._say(given, at, f"{where}: the name is used twice")
            seen.add(str(name))
            if loaded is not None and key == "subscribers":
                self._check_url(loaded["url"], item, where)
            if loaded is not None:
                found.append(loaded)
        return found

    def _load(self, schema: Schema, item: Any, parent: Any, key: Any, where: str) -> dict[str, Any] | None:
        if not isinstance(item, dict):
            self._say(parent, key, f"{where}: a mapping is wanted here")
            return None
        try:
            loaded: dict[str, Any] = schema.load(self._plain(item, where))
        except ValidationError as error:
            for field, why in _flat(error.messages_dict):
                self._say(item, field.split(".", 1)[0], f"{where}.{field}: {why}")
            return None
        return loaded

    def _plain(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            return {str(key): self._plain(inner, where) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._plain(inner, where) for inner in value]
        if isinstance(value, str):
            return _VARIABLE.sub(lambda found: self._variable(found.group(1), where), str(value))
        if value is None or isinstance(value, bool | int | float):
            return value
        return str(value)

    def _variable(self, name: str, where: str) -> str:
        value = self._settings.variables.get(name)
        if value is None:
            self._lines.append(f"{self._path}: {where}: ${{{name}}} is not set in the environment")
            return ""
        return value

    def _check_url(self, url: str, item: Any, where: str) -> None:
        try:
            check_url(url, self._settings.allow_networks, self._settings.sandbox_url)
        except Problem as problem:
            self._say(item, "url", f"{where}.url: {(problem.errors or {}).get('url', [''])[0]}")

    def _say(self, parent: Any, key: Any, what: str) -> None:
        self._lines.append(f"{self._path}:{_line(parent, key)}: {what}")


def apply(found: ConfigFile, wiring: Wiring) -> None:
    """Journal rooms and rules as a whole, put the subscribers; what left the file is deleted."""
    subscribers = Subscribers(wiring.client, Seal(secrets_key(wiring.settings)))
    known = {one.subscriber_id: one for one in subscribers.all() if one.from_file}
    kept: set[str] = set()
    for asked in found.subscribers:
        subscriber_id = derive("sub_", "file", str(asked["name"]))
        kept.add(subscriber_id)
        old = known.get(subscriber_id)
        secret = read_secret(asked["secret"]) if asked["secret"] else None
        made = new_subscriber(asked, subscriber_id, secret or new_secret(), old.created_at if old else _now(wiring))
        made = replace(made, from_file=True)
        if old is not None:
            made = replace(made, enabled=old.enabled, disabled_because=old.disabled_because)
            changed = secret is not None and secret != old.secret
            signed = rotated(old, made.secret, now=_now(wiring)) if changed else old
            made = replace(made, secret=signed.secret or made.secret, old_secrets=signed.old_secrets)
        if made != old:
            subscribers.put(made)
    for gone in known.keys() - kept:
        subscribers.delete(gone)
    bodies = any(asks_for_bodies(one) for one in subscribers.all())
    entries = [
        entry(Source.SYSTEM, "settings", None, {"bodies": bodies}),
        entry(Source.CONFIG, "file-applied", None, {"rooms": found.rooms, "rules": found.rules}),
        entry(Source.SYSTEM, "alarm-cleared", None, {"name": ALARM}),
    ]
    if Journal(wiring.client).append(entries)[1]:
        wiring.wakeups.wake("process")


@contextmanager
def watcher(settings: Settings, wiring: Wiring, stop: threading.Event) -> Iterator[None]:
    """Apply the file now and whenever it changes; a file that is wrong leaves what runs, and raises an alarm."""
    path = settings.config_file
    if path is not None:
        threading.Thread(target=_watch, args=(path, settings, wiring, stop), name="config-file", daemon=True).start()
    yield


def _watch(path: Path, settings: Settings, wiring: Wiring, stop: threading.Event) -> None:
    seen: tuple[int, int] | None = None
    while not stop.is_set():
        try:
            stat = path.stat()
            now = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            now = (-1, -1)
        if now != seen:
            try:
                _take(path, settings, wiring)
                seen = now
            except (redis.RedisError, StoreUnavailable) as error:
                log.warning("the configuration file is applied when the store is back", error=str(error))
        stop.wait(LOOK_EVERY_S)


def _take(path: Path, settings: Settings, wiring: Wiring) -> None:
    try:
        found = read(path, settings)
    except FileError as error:
        log.error("the configuration file is wrong; what runs stays", wrong=error.lines)
        summary = f"{path.name} is wrong and was not applied: {error.lines[0]}"
        alarm = {"name": ALARM, "severity": "warning", "summary": summary}
        if Journal(wiring.client).append([entry(Source.SYSTEM, "alarm-raised", None, alarm)])[1]:
            wiring.wakeups.wake("process")
        return
    apply(found, wiring)


def _now(wiring: Wiring) -> int:
    seconds, micros = wiring.client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def _line(parent: Any, key: Any) -> int:
    try:
        place = parent.lc.key(key) if isinstance(key, str) else parent.lc.item(key)
        return int(place[0]) + 1
    except (AttributeError, KeyError, TypeError):
        return int(getattr(getattr(parent, "lc", None), "line", 0)) + 1


def _flat(messages: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for field, found in messages.items():
        name = f"{prefix}{field}"
        if isinstance(found, dict):
            yield from _flat(found, name + ".")
        else:
            for why in found if isinstance(found, list) else [found]:
                yield name, str(why)
