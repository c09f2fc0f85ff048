"""Which run an event belongs to: by id, else by playback URL, else by session."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import (
    RETIRED_KEYS_KEPT,
    SESSIONS_KEPT,
    STREAMS_KEPT,
    CallKind,
    CallState,
    Room,
    SessionHistory,
)
from webhook_app.domain.streams.machine import ENDING, Stream, StreamState
from webhook_app.domain.streams.report import StreamReport


class MatchKind(StrEnum):
    """What a signal means for the room's runs."""

    KNOWN = "run"
    NEW = "new"
    PROVISIONAL = "provisional"
    UNSETTLED = "unsettled"
    RETIRED = "old"


@dataclass(frozen=True, slots=True)
class StreamMatch:
    """Where a signal belongs; with PROVISIONAL `run` is the ended one it may be late news of."""

    kind: MatchKind
    stream: Stream | None = None
    why: Reason = Reason.NO_CHANGE


def match_stream(room: Room, signal: StreamState, report: StreamReport) -> StreamMatch:
    """Find the run that VideoSDK means by this signal, or say that it opens one or must be asked about."""
    if report.bare:
        return _match_bare(room, signal, report)
    if any(key in room.old_runs for key in (*report.ids, report.url_key) if key):
        return StreamMatch(MatchKind.RETIRED, why=Reason.STREAM_TOO_OLD)
    named = _stream_named_by(room, report)
    if named is not None:
        return StreamMatch(MatchKind.KNOWN, named)
    if signal in ENDING:
        return _match_named_end(room, report)
    unidentified = _newest_unidentified(room, report)
    if (
        unidentified is None
        and signal is StreamState.STARTING
        and report.url_key is None
        and _is_starting(room, report)
    ):
        return StreamMatch(MatchKind.PROVISIONAL, why=Reason.MAYBE_SAME_STREAM)
    if unidentified is None:
        return StreamMatch(MatchKind.NEW)
    if unidentified.live:
        return StreamMatch(MatchKind.KNOWN, unidentified)
    return StreamMatch(MatchKind.PROVISIONAL, unidentified, Reason.MAYBE_LATE)


def _match_bare(room: Room, signal: StreamState, report: StreamReport) -> StreamMatch:
    runs = [stream for stream in room.streams if stream.session_id == report.session_id]
    history = history_of(room, report.session_id)
    if signal in ENDING:
        if history.runs == 1 and len(runs) == 1:
            return StreamMatch(MatchKind.KNOWN, runs[0])
        why = Reason.END_WITHOUT_STREAM if history.runs == 0 else Reason.END_AMBIGUOUS
        return StreamMatch(MatchKind.UNSETTLED, why=why)
    if not runs:
        opened_before = history.runs > 0 or history.bare_end
        return StreamMatch(MatchKind.PROVISIONAL if opened_before else MatchKind.NEW, why=Reason.END_BEFORE_START)
    newest = runs[-1]
    if newest.live and not (signal is StreamState.STARTING and newest.state is StreamState.STOPPING):
        return StreamMatch(MatchKind.KNOWN, newest)
    return StreamMatch(MatchKind.PROVISIONAL, newest, Reason.MAYBE_LATE)


def is_named_by(stream: Stream, report: StreamReport) -> bool:
    """Whether the fact names this run: by an id, or by the folder of its URL, whatever the ids say."""
    return not set(stream.ids).isdisjoint(report.ids) or (
        report.url_key is not None and stream.url_key == report.url_key
    )


def _stream_named_by(room: Room, report: StreamReport) -> Stream | None:
    by_id = (stream for stream in reversed(room.streams) if not set(stream.ids).isdisjoint(report.ids))
    by_url = (
        stream for stream in reversed(room.streams) if report.url_key is not None and stream.url_key == report.url_key
    )
    return next(by_id, None) or next(by_url, None)


def _match_named_end(room: Room, report: StreamReport) -> StreamMatch:
    """An end by a name we have not met: it is the one run that lacks a name, or nobody can say which."""
    runs = _streams_of_session(room, report.session_id)
    unidentified = [stream for stream in runs if _may_be(stream, report)]
    if not unidentified:
        return StreamMatch(MatchKind.NEW)
    if len(unidentified) > 1 or history_of(room, report.session_id).runs > len(runs):
        return StreamMatch(MatchKind.UNSETTLED, why=Reason.END_UNIDENTIFIED)
    return StreamMatch(MatchKind.KNOWN, unidentified[0])


def _newest_unidentified(room: Room, report: StreamReport) -> Stream | None:
    runs = _streams_of_session(room, report.session_id)
    return runs[-1] if runs and _may_be(runs[-1], report) else None


def _is_starting(room: Room, report: StreamReport) -> bool:
    """Whether a start of ours is under way: an unknown id may be another name of what it starts."""
    call = room.call
    if call is not None and call.kind is CallKind.START and call.state in (CallState.WAITING, CallState.SENT):
        return True
    runs = _streams_of_session(room, report.session_id)
    return any(
        stream.state is StreamState.STARTING and stream.call_id is not None and not stream.provisional
        for stream in runs
    )


def _streams_of_session(room: Room, session_id: str | None) -> list[Stream]:
    """The runs that a fact of this session may be about; an unknown session may be any."""
    return [
        stream for stream in room.streams if None in (session_id, stream.session_id) or stream.session_id == session_id
    ]


def _may_be(stream: Stream, report: StreamReport) -> bool:
    """Whether the run lacks a name that the fact gives, and none of their names disagree."""
    names = ((stream.videosdk_id, report.videosdk_id), (stream.url_key, report.url_key))
    lacks = any(ours is None and theirs is not None for ours, theirs in names)
    return lacks and not any(None not in (ours, theirs) and ours != theirs for ours, theirs in names)


def history_of(room: Room, session_id: str | None) -> SessionHistory:
    """What is remembered of a session; a blank mark when nothing is."""
    for history in reversed(room.marks):
        if history.session_id == session_id:
            return history
    return SessionHistory(session_id)


def put_history(room: Room, history: SessionHistory) -> Room:
    """The room with this mark, the oldest forgotten past the bound."""
    others = tuple(known for known in room.marks if known.session_id != history.session_id)
    return replace(room, marks=(*others, history)[-SESSIONS_KEPT:])


def add_stream(room: Room, stream: Stream) -> Room:
    """The room with a new run counted in its session; ended runs past the bound become old."""
    history = history_of(room, stream.session_id)
    room = put_history(room, replace(history, runs=history.runs + 1))
    streams = (*room.streams, stream)
    old = room.old_runs
    while len(streams) > STREAMS_KEPT:
        oldest = next((known for known in streams if not known.live), streams[0])
        streams = tuple(known for known in streams if known.stream_id != oldest.stream_id)
        old = (*old, *(key for key in (*oldest.ids, oldest.url_key) if key))[-RETIRED_KEYS_KEPT:]
    return replace(room, streams=streams, old_runs=old)


def put_stream(room: Room, stream: Stream) -> Room:
    """The room with a known run replaced by its newer self."""
    return replace(
        room, streams=tuple(stream if known.stream_id == stream.stream_id else known for known in room.streams)
    )


def drop_stream(room: Room, stream: Stream) -> Room:
    """The room without a provisional run that nothing confirmed."""
    history = history_of(room, stream.session_id)
    room = put_history(room, replace(history, runs=max(0, history.runs - 1)))
    return replace(room, streams=tuple(known for known in room.streams if known.stream_id != stream.stream_id))
