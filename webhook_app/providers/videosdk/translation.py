"""Translates VideoSDK's webhooks and answers into our own facts. Pure.

The journal keeps webhooks and answers as VideoSDK wrote them; each fold translates them again, so a better translation
applies to everything that was ever recorded. What each webhook type reports:

| type | fact |
|---|---|
| `hls-starting` … `hls-failed`, and the same of `recording` and `livestream` | StreamSignal of its output |
| `session-started`, `session-ended` with a session id | SessionStarted, SessionEnded |
| `participant-joined`, `participant-left` with a session id | ParticipantJoined, ParticipantLeft |
| any other, and those without their session id | OtherWebhook |
"""

from collections.abc import Mapping

from webhook_app.domain.facts.provider import (
    OtherWebhook,
    ParticipantJoined,
    ParticipantLeft,
    ProviderFact,
    SessionEnded,
    SessionStarted,
    StreamSignal,
    UnreadableWebhook,
)
from webhook_app.domain.facts.results import Access, AnswerStatus, Picture, TranscodingReport, WebhookDeliveries
from webhook_app.domain.outputs import Output
from webhook_app.domain.sessions.participants import Role
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import StreamReport
from webhook_app.providers.port import UNREADABLE, WebhookBody
from webhook_app.providers.videosdk.answers import RATE_LIMITED, SUCCESS
from webhook_app.providers.videosdk.delivery_records import read_deliveries
from webhook_app.providers.videosdk.modes import MODE_ROLES
from webhook_app.providers.videosdk.objects import (
    JSON,
    PREFIXES,
    STREAM_WEBHOOKS,
    read_participant,
    read_participant_mode,
    read_picture,
    read_transcoding,
    session_end_texts,
    session_id_in,
    stream_report,
)
from webhook_app.providers.videosdk.webhook_body import read_body

# Types after which the session certainly goes on; others (a file that is ready, a summary) may come after its end.
SESSION_SHOWING_SUFFIXES = ("-starting", "-started", "-playable")
SESSION_SHOWING_STATES = (StreamState.STARTING, StreamState.STARTED, StreamState.PLAYABLE)
UNAUTHORIZED = 401
FORBIDDEN = 403
DISPUTABLE = frozenset({400, 402, 404, 409})


class VideoSDKTranslator:
    """VideoSDK's words in ours."""

    @property
    def mode_roles(self) -> Mapping[str, Role]:
        """What each of VideoSDK's modes means."""
        return MODE_ROLES

    def body(self, raw: bytes) -> WebhookBody:
        """A webhook's body as the journal keeps it."""
        return read_body(raw)

    def webhook(self, kind: str, data: JSON) -> ProviderFact:
        """What a webhook of this type reports."""
        signal = STREAM_WEBHOOKS.get(kind)
        if signal is not None:
            output, state = signal
            return StreamSignal(state, stream_report(data), state in SESSION_SHOWING_STATES, output)
        if kind == UNREADABLE:
            return UnreadableWebhook(_reason(data))
        session_id = session_id_in(data)
        if session_id is None:
            return OtherWebhook(None, shows_session=False)
        match kind:
            case "participant-joined":
                participant_id, name = read_participant(data)
                return ParticipantJoined(session_id, participant_id, name, read_participant_mode(data), MODE_ROLES)
            case "participant-left":
                return ParticipantLeft(session_id, *read_participant(data))
            case "session-started":
                return SessionStarted(session_id)
            case "session-ended":
                return SessionEnded(session_id, *session_end_texts(data))
            case _:
                return OtherWebhook(session_id, kind.endswith(SESSION_SHOWING_SUFFIXES))

    def stream(self, shown: JSON) -> StreamReport:
        """What an object of the REST API says about a stream."""
        return stream_report(shown)

    def picture(self, shown: JSON) -> Picture | None:
        """The picture that an answer to `POST /v2/hls/capture` shows."""
        return read_picture(shown)

    def transcoding(self, shown: JSON) -> TranscodingReport:
        """What an object of `/v2/transcodings` says."""
        return read_transcoding(shown)

    def deliveries(self, webhooks: JSON) -> Mapping[StreamState, WebhookDeliveries]:
        """VideoSDK's record of the webhooks that it sent about a stream."""
        return read_deliveries(webhooks)

    def status(self, code: int | None) -> AnswerStatus:
        """What an HTTP status means: 401 concerns our token, 403 the room; 429 asks for fewer requests."""
        if code is None:
            return AnswerStatus()
        access = {UNAUTHORIZED: Access.UNAUTHORIZED, FORBIDDEN: Access.FORBIDDEN}.get(code, Access.GRANTED)
        return AnswerStatus(
            code, access, accepted=code in SUCCESS, rate_limited=code == RATE_LIMITED, disputable=code in DISPUTABLE
        )

    def stream_webhook(
        self, output: Output, state: StreamState, room_id: str, stream: StreamReport
    ) -> tuple[str, JSON]:
        """The webhook that reports a state of an output's stream.

        One about an end carries the address of an HLS stream, and the file of a recording. Only those of HLS name it.
        """
        data: dict[str, str | None] = {"meetingId": room_id, "sessionId": stream.session_id}
        if output is Output.HLS:
            data = {"id": stream.videosdk_id, **data}
        if state is StreamState.STOPPED:
            if output is Output.HLS:
                data["playbackHlsUrl"] = stream.playback_url
            for file in stream.files:
                data |= {"filePath": file.path, "fileUrl": file.url}
        return f"{PREFIXES[output]}-{state}", data

    def raw_webhook(self, kind: str, data: JSON) -> JSON:
        """A webhook as VideoSDK wraps it."""
        return {"webhookType": kind, "data": data}


def _reason(data: JSON) -> str | None:
    reason = data.get("reason")
    return reason if isinstance(reason, str) and reason else None
