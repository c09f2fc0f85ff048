"""What VideoSDK's answers about participants mean. Pure: the HTTP client passes in the response.

The documented answer of `GET /v2/sessions/{id}/participants/active` is a list of one session with `participants`, and
`pageInfo` about them; VideoSDK's SDKs read a list of participants. Both are understood.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.providers.videosdk.answers import ApiAnswer
from webhook_app.providers.videosdk.objects import read_participant_mode

ID_MAX_CHARS = 200  # as of a webhook's id


@dataclass(frozen=True, slots=True)
class ParticipantPage:
    """One page of active participants."""

    participants: Mapping[str, tuple[str | None, str | None]]
    rows: int
    live: bool | None
    total: int | None
    last_page: int | None


def read_participant_page(answer: ApiAnswer) -> ParticipantPage | None:
    """One page as far as it can be understood; None when it shows no participants in a known form."""
    body = answer.body
    if not answer.ok or not isinstance(body, dict):
        return None
    data = body.get("data", body)
    rows = data if isinstance(data, list) else [data]
    participants: dict[str, tuple[str | None, str | None]] = {}
    live: bool | None = None
    count = understood = 0
    for row in rows:
        if not isinstance(row, dict):
            continue
        inner = row.get("participants")
        if isinstance(inner, list):
            participants |= participants_in(inner)
            count += len(inner)
            understood += 1
            status = row.get("status")
            live = status == "ongoing" if isinstance(status, str) else live
        elif isinstance(row.get("participantId"), str):
            participants |= participants_in([row])
            count += 1
            understood += 1
    if rows and not understood:
        return None
    info = body.get("pageInfo")
    info = info if isinstance(info, dict) else {}
    return ParticipantPage(participants, count, live, _number(info.get("total")), _number(info.get("lastPage")))


def participants_in(rows: list[Any]) -> dict[str, tuple[str | None, str | None]]:
    """Name and mode by id of those who have not left."""
    participants: dict[str, tuple[str | None, str | None]] = {}
    for row in rows:
        who = row.get("participantId") if isinstance(row, dict) else None
        if not isinstance(who, str) or not 0 < len(who) <= ID_MAX_CHARS:
            continue
        spans = row.get("timelog")
        last = spans[-1] if isinstance(spans, list) and spans else {}
        if isinstance(last, dict) and last.get("end") is None:
            name = row.get("name")
            participants[who] = (name if isinstance(name, str) else None, read_participant_mode(row))
    return participants


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
