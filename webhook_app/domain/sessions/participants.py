"""Participants of a session: their modes, and what makes a host of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Participants beyond these are counted, not listed: a room's state stays small and cheap to change.
LISTED_MAX = 1_000
# Joins and leaves kept while a probe is under way, or while some participants are not listed.
MOVES_MAX = 256
MODE_MAX_CHARS = 40
NAME_MAX_CHARS = 200

# VideoSDK's words for a participant's mode; older SDKs write the first, newer ones the second of each.
HOST_MODES = frozenset({"CONFERENCE", "SEND_AND_RECV"})
VIEWER_MODES = frozenset({"VIEWER", "RECV_ONLY", "SIGNALLING_ONLY"})


class Role(StrEnum):
    """Whether somebody takes part or watches; `unknown` as long as VideoSDK has not given a mode that says so."""

    HOST = "host"
    VIEWER = "viewer"
    UNKNOWN = "unknown"


class EmptyMeans(StrEnum):
    """When a rule counts a room as empty: nobody is there, or no host is."""

    NOBODY = "nobody"
    NO_HOSTS = "no-hosts"


def role_of(mode: str | None) -> Role:
    """The role that a mode stands for; a mode that is missing or new says nothing."""
    if mode in HOST_MODES:
        return Role.HOST
    return Role.VIEWER if mode in VIEWER_MODES else Role.UNKNOWN


def read_mode(participant: Mapping[str, Any]) -> str | None:
    """The mode that a webhook or a REST object gives: its `mode`, else the last entry of `changeModeHistory`."""
    mode = participant.get("mode")
    history = participant.get("changeModeHistory")
    if not _is_mode(mode) and isinstance(history, list) and history and isinstance(history[-1], Mapping):
        mode = history[-1].get("mode")
    return str(mode).upper() if _is_mode(mode) else None


def short_name(name: str | None) -> str | None:
    """A name as the state keeps it."""
    return None if name is None else name[:NAME_MAX_CHARS]


def _is_mode(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MODE_MAX_CHARS


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


def present_of(seen: Mapping[str, Any]) -> Present | None:
    """What a journaled probe answer says of who is there; None when it does not say. Earlier versions gave names
    alone, and up to 5,000 of them.
    """
    participants = seen.get("participants")
    if not isinstance(participants, Mapping):
        return None
    listed = {who: short_name(name) for who, name in list(participants.items())[:LISTED_MAX]}
    given = seen.get("modes")
    modes = {who: mode for who, mode in given.items() if who in listed} if isinstance(given, Mapping) else {}
    unlisted = _count(seen.get("unlisted")) + len(participants) - len(listed)
    return Present(listed, modes, unlisted, min(unlisted, _count(seen.get("unlisted_viewers"))))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
