"""Notices: domain events as subscribers get them, in our own terms and not in VideoSDK's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.explanations import text_of
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.types import AnyNoticeType
from webhook_app.domain.times import rfc3339


@fast_init
@dataclass(frozen=True, slots=True)
class Notice:
    """One domain event for subscribers. `notice_id` is the `webhook-id` of every delivery of it."""

    notice_id: str
    type: str
    at: int
    room_id: str | None
    because: str | None
    data: Mapping[str, Any]
    observed: bool = False  # made while this copy of the product only observed: nobody gets it


def make_notice(
    event_id: str,
    kind: AnyNoticeType,
    at: int,
    *,
    room_id: str | None,
    sequence: int | None,
    because: str | None,
    data: Mapping[str, Any],
    room_name: str | None = None,
) -> Notice:
    """Make a notice. Its id is derived from the event and the content, so that folding again gives the same one."""
    whole = {"room_id": room_id, "room_name": room_name, "sequence": sequence, "because": because, **data}
    # The same code builds the same content in the same order, so the content's text identifies it.
    return Notice(derive("msg_", event_id, str(kind), repr(whole)), str(kind), at, room_id, because, whole)


def notice_body(notice: Notice) -> dict[str, Any]:
    """The JSON body of a notice, as subscribers get it."""
    return {"type": notice.type, "timestamp": rfc3339(notice.at), "data": shown_data(notice.data)}


def shown_data(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of a notice with the texts of its explanations: the message, and the summary of an alarm."""
    alarm, message = data.get("alarm"), data.get("message")
    if alarm is None and message is None:  # most often; the checks below cost more
        return data
    if isinstance(alarm, Mapping):
        data = {**data, "alarm": {**alarm, "summary": text_of(alarm.get("summary"))}}
    if isinstance(message, Mapping):
        data = {**data, "message": text_of(message)}
    return data


def family(kind: str) -> str:
    """The family of a type: a newer notice of a room supersedes older ones of its family. Each rule is a family."""
    head = kind.partition(".")[0]
    return kind if head in ("rule", "videosdk") else head
