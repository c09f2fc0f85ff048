"""A frozen mapping by name of which a changed copy costs nearly the same whether it holds ten or ten thousand."""

from collections.abc import Iterator, Mapping
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")
PARTS = 256


class PersistentMap(Mapping[str, T]):
    """Names spread over parts; a copy shares all parts but the one that changed. Its order says nothing."""

    __slots__ = ("_count", "_parts")

    def __init__(self, given: Mapping[str, T] | None = None) -> None:
        parts: list[dict[str, T]] = [{} for _ in range(PARTS)]
        for name, value in (given or {}).items():
            parts[_part(name)][name] = value
        self._parts = tuple(parts)
        self._count = len(given or {})

    def put(self, name: str, value: T) -> "PersistentMap[T]":
        """A copy with one value more, or another value."""
        at = _part(name)
        return self._with(at, {**self._parts[at], name: value})

    def drop(self, name: str) -> "PersistentMap[T]":
        """A copy without a name."""
        at = _part(name)
        return self._with(at, {known: value for known, value in self._parts[at].items() if known != name})

    def __getitem__(self, name: str) -> T:
        return self._parts[_part(name)][name]

    def __iter__(self) -> Iterator[str]:
        for part in self._parts:
            yield from part

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PersistentMap):
            return self._parts == other._parts
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self)!r})"

    def _with(self, at: int, part: dict[str, T]) -> "PersistentMap[T]":
        made: PersistentMap[T] = object.__new__(PersistentMap)
        made._parts = (*self._parts[:at], part, *self._parts[at + 1 :])
        made._count = self._count + len(part) - len(self._parts[at])
        return made


def _part(name: str) -> int:
    return crc32(name.encode("utf-8", "surrogatepass")) % PARTS
