"""What a condition looks at: the fields of the room and the names in `event.data` that stand in its source."""

import re
from collections.abc import Sequence

from webhook_app.domain.cel_source import Token

ROOM_SHAPE: dict[str, frozenset[str]] = {
    "stream": frozenset(
        "stream_id videosdk_id room_id session_id state playback_url livestream_url starting_at started_at "
        "playable_at stopping_at ended_at duration_s ended_by failure".split()
    ),
    "session": frozenset("session_id live participant_count participants".split()),
    "desired": frozenset("on_air because since until".split()),
    "next_window": frozenset("rules room_id opens_at closes_at skipped warning".split()),
}
ROOM_FIELDS = frozenset(
    "room_id name groups on_air watchable state stream session desired armed next_window sequence updated_at".split()
)
EVENT_FIELDS = frozenset("id source type room_id at data".split())
_EVENT_PATH = re.compile(r"(?<![\w.])event\s*\.\s*([A-Za-z_]\w*)")
_EVENT = re.compile(r"(?<![\w.])event\b")
_EVENT_DATA = re.compile(r"(?<![\w.])event\s*\.\s*data\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\()")
_ROOM_PATH = re.compile(r"(?<![\w.])room\b(?:\s*\.\s*([A-Za-z_]\w*))?(?:\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\())?")


class PathError(ValueError):
    """A field that no room or event has; the message says which there are."""


def bare_source(tokens: Sequence[Token]) -> str:
    """The source with its strings emptied: what stands in a string is no path."""
    return " ".join("''" if token.kind == "string" else token.text for token in tokens)


def check_event_fields(source: str) -> None:
    """PathError on a field that events do not have."""
    for name in _EVENT_PATH.findall(source):
        if name not in EVENT_FIELDS:
            raise PathError(f"event.{name} does not exist; an event has {', '.join(sorted(EVENT_FIELDS))}")


def event_names(source: str) -> frozenset[str] | None:
    """The names in `event.data`, or None when the source looks at more of the event than these."""
    mentioned = len(_EVENT.findall(source))
    names = _EVENT_DATA.findall(source)
    return frozenset(names) if len(names) == mentioned else None


def room_paths(source: str) -> dict[str, frozenset[str] | None]:
    """The fields of the room, each with the fields inside it, or None where the whole field is used."""
    paths: dict[str, frozenset[str] | None] = {}
    for first, second in _ROOM_PATH.findall(source):
        if not first:
            return dict.fromkeys(sorted(ROOM_FIELDS))
        if first not in ROOM_FIELDS:
            raise PathError(f"room.{first} does not exist; a room has {', '.join(sorted(ROOM_FIELDS))}")
        inside = ROOM_SHAPE.get(first)
        if second and inside is not None and second not in inside:
            known = ", ".join(sorted(inside))
            raise PathError(f"room.{first}.{second} does not exist; room.{first} has {known}")
        before = paths.get(first, frozenset())
        whole = not second or inside is None or before is None
        paths[first] = None if whole else (before or frozenset()) | {second}
    return paths
