"""Stored rooms and streams of earlier formats, changed to the current one. Pure: JSON data in, JSON data out.

| format | what changed |
|---|---|
| 1 | no format number; a room's fields are flat; reasons may be stored as their text |
| 2 | a room's fields are grouped by concern and renamed; reasons are codes |
"""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.reasons import Reason
from webhook_app.domain.schedules.open_window import SuppressionReason

JSON = dict[str, Any]

# Room fields of format 1 that were renamed, and the groups that fields moved to.
_ROOM_NAMES = {"marks": "session_history", "old_runs": "retired_stream_keys"}
_GROUPS: Mapping[str, Mapping[str, str]] = {
    "desires": {"operator": "operator", "schedule_wish": "schedule", "event_wish": "event"},
    "control": {
        "call": "call",
        "capture": "capture",
        "tries": "retries",
        "waits": "waiting_for",
        "last_refusal": "last_refusal",
        "replace_run": "replace_stream",
        "rejection": "rejection",
        "refused_start": "refused_start",
        "unknown_start": "unknown_start",
    },
    "probing": {
        "probe": "probe",
        "asks": "queue",
        "asked_at": "last_probe_at",
        "misses": "failures",
        "ask_after": "not_before",
        "quiet_until": "paused_until",
        "unreadable": "unreadable",
        "untold": "pending_failure_notice",
    },
    "rules": {"holding": "holding", "fired": "fired", "confirming": "verifying"},
    "schedule": {"window": "window", "next_window": "next_window", "reminded_at": "reminded_at"},
}
_SESSION_NAMES = {"looked_at": "verified_at"}
_HISTORY_NAMES = {
    "runs": "stream_count",
    "bare_end": "pending_end",
    "stop_at": "stopped_at",
    "unspent": "unmatched_stop",
    "unspent_at": "unmatched_stop_at",
}
_STREAM_NAMES = {"began_at": "videosdk_started_at"}
_WINDOW_NAMES = {"armed_told": "armed_announced", "asking_empty": "verifying_empty", "held": "suppressed"}

# Texts that versions before reason codes stored.
_REFUSAL_TEXTS = {
    "its answer is in an unknown form": Reason.VIDEOSDK_UNREADABLE,
    "it could not be reached": Reason.VIDEOSDK_UNREACHED,
}
_SUPPRESSION_TEXTS = {
    "somebody stopped the stream": SuppressionReason.INTERRUPTED,
    "the stream ended, and `restart` says to leave it": SuppressionReason.NOT_RESTARTED,
    "nobody is there": SuppressionReason.EMPTY,
    "VideoSDK rejects the start": SuppressionReason.REJECTED,
}
_REASONS = frozenset(str(reason) for reason in Reason)


def room_from_1(room: Mapping[str, Any]) -> JSON:
    """A room of format 1 in format 2."""
    grouped = {old for names in _GROUPS.values() for old in names}
    migrated = {_ROOM_NAMES.get(name, name): value for name, value in room.items() if name not in grouped}
    for group, names in _GROUPS.items():
        migrated[group] = {new: room[old] for old, new in names.items() if old in room}
    if migrated.get("session"):
        migrated["session"] = _renamed(migrated["session"], _SESSION_NAMES)
    if "session_history" in migrated:
        migrated["session_history"] = [_renamed(history, _HISTORY_NAMES) for history in migrated["session_history"]]
    if "streams" in migrated:
        migrated["streams"] = [stream_from_1(stream) for stream in migrated["streams"]]
    _migrate_control(migrated["control"])
    pending = migrated["probing"].get("pending_failure_notice")
    if pending:
        migrated["probing"]["pending_failure_notice"] = {
            "stream": stream_from_1(pending["run"]),
            "previous_state": pending["previous"],
        }
    window = migrated["schedule"].get("window")
    if window:
        migrated["schedule"]["window"] = _window_from_1(window)
    return migrated


def stream_from_1(stream: Mapping[str, Any]) -> JSON:
    """A stream of format 1 in format 2."""
    return _renamed(stream, _STREAM_NAMES)


def _migrate_control(control: JSON) -> None:
    waiting = control.get("waiting_for")
    if waiting not in _REASONS:
        control["waiting_for"] = None  # a text of a version before reason codes: the room's next step decides anew
    refusal = control.get("last_refusal")
    if refusal is not None:
        code = _REFUSAL_TEXTS.get(refusal, refusal)
        if code in (Reason.VIDEOSDK_UNREADABLE, Reason.VIDEOSDK_UNREACHED):
            control["last_refusal"] = {"reason": code}
        else:
            control["last_refusal"] = {"reason": Reason.VIDEOSDK_REFUSED, "answer": refusal}
    refused = control.get("refused_start")
    if refused:
        control["refused_start"] = _renamed(refused, {"said": "answer"})


def _window_from_1(window: Mapping[str, Any]) -> JSON:
    migrated = _renamed(window, _WINDOW_NAMES)
    suppressed = migrated.get("suppressed")
    if suppressed is not None:
        migrated["suppressed"] = _SUPPRESSION_TEXTS.get(suppressed, suppressed)
    return migrated


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> JSON:
    return {names.get(name, name): item for name, item in value.items()}
