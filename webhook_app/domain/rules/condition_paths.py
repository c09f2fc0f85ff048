"""The paths in a condition's source: the fields of the room and the names in `event.data` that it uses."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from webhook_app.domain.rules.cel.source import Token
from webhook_app.domain.view_examples import event_shape, room_shape
from webhook_app.domain.view_shape import ViewShape

_EVENT_PATH = re.compile(r"(?<![\w.])event\s*\.\s*([A-Za-z_]\w*)")
_EVENT = re.compile(r"(?<![\w.])event\b")
_EVENT_DATA = re.compile(r"(?<![\w.])event\s*\.\s*data\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\()")
_ROOM_PATH = re.compile(r"(?<![\w.])room\b(?:\s*\.\s*([A-Za-z_]\w*))?(?:\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\())?")
_WHOLE_ROOM_PATH = re.compile(r"(?<![\w.])room\b((?:\s*\.\s*[A-Za-z_]\w*(?!\w*\s*\())+)")
_SELECTED = re.compile(r"\.\s*([A-Za-z_]\w*)(?!\w*\s*\()")


class PathError(ValueError):
    """A field that no room or event has; the message says which there are."""


def bare_source(tokens: Sequence[Token]) -> str:
    """The source with its strings emptied: what stands in a string is no path."""
    return " ".join("''" if token.kind == "string" else token.text for token in tokens)


def check_event_fields(source: str) -> None:
    """PathError on a field that events do not have."""
    for name in _EVENT_PATH.findall(source):
        _check_field("event", name, event_shape())


def event_names(source: str) -> frozenset[str] | None:
    """The names in `event.data`, or None when the source looks at more of the event than these."""
    mentioned = len(_EVENT.findall(source))
    names = event_names_in(source)
    return frozenset(names) if len(names) == mentioned else None


def room_paths(source: str) -> dict[str, frozenset[str] | None]:
    """The fields of the room, each with the fields inside it, or None where the whole field is used."""
    shape = room_shape()
    paths: dict[str, frozenset[str] | None] = {}
    for first, second in _ROOM_PATH.findall(source):
        if not first:
            return dict.fromkeys(sorted(shape.fields))
        _check_field("room", first, shape)
        inside = shape.fields[first]
        if second and inside.fields:
            _check_field(f"room.{first}", second, inside)
        before = paths.get(first, frozenset())
        whole = not second or not inside.fields or before is None
        paths[first] = None if whole else (before or frozenset()) | {second}
    return paths


def check_room_paths(source: str) -> None:
    """PathError on a field that no room has, however deep it stands."""
    for path in _WHOLE_ROOM_PATH.findall(source):
        at, shape = "room", room_shape()
        for name in (part.strip() for part in path.split(".")[1:]):
            if not shape.fields:
                what = "a list; write .exists(…) or [0]" if shape.items is not None else "a plain value"
                raise PathError(f"{at} has no field {name}: it is {what}")
            _check_field(at, name, shape)
            at, shape = f"{at}.{name}", shape.fields[name]


def unknown_field(name: str, source: str) -> str | None:
    """What is wrong with a field that an evaluation missed; None when it may be there another time."""
    selected = set(_SELECTED.findall(source)) - set(event_names_in(source))
    available = {*room_shape().names(), *event_shape().names()}
    if name not in selected or name in available:
        return None
    close = get_close_matches(name, sorted(available), n=1)
    return f"there is no field {name}" + (f"; did you mean {close[0]}?" if close else "")


def event_names_in(source: str) -> list[str]:
    """The names that the source looks at in `event.data`."""
    return _EVENT_DATA.findall(source)


def _check_field(at: str, name: str, shape: ViewShape) -> None:
    if name in shape.fields:
        return
    available = sorted(shape.fields)
    close = get_close_matches(name, available, n=1, cutoff=0.75)
    hint = f"did you mean {at}.{close[0]}?" if close else f"{at} has {', '.join(available)}"
    raise PathError(f"{at}.{name} does not exist; {hint}")
