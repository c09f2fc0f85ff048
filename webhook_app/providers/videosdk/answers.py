"""What an answer of VideoSDK's REST API means. Pure: the HTTP client passes in the response.

VideoSDK documents one form of most answers, and sources disagree about the others. `read_active` and `read_list` turn
every form into one of four activities; a form that neither understands leads to no conclusion.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhook_app.domain.facts.results import Refusal
from webhook_app.masking.masked_data import masked_destinations
from webhook_app.masking.masking import masked
from webhook_app.providers.videosdk.objects import TEXT_MAX, URL_KEYS, identifies_stream

MESSAGE_MAX_CHARS = 300
EXCERPT_MAX_CHARS = 200
KEYS_KEPT_MAX = 64
SUCCESS = range(200, 300)
ERRORS = range(400, 600)
NOT_FOUND = frozenset({402, 404})
RATE_LIMITED = 429
UNAVAILABLE = frozenset({401, 403, 408, RATE_LIMITED})
ENVELOPE_KEYS = frozenset({"code", "statusCode", "data", "message", "msg", "statusMessage", "success"})
SIGNALING_CODE_MIN = 4000
NOT_OFFERED = 4021  # the account does not have the add-on: it will not have it in a minute either
_NOT_OFFERED = re.compile(rf"\b{NOT_OFFERED}\b")
_PASSING = re.compile(
    r"\b[45]0[0-9]{2}\b|quota|limit|exceed|already|progress|processed|processing|try again", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A response; without one `status` is None, and `error` says what went wrong."""

    status: int | None
    body: Any
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def code(self) -> int | None:
        """The status that VideoSDK means: that of HTTP, unless the body of a success names an error."""
        if self.status in SUCCESS and (named := code_in(self.body)) in ERRORS:
            return named
        return self.status

    @property
    def ok(self) -> bool:
        """Whether the request succeeded: any 2xx, and no other code in the body."""
        return self.status in SUCCESS and code_in(self.body) in (None, *SUCCESS)

    @property
    def missing(self) -> bool:
        """Whether it is not found: 402 and 404 both say so, as the status or as the body's `code`."""
        return self.code in NOT_FOUND

    @property
    def unavailable(self) -> bool:
        """Whether VideoSDK could not or would not answer for now: nothing can be concluded."""
        code = self.code
        return code is None or code in UNAVAILABLE or code >= 500

    @property
    def lists_nothing(self) -> bool:
        """Whether the vendor refuses the list for good, not just for now."""
        code = self.code
        return code is not None and 400 <= code < 500 and code not in (401, RATE_LIMITED)

    @property
    def message(self) -> str | None:
        """What VideoSDK says went wrong, wherever it says it."""
        if self.error is not None:
            return self.error
        if isinstance(self.body, Mapping):
            for key in ("message", "error", "msg", "statusMessage"):
                value = self.body.get(key)
                if isinstance(value, str) and value:
                    return _message(value)
        return _message(self.body) if isinstance(self.body, str) and self.body else None

    @property
    def wait(self) -> dict[str, int]:
        """How long VideoSDK asks to wait, as the journal keeps it; nothing when it does not ask."""
        return {} if self.retry_after_s is None else {"retry_after_ms": int(self.retry_after_s * 1000)}

    @property
    def excerpt(self) -> str:
        """The answer in short, for people: its status and the beginning of its body, without secrets."""
        body = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        text = masked(" ".join(body[: 8 * EXCERPT_MAX_CHARS].split()))
        short = text if len(text) <= EXCERPT_MAX_CHARS else text[: EXCERPT_MAX_CHARS - 1] + "…"
        return f"{self.status} {short}"


def _message(text: str) -> str:
    return masked(text[: 8 * MESSAGE_MAX_CHARS])[:MESSAGE_MAX_CHARS]


def classify_refusal(answer: ApiAnswer, *, start: bool) -> Refusal | None:
    """What kind of refusal an answer to a start or an end is; None for those that pass by themselves (429, 401 …).

    Which status VideoSDK answers without a session, for a room on air, or at quota is not documented: 400 or 409 with a
    message. So a 400 to a start is ambiguous, unless it carries a signalling code or speaks of a limit or a conflict.
    """
    code = answer.code
    if not start:
        return Refusal.CONFLICT if code in (400, 402, 404, 409, 410, 422) else None
    if code in (406, 413, 415, 422) or _NOT_OFFERED.search(answer.message or "") or code_in(answer.body) == NOT_OFFERED:
        return Refusal.INVALID
    if code == 400:
        signalled = (code_in(answer.body) or 0) >= SIGNALING_CODE_MIN or _PASSING.search(answer.message or "")
        return Refusal.CONFLICT if signalled else Refusal.AMBIGUOUS
    return Refusal.CONFLICT if code in (402, 404, 409) else None


class StreamActivity(StrEnum):
    """What an answer says of a room's stream."""

    ACTIVE = "active"
    NONE = "none"
    UNAVAILABLE = "unavailable"
    UNKNOWN_FORM = "unknown-form"


@dataclass(frozen=True, slots=True)
class ActivityReading:
    """An activity; `stream` is VideoSDK's object when one is active."""

    activity: StreamActivity
    stream: Mapping[str, Any] | None = None


NONE = ActivityReading(StreamActivity.NONE)
UNKNOWN_FORM = ActivityReading(StreamActivity.UNKNOWN_FORM)


def read_active(answer: ApiAnswer) -> ActivityReading:
    """Read an answer of `GET /v2/hls/{roomId}/active`.

    1. No answer, 401, 403, 408, 429 and 5xx: unavailable.
    2. 402, 404, or a body whose `code` is one of them: none. So is 204.
    3. Any other status or `code` that is no success: an unknown form.
    4. A success whose `data` is null, absent or an object without id and URL: none. An object without the envelope is
       read as `data`.
    5. An object that has a URL, or an id and an `end` of null: active. A missing `end` beside a URL is read as null:
       the endpoint shows active streams alone, and reading it as none could start a second stream. The room that the
       object names is not compared: a room that was asked for by its custom id is shown under its own.
    6. An object that has ended, or that has an id and nothing else: an unknown form. So is anything that is no object,
       and a success without data that holds more than an envelope: an error, other keys.
    """
    if answer.unavailable:
        return ActivityReading(StreamActivity.UNAVAILABLE)
    if answer.missing or answer.status == 204:
        return NONE
    if not answer.ok or not isinstance(answer.body, Mapping):
        return UNKNOWN_FORM
    data = answer.body if "data" not in answer.body and identifies_stream(answer.body) else answer.body.get("data")
    if data is None:
        return NONE if answer.body.keys() <= ENVELOPE_KEYS else UNKNOWN_FORM
    if not isinstance(data, Mapping):
        return UNKNOWN_FORM
    if not identifies_stream(data):
        return NONE
    complete = has_url(data) or "end" in data
    if data.get("end") or not complete:
        return UNKNOWN_FORM
    return ActivityReading(StreamActivity.ACTIVE, journaled_fields(data))


def read_list(answer: ApiAnswer, room_id: str) -> ActivityReading:
    """Read a page of `GET /v2/hls?roomId` for whether a stream of the room is active.

    A row with an `end` of null is active, whatever else it lacks; the one with the latest `start` counts. A row without
    `end` leaves it open. A page that shows other rooms was not filtered: without further pages only, none means none.
    """
    if answer.unavailable:
        return ActivityReading(StreamActivity.UNAVAILABLE)
    if answer.missing:
        return NONE
    rows = list_rows(answer)
    if rows is None:
        return UNKNOWN_FORM
    own_rows = [row for row in rows if not is_of_another_room(row, room_id)]
    active = [row for row in own_rows if "end" in row and not row["end"]]
    if active:
        return ActivityReading(
            StreamActivity.ACTIVE, journaled_fields(max(active, key=lambda row: str(row.get("start") or "")))
        )
    unfiltered = len(own_rows) < len(rows) and last_page(answer) > 1
    return UNKNOWN_FORM if unfiltered or any("end" not in row for row in own_rows) else NONE


def list_rows(answer: ApiAnswer) -> list[Mapping[str, Any]] | None:
    """The objects that a list's answer holds; None when it is no list that we understand."""
    if answer.missing:
        return []
    if not answer.ok:
        return None
    rows = answer.body
    if isinstance(answer.body, Mapping):
        if "data" not in answer.body:
            return None
        rows = answer.body["data"] or []
    if isinstance(rows, Mapping):
        rows = rows["data"] if isinstance(rows.get("data"), list) else [rows]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        return None
    return rows


def answered_object(answer: ApiAnswer) -> Mapping[str, Any] | None:
    """The object that a success holds, in `data` or by itself; None when it holds none."""
    if not answer.ok or not isinstance(answer.body, Mapping):
        return None
    inner = answer.body.get("data")
    return inner if isinstance(inner, Mapping) else answer.body


def started_stream(answer: ApiAnswer) -> Mapping[str, Any] | None:
    """The stream that the answer to a start names; None when it is a string, empty, or names none."""
    stream = answered_object(answer)
    return journaled_fields(stream) if stream is not None and identifies_stream(stream) else None


def journaled_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal keeps of an object: all of a usual one, the beginning of long texts, and no bulk besides.

    Destinations of RTMP are masked: lists show their stream keys.
    """
    journaled: dict[str, Any] = {}
    for key, value in masked_destinations(dict(list(data.items())[:KEYS_KEPT_MAX])).items():
        if isinstance(value, str):
            journaled[key[:TEXT_MAX]] = value[:TEXT_MAX]
        elif not isinstance(value, Mapping | list) or len(json.dumps(value)) <= TEXT_MAX:
            journaled[key[:TEXT_MAX]] = value
    return journaled


def last_page(answer: ApiAnswer) -> int:
    """How many pages a list has, if the answer gives the number."""
    info = answer.body.get("pageInfo") if isinstance(answer.body, Mapping) else None
    last = info.get("lastPage") if isinstance(info, Mapping) else None
    return last if isinstance(last, int) and last > 0 else 1


def room_ids_in(data: Mapping[str, Any]) -> Sequence[str]:
    """The room's ids that an object gives: REST says `roomId`, or `meetingId` in its place."""
    return [value for key in ("roomId", "meetingId") if isinstance(value := data.get(key), str) and value]


def is_of_another_room(data: Mapping[str, Any], room_id: str) -> bool:
    """Whether an object names a room, and not this one."""
    rooms = room_ids_in(data)
    return bool(rooms) and room_id not in rooms


def has_url(data: Mapping[str, Any]) -> bool:
    """Whether a stream's object has any of its addresses."""
    return any(isinstance(data.get(key), str) and data[key] for key in URL_KEYS)


def code_in(body: Any) -> int | None:
    """The code that a body names beside its data, as a number or in digits."""
    if not isinstance(body, Mapping):
        return None
    for key in ("code", "statusCode"):
        value = body.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 6:
            return int(value)
    return None
