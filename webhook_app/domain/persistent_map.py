"""An immutable map whose changed copies cost nearly the same whether it holds ten names or ten thousand.

The names are split over buckets by a hash; a changed copy shares all buckets but one. ADR 0053 compares it with
`immutables.Map`.
"""

from collections.abc import Iterator, Mapping
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")
BUCKETS = 256


class PersistentMap(Mapping[str, T]):
    """An unordered map from names to values."""

    __slots__ = ("_buckets", "_count")

    def __init__(self, items: Mapping[str, T] | None = None) -> None:
        buckets: list[dict[str, T]] = [{} for _ in range(BUCKETS)]
        for name, value in (items or {}).items():
            buckets[_bucket_of(name)][name] = value
        self._buckets = tuple(buckets)
        self._count = len(items or {})

    def put(self, name: str, value: T) -> "PersistentMap[T]":
        """A copy in which the name has this value."""
        at = _bucket_of(name)
        return self._with(at, {**self._buckets[at], name: value})

    def drop(self, name: str) -> "PersistentMap[T]":
        """A copy without the name."""
        at = _bucket_of(name)
        return self._with(at, {other: value for other, value in self._buckets[at].items() if other != name})

    def __getitem__(self, name: str) -> T:
        return self._buckets[_bucket_of(name)][name]

    def __iter__(self) -> Iterator[str]:
        for bucket in self._buckets:
            yield from bucket

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PersistentMap):
            return self._buckets == other._buckets
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self)!r})"

    def _with(self, at: int, bucket: dict[str, T]) -> "PersistentMap[T]":
        copy: PersistentMap[T] = object.__new__(PersistentMap)
        copy._buckets = (*self._buckets[:at], bucket, *self._buckets[at + 1 :])
        copy._count = self._count + len(bucket) - len(self._buckets[at])
        return copy


def _bucket_of(name: str) -> int:
    return crc32(name.encode("utf-8", "surrogatepass")) % BUCKETS
