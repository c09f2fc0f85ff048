"""A layer over a mapping: it takes the changes, and the mapping below is not touched until they are kept."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

T = TypeVar("T")


class Overlay(MutableMapping[str, T]):
    """Costs what is changed in it, however much lies below."""

    __slots__ = ("base", "changed", "gone")

    def __init__(self, base: MutableMapping[str, T]) -> None:
        self.base = base
        self.changed: dict[str, T] = {}
        self.gone: set[str] = set()

    def commit(self) -> MutableMapping[str, T]:
        """Make the changes in the mapping below, and return that."""
        for name in self.gone:
            self.base.pop(name, None)
        self.base.update(self.changed)
        return self.base

    def update(self, given: Mapping[str, T]) -> None:  # type: ignore[override]
        """As a dict's, from a mapping: a batch does this for every event, and has mostly nothing to add."""
        if given:
            self.changed.update(given)

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        found = self.changed.get(name)
        if found is not None or name in self.gone:
            return default if found is None else found
        return self.base.get(name, default)

    def __getitem__(self, name: str) -> T:
        if name in self.changed:
            return self.changed[name]
        if name in self.gone:
            raise KeyError(name)
        return self.base[name]

    def __setitem__(self, name: str, value: T) -> None:
        self.changed[name] = value

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.changed.pop(name, None)
        self.gone.add(name)

    def __contains__(self, name: object) -> bool:
        return name in self.changed or (name not in self.gone and name in self.base)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self.base if name not in self.gone or name in self.changed)
        yield from (name for name in self.changed if name not in self.base)

    def __len__(self) -> int:
        return sum(1 for _ in self)
