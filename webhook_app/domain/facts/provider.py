"""What the video provider reported by a webhook, in our words.

Each of them names its session when the webhook does. One that shows that its session is live (`shows_session`) counts
as the start of a session that was not known: the webhook about that start may have been lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from webhook_app.domain.outputs import Output
from webhook_app.domain.sessions.participants import Role
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import StreamReport


@dataclass(frozen=True, slots=True)
class StreamSignal:
    """A stream is in this state now."""

    state: StreamState
    stream: StreamReport
    shows_session: bool  # whether the session is live while the stream is in this state
    output: Output = Output.HLS

    @property
    def session_id(self) -> str | None:
        """The session that the webhook names."""
        return self.stream.session_id


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A session started: nobody was in it before."""

    session_id: str
    shows_session: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session ended; `reason` and `error` are the provider's own words, when it gives any."""

    session_id: str
    reason: str | None = None
    error: str | None = None
    shows_session: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Somebody joined a session. `participant_id` is None when the webhook names nobody.

    `mode` is the provider's own word for how they take part; `mode_roles` is what it means by each word that we know.
    """

    session_id: str
    participant_id: str | None
    name: str | None
    mode: str | None
    mode_roles: Mapping[str, Role] = field(default_factory=dict)
    shows_session: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Somebody left a session. `participant_id` is None when the webhook names nobody."""

    session_id: str
    participant_id: str | None
    name: str | None
    shows_session: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class OtherWebhook:
    """A webhook about something that rooms do not follow; rules and subscribers get it as it is."""

    session_id: str | None
    shows_session: bool


@dataclass(frozen=True, slots=True)
class UnreadableWebhook:
    """An authentic webhook whose body could not be read, and why."""

    reason: str | None


ParticipantChange = ParticipantJoined | ParticipantLeft
ReadableWebhook = StreamSignal | SessionStarted | SessionEnded | ParticipantChange | OtherWebhook
ProviderFact = ReadableWebhook | UnreadableWebhook
