"""The draft world of a backtest, and a VideoSDK that does what it is told: each start and end succeeds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappush

from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.events import JSON, JournalEvent, Payload, Source
from webhook_app.domain.facts.provider import StreamSignal
from webhook_app.domain.facts.results import AnswerStatus, CallOutcome, CallResult, ProbeResult, SessionReport
from webhook_app.domain.ids import derive
from webhook_app.domain.rules.comparison import RuleAction
from webhook_app.domain.sessions.participants import Present
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import StreamReport, url_key
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.times import SECOND

STARTED_AFTER_MS = 2 * SECOND
PLAYABLE_AFTER_MS = 7 * SECOND
ENDED_AFTER_MS = 1 * SECOND
DONE = AnswerStatus(200, accepted=True)
NO_DATA: JSON = {}
# Gives the type and data of the webhook by which the provider reports a stream's state in a room.
StreamWebhook = Callable[[StreamState, str, StreamReport], tuple[str, JSON]]


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
    webhook_for: StreamWebhook
    acts: list[RuleAction] = field(default_factory=list)
    coming: list[tuple[int, int, JournalEvent]] = field(default_factory=list)
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
    if call.kind is CallKind.START:
        stream = StreamReport(videosdk_id=derive("draft-", call.call_id), session_id=session)
        _answered(draft, call, at, stream)
        _reported(draft, at + STARTED_AFTER_MS, call.room_id, StreamState.STARTED, stream)
        _reported(draft, at + PLAYABLE_AFTER_MS, call.room_id, StreamState.PLAYABLE, stream)
    else:
        # The id of the stream may never have been learned: then its URL names it, or a probe finds it gone.
        live = room.live_streams
        draft.ended |= {stream.stream_id for stream in live[-1:]}
        playback_url = live[-1].playback_url if live else None
        stream = StreamReport(
            videosdk_id=call.body.get("id"),
            url_key=url_key(playback_url) if playback_url else None,
            session_id=session,
            playback_url=playback_url,
        )
        _answered(draft, call, at, stream)
        _reported(draft, at + ENDED_AFTER_MS, call.room_id, StreamState.STOPPED, stream)


def _answered(draft: DraftReplay, call: Call, at: int, stream: StreamReport) -> None:
    """The draft's VideoSDK has done what a call asked for."""
    result = CallResult(call.call_id, call.kind, CallOutcome.SUCCEEDED, DONE, stream=stream)
    _later(draft, at, Source.CALL, f"{call.kind}-succeeded", call.room_id, result)


def _reported(draft: DraftReplay, at: int, room_id: str, state: StreamState, stream: StreamReport) -> None:
    """The draft's VideoSDK sends the webhook about a state."""
    kind, data = draft.webhook_for(state, room_id, stream)
    signal = StreamSignal(state, stream, shows_session=state is not StreamState.STOPPED)
    _later(draft, at, Source.VIDEOSDK, kind, room_id, signal, data)


def _probed(draft: DraftReplay, call: Call, at: int) -> None:
    """The draft's VideoSDK sees what the draft world holds to be so; a stream ends with its session."""
    room = draft.state.rooms[call.room_id]
    session = room.session
    over = session.session_id if session is not None and not session.live else None
    live = [run for run in room.live_streams if run.session_id != (over or "")]
    live = [run for run in live if run.stream_id not in draft.ended]
    result = ProbeResult(
        call_id=call.call_id,
        reached=True,
        asked_id=f"{at}-{draft.number}",
        asked_at=at,
        active=_as_reported(live[-1]) if live else None,
        session=_session_report(session) if session is not None and session.live else None,
    )
    _later(draft, at, Source.PROBE, "probed", call.room_id, result)


def _as_reported(stream: Stream) -> StreamReport:
    url = stream.playback_url
    return StreamReport(videosdk_id=stream.videosdk_id, url_key=url_key(url) if url else None, playback_url=url)


def _session_report(session: Session) -> SessionReport:
    present = Present(session.participants, session.modes, session.unlisted, session.unlisted_viewers)
    return SessionReport(session.session_id, True, present if session.complete else None)


def _later(
    draft: DraftReplay, at: int, source: Source, kind: str, room_id: str, payload: Payload, data: JSON = NO_DATA
) -> None:
    event = make_event(draft, at, source, kind, room_id, payload, data)
    heappush(draft.coming, (at, draft.number, event))


def make_event(
    draft: DraftReplay,
    at: int,
    source: Source,
    kind: str,
    room_id: str | None,
    payload: Payload,
    data: JSON = NO_DATA,
) -> JournalEvent:
    """Make an event of the draft's state, with an id that no recorded event has."""
    draft.number += 1
    return JournalEvent(f"{at}-{1_000_000 + draft.number}", source, kind, room_id, at, data, payload, data or None)
