"""Changes of rules, rooms, calendars and settings, whoever made them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard, get_args

from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.calendars.calendar import Calendar


@dataclass(frozen=True, slots=True)
class PutRule:
    """Add a rule, or replace the rule of that name."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class DeleteRule:
    """Delete a rule."""

    name: str


@dataclass(frozen=True, slots=True)
class PauseRule:
    """Pause a rule, or resume it."""

    name: str
    paused: bool


@dataclass(frozen=True, slots=True)
class SkipNextOccurrence:
    """Skip the next window of a rule's schedule."""

    name: str


@dataclass(frozen=True, slots=True)
class SkipOccurrence:
    """Skip the window of a rule that opens at a moment in ms, or let it open after all."""

    name: str
    opens_at: int
    skip: bool


@dataclass(frozen=True, slots=True)
class ApplyFile:
    """The configuration file as a whole: its rules, and its rooms by name."""

    rules: tuple[Rule, ...]
    rooms: Mapping[str, ConfiguredRoom]


@dataclass(frozen=True, slots=True)
class CalendarFetched:
    """A calendar's entries. Events of earlier versions hold its `text` instead, which is read when it is applied."""

    source: str
    calendar: Calendar | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class PutRoom:
    """Configure a room: its name and groups."""

    room: ConfiguredRoom


@dataclass(frozen=True, slots=True)
class ForgetRoom:
    """Drop a room's state, name and groups."""

    room_id: str


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Runtime settings that the reducer depends on; None leaves one as it is.

    `calls`: there are credentials. `bodies`: a subscriber selects raw webhooks. `max_stream_s`: the provider's
    limit. `observing`: this copy records only.
    """

    calls: bool | None = None
    bodies: bool | None = None
    max_stream_s: int | None = None
    observing: bool | None = None


RULE_EDITS = (PutRule, DeleteRule, PauseRule, ApplyFile)  # somebody changed the rules themselves
OneRuleChange = PutRule | DeleteRule | PauseRule | SkipNextOccurrence | SkipOccurrence
RoomChange = PutRoom | ForgetRoom
ConfigurationFact = OneRuleChange | ApplyFile | CalendarFetched | RoomChange | SettingsChanged
_CLASSES = frozenset(get_args(ConfigurationFact))


def is_configuration_fact(payload: object) -> TypeGuard[ConfigurationFact]:
    """Whether an event's payload changes the configuration; runs for every event, so it is one look-up."""
    return type(payload) in _CLASSES
