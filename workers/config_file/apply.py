"""Apply the configuration file as a whole, at startup and on change; what is removed from it is deleted."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from webhook_app.access.encryption import SecretBox
from webhook_app.access.subscriber_secrets import new_secret, read_secret
from webhook_app.config.secrets_file import secrets_key
from webhook_app.config.settings import Settings
from webhook_app.domain.configuration.changes import apply_file
from webhook_app.domain.delivery.subscriber import with_new_secret
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.rules.rule import Config
from webhook_app.domain.state import SystemState
from webhook_app.event_decoding.configuration import decode_file
from webhook_app.store.connection.clients import STORE_ERRORS
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.state.store import StateStore
from webhook_app.store.subscribers import Subscribers
from webhook_app.text.error_messages import UNFORESEEN
from webhook_app.text.masking import masked
from webhook_app.usecases.subscribers import new_subscriber, wants_raw_webhooks
from workers.config_file.reading import ConfigFile, parse
from workers.config_file.yaml import FileError, read_content
from workers.container import WorkerContainer
from workers.regular_file import FileIdentity, identity_of

LOOK_EVERY_S = 1.0
SETTLED_AFTER_S = 3.0
ALARM = "configuration-file"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `kind` is room, rule or subscriber, `did` is added, changed or removed."""

    kind: str
    name: str
    did: str


@dataclass(frozen=True, slots=True)
class Applied:
    """The changes, and the id of the event that applies those of rooms and rules."""

    changes: list[Change]
    event_id: str


def apply(found: ConfigFile, container: WorkerContainer) -> Applied:
    """Journal all rooms and rules, store the subscribers, and delete what is no longer in the file."""
    changes = _changes(StateStore(container.client).config(), found, at=now_ms(container.client))
    subscribers = Subscribers(container.client, SecretBox(secrets_key(container.settings)))
    known = {one.subscriber_id: one for one in subscribers.all() if one.from_file}
    kept: set[str] = set()
    for asked in found.subscribers:
        subscriber_id = derive("sub_", "file", str(asked["name"]))
        kept.add(subscriber_id)
        old = known.get(subscriber_id)
        secret = read_secret(asked["secret"]) if asked["secret"] else None
        created_at = old.created_at if old else now_ms(container.client)
        made = new_subscriber(asked, subscriber_id, secret or new_secret(), created_at)
        made = replace(made, from_file=True)
        if old is not None:
            made = replace(made, enabled=old.enabled, disabled_because=old.disabled_because)
            changed = secret is not None and secret != old.secret
            signed = with_new_secret(old, made.secret, now=now_ms(container.client)) if changed else old
            made = replace(made, secret=signed.secret or made.secret, old_secrets=signed.old_secrets)
        if made != old:
            subscribers.put(made)
            changes.append(Change("subscriber", made.name, "changed" if old else "added"))
    for gone in sorted(known.keys() - kept):
        subscribers.delete(gone)
        changes.append(Change("subscriber", known[gone].name, "removed"))
    bodies = any(wants_raw_webhooks(one) for one in subscribers.all())
    entries = [
        entry(Source.SYSTEM, "settings", None, {"bodies": bodies}),
        entry(Source.CONFIG, "file-applied", None, {"rooms": found.rooms, "rules": found.rules}),
        entry(Source.SYSTEM, "alarm-cleared", None, {"name": ALARM}),
    ]
    ids, woken = Journal(container.client).append(entries)
    if woken:
        container.wakeups.wake("process")
    return Applied(changes, ids[1])


def _changes(old: Config, found: ConfigFile, *, at: int) -> list[Change]:
    """Return what the file changes, computed as the reducer does."""
    outcome = StepOutcome()
    apply_file(SystemState(config=old), outcome, decode_file({"rooms": found.rooms, "rules": found.rules}), at)
    new = outcome.config or old
    changes = [Change("room", *one) for one in _differences(_rooms(old), _rooms(new))]
    return changes + [Change("rule", *one) for one in _differences(dict(old.rules), dict(new.rules))]


def _rooms(config: Config) -> dict[str, object]:
    """Return the configured rooms by name, or by id if they have none."""
    return {room.label: room for room in config.names.values()}


def _differences(old: dict[str, object], new: dict[str, object]) -> Iterator[tuple[str, str]]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield name, "added"
        elif name not in new:
            yield name, "removed"
        elif old[name] != new[name]:
            yield name, "changed"


@contextmanager
def watcher(settings: Settings, container: WorkerContainer, stop: threading.Event) -> Iterator[None]:
    """Apply the file now and on change while the body runs; an invalid file changes nothing and raises an alarm."""
    path = settings.config_file
    if path is not None:
        look = Watch(path, settings, container).look
        container.loops.start("config-file", look, every_s=LOOK_EVERY_S, stop=stop)
    yield


class Watch:
    """Applies the file whenever its content changes.

    A file that cannot be applied for any reason changes nothing and raises the alarm once.
    """

    def __init__(self, path: Path, settings: Settings, container: WorkerContainer) -> None:
        self._path = path
        self._settings = settings
        self._wiring = container
        self._identity: FileIdentity | None = None
        self._applied: str | None = None

    def look(self) -> None:
        """Apply the file if its content has changed since it was last applied."""
        identity = settled_identity(self._path)
        if identity is not None and identity == self._identity:
            return
        raw: bytes | None = None
        try:
            raw = read_content(self._path)
            digest = hashlib.sha256(raw).hexdigest()
        except FileError as error:
            digest = str(error)
        if digest != self._applied:
            self._apply(raw)
        self._applied, self._identity = digest, identity if raw is not None else None

    def _apply(self, raw: bytes | None) -> None:
        try:
            found = parse(self._path, read_content(self._path) if raw is None else raw, self._settings)
            apply(found, self._wiring)
        except FileError as error:
            log.error("invalid configuration file; keeping the current configuration", wrong=error.lines)
            self._raise_alarm(f"is invalid and was not applied: {error.lines[0]}")
        except STORE_ERRORS:
            raise
        except Exception:  # the loop must survive any content, to apply the next version
            log.exception("configuration file could not be applied; keeping the current configuration")
            self._raise_alarm(f"could not be applied: {UNFORESEEN}")

    def _raise_alarm(self, what: str) -> None:
        summary = masked(f"{self._path.name} {what}")
        alarm = {"name": ALARM, "severity": "warning", "summary": summary}
        if Journal(self._wiring.client).append([entry(Source.SYSTEM, "alarm-raised", None, alarm)])[1]:
            self._wiring.wakeups.wake("process")


def settled_identity(path: Path) -> FileIdentity | None:
    """Return the identity of a file's current version, None while it is not conclusive.

    A file that changed seconds ago may change again within one tick of the file system's clock, so it is read again.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return None if abs(time.time() - status.st_ctime) < SETTLED_AFTER_S else identity_of(status)
