"""Read a webhook's body: strictly first, then leniently; the receiver and the journal's decoder share this reader.

What VideoSDK sends is read as far as it can be understood:

1. The bytes are JSON. Where a strict parser refuses them, they are read again with a byte order mark skipped, bytes
   that are no text and lone surrogates replaced by U+FFFD, and `NaN`, `Infinity` and overflowing numbers as null. Of
   a key that stands twice the last value counts.
2. The type is `webhookType`, or `type` where that is missing. `data` that is missing or null is empty, or the rest of
   the body where the room stands there.
3. Ids become text without control characters, or null when they are empty, longer than `ID_MAX_CHARS` or no text.

What is left after that is unreadable, with a reason. The reader is pure and never raises, so that a body that the
receiver accepts is decoded the same way each time it is folded. The journal keeps the bytes unchanged.
"""

import re
from typing import Any

import msgspec

from webhook_app.providers.port import UNREADABLE, WebhookBody
from webhook_app.providers.videosdk.objects import room_id_in
from webhook_app.text.json_depth import JSON_DEPTH_MAX, exceeds_json_depth
from webhook_app.text.lenient_json import INT64_MIN, REPLACEMENT, SURROGATE, UINT64_MAX, decode_leniently

ID_MAX_CHARS = 200
REASON_MAX_CHARS = 300
IDS = ("meetingId", "roomId", "sessionId", "participantId")
AGENT_SUMMARY = "call-summary"

WEBHOOK_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def read_body(raw: bytes) -> WebhookBody:
    """Read a body. Never raises: what cannot be read is of the type `unreadable`, with a reason."""
    try:
        content: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            content = decode_leniently(raw)
        except (ValueError, RecursionError) as error:
            return _unreadable(f"not JSON: {error}")
    if raw.count(b"[") + raw.count(b"{") > JSON_DEPTH_MAX and exceeds_json_depth(content):
        return _unreadable(f"nested more than {JSON_DEPTH_MAX} levels deep")
    if not isinstance(content, dict):
        return _unreadable("not a JSON object")
    return _read_envelope(content)


def clean_id(value: Any) -> str | None:
    """An id as text that keys, JSON and logs can take, or None when there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if INT64_MIN <= value <= UINT64_MAX else ""
    if not isinstance(value, str) or not 0 < len(value) <= ID_MAX_CHARS:
        return None
    return _CONTROL.sub(REPLACEMENT, value)


def _read_envelope(content: dict[str, Any]) -> WebhookBody:
    kind, content_data = content.get("webhookType"), content.get("data")
    if kind is None and isinstance(content.get(AGENT_SUMMARY), dict):
        return _read_agent_summary(content)
    if kind is None:
        kind = content.get("type")
    if kind is None:
        return _unreadable("it names no webhookType")
    kind = kind.strip() if isinstance(kind, str) else kind
    if not isinstance(kind, str) or not WEBHOOK_TYPE.match(kind) or kind == UNREADABLE:
        return _unreadable(f"{str(kind)[:120]!r} is not a webhook type")
    if content_data is None:
        outside = {name: value for name, value in content.items() if name not in ("webhookType", "data")}
        content_data = outside if room_id_in(outside) is not None else {}
    if not isinstance(content_data, dict):
        return _unreadable(f"its data is {_json_name(content_data)}, not an object")
    data = _with_clean_ids(content_data)
    return WebhookBody(kind, room_id_in(data), data)


def _read_agent_summary(content: dict[str, Any]) -> WebhookBody:
    """The summary of an agent's call has an envelope of its own: neither type nor data."""
    room = content.get("room-data")
    ids = {"meetingId": room.get("meeting-id"), "sessionId": room.get("session-id")} if isinstance(room, dict) else {}
    data = _with_clean_ids({**content, **ids})
    return WebhookBody(AGENT_SUMMARY, room_id_in(data), data)


def _with_clean_ids(data: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name in IDS:
        if name in data:
            value = clean_id(data[name])
            if value != data[name]:
                changed[name] = value
    stream_id = data.get("id")
    if isinstance(stream_id, str) and _CONTROL.search(stream_id):
        changed["id"] = _CONTROL.sub(REPLACEMENT, stream_id)
    return {**data, **changed} if changed else data


def _json_name(value: Any) -> str:
    return {list: "a list", str: "a text", bool: "true or false"}.get(type(value), "a number")


def _unreadable(reason: str) -> WebhookBody:
    return WebhookBody(
        UNREADABLE, reason=_CONTROL.sub(REPLACEMENT, SURROGATE.sub(REPLACEMENT, reason))[:REASON_MAX_CHARS]
    )
