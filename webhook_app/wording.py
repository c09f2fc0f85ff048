"""Wording: what the doors' library says of wrong input, in words that say what would be right."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from marshmallow import Schema, fields

PLAIN = {
    "Not a valid string.": "text is wanted here; put it in quotes",
    "Not a valid list.": "a list is wanted here, such as [a, b]",
    "Not a valid boolean.": "true or false is wanted here",
    "Not a valid integer.": "a whole number is wanted here",
    "Not a valid number.": "a number is wanted here",
    "Not a valid mapping type.": "a mapping is wanted here",
    "Not a valid URL.": "an address that begins with http:// or https:// is wanted here",
    "Missing data for required field.": "is missing",
    "Field may not be null.": "is empty; give it a value or leave it out",
    "Invalid input type.": "a mapping is wanted here",
    "Unknown field.": "is unknown",
}
UNKNOWN = "Unknown field."

Path = tuple[str | int, ...]


def plain(messages: Any) -> Any:
    """Messages of a ValidationError in our words, in the shape they came."""
    if isinstance(messages, Mapping):
        return {name: plain(found) for name, found in messages.items()}
    if isinstance(messages, list):
        return [plain(found) for found in messages]
    return PLAIN.get(messages, messages) if isinstance(messages, str) else messages


def mistakes(messages: Any, schema: Schema | None, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every mistake of a ValidationError's messages: where in the input, and what would be right."""
    if not isinstance(messages, Mapping):
        for said in messages if isinstance(messages, list) else [messages]:
            yield at, PLAIN.get(str(said), str(said))
        return
    for key, found in messages.items():
        if key == "_schema":
            yield from mistakes(found, schema, at)
        elif found == [UNKNOWN]:
            yield (*at, key), f"is unknown; {_instead(str(key), schema)}"
        else:
            yield from mistakes(found, _inside(schema, key), (*at, key))


def _instead(name: str, schema: Schema | None) -> str:
    known = sorted(field.data_key or field_name for field_name, field in schema.fields.items()) if schema else []
    close = get_close_matches(name, known, n=1)
    return f"do you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def _inside(schema: Schema | None, key: Any) -> Schema | None:
    """The schema of what a field holds; of a list's items, that of the list."""
    if schema is None or isinstance(key, int):
        return schema
    field: Any = schema.fields.get(str(key))
    while isinstance(field, fields.List):
        field = field.inner
    if not isinstance(field, fields.Nested):
        return None
    nested = field.schema
    return nested if isinstance(nested, Schema) else None
