"""The types of notices, in one registry: what each is about, and its headline in chat and mail.

To add a type, follow the steps in CONTRIBUTING.md. A rule's own notices (`rule.<name>`) and
raw webhooks (`videosdk.<type>`) are made as they come up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.domain.streams.machine import STATES, StreamState


class NoticeType(StrEnum):
    """The types that subscribers can select by name."""

    STREAM_STARTING = "stream.starting"
    STREAM_STARTED = "stream.started"
    STREAM_PLAYABLE = "stream.playable"
    STREAM_STOPPING = "stream.stopping"
    STREAM_STOPPED = "stream.stopped"
    STREAM_FAILED = "stream.failed"
    RECORDING_STARTING = "recording.starting"
    RECORDING_STARTED = "recording.started"
    RECORDING_STOPPING = "recording.stopping"
    RECORDING_STOPPED = "recording.stopped"
    RECORDING_FAILED = "recording.failed"
    RECORDING_READY = "recording.ready"
    RTMP_STARTING = "rtmp.starting"
    RTMP_STARTED = "rtmp.started"
    RTMP_STOPPING = "rtmp.stopping"
    RTMP_STOPPED = "rtmp.stopped"
    RTMP_FAILED = "rtmp.failed"
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    PARTICIPANT_JOINED = "participant.joined"
    PARTICIPANT_LEFT = "participant.left"
    BROADCAST_UPCOMING = "broadcast.upcoming"
    BROADCAST_ARMED = "broadcast.armed"
    BROADCAST_LATE = "broadcast.late"
    BROADCAST_MISSED = "broadcast.missed"
    BROADCAST_INTERRUPTED = "broadcast.interrupted"
    BROADCAST_COMPLETED = "broadcast.completed"
    CALL_REFUSED = "call.refused"
    CALL_GIVEN_UP = "call.given-up"
    ALARM_RAISED = "alarm.raised"
    ALARM_CLEARED = "alarm.cleared"
    SUBSCRIBER_DISABLED = "subscriber.disabled"
    SUBSCRIBER_TEST = "subscriber.test"


@dataclass(frozen=True, slots=True)
class NoticeSpec:
    """What a type's notices hold: `data` is the field that describes the change.

    `headline` is for people. It may use `{where}`, the room's name or id, and `{who}`, `{call}`, `{title}`,
    `{message}` and `{soon}`: the participant's name, the kind of call, the alarm's title, the message, when the window
    opens; and the words of its output, `{output.…}`.
    """

    data: str
    headline: str


NOTICES: Mapping[NoticeType, NoticeSpec] = {
    NoticeType.STREAM_STARTING: NoticeSpec("stream", "{where} is starting"),
    NoticeType.STREAM_STARTED: NoticeSpec("stream", "{where} is on air (playback not ready)"),
    NoticeType.STREAM_PLAYABLE: NoticeSpec("stream", "{where} is on air"),
    NoticeType.STREAM_STOPPING: NoticeSpec("stream", "{where} is going off air"),
    NoticeType.STREAM_STOPPED: NoticeSpec("stream", "{where} is off air"),
    NoticeType.STREAM_FAILED: NoticeSpec("stream", "{where} failed"),
    NoticeType.RECORDING_STARTING: NoticeSpec("stream", "{where}: recording is starting"),
    NoticeType.RECORDING_STARTED: NoticeSpec("stream", "{where} is being recorded"),
    NoticeType.RECORDING_STOPPING: NoticeSpec("stream", "{where}: recording is stopping"),
    NoticeType.RECORDING_STOPPED: NoticeSpec("stream", "{where}: recording has stopped"),
    NoticeType.RECORDING_FAILED: NoticeSpec("stream", "{where}: recording failed"),
    NoticeType.RECORDING_READY: NoticeSpec("stream", "{where}: recording is ready"),
    NoticeType.RTMP_STARTING: NoticeSpec("stream", "{where}: RTMP stream is starting"),
    NoticeType.RTMP_STARTED: NoticeSpec("stream", "{where} is streamed by RTMP"),
    NoticeType.RTMP_STOPPING: NoticeSpec("stream", "{where}: RTMP stream is stopping"),
    NoticeType.RTMP_STOPPED: NoticeSpec("stream", "{where}: RTMP stream has stopped"),
    NoticeType.RTMP_FAILED: NoticeSpec("stream", "{where}: RTMP stream failed"),
    NoticeType.SESSION_STARTED: NoticeSpec("session", "{where}: session started"),
    NoticeType.SESSION_ENDED: NoticeSpec("session", "{where}: session ended"),
    NoticeType.PARTICIPANT_JOINED: NoticeSpec("participant", "{where}: {who} joined"),
    NoticeType.PARTICIPANT_LEFT: NoticeSpec("participant", "{where}: {who} left"),
    NoticeType.BROADCAST_UPCOMING: NoticeSpec("opens_at", "{where} starts {soon}"),
    NoticeType.BROADCAST_ARMED: NoticeSpec(
        "opens_at", "{where} is scheduled but empty. It will start when someone joins"
    ),
    NoticeType.BROADCAST_LATE: NoticeSpec("opens_at", "{where} is late"),
    NoticeType.BROADCAST_MISSED: NoticeSpec("opens_at", "{where} {output.never_on}"),
    NoticeType.BROADCAST_INTERRUPTED: NoticeSpec("opens_at", "{where} was stopped by a user"),
    NoticeType.BROADCAST_COMPLETED: NoticeSpec("opens_at", "{where}: broadcast has ended"),
    NoticeType.CALL_REFUSED: NoticeSpec("call", "{where}: VideoSDK refused to {call}"),
    NoticeType.CALL_GIVEN_UP: NoticeSpec("call", "{where}: VideoSDK refused to {call}, given up"),
    NoticeType.ALARM_RAISED: NoticeSpec("alarm", "{where}: Alarm: {title}"),
    NoticeType.ALARM_CLEARED: NoticeSpec("alarm", "{where}: Resolved: {title}"),
    NoticeType.SUBSCRIBER_DISABLED: NoticeSpec("message", "{where}: {message}"),
    NoticeType.SUBSCRIBER_TEST: NoticeSpec("message", "{where}: {message}"),
}
NOTICE_TYPES: tuple[str, ...] = tuple(kind.value for kind in NoticeType)
DEFAULT_TYPES = ("stream.*", "broadcast.*", "alarm.*")

RuleNoticeType = NewType("RuleNoticeType", str)
WebhookNoticeType = NewType("WebhookNoticeType", str)
CommandType = NewType("CommandType", str)
AnyNoticeType = NoticeType | RuleNoticeType | WebhookNoticeType | CommandType

# A command to the deliver worker, which travels with the notices and goes to no subscriber.
RECOVER = CommandType("subscriber.recover")
STREAM_NOTICES: Mapping[tuple[Output, StreamState], NoticeType] = {
    (output, state): NoticeType(f"{OUTPUTS[output].notices}.{state}")
    for output, states in STATES.items()
    for state in states
}


def rule_notice(rule_name: str) -> RuleNoticeType:
    """The type of the notices of a rule with `do: notify`."""
    return RuleNoticeType(f"rule.{rule_name}")


def webhook_notice(provider: str, webhook_type: str) -> WebhookNoticeType:
    """The type of a notice that passes on a raw webhook of a provider."""
    return WebhookNoticeType(f"{provider}.{webhook_type}")
