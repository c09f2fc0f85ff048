"""A rule as people write it: YAML 1.2 or JSON, read strictly and written plainly."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.tokens import AliasToken

from webhook_app.schemas.validation_messages import flatten_errors
from webhook_app.text.yaml_bounds import YAMLBoundsError, check_yaml

TEXT_MAX_CHARS = 64 * 1024
VALUES_MAX = 5_000
WIDTH = 88
ANSWERED_ONLY = ("from_file", "next", "last_fired_at", "last_error", "warnings")
DEFAULTS = {"cooldown": "0s", "timezone": "UTC", "late_after": "1m", "restart": "on-failure", "paused": False} | {
    "empty_means": "nobody"
}
PRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class TextError(ValueError):
    """What is written cannot be read: why, and in which line if that can be said."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line


class _Plain(SafeConstructor):
    """Dates stay text, as in the configuration file."""


_Plain.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read(text: str) -> Any:
    """What the text says; TextError when it cannot be read."""
    if len(text) > TEXT_MAX_CHARS:
        raise TextError(f"longer than {TEXT_MAX_CHARS} characters")
    odd = PRINTABLE.search(text)
    if odd is not None:
        raise TextError("there is a character in it that YAML does not know", text.count("\n", 0, odd.start()) + 1)
    try:
        check_yaml(text, values_max=VALUES_MAX)
        for token in YAML(typ="safe", pure=True).scan(text):
            if isinstance(token, AliasToken):
                raise TextError("anchors and aliases are not read here; write it out", token.start_mark.line + 1)
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Plain
        found = yaml.load(text)
    except YAMLBoundsError as error:
        raise TextError(str(error), error.line) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = str(error.problem or error.context or "cannot be read").splitlines()[0]
        raise TextError(f"not YAML: {why}", None if mark is None else mark.line + 1) from None
    except (YAMLError, ValueError, TypeError, RecursionError, AttributeError) as error:
        if isinstance(error, TextError):
            raise
        raise TextError("not YAML: cannot be read") from None
    return _texts(found)


def read_rule(text: str) -> dict[str, Any]:
    """One rule; TextError when it is none."""
    found = read(text)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise TextError("a rule is a mapping: begin with `name: …`")
    return found


def write(value: Any) -> str:
    """Data as YAML."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def as_put(view: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's view as somebody would write it: without what only answers have, and what is so anyway."""
    return {
        name: value
        for name, value in view.items()
        if name not in ANSWERED_ONLY and not (name in DEFAULTS and value == DEFAULTS[name])
    }


def mistakes(errors: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """Errors by field as lines to read: where, in which line, and what would be right."""
    return [{"field": field, "line": line_of(text, field), "why": why} for field, why in flatten_errors(errors)]


def line_of(text: str, field: str) -> int | None:
    """The line in which a field stands, if that is plain to see."""
    parts = [part for part in field.split(".") if not part.isdecimal() and part != "_schema"]
    found: int | None = None
    start = 0
    for part in parts:
        for number, line in enumerate(text.splitlines()[start:], start + 1):
            if re.match(rf"[\s\-{{,]*[\"']?{re.escape(part)}[\"']?\s*:", line):
                found, start = number, number - 1
                break
    return found


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
