"""The shape of a public view: which fields it has, and which fields those have, merged from examples of the view."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ViewShape:
    """The types that a value has over all examples, the fields of its mappings, and the shape of its lists' items."""

    types: frozenset[type] = frozenset()
    fields: Mapping[str, "ViewShape"] = field(default_factory=dict)
    items: "ViewShape | None" = None

    def names(self) -> Iterator[str]:
        """The names of all fields, at any depth."""
        for name, inner in self.fields.items():
            yield name
            yield from inner.names()
        if self.items is not None:
            yield from self.items.names()


def shape_of(examples: Iterable[Any]) -> ViewShape:
    """Merge the examples' fields and types."""
    values = list(examples)
    mappings = [value for value in values if isinstance(value, Mapping)]
    lists = [value for value in values if isinstance(value, list)]
    names = {name: None for mapping in mappings for name in mapping}
    return ViewShape(
        types=frozenset(type(value) for value in values if value is not None),
        fields={name: shape_of(mapping[name] for mapping in mappings if name in mapping) for name in names},
        items=shape_of(item for items in lists for item in items) if lists else None,
    )
