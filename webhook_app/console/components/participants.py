"""The participants of a session as text; hosts and viewers where VideoSDK distinguishes them."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook_app.console.formatting import many
from webhook_app.domain.sessions.participants import Role
from webhook_app.providers.registry import CALLED

NAMES_SHOWN = 12


def headcount(session: Mapping[str, Any]) -> str:
    """Format the number of participants: `2 hosts, 8 431 viewers`, or `8 433, at least 2 of them hosts`."""
    count, hosts = session["participant_count"], session["host_count"]
    if count is None:
        return "unknown"
    if count == 0:
        return "nobody"
    if hosts is None:
        known_hosts = sum(is_host(participant) for participant in session["participants"])
        return (
            f"{many(count)}, at least {many(known_hosts)} of them {'a host' if known_hosts == 1 else 'hosts'}"
            if known_hosts
            else many(count)
        )
    viewers = count - hosts
    parts = [f"{many(hosts)} {_plural(hosts, 'host')}" if hosts else "no host"]
    parts += [f"{many(viewers)} {_plural(viewers, 'viewer')}"] if viewers else []
    return ", ".join(parts)


def who_is_there(session: Mapping[str, Any]) -> str:
    """Format the names of some participants, hosts first, and the number of others."""
    participants = session["participants"]
    names = [_name(participant) for participant in participants[:NAMES_SHOWN]]
    if not names:
        return ""
    rest = (session["participant_count"] or len(participants)) - len(names)
    return ", ".join(names) + (f" and {many(rest)} more" if rest > 0 else "")


def is_host(participant: Mapping[str, Any]) -> bool:
    """Whether a participant's mode is that of a host."""
    return CALLED.mode_roles.get(participant["mode"]) is Role.HOST


def _name(participant: Mapping[str, Any]) -> str:
    name = participant["name"] or participant["participant_id"]
    return f"{name} (host)" if is_host(participant) else str(name)


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


FILTERS: dict[str, Callable[[Mapping[str, Any]], str]] = {"headcount": headcount, "who_is_there": who_is_there}
