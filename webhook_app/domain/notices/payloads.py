"""What each family of notices says, as typed values, and the JSON that subscribers and rules get of it.

The JSON is stored with the notice: `content` reads it again.
"""

from dataclasses import dataclass
from typing import Any, assert_never

from webhook_app.domain.alarms.alarm import Alarm, alarm_view
from webhook_app.domain.control.call import Call
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.outputs import Output
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import call_view, session_view, stream_view


@fast_init
@dataclass(frozen=True, slots=True)
class StreamChanged:
    """A stream has reached another state, or left a file: the `stream.*`, `recording.*` and `rtmp.*` notices."""

    stream: Stream
    previous_state: str | None


@fast_init
@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A session has started or ended: the `session.*` notices."""

    session: Session


@fast_init
@dataclass(frozen=True, slots=True)
class ParticipantMoved:
    """Somebody has joined or left: the `participant.*` notices. `session` is as it is with them, or without."""

    session: Session
    participant_id: str
    name: str | None
    mode: str | None


@fast_init
@dataclass(frozen=True, slots=True)
class BroadcastReport:
    """How a window goes: the `broadcast.*` notices. Times are in ms; a window without a known close has none.

    `session_live` is whether there is a session already, where the notice says so.
    """

    rule: str
    opens_at: int
    closes_at: int | None
    reason: Explanation | None
    stream: Stream | None
    session_live: bool | None = None
    output: Output = Output.HLS


@fast_init
@dataclass(frozen=True, slots=True)
class CallRefusal:
    """VideoSDK has refused a call, which may be given up for that: the `call.*` notices."""

    call: Call


@fast_init
@dataclass(frozen=True, slots=True)
class RuleMessage:
    """The message of a rule with `do: notify`: the `rule.*` notices."""

    message: str


@fast_init
@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """An alarm was raised or cleared: the `alarm.*` notices."""

    alarm: Alarm


@fast_init
@dataclass(frozen=True, slots=True)
class SubscriberMessage:
    """A message about or to one subscriber: `subscriber.disabled` and `subscriber.test`."""

    subscriber_id: str | None
    message: Explanation | str | None


@fast_init
@dataclass(frozen=True, slots=True)
class RecoveryRequest:
    """The command to send a subscriber again what it missed in a span of time, in ms."""

    subscriber_id: str
    since: int
    until: int | None


@fast_init
@dataclass(frozen=True, slots=True)
class WebhookBody:
    """A raw webhook that is passed on: the notices named after the provider."""

    body: Any


RoomPayload = StreamChanged | SessionChanged | ParticipantMoved | BroadcastReport | CallRefusal | RuleMessage
NoticePayload = RoomPayload | AlarmChanged | SubscriberMessage | RecoveryRequest | WebhookBody


def encode_payload(payload: NoticePayload, *, at: int, room_name: str | None = None) -> dict[str, Any]:
    """The fields of a notice that its payload fills; `at` is the notice's time in ms.

    Explanations are in the form in which they are stored; `notice.shown_data` puts their texts in their place.
    """
    match payload:
        case StreamChanged():
            return {
                "stream": stream_view(payload.stream, at, room_name),
                "previous_state": payload.previous_state,
            }
        case SessionChanged():
            return {"session": session_view(payload.session)}
        case ParticipantMoved():
            return _participant_data(payload)
        case BroadcastReport():
            return _broadcast_data(payload, at, room_name)
        case CallRefusal():
            return {"call": call_view(payload.call, room_name)}
        case RuleMessage():
            return {"message": payload.message}
        case AlarmChanged():
            return {"alarm": alarm_view(payload.alarm, room_name) | {"summary": _stored(payload.alarm.summary)}}
        case SubscriberMessage():
            return {"subscriber_id": payload.subscriber_id, "message": _stored(payload.message)}
        case RecoveryRequest():
            return {"subscriber_id": payload.subscriber_id, "from": payload.since, "to": payload.until}
        case WebhookBody():
            return {"body": payload.body}
        case _ as never:
            assert_never(never)


def _participant_data(payload: ParticipantMoved) -> dict[str, Any]:
    session = payload.session
    return {
        "participant": {
            "participant_id": payload.participant_id,
            "name": payload.name,
            "mode": payload.mode,
        },
        "session": {
            "session_id": session.session_id,
            "live": session.live,
            "participant_count": session.count,
            "host_count": session.host_count,
        },
    }


def _broadcast_data(payload: BroadcastReport, at: int, room_name: str | None) -> dict[str, Any]:
    reason = payload.reason
    data = {
        "rule": payload.rule,
        "output": payload.output.value,
        "opens_at": rfc3339(payload.opens_at),
        "closes_at": None if payload.closes_at is None else rfc3339(payload.closes_at),
        "reason": None if reason is None else str(reason.code),
        "message": None if reason is None else reason.stored,
        "stream": None if payload.stream is None else stream_view(payload.stream, at, room_name),
    }
    return data if payload.session_live is None else {**data, "session_live": payload.session_live}


def _stored(text: Explanation | str | None) -> Any:
    return text.stored if isinstance(text, Explanation) else text
