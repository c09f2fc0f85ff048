"""Apply a declared configuration as a whole: rooms, rules and subscribers; what it no longer declares is deleted.

It knows neither where the configuration was declared nor how it was checked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.configuration.changes import apply_file
from webhook_app.domain.delivery.subscriber import with_new_secret
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.rules.config import Config, make_config
from webhook_app.domain.rules.config import Settings as Folding
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.state import SystemState
from webhook_app.event_decoding.configuration import decode_file
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.subscriber_secrets import new_secret, read_secret
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import Journal, Wake, entry
from webhook_app.store.state.store import StateStore
from webhook_app.store.subscribers import Subscribers
from webhook_app.usecases.stream_keys import sealed_rule
from webhook_app.usecases.subscribers import new_subscriber, wants_raw_webhooks

ALARM = AlarmName.CONFIGURATION_FILE.value


@dataclass(frozen=True, slots=True)
class DeclaredConfiguration:
    """A validated configuration: rooms by name, rules, and subscribers identified by their names.

    `warnings` are about how it is written, such as a stream key in plain text.
    """

    rooms: Mapping[str, Mapping[str, Any]]
    rules: list[Mapping[str, Any]]
    subscribers: list[Mapping[str, Any]]
    warnings: tuple[str, ...] = ()

    def config(self) -> Config:
        """Return its rules and room names as a configuration of their own."""
        rules = {str(raw["name"]): decode_rule(raw) for raw in self.rules}
        return make_config(rules, room_names(self.rooms), Folding())


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


def apply_configuration(
    declared: DeclaredConfiguration, client: Client, subscribers: Subscribers, wakeups: Wake, *, secret_box: SecretBox
) -> Applied:
    """Journal all rooms and rules, store the subscribers, and delete what is no longer declared."""
    declared = replace(declared, rules=[sealed_rule(rule, secret_box) for rule in declared.rules])
    changes = _changes(StateStore(client).config(), declared, at=now_ms(client))
    existing = {subscriber.subscriber_id: subscriber for subscriber in subscribers.all() if subscriber.from_file}
    names_in_file: set[str] = set()
    for item in declared.subscribers:
        subscriber_id = derive("sub_", "file", str(item["name"]))
        names_in_file.add(subscriber_id)
        old = existing.get(subscriber_id)
        secret = read_secret(item["secret"]) if item["secret"] else None
        created_at = old.created_at if old else now_ms(client)
        subscriber = new_subscriber(item, subscriber_id, secret or new_secret(), created_at)
        subscriber = replace(subscriber, from_file=True)
        if old is not None:
            subscriber = replace(subscriber, enabled=old.enabled, disabled_because=old.disabled_because)
            changed = secret is not None and secret != old.secret
            signed = with_new_secret(old, subscriber.secret, now=now_ms(client)) if changed else old
            subscriber = replace(subscriber, secret=signed.secret or subscriber.secret, old_secrets=signed.old_secrets)
        if subscriber != old:
            subscribers.put(subscriber)
            changes.append(Change("subscriber", subscriber.name, "changed" if old else "added"))
    for removed_id in sorted(existing.keys() - names_in_file):
        subscribers.delete(removed_id)
        changes.append(Change("subscriber", existing[removed_id].name, "removed"))
    bodies = any(wants_raw_webhooks(subscriber) for subscriber in subscribers.all())
    entries = [
        entry(Source.SYSTEM, "settings", None, {"bodies": bodies}),
        entry(Source.CONFIG, "file-applied", None, {"rooms": declared.rooms, "rules": declared.rules}),
        entry(Source.SYSTEM, "alarm-cleared", None, {"name": ALARM}),
    ]
    ids, woken = Journal(client).append(entries)
    if woken:
        wakeups.wake("process")
    return Applied(changes, ids[1])


def _changes(old: Config, declared: DeclaredConfiguration, *, at: int) -> list[Change]:
    """Return what is changed, computed as the reducer does."""
    outcome = StepOutcome()
    apply_file(SystemState(config=old), outcome, decode_file({"rooms": declared.rooms, "rules": declared.rules}), at)
    new = outcome.config or old
    changes = [Change("room", name, did) for name, did in _differences(_rooms(old), _rooms(new))]
    return changes + [Change("rule", name, did) for name, did in _differences(dict(old.rules), dict(new.rules))]


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


def room_names(rooms: Mapping[str, Mapping[str, Any]]) -> dict[str, ConfiguredRoom]:
    """Return declared rooms by name."""
    return {
        name: ConfiguredRoom(name, str(room["room_id"]), tuple(room.get("groups") or ()))
        for name, room in rooms.items()
    }
