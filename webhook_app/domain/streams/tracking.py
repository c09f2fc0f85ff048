"""What a signal about HLS does to a room's runs, whoever it came from: webhook, answer or probe."""

from webhook_app.domain.context import Turn
from webhook_app.domain.events import StreamFact, stream_fact
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import STREAMS_KEPT, CallKind, CallState, Room
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.inferred_ends import await_end, only_live
from webhook_app.domain.streams.machine import (
    ENDED,
    ENDING,
    ON_AIR,
    EndedBy,
    State,
    Stream,
    advance,
    name_run,
    open_run,
    reopen,
)
from webhook_app.domain.streams.matching import Belongs, add_run, drop_run, mark_of, place, put_mark, put_run
from webhook_app.domain.times import SECOND

PROVISIONAL_ASK_MS = 15 * SECOND
SETTLE_ASK_MS = 1 * SECOND
DOUBT_ASK_MS = 5 * SECOND
TRUST_END_MS = 60 * SECOND
NOT_SHOWN_MAX_MS = 120 * SECOND


def hear(turn: Turn, signal: State, fact: StreamFact) -> Stream | None:
    """A webhook's signal: find its run and move it, open one, or ask. Returns the run, if any."""
    if fact.session_id is None and turn.room.session is not None:
        fact = replace(fact, session_id=turn.room.session.session_id)
    unite_streams(turn, fact)
    placed = place(turn.room, signal, fact)
    match placed.belongs:
        case Belongs.RUN:
            assert placed.run is not None
            _doubt(turn, signal, placed.run.session_id)
            _weigh_against(turn, placed.run, signal, fact)
            return move(turn, placed.run, signal, fact)
        case Belongs.NEW:
            _doubt(turn, signal, fact.session_id)
            return begin(turn, signal, fact)
        case Belongs.PROVISIONAL:
            run = begin(turn, signal, fact, provisional=True)
            turn.note(Reason.HELD_BACK, why=placed.why.text)
            return run
        case Belongs.UNSETTLED if not turn.config.settings.calls and (meant := only_live(turn.room, fact)) is not None:
            turn.note(Reason.END_UNCHECKED)
            return move(turn, meant, signal, stream_fact({"sessionId": fact.session_id}), by=EndedBy.INFERRED)
        case Belongs.UNSETTLED:
            mark = mark_of(turn.room, fact.session_id)
            stop_at = mark.stop_at if signal is State.FAILED else turn.event.at
            heard = replace(mark, bare_end=mark.bare_end or mark.runs == 0, stop_at=stop_at)
            turn.room = put_mark(turn.room, replace(heard, unspent=signal, unspent_at=turn.event.at))
            turn.set_timer("ask:settle", turn.event.at)
            await_end(turn)
            turn.note(Reason.END_UNSETTLED, why=placed.why.text)
        case Belongs.OLD:
            turn.note(placed.why)
    return None


def unspent_since(room: Room, session_id: str | None, at: int) -> int | None:
    """When a bare end came in the session that has ended nothing yet; None when that is long ago."""
    since = mark_of(room, session_id).unspent_at
    return since if since is not None and at - since < TRUST_END_MS else None


def _doubt(turn: Turn, signal: State, session_id: str | None) -> None:
    """A run that comes on air shortly after a bare end may be the one that has ended: VideoSDK is asked soon."""
    if signal in ON_AIR and signal not in ENDING and unspent_since(turn.room, session_id, turn.event.at) is not None:
        turn.set_timer("ask:settle", turn.event.at + DOUBT_ASK_MS)


def _weigh_against(turn: Turn, run: Stream, signal: State, fact: StreamFact) -> None:
    """News of a run that has ended: a bare stop may be of a run not heard of yet, and an end that only a question
    told may have been told too early.
    """
    if fact.bare and signal in ENDED and not run.live:
        mark = mark_of(turn.room, run.session_id)
        turn.room = put_mark(turn.room, replace(mark, unspent=signal, unspent_at=turn.event.at))
    elif run.ended_by is EndedBy.PROBE and signal in ON_AIR and signal not in ENDING:
        turn.set_timer("ask:again", turn.event.at + DOUBT_ASK_MS)


def move(turn: Turn, run: Stream, signal: State, fact: StreamFact, *, by: EndedBy = EndedBy.WEBHOOK) -> Stream:
    """Move a known run by a signal, adding what names the fact brings; tell what changed."""
    event = turn.event
    named = replace(name_run(run, fact), last_event_id=event.id)
    moved = advance(named, signal, at=event.at, event_id=event.id, by=by)
    if signal in ENDING and fact.failure and moved.failure is None:
        moved = replace(moved, failure=fact.failure)
    if moved.provisional and not fact.bare:
        moved = replace(moved, provisional=False)
        turn.note(Reason.CONFIRMED)
    moved = turn.stop_explained(moved, heard=by is not EndedBy.PROBE and signal in (State.STOPPING, State.STOPPED))
    turn.room = put_run(turn.room, moved)
    turn.keep_run(moved)
    if moved.provisional:
        turn.note(Reason.STILL_HELD_BACK)
        return moved
    if run.provisional:
        _opened(turn, moved)
    elif moved.state is run.state and by is EndedBy.PROBE:
        pass  # VideoSDK shows what we knew
    elif moved.state is run.state:
        reason = Reason.STREAM_REPEAT if signal is run.state else Reason.STREAM_LATE
        turn.note(reason, stream=run.stream_id, state=run.state)
    else:
        turn.note(Reason.STREAM_MOVED, stream=run.stream_id, before=run.state, after=moved.state)
        turn.tell_stream(moved, run.state)
    return moved


def begin(turn: Turn, signal: State, fact: StreamFact, *, provisional: bool = False) -> Stream:
    """Open a run. Without ids it closes an older one as inferred; with ids the older is asked about."""
    event = turn.event
    run = open_run(turn.room.room_id, event.id, event.at, signal, fact, provisional=provisional)
    run = replace(run, failure=fact.failure if signal in ENDING else None)
    run = turn.stop_explained(_caused(turn, run))
    if run.live and signal not in ENDING and not provisional:
        _close_older(turn, run)
    _make_place(turn)
    turn.room = add_run(turn.room, run)
    turn.keep_run(run)
    if provisional:
        turn.set_timer("ask:provisional", event.at + PROVISIONAL_ASK_MS)
    else:
        _opened(turn, run)
    return run


def _make_place(turn: Turn) -> None:
    """A room keeps so many runs: when all of them look live, the oldest has ended unseen. None leaves unsaid."""
    runs = turn.room.streams
    if len(runs) < STREAMS_KEPT or not all(run.live for run in runs):
        return
    held_back = next((run for run in runs if run.provisional), None)
    if held_back is not None:
        turn.room = drop_run(turn.room, held_back)
        return
    ended = advance(runs[0], State.STOPPED, at=turn.event.at, event_id=turn.event.id, by=EndedBy.INFERRED)
    ended = turn.stop_explained(ended)
    turn.room = put_run(turn.room, ended)
    turn.keep_run(ended)
    turn.note(Reason.STREAM_CROWDED_OUT, stream=ended.stream_id, count=STREAMS_KEPT)
    turn.tell_stream(ended, runs[0].state)


def see_active(turn: Turn, fact: StreamFact, asked_id: str, *, playable: bool) -> Stream | None:
    """A probe saw this run on: it is at least started. Reopens nothing that ended after the question."""
    signal = State.PLAYABLE if playable else State.STARTED
    unite_streams(turn, fact)
    known = place(turn.room, signal, fact)
    if known.belongs is Belongs.RUN and known.run is not None and not known.run.live:
        return _perhaps_reopen(turn, known.run, signal, asked_id)
    if known.belongs is Belongs.RUN and known.run is not None:
        run = known.run
        if run.provisional:
            run = replace(run, provisional=False)
            turn.room = put_run(turn.room, run)
            turn.keep_run(run)
            turn.note(Reason.CONFIRMED)
            _opened(turn, run)
        return _seen(move(turn, run, signal, fact, by=EndedBy.PROBE), run, turn)
    if known.belongs is Belongs.OLD:
        turn.note(known.why)
        return None
    if known.run is not None and _ended_meanwhile(turn, known.run, asked_id):
        return None
    turn.note(Reason.STREAM_UNKNOWN_ACTIVE)
    return _seen(begin(turn, signal, fact), None, turn)


def see_none(turn: Turn, asked_id: str, *, but: Stream | None = None, unended: frozenset[str] = frozenset()) -> bool:
    """A probe saw no run, or only `but`: others end, unless they have had an event since the question.

    When VideoSDK first shows a stream as active is not documented: one of the last two minutes, whose own object
    shows no end (`unended`), is looked for again before it counts as gone. A further start would make a second stream.

    Returns whether a run had a later event, so that the question must be put again.
    """
    again = False
    for run in turn.room.streams:
        if not run.live or (but is not None and run.stream_id == but.stream_id):
            continue
        if is_after(run.last_event_id, asked_id):
            again = True
            turn.note(Reason.STREAM_NEWER_THAN_PROBE, stream=run.stream_id)
            continue
        if run.provisional:
            turn.room = drop_run(turn.room, run)
            turn.note(Reason.HELD_BACK_DROPPED)
            continue
        mark = mark_of(turn.room, run.session_id)
        end_told = mark.ended or (mark.unspent is not None and (mark.unspent_at or 0) >= run.opened_at)
        if _not_shown_yet(turn, run, unended) and not end_told:
            turn.note(Reason.STREAM_NOT_SHOWN_YET, stream=run.stream_id)
            turn.set_timer("ask:again", turn.event.at + PROVISIONAL_ASK_MS)
            continue
        failed = mark.unspent is State.FAILED and unspent_since(turn.room, run.session_id, turn.event.at) is not None
        end = State.FAILED if failed else State.STOPPED
        ended = advance(run, end, at=turn.event.at, event_id=turn.event.id, by=EndedBy.PROBE)
        ended = turn.stop_explained(ended)
        turn.room = put_mark(put_run(turn.room, ended), replace(mark, unspent=None, unspent_at=None))
        turn.keep_run(ended)
        turn.note(Reason.STREAM_GONE, stream=run.stream_id, before=run.state, after=end)
        turn.tell_stream(ended, run.state)
    return again


def _not_shown_yet(turn: Turn, run: Stream, unended: frozenset[str]) -> bool:
    young = turn.event.at - run.opened_at < NOT_SHOWN_MAX_MS
    return run.state is not State.STOPPING and young and not unended.isdisjoint(run.ids)


def _perhaps_reopen(turn: Turn, run: Stream, signal: State, asked_id: str) -> Stream | None:
    if _ended_meanwhile(turn, run, asked_id):
        return None
    if run.state is State.FAILED:
        turn.note(Reason.STREAM_FAILED_FINAL, stream=run.stream_id)
        return None
    live = replace(
        reopen(run, signal, at=turn.event.at, event_id=turn.event.id),
        last_event_id=turn.event.id,
    )
    turn.room = put_run(turn.room, live)
    turn.keep_run(live)
    turn.note(Reason.STREAM_REOPENED, stream=run.stream_id, before=run.state, after=live.state)
    turn.tell_stream(live, run.state)
    return live


def _ended_meanwhile(turn: Turn, run: Stream, asked_id: str) -> bool:
    fresh_end = turn.event.at - (run.ended_at or 0) < TRUST_END_MS
    if not is_after(run.ended_event_id, asked_id) and not (run.ended_by is EndedBy.WEBHOOK and fresh_end):
        return False
    turn.note(Reason.STREAM_ENDED_MEANWHILE, stream=run.stream_id)
    turn.set_timer("ask:again", turn.event.at + PROVISIONAL_ASK_MS)
    return True


def _seen(run: Stream, before: Stream | None, turn: Turn) -> Stream:
    # What a probe saw is no news of its own: a later "none" may still end the run.
    kept = before.last_event_id if before is not None else run.last_event_id
    seen = replace(run, last_event_id=kept)
    turn.room = put_run(turn.room, seen)
    return seen


def _opened(turn: Turn, run: Stream) -> None:
    turn.note(Reason.STREAM_OPENED, stream=run.stream_id, state=run.state)
    if run.provisional is False and run.live:
        turn.clear_timer("ask:provisional")
    turn.tell_stream(run, None)


def _caused(turn: Turn, run: Stream) -> Stream:
    call = turn.room.call
    if call is None or call.kind is not CallKind.START or not run.live:
        return run
    if call.state not in (CallState.WAITING, CallState.SENT, CallState.UNKNOWN):
        return run
    return replace(run, because=call.because, call_id=call.call_id)


def _close_older(turn: Turn, new: Stream) -> None:
    for run in turn.room.streams:
        if not run.live:
            continue
        if run.provisional:
            turn.room = drop_run(turn.room, run)
            continue
        if run.videosdk_id is not None and new.videosdk_id is not None:
            turn.set_timer("ask:older", turn.event.at + SETTLE_ASK_MS)
            continue
        ended = advance(run, State.STOPPED, at=turn.event.at, event_id=turn.event.id, by=EndedBy.INFERRED)
        ended = turn.stop_explained(ended)
        turn.room = put_run(turn.room, ended)
        turn.keep_run(ended)
        turn.note(Reason.STREAM_SUPERSEDED, stream=run.stream_id)
        turn.tell_stream(ended, run.state)
