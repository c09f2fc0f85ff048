"""The bytes of a webhook as the journal keeps them: as they came, but for stream keys and addresses of RTMP."""

import json
import re

from webhook_app.masking.masked_data import masked_destinations

_MAY_HOLD_KEY = re.compile(rb"stream[_-]?key|rtmps?:", re.IGNORECASE)
# Possessive, and with the closing quote optional: a text that never ends takes no longer than any other.
_TEXT = rb'"(?:[^"\\]|\\.)*+"?+'
_KEY_FIELD = re.compile(
    rb'("stream[_-]?key"\s*+:\s*+)(?!null\b)(?:' + _TEXT + rb"|[^,}\]\s]++)", re.IGNORECASE | re.DOTALL
)
_ANY_TEXT = re.compile(_TEXT, re.DOTALL)


def journaled_body(raw: bytes) -> bytes:
    """Mask what a body says of destinations of RTMP; any other body stays byte for byte."""
    if _MAY_HOLD_KEY.search(raw) is None:
        return raw
    return _ANY_TEXT.sub(_masked_text, _KEY_FIELD.sub(rb'\1"****"', raw))


def _masked_text(token: re.Match[bytes]) -> bytes:
    if _MAY_HOLD_KEY.search(token[0]) is None:
        return token[0]
    try:
        text = json.loads(token[0], strict=False)
    except ValueError:
        return b'"****"'
    masked = masked_destinations(text)
    return token[0] if masked == text else json.dumps(masked).encode("ascii")
