"""What a signal about HLS does to a room's runs, whoever it came from: webhook, answer or probe."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.events import StreamReport, stream_report
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
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
from webhook_app.domain.times import SECOND

PROVISIONAL_ASK_MS = 15 * SECOND
SETTLE_ASK_MS = 1 * SECOND
DOUBT_ASK_MS = 5 * SECOND
TRUST_END_MS = 60 * SECOND
NOT_SHOWN_MAX_MS = 120 * SECOND


def on_stream_signal(context: StepContext, signal: StreamState, fact: StreamReport) -> Stream | None:
    """A webhook's signal: find its run and move it, open one, or ask. Returns the run, if any."""
    if fact.session_id is None and context.room.session is not None:
        fact = replace(fact, session_id=context.room.session.session_id)
    unite_streams(context, fact)
    found_match = match_stream(context.room, signal, fact)
    match found_match.kind:
        case MatchKind.RUN:
            assert found_match.run is not None
            _doubt(context, signal, found_match.run.session_id)
            _weigh_against(context, found_match.run, signal, fact)
            return apply_signal(context, found_match.run, signal, fact)
        case MatchKind.NEW:
            _doubt(context, signal, fact.session_id)
            return open_stream(context, signal, fact)
        case MatchKind.PROVISIONAL:
            run = open_stream(context, signal, fact, provisional=True)
            context.record_effect(Reason.HELD_BACK, why=found_match.why.text)
            return run
        case MatchKind.UNSETTLED if (
            not context.config.settings.calls and (meant := only_live_stream(context.room, fact)) is not None
        ):
            context.record_effect(Reason.END_UNCHECKED)
            return apply_signal(
                context, meant, signal, stream_report({"sessionId": fact.session_id}), by=EndedBy.INFERRED
            )
        case MatchKind.UNSETTLED:
            history = history_of(context.room, fact.session_id)
            stop_at = history.stop_at if signal is StreamState.FAILED else context.event.at
            heard = replace(history, bare_end=history.bare_end or history.runs == 0, stop_at=stop_at)
            context.room = put_history(context.room, replace(heard, unspent=signal, unspent_at=context.event.at))
            context.set_timer("ask:settle", context.event.at)
            schedule_end_inference(context)
            context.record_effect(Reason.END_UNSETTLED, why=found_match.why.text)
        case MatchKind.OLD:
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
        context.set_timer("ask:settle", context.event.at + DOUBT_ASK_MS)


def _weigh_against(context: StepContext, run: Stream, signal: StreamState, fact: StreamReport) -> None:
    """News of a run that has ended: a bare stop may be of a run not heard of yet, and an end that only a question
    told may have been told too early.
    """
    if fact.bare and signal in ENDED and not run.live:
        history = history_of(context.room, run.session_id)
        context.room = put_history(context.room, replace(history, unspent=signal, unspent_at=context.event.at))
    elif run.ended_by is EndedBy.PROBE and signal in ON_AIR and signal not in ENDING:
        context.set_timer("ask:again", context.event.at + DOUBT_ASK_MS)


def apply_signal(
    context: StepContext, run: Stream, signal: StreamState, fact: StreamReport, *, by: EndedBy = EndedBy.WEBHOOK
) -> Stream:
    """Move a known run by a signal, adding what names the fact brings; tell what changed."""
    event = context.event
    named = replace(with_names_from(run, fact), last_event_id=event.id)
    moved = advance(named, signal, at=event.at, event_id=event.id, by=by)
    if signal in ENDING and fact.failure and moved.failure is None:
        moved = replace(moved, failure=fact.failure)
    if moved.provisional and not fact.bare:
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
    if run.provisional:
        _opened(context, moved)
    elif moved.state is run.state and by is EndedBy.PROBE:
        pass  # VideoSDK shows what we knew
    elif moved.state is run.state:
        reason = Reason.STREAM_REPEAT if signal is run.state else Reason.STREAM_LATE
        context.record_effect(reason, stream=run.stream_id, state=run.state)
    else:
        context.record_effect(Reason.STREAM_MOVED, stream=run.stream_id, before=run.state, after=moved.state)
        context.announce_stream(moved, run.state)
    return moved


def open_stream(context: StepContext, signal: StreamState, fact: StreamReport, *, provisional: bool = False) -> Stream:
    """Open a run. Without ids it closes an older one as inferred; with ids the older is asked about."""
    event = context.event
    run = new_stream(context.room.room_id, event.id, event.at, signal, fact, provisional=provisional)
    run = replace(run, failure=fact.failure if signal in ENDING else None)
    run = context.with_stop_cause(_caused(context, run))
    if run.live and signal not in ENDING and not provisional:
        _close_older(context, run)
    _make_place(context)
    context.room = add_stream(context.room, run)
    context.record_stream(run)
    if provisional:
        context.set_timer("ask:provisional", event.at + PROVISIONAL_ASK_MS)
    else:
        _opened(context, run)
    return run


def _make_place(context: StepContext) -> None:
    """A room keeps so many runs: when all of them look live, the oldest has ended unseen. None leaves unsaid."""
    runs = context.room.streams
    if len(runs) < STREAMS_KEPT or not all(run.live for run in runs):
        return
    held_back = next((run for run in runs if run.provisional), None)
    if held_back is not None:
        context.room = drop_stream(context.room, held_back)
        return
    ended = advance(runs[0], StreamState.STOPPED, at=context.event.at, event_id=context.event.id, by=EndedBy.INFERRED)
    ended = context.with_stop_cause(ended)
    context.room = put_stream(context.room, ended)
    context.record_stream(ended)
    context.record_effect(Reason.STREAM_CROWDED_OUT, stream=ended.stream_id, count=STREAMS_KEPT)
    context.announce_stream(ended, runs[0].state)


def observe_active(context: StepContext, fact: StreamReport, asked_id: str, *, playable: bool) -> Stream | None:
    """A probe saw this run on: it is at least started. Reopens nothing that ended after the question."""
    signal = StreamState.PLAYABLE if playable else StreamState.STARTED
    unite_streams(context, fact)
    known = match_stream(context.room, signal, fact)
    if known.kind is MatchKind.RUN and known.run is not None and not known.run.live:
        return _perhaps_reopen(context, known.run, signal, asked_id)
    if known.kind is MatchKind.RUN and known.run is not None:
        run = known.run
        if run.provisional:
            run = replace(run, provisional=False)
            context.room = put_stream(context.room, run)
            context.record_stream(run)
            context.record_effect(Reason.CONFIRMED)
            _opened(context, run)
        return _seen(apply_signal(context, run, signal, fact, by=EndedBy.PROBE), run, context)
    if known.kind is MatchKind.OLD:
        context.record_effect(known.why)
        return None
    if known.run is not None and _ended_meanwhile(context, known.run, asked_id):
        return None
    context.record_effect(Reason.STREAM_UNKNOWN_ACTIVE)
    return _seen(open_stream(context, signal, fact), None, context)


def observe_inactive(
    context: StepContext, asked_id: str, *, but: Stream | None = None, unended: frozenset[str] = frozenset()
) -> bool:
    """A probe saw no run, or only `but`: others end, unless they have had an event since the question.

    When VideoSDK first shows a stream as active is not documented: one of the last two minutes, whose own object
    shows no end (`unended`), is looked for again before it counts as gone. A further start would make a second stream.

    Returns whether a run had a later event, so that the question must be put again.
    """
    again = False
    for run in context.room.streams:
        if not run.live or (but is not None and run.stream_id == but.stream_id):
            continue
        if is_after(run.last_event_id, asked_id):
            again = True
            context.record_effect(Reason.STREAM_NEWER_THAN_PROBE, stream=run.stream_id)
            continue
        if run.provisional:
            context.room = drop_stream(context.room, run)
            context.record_effect(Reason.HELD_BACK_DROPPED)
            continue
        history = history_of(context.room, run.session_id)
        end_told = history.ended or (history.unspent is not None and (history.unspent_at or 0) >= run.opened_at)
        if _not_shown_yet(context, run, unended) and not end_told:
            context.record_effect(Reason.STREAM_NOT_SHOWN_YET, stream=run.stream_id)
            context.set_timer("ask:again", context.event.at + PROVISIONAL_ASK_MS)
            continue
        failed = (
            history.unspent is StreamState.FAILED
            and unmatched_stop_since(context.room, run.session_id, context.event.at) is not None
        )
        end = StreamState.FAILED if failed else StreamState.STOPPED
        ended = advance(run, end, at=context.event.at, event_id=context.event.id, by=EndedBy.PROBE)
        ended = context.with_stop_cause(ended)
        context.room = put_history(put_stream(context.room, ended), replace(history, unspent=None, unspent_at=None))
        context.record_stream(ended)
        context.record_effect(Reason.STREAM_GONE, stream=run.stream_id, before=run.state, after=end)
        context.announce_stream(ended, run.state)
    return again


def _not_shown_yet(context: StepContext, run: Stream, unended: frozenset[str]) -> bool:
    young = context.event.at - run.opened_at < NOT_SHOWN_MAX_MS
    return run.state is not StreamState.STOPPING and young and not unended.isdisjoint(run.ids)


def _perhaps_reopen(context: StepContext, run: Stream, signal: StreamState, asked_id: str) -> Stream | None:
    if _ended_meanwhile(context, run, asked_id):
        return None
    if run.state is StreamState.FAILED:
        context.record_effect(Reason.STREAM_FAILED_FINAL, stream=run.stream_id)
        return None
    live = replace(
        reopen(run, signal, at=context.event.at, event_id=context.event.id),
        last_event_id=context.event.id,
    )
    context.room = put_stream(context.room, live)
    context.record_stream(live)
    context.record_effect(Reason.STREAM_REOPENED, stream=run.stream_id, before=run.state, after=live.state)
    context.announce_stream(live, run.state)
    return live


def _ended_meanwhile(context: StepContext, run: Stream, asked_id: str) -> bool:
    fresh_end = context.event.at - (run.ended_at or 0) < TRUST_END_MS
    if not is_after(run.ended_event_id, asked_id) and not (run.ended_by is EndedBy.WEBHOOK and fresh_end):
        return False
    context.record_effect(Reason.STREAM_ENDED_MEANWHILE, stream=run.stream_id)
    context.set_timer("ask:again", context.event.at + PROVISIONAL_ASK_MS)
    return True


def _seen(run: Stream, before: Stream | None, context: StepContext) -> Stream:
    # What a probe saw is no news of its own: a later "none" may still end the run.
    kept = before.last_event_id if before is not None else run.last_event_id
    seen = replace(run, last_event_id=kept)
    context.room = put_stream(context.room, seen)
    return seen


def _opened(context: StepContext, run: Stream) -> None:
    context.record_effect(Reason.STREAM_OPENED, stream=run.stream_id, state=run.state)
    if run.provisional is False and run.live:
        context.clear_timer("ask:provisional")
    context.announce_stream(run, None)


def _caused(context: StepContext, run: Stream) -> Stream:
    call = context.room.call
    if call is None or call.kind is not CallKind.START or not run.live:
        return run
    if call.state not in (CallState.WAITING, CallState.SENT, CallState.UNKNOWN):
        return run
    return replace(run, because=call.because, call_id=call.call_id)


def _close_older(context: StepContext, new: Stream) -> None:
    for run in context.room.streams:
        if not run.live:
            continue
        if run.provisional:
            context.room = drop_stream(context.room, run)
            continue
        if run.videosdk_id is not None and new.videosdk_id is not None:
            context.set_timer("ask:older", context.event.at + SETTLE_ASK_MS)
            continue
        ended = advance(run, StreamState.STOPPED, at=context.event.at, event_id=context.event.id, by=EndedBy.INFERRED)
        ended = context.with_stop_cause(ended)
        context.room = put_stream(context.room, ended)
        context.record_stream(ended)
        context.record_effect(Reason.STREAM_SUPERSEDED, stream=run.stream_id)
        context.announce_stream(ended, run.state)
