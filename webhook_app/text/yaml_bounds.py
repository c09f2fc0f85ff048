"""Limits the size (with aliases expanded) and depth of a YAML text before it is parsed."""

from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from webhook_app.text.json_depth import JSON_DEPTH_MAX


class YAMLBoundsError(ValueError):
    """A text that is too large or too deep; `line` is where, counted from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read: its anchor and the values in it so far."""

    anchor: str | None
    values: int = field(default=1)


def check_yaml(text: str, *, values_max: int) -> None:
    """YAMLBoundsError when the text holds more values than this, or is nested too deep.

    An alias counts as all the values that it stands for. The text is read as a stream, and no further than to the
    first excess. Raises what the YAML library raises where it is no YAML.
    """
    opened = [_Open(None, 0)]
    sizes: dict[str, int] = {}
    total = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        size = 0
        if isinstance(event, SequenceStartEvent | MappingStartEvent):
            opened.append(_Open(event.anchor))
            size = 1
            if len(opened) > JSON_DEPTH_MAX + 1:
                raise YAMLBoundsError(f"nested more than {JSON_DEPTH_MAX} levels deep", line)
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            closed = opened.pop()
            opened[-1].values += closed.values
            if closed.anchor is not None:
                sizes[closed.anchor] = closed.values
        elif isinstance(event, ScalarEvent):
            size = 1
            opened[-1].values += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, AliasEvent):
            if any(container.anchor == event.anchor for container in opened):
                raise YAMLBoundsError(f"the alias *{event.anchor} stands inside what it is an alias of", line)
            size = sizes.get(event.anchor, 1)
            opened[-1].values += size
        total += size
        if total > values_max:
            raise YAMLBoundsError(f"holds more than {values_max} values", line)
