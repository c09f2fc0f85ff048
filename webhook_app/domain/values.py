"""Frozen values: a changed copy of one, made quickly."""

import dataclasses
from typing import Any, TypeVar

T = TypeVar("T")


def replace(value: T, /, **changes: Any) -> T:
    """`dataclasses.replace` for frozen dataclasses, several times as fast where there are many fields.

    A room has thirty fields and changes several times an event. A name that is no field is a TypeError.
    """
    fields = getattr(value, "__dict__", None)
    if fields is None:
        return dataclasses.replace(value, **changes)  # type: ignore[type-var]
    if not changes.keys() <= fields.keys():
        raise TypeError(f"{type(value).__name__} has no {', '.join(sorted(changes.keys() - fields.keys()))}")
    made = object.__new__(type(value))
    made.__dict__.update(fields)
    made.__dict__.update(changes)
    return made
