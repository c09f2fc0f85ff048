"""Wording: what the doors' library says of wrong input, in words that say what would be right."""

import re
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

# Messages of the validation library with numbers or names in them, and what a user reads instead.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"Must be one of: (?P<a>.*)\.", "must be one of: {a}"),
        (r"Must be equal to (?P<a>.*)\.", "must be {a}"),
        (
            r"Must be greater than or equal to (?P<a>\S+) and less than or equal to (?P<b>\S+)\.",
            "must be from {a} to {b}",
        ),
        (r"Must be greater than or equal to (?P<a>\S+)\.", "must be at least {a}"),
        (r"Must be less than or equal to (?P<a>\S+)\.", "must be at most {a}"),
        (r"Must be (?P<a>(?:greater|less) than .*)\.", "must be {a}"),
        (r"Length must be between (?P<a>\S+) and (?P<b>\S+)\.", "must have {a} to {b} characters (items, in a list)"),
        (r"Length must be (?P<a>\S+)\.", "must have {a} characters (items, in a list)"),
        (r"Shorter than minimum length (?P<a>\S+)\.", "must have at least {a} characters (items, in a list)"),
        (r"Longer than maximum length (?P<a>\S+)\.", "must have at most {a} characters (items, in a list)"),
        (r"Not a valid (?P<a>.*)\.", "must be a valid {a}"),
        (r"(?P<a>.*) cannot be formatted as an? (?P<b>.*)\.", "{a} cannot be written as a {b}"),
        (r"One or more of the choices you made was in: (?P<a>.*)\.", "must have none of: {a}"),
        (r"One or more of the choices you made was not in: (?P<a>.*)\.", "may have only: {a}"),
        (r"Special numeric values .*", "a finite number is wanted here"),
        (r"Number too large\.", "is too large"),
        (r"Invalid (?:input|value|type)\.", "cannot be used here"),
        (r"String does not match expected pattern\.", "is not written as it must be"),
    )
)


def translate(message: str) -> str:
    """A message of the validation library in words for users; our own messages stay as they are."""
    if message in PLAIN:
        return PLAIN[message]
    for pattern, text in _PATTERNS:
        match = pattern.fullmatch(message)
        if match is not None:
            return text.format(**match.groupdict())
    return message


def translate_all(messages: Any) -> Any:
    """Messages of a ValidationError in words for users, in the shape they came."""
    if isinstance(messages, Mapping):
        return {name: translate_all(inner) for name, inner in messages.items()}
    if isinstance(messages, list):
        return [translate_all(inner) for inner in messages]
    return translate(messages) if isinstance(messages, str) else messages


def flatten_errors(errors: Mapping[Any, Any], at: str = "") -> Iterator[tuple[str, str]]:
    """Errors by field as pairs of a path with dots and what is wrong there, in words for users."""
    for field, inner in errors.items():
        name = f"{at}{field}"
        if isinstance(inner, Mapping):
            yield from flatten_errors(inner, f"{name}.")
        else:
            for message in inner if isinstance(inner, list) else [inner]:
                yield name.replace("._schema", "").removeprefix("_schema"), translate(str(message))


def iterate_errors(messages: Any, schema: Schema | None, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every mistake of a ValidationError's messages: where in the input, and what would be right."""
    yield from _listed(explained(messages, schema), at)


def _listed(errors: Any, at: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(errors, Mapping):
        for message in errors if isinstance(errors, list) else [errors]:
            yield at, str(message)
        return
    for key, inner in errors.items():
        yield from _listed(inner, at if key == "_schema" else (*at, key))


def explained(messages: Any, schema: Schema | None) -> Any:
    """Messages of a ValidationError in words for users, in the shape they came, with what unknown fields may mean."""
    if not isinstance(messages, Mapping):
        return translate_all(messages)
    errors: dict[Any, Any] = {}
    for key, inner in messages.items():
        if inner == [UNKNOWN]:
            errors[key] = [f"is unknown; {_instead(str(key), schema)}"]
        else:
            errors[key] = explained(inner, schema if key == "_schema" else _inside(schema, key))
    return errors


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
