"""Turn the messages of marshmallow into messages that say what would be right."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from marshmallow import Schema, fields

MESSAGES = {
    "Not a valid string.": "must be a string (quote it)",
    "Not a valid list.": "must be a list, such as [a, b]",
    "Not a valid boolean.": "must be true or false",
    "Not a valid integer.": "must be an integer",
    "Not a valid number.": "must be a number",
    "Not a valid mapping type.": "must be a mapping",
    "Not a valid URL.": "must be a URL that starts with http:// or https://",
    "Missing data for required field.": "is missing",
    "Field may not be null.": "must not be null; set a value or omit it",
    "Invalid input type.": "must be a mapping",
    "Unknown field.": "unknown field",
}
UNKNOWN = "Unknown field."

Path = tuple[str | int, ...]

# Messages with parameters, and their replacements.
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
        (r"Length must be between (?P<a>\S+) and (?P<b>\S+)\.", "must have {a} to {b} characters (or list items)"),
        (r"Length must be (?P<a>\S+)\.", "must have {a} characters (or list items)"),
        (r"Shorter than minimum length (?P<a>\S+)\.", "must have at least {a} characters (or list items)"),
        (r"Longer than maximum length (?P<a>\S+)\.", "must have at most {a} characters (or list items)"),
        (r"Not a valid (?P<a>.*)\.", "must be a valid {a}"),
        (r"(?P<a>.*) cannot be formatted as an? (?P<b>.*)\.", "{a} cannot be written as a {b}"),
        (r"One or more of the choices you made was in: (?P<a>.*)\.", "must not contain any of: {a}"),
        (r"One or more of the choices you made was not in: (?P<a>.*)\.", "may only contain: {a}"),
        (r"Special numeric values .*", "must be a finite number"),
        (r"Number too large\.", "is too large"),
        (r"Invalid (?:input|value|type)\.", "is not valid"),
        (r"String does not match expected pattern\.", "has an invalid format"),
    )
)


def translate(message: str) -> str:
    """Translate one message of marshmallow; other messages are returned unchanged."""
    if message in MESSAGES:
        return MESSAGES[message]
    for pattern, text in _PATTERNS:
        match = pattern.fullmatch(message)
        if match is not None:
            return text.format(**match.groupdict())
    return message


def translate_all(messages: Any) -> Any:
    """Translate the messages of a ValidationError, keeping their structure."""
    if isinstance(messages, Mapping):
        return {name: translate_all(inner) for name, inner in messages.items()}
    if isinstance(messages, list):
        return [translate_all(inner) for inner in messages]
    return translate(messages) if isinstance(messages, str) else messages


def flatten_errors(errors: Mapping[Any, Any], at: str = "") -> Iterator[tuple[str, str]]:
    """Yield errors by field as pairs of a dotted path and a translated message."""
    for field, inner in errors.items():
        name = f"{at}{field}"
        if isinstance(inner, Mapping):
            yield from flatten_errors(inner, f"{name}.")
        else:
            for message in inner if isinstance(inner, list) else [inner]:
                yield name.replace("._schema", "").removeprefix("_schema"), translate(str(message))


def iterate_errors(messages: Any, schema: Schema | None, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each error of a ValidationError: its path in the input, and a message."""
    yield from _flatten(explain_errors(messages, schema), at)


def _flatten(errors: Any, at: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(errors, Mapping):
        for message in errors if isinstance(errors, list) else [errors]:
            yield at, str(message)
        return
    for key, inner in errors.items():
        yield from _flatten(inner, at if key == "_schema" else (*at, key))


def explain_errors(messages: Any, schema: Schema | None) -> Any:
    """Translate the messages of a ValidationError, keeping their structure; unknown fields get a suggestion."""
    if not isinstance(messages, Mapping):
        return translate_all(messages)
    errors: dict[Any, Any] = {}
    for key, inner in messages.items():
        if inner == [UNKNOWN]:
            errors[key] = [f"unknown field; {_suggestion(str(key), schema)}"]
        else:
            errors[key] = explain_errors(inner, schema if key == "_schema" else _nested_schema(schema, key))
    return errors


def _suggestion(name: str, schema: Schema | None) -> str:
    names = sorted(field.data_key or field_name for field_name, field in schema.fields.items()) if schema else []
    similar = get_close_matches(name, names, n=1)
    return f"did you mean {similar[0]}?" if similar else f"the fields are {', '.join(names)}"


def _nested_schema(schema: Schema | None, key: Any) -> Schema | None:
    """The schema of a field's value; an index into a list keeps the schema of its items."""
    if schema is None or isinstance(key, int):
        return schema
    fields_by_key = {field.data_key or name: field for name, field in schema.fields.items()}
    field: Any = fields_by_key.get(str(key))
    while isinstance(field, fields.List):
        field = field.inner
    if not isinstance(field, fields.Nested):
        return None
    nested = field.schema
    return nested if isinstance(nested, Schema) else None
