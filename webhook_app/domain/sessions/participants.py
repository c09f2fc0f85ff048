"""Participants of a session: their roles, their moves, and what a probe found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from webhook_app.domain.frozen import fast_init

# Participants beyond these are counted, not listed: a room's state stays small and cheap to change.
LISTED_MAX = 1_000
# Joins and leaves kept while a probe is under way, or while some participants are not listed.
MOVES_MAX = 256
NAME_MAX_CHARS = 200


class Role(StrEnum):
    """Whether a participant takes part or watches; `unknown` until the provider gives a known mode. Stored."""

    HOST = "host"
    VIEWER = "viewer"
    UNKNOWN = "unknown"


class EmptyMeans(StrEnum):
    """When a rule counts a room as empty: nobody is there, or no host is."""

    NOBODY = "nobody"
    NO_HOSTS = "no-hosts"


def short_name(name: str | None) -> str | None:
    """A name, cut to the length that the state keeps."""
    return None if name is None else name[:NAME_MAX_CHARS]


@fast_init
@dataclass(frozen=True, slots=True)
class Move:
    """A join or a leave that a webhook reported; `event_id` is the webhook's, `mode` as in a session's `modes`."""

    event_id: str
    participant_id: str
    joined: bool
    name: str | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """Who a probe found in a session. `unlisted` counts those beyond the listed, `unlisted_viewers` the viewers
    among them. `modes` and `mode_roles` are those of a session.
    """

    participants: Mapping[str, str | None]
    modes: Mapping[str, str]
    unlisted: int = 0
    unlisted_viewers: int = 0
    mode_roles: Mapping[str, Role] = field(default_factory=dict)
