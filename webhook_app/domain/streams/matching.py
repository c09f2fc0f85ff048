"""Which stream a webhook means.

A report names a stream by VideoSDK's ids or by the folder of its playback URL. A *bare* report has neither and can
only be matched by its session. What becomes of a signal:

| signal | streams in its session | match |
|---|---|---|
| names a stream of the room | any | that stream |
| names a stream that is no longer kept | any | retired: no effect |
| named stopping, stopped, failed | no stream that could have this name | a new stream |
| | one that could | that stream |
| | several that could, or some no longer kept | unsettled: a probe decides |
| named starting, started, playable | the newest is live and could have this name | that stream |
| | the newest has ended and could have this name | provisional: it may be late news of that one |
| | none could; a start of ours is under way (bare URL) | provisional: maybe another id of what it starts |
| | none could | a new stream |
| bare stopping, stopped, failed | exactly one, ever | that stream |
| | none yet, or several | unsettled: a probe decides |
| bare starting, started, playable | none, and no bare end came before | a new stream |
| | none kept now, but the session had some; or a bare end came first | provisional |
| | the newest is live | that stream |
| | the newest has ended, or a starting after its stopping | provisional: it may be late news of that one |

Where VideoSDK has no look-up for the output, hardly any signal has a name, and no probe can settle an end. Then these
rows come first:

| bare signal | streams in its session | match |
|---|---|---|
| stopping, stopped, failed | none yet | a new stream |
| | the newest is provisional | that stream |
| starting | the newest is stopping | a new stream |
| any | the newest has ended, and a start of ours is under way | a new stream |

A provisional stream is confirmed by its next signal: a late `starting` alone makes no stream.

Unsettled ends do nothing by themselves. Without credentials there are no probes: `inferred_ends` decides then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.control.call import CallKind, CallState
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.session import SessionHistory
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.machine import ENDING, StreamState
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.stream import Stream


class MatchKind(StrEnum):
    """What a signal means for the room's streams."""

    KNOWN = "known"
    NEW = "new"
    PROVISIONAL = "provisional"
    UNSETTLED = "unsettled"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StreamMatch:
    """The stream that a signal means, if any; with PROVISIONAL the ended one that it may be late news of."""

    kind: MatchKind
    stream: Stream | None = None
    why: Reason = Reason.NO_CHANGE


def match_stream(room: Room, signal: StreamState, report: StreamReport) -> StreamMatch:
    """Find the stream that VideoSDK means by a signal; the module's table lists the cases."""
    if report.bare:
        return _match_bare(room, signal, report)
    if any(key in room.retired_stream_keys for key in (*report.ids, report.url_key) if key):
        return StreamMatch(MatchKind.RETIRED, why=Reason.STREAM_TOO_OLD)
    named = _stream_named_by(room, report)
    if named is not None:
        return StreamMatch(MatchKind.KNOWN, named)
    if signal in ENDING:
        return _match_named_end(room, report)
    unidentified = _newest_unidentified(room, report)
    if unidentified is None:
        if signal is StreamState.STARTING and report.url_key is None and _is_start_under_way(room, report):
            return StreamMatch(MatchKind.PROVISIONAL, why=Reason.MAYBE_SAME_STREAM)
        return StreamMatch(MatchKind.NEW)
    if unidentified.live:
        return StreamMatch(MatchKind.KNOWN, unidentified)
    return StreamMatch(MatchKind.PROVISIONAL, unidentified, Reason.MAYBE_LATE)


def _match_bare(room: Room, signal: StreamState, report: StreamReport) -> StreamMatch:
    streams = [stream for stream in room.streams if stream.session_id == report.session_id]
    history = history_of(room, report.session_id)
    if not OUTPUTS[room.output].has_active_lookup:
        if _is_new_without_lookup(room, signal, streams, history):
            return StreamMatch(MatchKind.NEW)
        if streams and streams[-1].provisional:
            return StreamMatch(MatchKind.KNOWN, streams[-1])
    if signal in ENDING:
        if history.stream_count == 1 and len(streams) == 1:
            return StreamMatch(MatchKind.KNOWN, streams[0])
        why = Reason.END_WITHOUT_STREAM if history.stream_count == 0 else Reason.END_AMBIGUOUS
        return StreamMatch(MatchKind.UNSETTLED, why=why)
    if not streams:
        had_any = history.stream_count > 0 or history.pending_end
        return StreamMatch(MatchKind.PROVISIONAL if had_any else MatchKind.NEW, why=Reason.END_BEFORE_START)
    newest = streams[-1]
    if newest.live and not (signal is StreamState.STARTING and newest.state is StreamState.STOPPING):
        return StreamMatch(MatchKind.KNOWN, newest)
    return StreamMatch(MatchKind.PROVISIONAL, newest, Reason.MAYBE_LATE)


def _is_new_without_lookup(room: Room, signal: StreamState, streams: Sequence[Stream], history: SessionHistory) -> bool:
    if not streams:
        return signal in ENDING and history.stream_count == 0
    newest = streams[-1]
    if signal is StreamState.STARTING and newest.state is StreamState.STOPPING:
        return True
    call = room.control.call
    return not newest.live and call is not None and call.kind is CallKind.START


def is_named_by(stream: Stream, report: StreamReport) -> bool:
    """Whether the report names this stream: by an id, or by the folder of its URL, whatever the ids say."""
    if not set(stream.ids).isdisjoint(report.ids):
        return True
    return report.url_key is not None and stream.url_key == report.url_key


def _stream_named_by(room: Room, report: StreamReport) -> Stream | None:
    """The newest stream that has one of the report's ids, else the newest with its URL."""
    newest_first = room.streams[::-1]
    by_id = (stream for stream in newest_first if not set(stream.ids).isdisjoint(report.ids))
    by_url = (stream for stream in newest_first if report.url_key is not None and stream.url_key == report.url_key)
    return next(by_id, None) or next(by_url, None)


def _match_named_end(room: Room, report: StreamReport) -> StreamMatch:
    """Match an end by an unknown name: it is the one stream that could have this name, or a probe decides."""
    streams = _streams_of_session(room, report.session_id)
    candidates = [stream for stream in streams if _could_be_named(stream, report)]
    if not candidates:
        return StreamMatch(MatchKind.NEW)
    if len(candidates) > 1 or history_of(room, report.session_id).stream_count > len(streams):
        return StreamMatch(MatchKind.UNSETTLED, why=Reason.END_UNIDENTIFIED)
    return StreamMatch(MatchKind.KNOWN, candidates[0])


def _newest_unidentified(room: Room, report: StreamReport) -> Stream | None:
    streams = _streams_of_session(room, report.session_id)
    return streams[-1] if streams and _could_be_named(streams[-1], report) else None


def _is_start_under_way(room: Room, report: StreamReport) -> bool:
    """Whether a start of ours is under way: an unknown id may be another name of the stream that it starts."""
    call = room.control.call
    if call is not None and call.kind is CallKind.START and call.state in (CallState.WAITING, CallState.SENT):
        return True
    streams = _streams_of_session(room, report.session_id)
    return any(
        stream.state is StreamState.STARTING and stream.call_id is not None and not stream.provisional
        for stream in streams
    )


def _streams_of_session(room: Room, session_id: str | None) -> list[Stream]:
    """The streams that a report of this session may mean; an unknown session may be any."""
    return [
        stream
        for stream in room.streams
        if session_id is None or stream.session_id is None or stream.session_id == session_id
    ]


def _could_be_named(stream: Stream, report: StreamReport) -> bool:
    """Whether the stream lacks a name that the report gives, and none of their names disagree."""
    names = ((stream.videosdk_id, report.videosdk_id), (stream.url_key, report.url_key))
    lacks_name = any(own_name is None and reported_name is not None for own_name, reported_name in names)
    return lacks_name and not any(
        None not in (own_name, reported_name) and own_name != reported_name for own_name, reported_name in names
    )
