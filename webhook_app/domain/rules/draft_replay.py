"""The draft of a backtest: its state, its own events to come, and a simulated VideoSDK where each call succeeds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappush
from typing import assert_never

from webhook_app.domain.control.call import (
    Call,
    CaptureStream,
    CheckTranscoding,
    EndStream,
    ProbeRoom,
    StartStream,
    TranscodeStream,
)
from webhook_app.domain.events import JSON, JournalEvent, Payload, Source
from webhook_app.domain.facts.provider import StreamSignal
from webhook_app.domain.facts.results import (
    AnswerStatus,
    CallOutcome,
    CallResult,
    ListedStream,
    ProbeResult,
    SessionReport,
    TranscodeResult,
    TranscodingReport,
    TranscodingStatus,
)
from webhook_app.domain.ids import derive
from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.domain.rules.comparison import RuleAction
from webhook_app.domain.sessions.participants import Present
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import File, StreamReport, url_key
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.times import SECOND

STARTED_AFTER_MS = 2 * SECOND
PLAYABLE_AFTER_MS = 7 * SECOND
ENDED_AFTER_MS = 1 * SECOND
DONE = AnswerStatus(200, accepted=True)
NO_DATA: JSON = {}
# Gives the type and data of the webhook by which the provider reports the state of an output's stream in a room.
StreamWebhook = Callable[[Output, StreamState, str, StreamReport], tuple[str, JSON]]


@dataclass(frozen=True, slots=True)
class BacktestLimits:
    """The limits of one backtest: actions of the drafts, events that they cause, and steps of computation."""

    actions: int = 25_000
    events: int = 150_000
    steps: int = 20_000_000


@dataclass
class DraftReplay:
    """The state under draft rules. `events` and `timers` are heaps of what is to come in it, by due time in ms.

    `folds_all_probes`: each probe is folded, also one that finds the room as it is. `ended` are the streams that the
    draft has ended.
    """

    state: SystemState
    since: int
    limits: BacktestLimits
    folds_all_probes: bool
    webhook_for: StreamWebhook
    actions: list[RuleAction] = field(default_factory=list)
    events: list[tuple[int, int, JournalEvent]] = field(default_factory=list)
    timers: list[tuple[int, str, str, int]] = field(default_factory=list)
    number: int = 0
    ended: set[str] = field(default_factory=set)


def answer(draft: DraftReplay, call: Call, at: int) -> None:
    """Queue the answer of the simulated VideoSDK to a call, and the webhooks that follow."""
    room = draft.state.rooms[call.room_id]
    session = room.session.session_id if room.session is not None else None
    match call.request:
        case ProbeRoom(probe=probe) if probe.listed is not None:
            _listed(draft, call, at)
        case ProbeRoom():
            _probed(draft, call, at)
        case CaptureStream():
            pass  # a snapshot changes nothing
        case TranscodeStream() | CheckTranscoding():
            file = File(f"{call.call_id}.mp4", None)
            report = TranscodingReport(call.call_id, TranscodingStatus.COMPLETED, file)
            transcoded = TranscodeResult(call.call_id, CallOutcome.SUCCEEDED, report, DONE)
            _later(draft, at, Source.CALL, f"{call.kind}-succeeded", call.room_id, transcoded)
        case StartStream() if not OUTPUTS[call.output].has_active_lookup:
            _answered(draft, call, at, None)
            _reported(draft, at + STARTED_AFTER_MS, call, StreamState.STARTED, StreamReport(session_id=session))
        case EndStream() if not OUTPUTS[call.output].has_active_lookup:
            _answered(draft, call, at, None)
            files = (File(f"{call.call_id}.mp4", None),) if call.output is Output.RECORDING else ()
            stream = StreamReport(session_id=session, files=files)
            _reported(draft, at + ENDED_AFTER_MS, call, StreamState.STOPPED, stream)
        case StartStream():
            stream = StreamReport(videosdk_id=derive("draft-", call.call_id), session_id=session)
            _answered(draft, call, at, stream)
            _reported(draft, at + STARTED_AFTER_MS, call, StreamState.STARTED, stream)
            _reported(draft, at + PLAYABLE_AFTER_MS, call, StreamState.PLAYABLE, stream)
        case EndStream(videosdk_id=videosdk_id):
            # The id of the stream may never have been learned: then its URL names it, or a probe finds it gone.
            live = room.live_streams
            draft.ended |= {stream.stream_id for stream in live[-1:]}
            playback_url = live[-1].playback_url if live else None
            stream = StreamReport(
                videosdk_id=videosdk_id,
                url_key=url_key(playback_url) if playback_url else None,
                session_id=session,
                playback_url=playback_url,
            )
            _answered(draft, call, at, stream)
            _reported(draft, at + ENDED_AFTER_MS, call, StreamState.STOPPED, stream)
        case _ as request:
            assert_never(request)


def _answered(draft: DraftReplay, call: Call, at: int, stream: StreamReport | None) -> None:
    """Queue the answer that a call succeeded; for recordings and RTMP streams it names no stream."""
    result = CallResult(call.call_id, call.kind, CallOutcome.SUCCEEDED, DONE, stream=stream, output=call.output)
    _later(draft, at, Source.CALL, f"{call.kind}-succeeded", call.room_id, result)


def _reported(draft: DraftReplay, at: int, call: Call, state: StreamState, stream: StreamReport) -> None:
    """Queue the webhook about the state of a stream that a call starts or ends."""
    kind, data = draft.webhook_for(call.output, state, call.room_id, stream)
    signal = StreamSignal(state, stream, state is not StreamState.STOPPED, call.output)
    _later(draft, at, Source.VIDEOSDK, kind, call.room_id, signal, data)


def _probed(draft: DraftReplay, call: Call, at: int) -> None:
    """Queue the answer to a probe: it shows what the draft's state holds; a stream ends with its session."""
    room = draft.state.rooms[call.room_id]
    session = room.session
    ended_session = session.session_id if session is not None and not session.live else ""
    live = [stream for stream in room.live_streams if stream.session_id != ended_session]
    live = [stream for stream in live if stream.stream_id not in draft.ended]
    result = ProbeResult(
        call_id=call.call_id,
        understood=True,
        asked_id=f"{at}-{draft.number}",
        asked_at=at,
        active=_as_reported(live[-1]) if live else None,
        session=_session_report(session) if session is not None and session.live else None,
    )
    _later(draft, at, Source.PROBE, "probed", call.room_id, result)


def _listed(draft: DraftReplay, call: Call, at: int) -> None:
    """Queue the answer to a probe of an output that only lists show: its live streams, as the draft's state holds them.

    Those of a session that is over have ended.
    """
    view = draft.state.rooms[call.room_id].seen_from(call.output)
    session = view.session
    ended_session = session.session_id if session is not None and not session.live else ""
    rows = tuple(
        ListedStream(
            StreamReport(
                videosdk_id=stream.videosdk_id,
                session_id=stream.session_id,
                provider_started_at=stream.started_at or stream.opened_at,
            ),
            ended=stream.session_id == ended_session,
        )
        for stream in view.live_streams
    )
    result = ProbeResult(
        call_id=call.call_id,
        understood=True,
        asked_id=f"{at}-{draft.number}",
        asked_at=at,
        session=_session_report(session) if session is not None and session.live else None,
        listed=rows,
    )
    _later(draft, at, Source.PROBE, "probed", call.room_id, result)


def _as_reported(stream: Stream) -> StreamReport:
    url = stream.playback_url
    return StreamReport(videosdk_id=stream.videosdk_id, url_key=url_key(url) if url else None, playback_url=url)


def _session_report(session: Session) -> SessionReport:
    present = Present(
        session.participants, session.modes, session.unlisted, session.unlisted_viewers, session.mode_roles
    )
    return SessionReport(session.session_id, True, present if session.complete else None)


def _later(
    draft: DraftReplay, at: int, source: Source, kind: str, room_id: str, payload: Payload, data: JSON = NO_DATA
) -> None:
    event = make_event(draft, at, source, kind, room_id, payload, data)
    heappush(draft.events, (at, draft.number, event))


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
