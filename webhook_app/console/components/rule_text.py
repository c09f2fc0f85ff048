"""Read and write rules as YAML 1.2 or JSON."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.tokens import AliasToken

from webhook_app.text.validation_messages import flatten_errors
from webhook_app.text.yaml_bounds import YAMLBoundsError, check_yaml

TEXT_MAX_CHARS = 64 * 1024
VALUES_MAX = 5_000
WIDTH = 88
READ_ONLY = ("from_file", "next", "last_fired_at", "last_error", "warnings")
DEFAULTS = {
    "cooldown": "0s",
    "timezone": "UTC",
    "late_after": "1m",
    "restart": "on-failure",
    "paused": False,
    "empty_means": "nobody",
    "output": "hls",
    "outputs": ["hls"],
}
_NOT_PRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class TextError(ValueError):
    """A text that cannot be read; `line` is the line of the error, if known."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line


class _StringDates(SafeConstructor):
    """Loads dates as strings, as in the configuration file."""


_StringDates.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read(text: str) -> Any:
    """Parse a text; raise TextError when it cannot be parsed."""
    if len(text) > TEXT_MAX_CHARS:
        raise TextError(f"longer than {TEXT_MAX_CHARS} characters")
    unprintable = _NOT_PRINTABLE.search(text)
    if unprintable is not None:
        raise TextError("contains a character that YAML does not allow", text.count("\n", 0, unprintable.start()) + 1)
    try:
        check_yaml(text, values_max=VALUES_MAX)
        for token in YAML(typ="safe", pure=True).scan(text):
            if isinstance(token, AliasToken):
                raise TextError("anchors and aliases are not supported; write the value out", token.start_mark.line + 1)
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _StringDates
        value = yaml.load(text)
    except YAMLBoundsError as error:
        raise TextError(str(error), error.line) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = str(error.problem or error.context or "cannot be parsed").splitlines()[0]
        raise TextError(f"not YAML: {why}", None if mark is None else mark.line + 1) from None
    except (YAMLError, ValueError, TypeError, RecursionError, AttributeError) as error:
        if isinstance(error, TextError):
            raise
        raise TextError("not YAML: cannot be parsed") from None
    return _json_values(value)


def read_rule(text: str) -> dict[str, Any]:
    """Parse the text of one rule; raise TextError when it is not a mapping."""
    value = read(text)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise TextError("a rule must be a mapping: start with `name: …`")
    return value


def write(value: Any) -> str:
    """Write a value as YAML."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def as_put(view: Mapping[str, Any]) -> dict[str, Any]:
    """Strip read-only fields and default values from a rendered rule, which leaves what a user would write."""
    return {
        name: value
        for name, value in view.items()
        if name not in READ_ONLY and not (name in DEFAULTS and value == DEFAULTS[name])
    }


def errors_with_lines(errors: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """Flatten errors by field, each with `field`, `line` (None if unknown) and `why`."""
    return [{"field": field, "line": line_of(text, field), "why": why} for field, why in flatten_errors(errors)]


def line_of(text: str, field: str) -> int | None:
    """Find the line of a field in the text of a rule, None if it is not found."""
    parts = [part for part in field.split(".") if not part.isdecimal() and part != "_schema"]
    line_number: int | None = None
    start = 0
    for part in parts:
        for number, line in enumerate(text.splitlines()[start:], start + 1):
            if re.match(rf"[\s\-{{,]*[\"']?{re.escape(part)}[\"']?\s*:", line):
                line_number, start = number, number - 1
                break
    return line_number


def _json_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json_values(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json_values(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
