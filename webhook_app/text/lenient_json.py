"""Decodes third-party JSON as far as possible, into values that the journal can store.

A byte order mark is skipped, bytes that are no text and lone surrogates become U+FFFD, and `NaN`, `Infinity` and
numbers that overflow become null. Of a key that stands twice the last value counts.
"""

import json
import math
import re
from typing import Any

from webhook_app.text.json_depth import JSON_DEPTH_MAX, exceeds_json_depth

REPLACEMENT = "\ufffd"
SURROGATE = re.compile("[\ud800-\udfff]")
INT64_MIN, UINT64_MAX = -(2**63), 2**64 - 1


def decode_leniently(raw: bytes) -> Any:
    """Decode JSON. Raises ValueError or RecursionError for what is no JSON, or nested too deep."""
    text = raw.decode(json.detect_encoding(raw), "replace")
    content = json.loads(
        text, strict=False, parse_constant=lambda name: None, parse_int=_read_int, parse_float=_read_float
    )
    if exceeds_json_depth(content):
        raise ValueError(f"nested more than {JSON_DEPTH_MAX} levels deep")
    return _without_surrogates(content) if "\\" in text or SURROGATE.search(text) else content


def _read_int(digits: str) -> int | float | None:
    if len(digits) <= 20 and INT64_MIN <= (number := int(digits)) <= UINT64_MAX:
        return number
    return _read_float(digits)


def _read_float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {SURROGATE.sub(REPLACEMENT, name): _without_surrogates(item) for name, item in value.items()}
    return value
