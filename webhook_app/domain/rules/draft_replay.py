"""The draft world of a backtest, and a VideoSDK that does what it is told: each start and end succeeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappush
from typing import Any

from webhook_app.domain.context import SystemState
from webhook_app.domain.events import Event, Source
from webhook_app.domain.ids import derive
from webhook_app.domain.room import Call, CallKind
from webhook_app.domain.rules.comparison import RuleAction
from webhook_app.domain.times import SECOND

STARTED_AFTER_MS = 2 * SECOND
PLAYABLE_AFTER_MS = 7 * SECOND
ENDED_AFTER_MS = 1 * SECOND


@dataclass(frozen=True, slots=True)
class BacktestLimits:
    """What one backtest may come to: acts of the drafts, events that they lead to, and steps of computation."""

    acts: int = 25_000
    events: int = 150_000
    steps: int = 20_000_000


@dataclass
class DraftReplay:
    """The draft world and what is to come in it: timers of its own, answers and webhooks of its VideoSDK."""

    state: SystemState
    since: int
    limits: BacktestLimits
    looks: bool
    acts: list[RuleAction] = field(default_factory=list)
    coming: list[tuple[int, int, Event]] = field(default_factory=list)
    timers: list[tuple[int, str, str, int]] = field(default_factory=list)
    number: int = 0
    ended: set[str] = field(default_factory=set)


def answer(draft: DraftReplay, call: Call, at: int) -> None:
    """Queue what the draft's VideoSDK answers to a call, and the webhooks that follow from it."""
    room = draft.state.rooms[call.room_id]
    session = room.session.session_id if room.session is not None else None
    if call.kind is CallKind.PROBE:
        _probed(draft, call, at)
        return
    if call.kind is CallKind.CAPTURE:
        return  # a picture changes nothing
    stream = {
        "id": derive("draft-", call.call_id) if call.kind is CallKind.START else call.body.get("id"),
        "meetingId": call.room_id,
        "sessionId": session,
    }
    answer = {"call_id": call.call_id, "kind": call.kind.value, "outcome": "succeeded", "status": 200, "stream": stream}
    _later(draft, at, Source.CALL, f"{call.kind}-succeeded", call.room_id, answer)
    if call.kind is CallKind.START:
        _later(draft, at + STARTED_AFTER_MS, Source.VIDEOSDK, "hls-started", call.room_id, stream)
        _later(draft, at + PLAYABLE_AFTER_MS, Source.VIDEOSDK, "hls-playable", call.room_id, stream)
    else:
        # It may be a run whose id was never learned: its address names it, and failing that a look finds it gone.
        live = room.live_streams
        draft.ended |= {one.stream_id for one in live[-1:]}
        stream["playbackHlsUrl"] = live[-1].playback_url if live else None
        _later(draft, at + ENDED_AFTER_MS, Source.VIDEOSDK, "hls-stopped", call.room_id, stream)


def _probed(draft: DraftReplay, call: Call, at: int) -> None:
    """The draft's VideoSDK sees what the draft world holds to be so; a stream ends with its session."""
    room = draft.state.rooms[call.room_id]
    session = room.session
    over = session.session_id if session is not None and not session.live else None
    live = [stream for stream in room.live_streams if stream.session_id != (over or "")]
    live = [stream for stream in live if stream.stream_id not in draft.ended]
    seen: dict[str, Any] = {
        "call_id": call.call_id,
        "kind": "probe",
        "reached": True,
        "asked_at": at,
        "asked_id": f"{at}-{draft.number}",
        "active": {"id": live[-1].videosdk_id, "playbackHlsUrl": live[-1].playback_url, "end": None} if live else None,
    }
    if session is not None and session.live:
        seen["session"] = {
            "session_id": session.session_id,
            "live": True,
            "participants": dict(session.participants) if session.complete else None,
            "modes": dict(session.modes),
            "unlisted": session.unlisted,
            "unlisted_viewers": session.unlisted_viewers,
        }
    _later(draft, at, Source.PROBE, "probed", call.room_id, seen)


def _later(draft: DraftReplay, at: int, source: Source, kind: str, room_id: str, data: Mapping[str, Any]) -> None:
    event = make_event(draft, at, source, kind, room_id, data)
    heappush(draft.coming, (at, draft.number, event))


def make_event(
    draft: DraftReplay, at: int, source: Source, kind: str, room_id: str | None, data: Mapping[str, Any]
) -> Event:
    """Make an event of the draft world, with an id that no recorded event has."""
    draft.number += 1
    return Event(f"{at}-{1_000_000 + draft.number}", source, kind, room_id, at, data)
