"""Masks the stream keys of RTMP in data by the name of their field, and in texts that quote them.

VideoSDK's lists show the keys of their outputs, and messages may quote them.
"""

import re
from typing import Any

from webhook_app.masking.url_masking import MASK
from webhook_app.secrets.stream_keys import SEALED_PREFIX

MAY_NAME_KEY = r"stream[_ -]?key|sealed:"
_FIELD = re.compile(r"stream[_-]?keys?", re.IGNORECASE)
_SEALED = re.compile(re.escape(SEALED_PREFIX) + r"[A-Za-z0-9_=-]{16,}")
# A quoted value whole, also one that was cut off; an unquoted one after `=`, or after `:` where it looks like no word.
_QUOTED_KEY = re.compile(
    r"""(stream[_ -]?key\\*["']?\s*[:=]\s*)
        (?: \\+"(?:(?!\\+").)*+(?:\\+")?+ | "(?:[^"\\]|\\.)*+"?+ | '(?:[^'\\]|\\.)*+'?+
          | (?<==)[^\s"',;&)}\]]++ | (?=[^\s"',;&)}\]]*\d)[^\s"',;&)}\]]{8,}+ )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def is_stream_key(name: object) -> bool:
    """Whether a field of this name holds a stream key."""
    return isinstance(name, str) and _FIELD.fullmatch(name) is not None


def masked_value(value: Any) -> Any:
    """The value of such a field as it may be shown."""
    return MASK if value not in (None, "") else value


def without_stream_keys(text: str) -> str:
    """Mask the stream keys that a text names, and sealed ones."""
    return _SEALED.sub(MASK, _QUOTED_KEY.sub(_masked_key, text))


def _masked_key(quoted: re.Match[str]) -> str:
    lead, value = quoted[1], quoted[0][len(quoted[1]) :]
    quote = re.match(r"""\\*["']?""", value)
    mark = "" if quote is None else quote[0]
    return f"{lead}{mark}{MASK}{mark}"
