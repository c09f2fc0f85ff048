"""Notices: what subscribers are told, in our words and not in VideoSDK's."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from webhook_app.domain.alarms.alarm import REPEATED_NOTICES
from webhook_app.domain.explanations import text_of
from webhook_app.domain.globs import glob_matches
from webhook_app.domain.ids import derive
from webhook_app.domain.rules.rule import ConfiguredRoom, matches
from webhook_app.domain.times import rfc3339

STREAM_TYPES = tuple(
    f"stream.{state}" for state in ("starting", "started", "playable", "stopping", "stopped", "failed")
)
NOTICE_TYPES = (
    *STREAM_TYPES,
    "session.started",
    "session.ended",
    "participant.joined",
    "participant.left",
    "broadcast.upcoming",
    "broadcast.armed",
    "broadcast.late",
    "broadcast.missed",
    "broadcast.interrupted",
    "broadcast.completed",
    "call.refused",
    "call.given-up",
    "alarm.raised",
    "alarm.cleared",
    "subscriber.disabled",
    "subscriber.test",
)
DEFAULT_TYPES = ("stream.*", "broadcast.*", "alarm.*")
TEST = "subscriber.test"
RECOVER = "subscriber.recover"  # told to nobody: it asks the deliver hand for what a subscriber has missed


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. `notice_id` is the `webhook-id` of every delivery of it."""

    notice_id: str
    type: str
    at: int
    room_id: str | None
    because: str | None
    data: Mapping[str, Any]
    observed: bool = False  # made while this copy of the product only observed: it goes to nobody


def make_notice(
    event_id: str,
    kind: str,
    at: int,
    *,
    room_id: str | None,
    sequence: int | None,
    because: str | None,
    data: Mapping[str, Any],
    room_name: str | None = None,
) -> Notice:
    """A notice whose id depends on the event and the content, so that folding again gives the same one."""
    whole = {"room_id": room_id, "room_name": room_name, "sequence": sequence, "because": because, **data}
    # The same code builds the same content in the same order, so its text will do as its name.
    return Notice(derive("msg_", event_id, kind, repr(whole)), kind, at, room_id, because, whole)


def notice_body(notice: Notice) -> dict[str, Any]:
    """The JSON that subscribers get."""
    return {"type": notice.type, "timestamp": rfc3339(notice.at), "data": shown_data(notice.data)}


def shown_data(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of a notice with the texts of its explanations: the message, and the summary of an alarm."""
    alarm = data.get("alarm")
    if isinstance(alarm, Mapping):
        data = {**data, "alarm": {**alarm, "summary": text_of(alarm.get("summary"))}}
    if isinstance(data.get("message"), Mapping):
        data = {**data, "message": text_of(data["message"])}
    return data


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscriber asked for: patterns of types, rooms and reasons."""

    types: tuple[str, ...] = DEFAULT_TYPES
    rooms: tuple[str, ...] = ("*",)
    because: tuple[str, ...] = ("*",)


def matches_filter(wanted: Filter, notice: Notice, named: ConfiguredRoom | None, *, shadowed: bool = False) -> bool:
    """Whether a notice is for this subscriber; `*` is every type but VideoSDK's own bodies.

    An alarm is not for those who get the notice that says the same. `shadowed`: the room's id is the name of another
    room.
    """
    repeated = repeated_type(notice)
    return notice.type not in (TEST, RECOVER) and (
        matches_type(wanted.types, notice.type)
        and (repeated is None or not matches_type(wanted.types, repeated))
        and _wants_room(wanted.rooms, notice.room_id, named, shadowed=shadowed)
        and any(pattern == "*" or glob_matches(notice.because or "", pattern) for pattern in wanted.because)
    )


def repeated_type(notice: Notice) -> str | None:
    """Return the type of the notice that an alarm's notice repeats."""
    alarm = notice.data.get("alarm") if notice.type.startswith("alarm.") else None
    return REPEATED_NOTICES.get(str(alarm.get("name"))) if isinstance(alarm, Mapping) else None


def is_about(notice: Notice, subscriber_id: str) -> bool:
    """Tell whether an alarm's notice is about this very subscriber, who is not sent it."""
    alarm = notice.data.get("alarm") if notice.type.startswith("alarm.") else None
    return isinstance(alarm, Mapping) and alarm.get("subscriber_id") == subscriber_id


def family(kind: str) -> str:
    """What overtakes what: a newer notice about the same room and of the same family; each rule is its own."""
    head = kind.partition(".")[0]
    return kind if head in ("rule", "videosdk") else head


def only_subscriber_of(notice: Notice) -> str | None:
    """The subscriber that a notice is for alone, whatever the others asked for; None for all who want it."""
    return str(notice.data.get("subscriber_id")) if notice.type in (TEST, RECOVER) else None


@lru_cache(maxsize=10_000)
def matches_type(patterns: tuple[str, ...], kind: str) -> bool:
    """Whether a type is asked for by name or pattern."""
    own_body = kind.startswith("videosdk.")
    return any(glob_matches(kind, pattern) for pattern in patterns if not own_body or pattern.startswith("videosdk."))


def _wants_room(
    patterns: tuple[str, ...], room_id: str | None, named: ConfiguredRoom | None, *, shadowed: bool
) -> bool:
    if "*" in patterns:
        return True
    return room_id is not None and any(matches(pattern, room_id, named, shadowed=shadowed) for pattern in patterns)
