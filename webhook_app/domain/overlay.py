"""A mapping of changes over another mapping, which stays untouched until the changes are committed."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

T = TypeVar("T")


class Overlay(MutableMapping[str, T]):
    """Its cost grows with the changes, not with the size of its base.

    `changed` has new and replaced values; `removed` has names that were deleted at some time. A name in both was
    deleted and set again.
    """

    __slots__ = ("base", "changed", "removed")

    def __init__(self, base: MutableMapping[str, T]) -> None:
        self.base = base
        self.changed: dict[str, T] = {}
        self.removed: set[str] = set()

    def commit(self) -> MutableMapping[str, T]:
        """Make the changes in the base, and return it."""
        for name in self.removed:
            self.base.pop(name, None)
        self.base.update(self.changed)
        return self.base

    def update(self, changes: Mapping[str, T]) -> None:  # type: ignore[override]
        """Like a dict's, but from a mapping only: a batch calls it for every event, mostly with nothing to add."""
        if changes:
            self.changed.update(changes)

    def get(self, name: str, default: Any = None) -> Any:
        """Like a dict's."""
        value = self.changed.get(name)
        if value is not None or name in self.removed:
            return default if value is None else value
        return self.base.get(name, default)

    def __getitem__(self, name: str) -> T:
        if name in self.changed:
            return self.changed[name]
        if name in self.removed:
            raise KeyError(name)
        return self.base[name]

    def __setitem__(self, name: str, value: T) -> None:
        self.changed[name] = value

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.changed.pop(name, None)
        self.removed.add(name)

    def __contains__(self, name: object) -> bool:
        return name in self.changed or (name not in self.removed and name in self.base)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self.base if name not in self.removed or name in self.changed)
        yield from (name for name in self.changed if name not in self.base)

    def __len__(self) -> int:
        return sum(1 for _ in self)
