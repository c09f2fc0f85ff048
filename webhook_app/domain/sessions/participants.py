"""Participants of a session: hosts, viewers, and how a mode tells them apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.frozen import fast_init

# Participants beyond these are counted, not listed: a room's state stays small and cheap to change.
LISTED_MAX = 1_000
# Joins and leaves kept while a probe is under way, or while some participants are not listed.
MOVES_MAX = 256
NAME_MAX_CHARS = 200

# VideoSDK's words for a participant's mode; older SDKs write the first, newer ones the second of each.
HOST_MODES = frozenset({"CONFERENCE", "SEND_AND_RECV"})
VIEWER_MODES = frozenset({"VIEWER", "RECV_ONLY", "SIGNALLING_ONLY"})
KNOWN_MODES = HOST_MODES | VIEWER_MODES


class Role(StrEnum):
    """Whether a participant takes part or watches; `unknown` until VideoSDK gives a known mode."""

    HOST = "host"
    VIEWER = "viewer"
    UNKNOWN = "unknown"


class EmptyMeans(StrEnum):
    """When a rule counts a room as empty: nobody is there, or no host is."""

    NOBODY = "nobody"
    NO_HOSTS = "no-hosts"


def role_of(mode: str | None) -> Role:
    """The role that a mode stands for; unknown when the mode is missing or new."""
    if mode in HOST_MODES:
        return Role.HOST
    return Role.VIEWER if mode in VIEWER_MODES else Role.UNKNOWN


def short_name(name: str | None) -> str | None:
    """A name, cut to the length that the state keeps."""
    return None if name is None else name[:NAME_MAX_CHARS]


@fast_init
@dataclass(frozen=True, slots=True)
class Move:
    """A join or a leave that a webhook reported; `event_id` is the webhook's."""

    event_id: str
    participant_id: str
    joined: bool
    name: str | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """Who a probe found in a session. `unlisted` counts those beyond the listed, `unlisted_viewers` the viewers
    among them.
    """

    participants: Mapping[str, str | None]
    modes: Mapping[str, str]
    unlisted: int = 0
    unlisted_viewers: int = 0
