"""What a stored notice says, read from its JSON: also from one of an earlier or later version, as far as it is known.

The fields have the names of the JSON, with texts in place of explanations; a field that is missing is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from webhook_app.domain.explanations import text_of
from webhook_app.domain.notices.notice import Notice, family

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StreamContent:
    """The stream in a notice, as far as people read it."""

    stream_id: str | None = None
    starting_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    duration_s: float | None = None
    playback_url: str | None = None
    output: str | None = None
    files: Sequence[Mapping[str, Any]] | None = None
    stopped_because: str | None = None
    failure: str | None = None
    destinations: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class SessionContent:
    """The session in a notice, as far as people read it."""

    session_id: str | None = None
    ended_reason: str | None = None
    ended_error: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantContent:
    """Who joined or left."""

    participant_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CallContent:
    """The refused call, and VideoSDK's message."""

    kind: str | None = None
    output: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmContent:
    """The alarm that was raised or cleared."""

    id: str | None = None
    name: str | None = None
    summary: str | None = None
    since: str | None = None
    room_id: str | None = None
    rule: str | None = None
    subscriber_id: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeContent:
    """The parts of a notice that people read."""

    stream: StreamContent | None = None
    session: SessionContent | None = None
    participant: ParticipantContent | None = None
    call: CallContent | None = None
    alarm: AlarmContent | None = None
    rule: str | None = None
    output: str | None = None
    opens_at: str | None = None
    closes_at: str | None = None
    reason: str | None = None
    message: str | None = None


def content_of(notice: Notice) -> NoticeContent:
    """What a notice says."""
    data = notice.data
    return NoticeContent(
        stream=_part(StreamContent, data.get("stream")),
        session=_part(SessionContent, data.get("session")),
        participant=_part(ParticipantContent, data.get("participant")),
        call=_part(CallContent, data.get("call")),
        alarm=_alarm(data.get("alarm")),
        rule=data.get("rule"),
        output=data.get("output"),
        opens_at=data.get("opens_at"),
        closes_at=data.get("closes_at"),
        reason=data.get("reason"),
        message=text_of(data.get("message")),
    )


def alarm_of(notice: Notice) -> AlarmContent | None:
    """The alarm that a notice is about; None for all other notices."""
    return _alarm(notice.data.get("alarm")) if family(notice.type) == "alarm" else None


def subscriber_of(notice: Notice) -> str:
    """The subscriber that the notice's data name."""
    return str(notice.data.get("subscriber_id"))


def _alarm(value: Any) -> AlarmContent | None:
    if not isinstance(value, Mapping):
        return None
    return _part(AlarmContent, {**value, "summary": text_of(value.get("summary"))})


def _part(content_class: type[T], value: Any) -> T | None:
    if not isinstance(value, Mapping):
        return None
    names = (field.name for field in fields(content_class))  # type: ignore[arg-type]
    return content_class(**{name: value.get(name) for name in names})
