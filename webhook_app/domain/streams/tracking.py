"""What a signal about HLS does to a room's runs, whoever it came from: webhook, answer or probe."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.explanations import explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.probing.requests import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import STREAMS_KEPT, CallKind, CallState, Room
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.inferred_ends import only_live_stream, schedule_end_inference
from webhook_app.domain.streams.machine import (
    ENDED,
    ENDING,
    ON_AIR,
    EndedBy,
    Stream,
    StreamState,
    advance,
    new_stream,
    reopen,
    with_names_from,
)
from webhook_app.domain.streams.matching import (
    MatchKind,
    add_stream,
    drop_stream,
    history_of,
    match_stream,
    put_history,
    put_stream,
)
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.timers import probe_timer
from webhook_app.domain.times import SECOND

PROVISIONAL_ASK_MS = 15 * SECOND
SETTLE_ASK_MS = 1 * SECOND
DOUBT_ASK_MS = 5 * SECOND
TRUST_END_MS = 60 * SECOND
NOT_SHOWN_MAX_MS = 120 * SECOND


def on_stream_signal(context: StepContext, signal: StreamState, report: StreamReport) -> Stream | None:
    """A webhook's signal: find its run and move it, open one, or ask. Returns the run, if any."""
    if report.session_id is None and context.room.session is not None:
        report = replace(report, session_id=context.room.session.session_id)
    unite_streams(context, report)
    found_match = match_stream(context.room, signal, report)
    match found_match.kind:
        case MatchKind.KNOWN:
            assert found_match.stream is not None
            _doubt(context, signal, found_match.stream.session_id)
            _weigh_against(context, found_match.stream, signal, report)
            return apply_signal(context, found_match.stream, signal, report)
        case MatchKind.NEW:
            _doubt(context, signal, report.session_id)
            return open_stream(context, signal, report)
        case MatchKind.PROVISIONAL:
            stream = open_stream(context, signal, report, provisional=True)
            context.record_effect(Reason.HELD_BACK, why=explain(found_match.why))
            return stream
        case MatchKind.UNSETTLED if (
            not context.config.settings.calls and (meant := only_live_stream(context.room, report)) is not None
        ):
            context.record_effect(Reason.END_UNCHECKED)
            return apply_signal(context, meant, signal, StreamReport(session_id=report.session_id), by=EndedBy.INFERRED)
        case MatchKind.UNSETTLED:
            history = history_of(context.room, report.session_id)
            stop_at = history.stop_at if signal is StreamState.FAILED else context.event.at
            heard = replace(history, bare_end=history.bare_end or history.runs == 0, stop_at=stop_at)
            context.room = put_history(context.room, replace(heard, unspent=signal, unspent_at=context.event.at))
            context.set_timer(probe_timer(ProbeSubject.SETTLE), context.event.at)
            schedule_end_inference(context)
            context.record_effect(Reason.END_UNSETTLED, why=explain(found_match.why))
        case MatchKind.RETIRED:
            context.record_effect(found_match.why)
    return None


def unmatched_stop_since(room: Room, session_id: str | None, at: int) -> int | None:
    """When a bare end came in the session that has ended nothing yet; None when that is long ago."""
    since = history_of(room, session_id).unspent_at
    return since if since is not None and at - since < TRUST_END_MS else None


def _doubt(context: StepContext, signal: StreamState, session_id: str | None) -> None:
    """A run that comes on air shortly after a bare end may be the one that has ended: VideoSDK is asked soon."""
    if (
        signal in ON_AIR
        and signal not in ENDING
        and unmatched_stop_since(context.room, session_id, context.event.at) is not None
    ):
        context.set_timer(probe_timer(ProbeSubject.SETTLE), context.event.at + DOUBT_ASK_MS)


def _weigh_against(context: StepContext, stream: Stream, signal: StreamState, report: StreamReport) -> None:
    """News of a run that has ended: a bare stop may be of a run not heard of yet, and an end that only a question
    told may have been told too early.
    """
    if report.bare and signal in ENDED and not stream.live:
        history = history_of(context.room, stream.session_id)
        context.room = put_history(context.room, replace(history, unspent=signal, unspent_at=context.event.at))
    elif stream.ended_by is EndedBy.PROBE and signal in ON_AIR and signal not in ENDING:
        context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + DOUBT_ASK_MS)


def apply_signal(
    context: StepContext, stream: Stream, signal: StreamState, report: StreamReport, *, by: EndedBy = EndedBy.WEBHOOK
) -> Stream:
    """Move a known run by a signal, adding what names the fact brings; tell what changed."""
    event = context.event
    named = replace(with_names_from(stream, report), last_event_id=event.id)
    moved = advance(named, signal, at=event.at, event_id=event.id, by=by)
    if signal in ENDING and report.failure and moved.failure is None:
        moved = replace(moved, failure=report.failure)
    if moved.provisional and not report.bare:
        moved = replace(moved, provisional=False)
        context.record_effect(Reason.CONFIRMED)
    moved = context.with_stop_cause(
        moved, heard=by is not EndedBy.PROBE and signal in (StreamState.STOPPING, StreamState.STOPPED)
    )
    context.room = put_stream(context.room, moved)
    context.record_stream(moved)
    if moved.provisional:
        context.record_effect(Reason.STILL_HELD_BACK)
        return moved
    if stream.provisional:
        _opened(context, moved)
    elif moved.state is stream.state and by is EndedBy.PROBE:
        pass  # VideoSDK shows what we knew
    elif moved.state is stream.state:
        reason = Reason.STREAM_REPEAT if signal is stream.state else Reason.STREAM_LATE
        context.record_effect(reason, stream=stream.stream_id, state=stream.state)
    else:
        context.record_effect(Reason.STREAM_MOVED, stream=stream.stream_id, before=stream.state, after=moved.state)
        context.announce_stream(moved, stream.state)
    return moved


def open_stream(
    context: StepContext, signal: StreamState, report: StreamReport, *, provisional: bool = False
) -> Stream:
    """Open a run. Without ids it closes an older one as inferred; with ids the older is asked about."""
    event = context.event
    stream = new_stream(context.room.room_id, event.id, event.at, signal, report, provisional=provisional)
    stream = replace(stream, failure=report.failure if signal in ENDING else None)
    stream = context.with_stop_cause(_caused(context, stream))
    if stream.live and signal not in ENDING and not provisional:
        _close_older(context, stream)
    _make_place(context)
    context.room = add_stream(context.room, stream)
    context.record_stream(stream)
    if provisional:
        context.set_timer(probe_timer(ProbeSubject.PROVISIONAL), event.at + PROVISIONAL_ASK_MS)
    else:
        _opened(context, stream)
    return stream


def _make_place(context: StepContext) -> None:
    """A room keeps so many runs: when all of them look live, the oldest has ended unseen. None leaves unsaid."""
    runs = context.room.streams
    if len(runs) < STREAMS_KEPT or not all(stream.live for stream in runs):
        return
    held_back = next((stream for stream in runs if stream.provisional), None)
    if held_back is not None:
        context.room = drop_stream(context.room, held_back)
        return
    ended = advance(runs[0], StreamState.STOPPED, at=context.event.at, event_id=context.event.id, by=EndedBy.INFERRED)
    ended = context.with_stop_cause(ended)
    context.room = put_stream(context.room, ended)
    context.record_stream(ended)
    context.record_effect(Reason.STREAM_CROWDED_OUT, stream=ended.stream_id, count=STREAMS_KEPT)
    context.announce_stream(ended, runs[0].state)


def observe_active(context: StepContext, report: StreamReport, asked_id: str, *, playable: bool) -> Stream | None:
    """A probe saw this run on: it is at least started. Reopens nothing that ended after the question."""
    signal = StreamState.PLAYABLE if playable else StreamState.STARTED
    unite_streams(context, report)
    known = match_stream(context.room, signal, report)
    if known.kind is MatchKind.KNOWN and known.stream is not None and not known.stream.live:
        return _perhaps_reopen(context, known.stream, signal, asked_id)
    if known.kind is MatchKind.KNOWN and known.stream is not None:
        stream = known.stream
        if stream.provisional:
            stream = replace(stream, provisional=False)
            context.room = put_stream(context.room, stream)
            context.record_stream(stream)
            context.record_effect(Reason.CONFIRMED)
            _opened(context, stream)
        return _seen(apply_signal(context, stream, signal, report, by=EndedBy.PROBE), stream, context)
    if known.kind is MatchKind.RETIRED:
        context.record_effect(known.why)
        return None
    if known.stream is not None and _ended_meanwhile(context, known.stream, asked_id):
        return None
    context.record_effect(Reason.STREAM_UNKNOWN_ACTIVE)
    return _seen(open_stream(context, signal, report), None, context)


def observe_inactive(
    context: StepContext, asked_id: str, *, but: Stream | None = None, unended: frozenset[str] = frozenset()
) -> bool:
    """A probe saw no run, or only `but`: others end, unless they have had an event since the question.

    When VideoSDK first shows a stream as active is not documented: one of the last two minutes, whose own object
    shows no end (`unended`), is looked for again before it counts as gone. A further start would make a second stream.

    Returns whether a run had a later event, so that the question must be put again.
    """
    again = False
    for stream in context.room.streams:
        if not stream.live or (but is not None and stream.stream_id == but.stream_id):
            continue
        if is_after(stream.last_event_id, asked_id):
            again = True
            context.record_effect(Reason.STREAM_NEWER_THAN_PROBE, stream=stream.stream_id)
            continue
        if stream.provisional:
            context.room = drop_stream(context.room, stream)
            context.record_effect(Reason.HELD_BACK_DROPPED)
            continue
        history = history_of(context.room, stream.session_id)
        end_told = history.ended or (history.unspent is not None and (history.unspent_at or 0) >= stream.opened_at)
        if _not_shown_yet(context, stream, unended) and not end_told:
            context.record_effect(Reason.STREAM_NOT_SHOWN_YET, stream=stream.stream_id)
            context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + PROVISIONAL_ASK_MS)
            continue
        failed = (
            history.unspent is StreamState.FAILED
            and unmatched_stop_since(context.room, stream.session_id, context.event.at) is not None
        )
        end = StreamState.FAILED if failed else StreamState.STOPPED
        ended = advance(stream, end, at=context.event.at, event_id=context.event.id, by=EndedBy.PROBE)
        ended = context.with_stop_cause(ended)
        context.room = put_history(put_stream(context.room, ended), replace(history, unspent=None, unspent_at=None))
        context.record_stream(ended)
        context.record_effect(Reason.STREAM_GONE, stream=stream.stream_id, before=stream.state, after=end)
        context.announce_stream(ended, stream.state)
    return again


def _not_shown_yet(context: StepContext, stream: Stream, unended: frozenset[str]) -> bool:
    young = context.event.at - stream.opened_at < NOT_SHOWN_MAX_MS
    return stream.state is not StreamState.STOPPING and young and not unended.isdisjoint(stream.ids)


def _perhaps_reopen(context: StepContext, stream: Stream, signal: StreamState, asked_id: str) -> Stream | None:
    if _ended_meanwhile(context, stream, asked_id):
        return None
    if stream.state is StreamState.FAILED:
        context.record_effect(Reason.STREAM_FAILED_FINAL, stream=stream.stream_id)
        return None
    live = replace(
        reopen(stream, signal, at=context.event.at, event_id=context.event.id),
        last_event_id=context.event.id,
    )
    context.room = put_stream(context.room, live)
    context.record_stream(live)
    context.record_effect(Reason.STREAM_REOPENED, stream=stream.stream_id, before=stream.state, after=live.state)
    context.announce_stream(live, stream.state)
    return live


def _ended_meanwhile(context: StepContext, stream: Stream, asked_id: str) -> bool:
    fresh_end = context.event.at - (stream.ended_at or 0) < TRUST_END_MS
    if not is_after(stream.ended_event_id, asked_id) and not (stream.ended_by is EndedBy.WEBHOOK and fresh_end):
        return False
    context.record_effect(Reason.STREAM_ENDED_MEANWHILE, stream=stream.stream_id)
    context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + PROVISIONAL_ASK_MS)
    return True


def _seen(stream: Stream, before: Stream | None, context: StepContext) -> Stream:
    # What a probe saw is no news of its own: a later "none" may still end the run.
    kept = before.last_event_id if before is not None else stream.last_event_id
    seen = replace(stream, last_event_id=kept)
    context.room = put_stream(context.room, seen)
    return seen


def _opened(context: StepContext, stream: Stream) -> None:
    context.record_effect(Reason.STREAM_OPENED, stream=stream.stream_id, state=stream.state)
    if stream.provisional is False and stream.live:
        context.clear_timer(probe_timer(ProbeSubject.PROVISIONAL))
    context.announce_stream(stream, None)


def _caused(context: StepContext, stream: Stream) -> Stream:
    call = context.room.call
    if call is None or call.kind is not CallKind.START or not stream.live:
        return stream
    if call.state not in (CallState.WAITING, CallState.SENT, CallState.UNKNOWN):
        return stream
    return replace(stream, because=call.because, call_id=call.call_id)


def _close_older(context: StepContext, new: Stream) -> None:
    for stream in context.room.streams:
        if not stream.live:
            continue
        if stream.provisional:
            context.room = drop_stream(context.room, stream)
            continue
        if stream.videosdk_id is not None and new.videosdk_id is not None:
            context.set_timer(probe_timer(ProbeSubject.OLDER), context.event.at + SETTLE_ASK_MS)
            continue
        ended = advance(
            stream, StreamState.STOPPED, at=context.event.at, event_id=context.event.id, by=EndedBy.INFERRED
        )
        ended = context.with_stop_cause(ended)
        context.room = put_stream(context.room, ended)
        context.record_stream(ended)
        context.record_effect(Reason.STREAM_SUPERSEDED, stream=stream.stream_id)
        context.announce_stream(ended, stream.state)
