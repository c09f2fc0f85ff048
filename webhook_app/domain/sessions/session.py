"""A session in a room: who is in it, and what is remembered of earlier sessions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhook_app.domain.sessions.participants import Move, Role
from webhook_app.domain.streams.machine import StreamState


@dataclass(frozen=True)
class Session:
    """One session and its participants. Moments are ms since 1970.

    `participants` are names by id, `modes` the provider's own words for how they take part, where it gives any. These
    words are kept to be shown: what the provider means by each word that we know is in `mode_roles`, which is empty
    while nobody is there. In a session with many participants some are only counted: `unlisted`, of which
    `unlisted_viewers` are known to be viewers. `moves` are recent joins and leaves.

    `complete`: the participants are all there are, as we saw the session start or probed it. `emptied`: we saw the
    last of them leave. `emptied_at`: when, if only webhooks say so. `verified_at`: the last probe of the participants.
    `ended_reason` and `ended_error` quote VideoSDK on why the session ended.
    """

    session_id: str
    live: bool
    started_at: int
    ended_at: int | None = None
    complete: bool = False
    last_event_id: str | None = None
    participants: Mapping[str, str | None] = field(default_factory=dict)
    emptied: bool = False
    verified_at: int | None = None
    modes: Mapping[str, str] = field(default_factory=dict)
    unlisted: int = 0
    unlisted_viewers: int = 0
    moves: tuple[Move, ...] = ()
    emptied_at: int | None = None
    ended_reason: str | None = None
    ended_error: str | None = None
    mode_roles: Mapping[str, Role] = field(default_factory=dict)

    @property
    def count(self) -> int | None:
        """The number of participants; None while it is unknown."""
        if not self.live:
            return 0
        return len(self.participants) + self.unlisted if self.complete else None

    @property
    def host_count(self) -> int | None:
        """The number of hosts; None while anybody's mode is unknown."""
        if not self.live:
            return 0
        return self.known_hosts if self.complete and not self.unknown_roles else None

    @property
    def known_hosts(self) -> int:
        """The number of participants who are known to be hosts."""
        return len(self.hosts)

    @property
    def hosts(self) -> list[str]:
        """The ids of the participants who are known to be hosts."""
        if not self.modes:  # as long as only webhooks have told of them
            return []
        host_words = [word for word, role in self.mode_roles.items() if role is Role.HOST]
        return [who for who, mode in self.modes.items() if mode in host_words]

    @property
    def unknown_roles(self) -> int:
        """The number of participants who may be hosts or viewers."""
        mode_roles = self.mode_roles
        known_roles = sum([mode in mode_roles for mode in self.modes.values()]) if self.modes else 0
        return len(self.participants) - known_roles + self.unlisted - self.unlisted_viewers

    def role_of(self, participant_id: str) -> Role:
        """Whether a participant takes part or watches."""
        return self.role_by(self.modes.get(participant_id))

    def role_by(self, mode: str | None) -> Role:
        """What a provider's word for a mode means; unknown when it is missing or new."""
        return Role.UNKNOWN if mode is None else self.mode_roles.get(mode, Role.UNKNOWN)


@dataclass(frozen=True)
class SessionHistory:
    """What is remembered of a session, also after it has ended, to tell which stream a later webhook means.

    `stream_count`: the streams it has had. `pending_end`: an end came before any stream was known.
    `stopped_at`: when a stop last came that named no stream. `unmatched_stop`: the last stopping, stopped or failed
    signal that has not been matched to a stream yet, received at `unmatched_stop_at`.
    """

    session_id: str | None
    ended: bool = False
    stream_count: int = 0
    pending_end: bool = False
    stopped_at: int | None = None
    unmatched_stop: StreamState | None = None
    unmatched_stop_at: int | None = None
