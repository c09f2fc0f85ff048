"""Describe VideoSDK's answers without secrets, names or whole ids, so that they can be shown in public."""

import re
from collections.abc import Mapping
from typing import Any

from webhook_app.masking.masking import masked
from webhook_app.providers.videosdk.answers import ApiAnswer

SHORT_CHARS = 4
MESSAGE_MAX_CHARS = 120
KEYS_MAX = 14
DEPTH_MAX = 3
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_ROOM = re.compile(r"\b[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}\b")
_ID = re.compile(r"\b(?=[0-9A-Za-z_-]*[0-9])[0-9A-Za-z_-]{12,}\b")
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z_]{0,30}\d?")


def short(text: object) -> str:
    """The beginning of an id, which tells ids of one run apart."""
    return f"{str(text)[:SHORT_CHARS]}…"


def scrubbed(text: str, private: tuple[str, ...] = ()) -> str:
    """A text of VideoSDK without secrets, URLs, addresses and whole ids. `private` texts are shortened wherever.

    What looks like an id is shortened too: a room's id, and any word of 12 characters and more with a digit.
    """
    text = masked(text)
    for value in sorted(filter(None, private), key=len, reverse=True):
        text = text.replace(value, short(value))
    text = _MAIL.sub("…", _URL.sub("…", text))
    for pattern in (_ROOM, _ID):
        text = pattern.sub(lambda match: short(match[0]), text)
    return " ".join(text.split())[:MESSAGE_MAX_CHARS]


def describe(answer: ApiAnswer, private: tuple[str, ...] = ()) -> str:
    """An answer in short: status, the names of its fields, and the message of an error."""
    if answer.status is None:
        return f"no answer ({scrubbed(answer.error or 'unknown error', private)})"
    code = f" (code {answer.code})" if answer.code != answer.status else ""
    if isinstance(answer.body, str) and answer.body:
        return f"{answer.status}, text “{scrubbed(answer.body, private)}”"
    form = "no body" if answer.body is None else _form(answer.body, 0)
    message = f" “{scrubbed(answer.message, private)}”" if answer.message and not answer.ok else ""
    return f"{answer.status}{code}, {form}{message}"


def _form(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        if depth >= DEPTH_MAX:
            return "{…}"
        fields = [_field(name, inner, depth) for name, inner in list(value.items())[:KEYS_MAX]]
        return "{" + ", ".join(fields) + (", …" if len(value) > KEYS_MAX else "") + "}"
    if isinstance(value, list):
        return f"[{_form(value[0], depth + 1)}, …]" if value else "[]"
    return "null" if value is None else type(value).__name__


def _field(name: object, value: Any, depth: int) -> str:
    shown_name = str(name) if _FIELD_NAME.fullmatch(str(name)) else "…"
    if isinstance(value, Mapping | list):
        return f"{shown_name}: {_form(value, depth + 1)}"
    return f"{shown_name}: null" if value is None else shown_name
