"""Decide whether a room may be used for a conformance run. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom, matches
from webhook_app.domain.streams.machine import StreamState
from webhook_app.providers.videosdk.answers import ApiAnswer, StreamActivity, list_rows, read_active

OVER = frozenset({"idle", StreamState.STOPPED.value, StreamState.FAILED.value})


def room_refusals(room: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield why the product's view of the room forbids a run."""
    names = [rule["name"] for rule in rules if _controls(rule, room)]
    if names:
        noun, verb = ("rule", "controls") if len(names) == 1 else ("rules", "control")
        yield (
            f"the {noun} {', '.join(names)} {verb} this room: use a room that no rule controls, or pause "
            f"{'it' if len(names) == 1 else 'them'} for the time (`tally rules pause {names[0]}`)"
        )
    for output in Output:
        view = (room.get("outputs") or {}).get(output.value) or {}
        if view.get("desired") is not None and str(view["desired"].get("because")) == "operator":
            yield f"an operator's override controls its {OUTPUTS[output].label}: `tally release` ends it"
        if view.get("state", "idle") not in OVER:
            yield f"its {OUTPUTS[output].label} is {view['state']}: end it first, or use another room"


def _controls(rule: Mapping[str, Any], room: Mapping[str, Any]) -> bool:
    """Whether a rule starts or ends outputs of the room, or may do so."""
    if rule.get("paused") or not (rule.get("schedule") is not None or rule.get("do") in ("start", "end")):
        return False
    configured = ConfiguredRoom(room.get("name"), room["room_id"], tuple(room.get("groups") or ()))
    return any(matches(pattern, room["room_id"], configured) for pattern in rule["rooms"])


def running_session(answer: ApiAnswer) -> str | None:
    """The id of the room's running session, None when there is none."""
    rows = list_rows(answer) or []
    session_id = rows[0].get("id") if rows else None
    return session_id if isinstance(session_id, str) else None


def videosdk_refusals(session: ApiAnswer, active: ApiAnswer, lists: Mapping[Output, ApiAnswer]) -> Iterator[str]:
    """Yield why VideoSDK's view of the room forbids a run."""
    for answer in (session, active):
        if answer.unavailable:
            yield f"VideoSDK does not answer: {answer.status or ''} {answer.message or ''}".strip()
            return
    if running_session(session) is None:
        yield "nobody is in the room: join it first, VideoSDK starts streams in running sessions only"
    if read_active(active).activity is StreamActivity.ACTIVE:
        yield "VideoSDK shows that it is on air: end the stream first, or use another room"
    for output, answer in lists.items():
        if any("end" in row and not row["end"] for row in list_rows(answer) or ()):
            yield f"VideoSDK lists a running {OUTPUTS[output].label}: end it first, or use another room"
