"""The controller: compares what a room should be with what it is, and decides the next call, or to wait."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.alarms.room_alarms import forbidden_key
from webhook_app.domain.context import Turn
from webhook_app.domain.control.refusals import Refusal, count_rejection, forget_rejection, give_up_rejected, is_over
from webhook_app.domain.events import Source, stream_fact
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.probing.policy import ARMED_MS, ask, note_readable
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState, Room, Wish
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.schedules.open_window import Held
from webhook_app.domain.schedules.windows import hold_off, restart_of, tell_armed
from webhook_app.domain.sessions.tracking import live_session
from webhook_app.domain.streams.end_causes import ended_at_limit, was_stopped
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.machine import EndedBy, State, Stream, name_run
from webhook_app.domain.streams.matching import Belongs, place, put_run
from webhook_app.domain.streams.tracking import begin, see_active
from webhook_app.domain.times import SECOND
from webhook_app.domain.views import call_view

BACKOFF_FIRST_MS = 5 * SECOND
BACKOFF_MAX_MS = 60 * SECOND
TRIES_MAX = 20
SENT_WITHIN_MS = 5 * SECOND
TOTAL_DEADLINE_MS = 10 * SECOND
UNKNOWN_SETTLE_MS = 15 * SECOND
ANSWERED_SETTLE_MS = 5 * SECOND
TAKEN_SETTLE_MS = 60 * SECOND
CALL_LOST_MS = 90 * SECOND
LIFT_EVERY_MS = 60 * SECOND
END_SETTLE_MS = 15 * SECOND


def control(turn: Turn) -> None:
    """Decide what the room needs next. Runs at the end of every turn that touched the room."""
    settle_wish(turn)
    if is_over(turn.before, turn.room):
        forget_rejection(turn)
    if turn.room.tries and _progressed(turn.before, turn.room):
        turn.change(tries=0)
    _resolve_unknown(turn)
    room = turn.room
    wish = room.wish
    if wish is None or room.call is not None or not turn.config.settings.calls:
        if wish is None:
            _wait(turn, None)
            turn.clear_timer("backoff", "armed")
            if not any(run.live for run in room.streams):
                turn.clear_timer("ask:ended")
            if turn.room.tries:
                turn.change(tries=0)
        return
    if turn.paused:
        _wait(turn, Reason.CALLS_PAUSED)
        return
    if "backoff" in room.timers:
        return
    live = [run for run in room.streams if run.live]
    if wish.on_air:
        _want_on(turn, wish, live)
    else:
        _want_off(turn, wish, live)


def _want_on(turn: Turn, wish: Wish, live: list[Stream]) -> None:
    replaced = turn.room.replace_run
    renewed = next((run for run in live if replaced is not None and replaced in (run.stream_id, run.call_id)), None)
    if renewed is not None:
        _want_off(turn, wish, [renewed])
        return
    if turn.room.replace_run is not None:
        turn.change(replace_run=None)
    if live:
        held = all(run.provisional for run in live)
        _wait(turn, Reason.WAITING_FOR_CONFIRMATION if held else None)
        turn.clear_timer("armed")
        return
    if not live_session(turn.room):
        _await_session(turn)
        return
    turn.clear_timer("armed")
    _wait(turn, None)
    call = turn.new_call(CallKind.START, wish.because, dict(wish.start))
    _place_call(turn, call, Reason.START_SENT)


def _await_session(turn: Turn) -> None:
    """Nobody is known to be there: VideoSDK is asked at once, and when it shows nobody either, the room is armed."""
    if _shows_nobody(turn):
        _wait(turn, Reason.WAITING_FOR_SESSION)
        tell_armed(turn)
    elif turn.room.waits not in (Reason.WAITING_FOR_SESSION, Reason.CHECKING_SESSION):
        _wait(turn, Reason.CHECKING_SESSION)
        ask(turn, "armed")
    if "armed" not in turn.room.timers:
        turn.set_timer("armed", turn.event.at + ARMED_MS)


def _shows_nobody(turn: Turn) -> bool:
    """Whether this is VideoSDK's answer to who is there; a session that it shows has been taken in by now."""
    data = turn.event.data
    if turn.event.source is not Source.PROBE or not data.get("reached") or data.get("session_unknown"):
        return False
    asked = turn.outcome.calls.get(str(data.get("call_id")))
    return asked is not None and bool(asked.body.get("session"))


def _want_off(turn: Turn, wish: Wish, live: list[Stream]) -> None:
    confirmed = [run for run in live if not run.provisional]
    if not confirmed:
        _wait(turn, None)
        if turn.room.window is None and turn.room.schedule_wish is not None and not live:
            fulfilled = wish is turn.room.schedule_wish and turn.room.event_wish is not None
            turn.change(schedule_wish=None)
            if fulfilled:
                turn.change(event_wish=None)
                turn.decide(Reason.DESIRE_DROPPED_WINDOW_CLOSED, rule=rule_of(wish.because))
        return
    run = confirmed[-1]
    if run.state is State.STARTING:
        _wait(turn, Reason.WAITING_FOR_STARTED)
        return
    if run.state is State.STOPPING:
        _wait(turn, None)
        return
    _wait(turn, None)
    if run.end_call_id is not None and _is_asked_about(turn.room, "ended"):
        return  # VideoSDK has taken our end: whether it ended is known in a moment
    body = {"id": run.videosdk_id} if run.videosdk_id and not run.end_by_room else {}
    call = turn.new_call(CallKind.END, wish.because, body)
    turn.room = put_run(turn.room, replace(run, end_call_id=call.call_id, end_because=wish.because))
    _place_call(turn, call, Reason.END_SENT)


def _is_asked_about(room: Room, why: str) -> bool:
    return why in room.asks or (room.probe is not None and room.probe.body.get("about") == why)


def settle_wish(turn: Turn) -> None:
    """Drop a wish that is over: its stream was stopped by a person, or the end it wanted has come."""
    if turn.room.streams is turn.before.streams:
        return
    for before in turn.before.streams:
        after = next((run for run in turn.room.streams if run.stream_id == before.stream_id), None)
        if after is None or after.live or before.provisional:
            continue
        if before.live:
            _settle_end(turn, after)
        elif after is not before:
            _hear_late_stop(turn, after)


def _settle_end(turn: Turn, run: Stream) -> None:
    room = turn.room
    wish = room.wish
    if wish is None:
        return
    if run.end_call_id is not None and not room.tries:
        turn.clear_timer("backoff")  # it waited for this end
    if wish.on_air and _made_now(turn, wish):
        return
    if not wish.on_air:
        if room.event_wish is not None:
            turn.change(event_wish=None)
            turn.decide(Reason.DESIRE_MET, rule=rule_of(room.event_wish.because))
        if room.schedule_wish is not None and room.window is None:
            turn.change(schedule_wish=None)
        return
    if any(other.live for other in room.streams):
        return
    if run.end_call_id is not None or _of_an_earlier_session(room, run):
        return
    own_limit = _ended_at_limit(turn, run)
    if was_stopped(room, run, at=turn.event.at) and _somebody_there(room) and not own_limit:
        _hear_person(turn, wish)
        return
    if turn.room.window is not None and wish is room.schedule_wish and restart_of(turn) == "never":
        hold_off(turn, Held.NOT_RESTARTED, Reason.NOT_RESTARTED)
        return
    if live_session(room):
        _back_off(turn, Reason.RETRY_VIDEOSDK_LIMIT if own_limit else Reason.RETRY_STREAM_GONE)


def _ended_at_limit(turn: Turn, run: Stream) -> bool:
    return ended_at_limit(run, at=turn.event.at, limit_ms=turn.config.settings.max_stream_s * 1000)


def _made_now(turn: Turn, wish: Wish | None) -> bool:
    """Whether a rule wished it at this very event: it answers the end, and is not what ended."""
    return wish is not None and wish is turn.room.event_wish and wish.event_id == turn.event.id


def _of_an_earlier_session(room: Room, run: Stream) -> bool:
    """Whether it ended with a session that a newer one has followed: that says nothing about what is wanted now."""
    session = room.session
    return run.session_id is not None and session is not None and session.live and session.session_id != run.session_id


def _hear_person(turn: Turn, wish: Wish) -> None:
    room = turn.room
    turn.change(operator=None, event_wish=room.event_wish if _made_now(turn, room.event_wish) else None)
    turn.clear_timer("until")
    if room.window is None:
        turn.decide(Reason.STOPPED_BY_SOMEBODY, rule=rule_of(wish.because))
    elif restart_of(turn) == "always":
        _back_off(turn, Reason.RETRY_STOPPED)
    else:
        hold_off(turn, Held.INTERRUPTED, Reason.STOPPED_BY_SOMEBODY_IN_WINDOW)


def _hear_late_stop(turn: Turn, run: Stream) -> None:
    """VideoSDK says only now that a run which had vanished was stopped: it is not started again, if it has not been."""
    room = turn.room
    wish = room.wish
    stopped = turn.event.source is Source.VIDEOSDK and turn.event.type in ("hls-stopping", "hls-stopped")
    if not stopped or run.ended_by is not EndedBy.PROBE or run is not room.streams[-1] or run.end_call_id is not None:
        return
    if wish is None or not wish.on_air or room.call is not None or "backoff" not in room.timers:
        return
    if _somebody_there(room) and not _ended_at_limit(turn, run):
        turn.clear_timer("backoff")
        _hear_person(turn, wish)


def _somebody_there(room: Room) -> bool:
    # VideoSDK tells a session's end after the stop that comes of it: one that has emptied is about to end.
    session = room.session
    return session is not None and session.live and not (session.emptied and session.count == 0)


def hear_answer(turn: Turn, data: Mapping[str, Any]) -> None:
    """Fold the answer to a start or an end."""
    call = turn.room.call
    if call is None or data.get("call_id") != call.call_id:
        if data.get("kind") == CallKind.START and isinstance(data.get("stream"), Mapping):
            _adopt(turn, None, data["stream"])
        turn.note(Reason.CALL_LATE)
        return
    outcome = str(data.get("outcome"))
    answered = replace(
        call,
        answer_event_id=turn.event.id,
        answered_at=turn.event.at,
        status=data.get("status"),
        message=data.get("message"),
    )
    turn.clear_timer("call-lost")
    note_readable(turn, data, understood=call.kind is CallKind.START and outcome in ("already", "succeeded"))
    if outcome == "succeeded" and call.kind is CallKind.START and not isinstance(data.get("stream"), Mapping):
        outcome = "unknown"
    match outcome:
        case "succeeded" | "already":
            _succeeded(turn, answered, data, already=outcome == "already")
        case "unknown":
            _unknown(turn, answered, data)
        case "dropped":
            _close_call(turn, replace(answered, state=CallState.GIVEN_UP))
            _end_not_made(turn, call)
            turn.note(Reason.CALL_NOT_MADE, message=answered.message)
            if turn.room.tries >= 3:
                _back_off(turn, Reason.RETRY_DELAYED)
            else:
                turn.change(tries=turn.room.tries + 1)
        case "unreached":
            _close_call(turn, replace(answered, state=CallState.GIVEN_UP))
            _end_not_made(turn, call)
            unreadable = "unreadable" in data
            why = Reason.VIDEOSDK_UNREADABLE if unreadable else Reason.VIDEOSDK_UNREACHED
            turn.change(last_refusal=why.value)
            turn.note(Reason.CALL_NOT_MADE, message=answered.message)
            _back_off(turn, Reason.RETRY_UNREADABLE if unreadable else Reason.RETRY_UNREACHED)
        case "refused" if data.get("refusal") in (Refusal.CONFLICT, Refusal.AMBIGUOUS):
            _dispute(turn, answered, data)
        case _:
            _refused(turn, answered, data)


def lose_call(turn: Turn) -> None:
    """No answer ever came for a call, not even from the job that looks after dead ones."""
    call = turn.room.call
    if call is None or call.state is CallState.UNKNOWN:
        return
    turn.note(Reason.CALL_OVERDUE)
    _unknown(turn, call, {})


def hear_look(turn: Turn, data: Mapping[str, Any]) -> None:
    """A probe's answer, for a call whose outcome is unknown: two negatives, the later late enough, settle it."""
    call = turn.room.call
    if call is None or call.state is not CallState.UNKNOWN or not data.get("reached"):
        return
    asked_id = str(data.get("asked_id") or "0-0")
    seen = isinstance(data.get("active"), Mapping)
    if call.refusal is not None:
        if not is_after(call.answer_event_id, asked_id):
            _settle_dispute(turn, call, data, seen=seen)
        return
    if not is_after(asked_id, call.event_id):
        return
    if call.kind is CallKind.END:
        _close_call(turn, call)
        if seen:
            _end_not_made(turn, call)
        turn.note(Reason.END_HAD_NO_EFFECT if seen else Reason.END_TOOK_EFFECT)
        return
    if seen:
        _close_call(turn, replace(call, state=CallState.SUCCEEDED))
        turn.decide(Reason.START_TOOK_EFFECT, call_id=call.call_id, rule=rule_of(call.because))
        return
    negatives = call.negatives + 1
    asked_at = int(data.get("asked_at") or 0)
    settle_at = call.settle_at or turn.event.at
    if negatives >= 2 and asked_at >= settle_at:
        _close_call(turn, call)
        turn.decide(
            Reason.START_HAD_NO_EFFECT,
            call_id=call.call_id,
            rule=rule_of(call.because),
        )
        _back_off(turn, Reason.RETRY_NO_EFFECT)
        return
    waiting = replace(call, negatives=negatives)
    turn.change(call=waiting)
    turn.outcome.calls[call.call_id] = waiting
    turn.set_timer("ask:unknown", max(settle_at, turn.event.at + 2 * SECOND))


def _resolve_unknown(turn: Turn) -> None:
    call = turn.room.call
    if call is None or call.kind is not CallKind.START:
        return
    own = [run for run in turn.room.streams if run.call_id == call.call_id and not run.provisional]
    if call.state is CallState.UNKNOWN and own:
        _close_call(turn, replace(call, state=CallState.SUCCEEDED))
        turn.decide(Reason.START_TOOK_EFFECT, call_id=call.call_id, rule=rule_of(call.because))


def _succeeded(turn: Turn, call: Call, data: Mapping[str, Any], *, already: bool) -> None:
    if call.kind is CallKind.START:
        stream = data.get("stream")
        if isinstance(stream, Mapping):
            _adopt(turn, None if already else call, stream)
        turn.note(Reason.START_NOT_NEEDED if already else Reason.START_SUCCEEDED)
    else:
        turn.note(Reason.END_SUCCEEDED)
        turn.set_timer("backoff", turn.event.at + END_SETTLE_MS)
        turn.set_timer("ask:ended", turn.event.at + END_SETTLE_MS - 1)
    _close_call(turn, replace(call, state=CallState.SUCCEEDED))
    if already and not any(run.live for run in turn.room.streams):
        _back_off(turn, Reason.RETRY_STILL_SHOWN)
    turn.calm(forbidden_key(turn.room.room_id))


def _adopt(turn: Turn, call: Call | None, stream: Mapping[str, Any]) -> None:
    """The answer to a start names a run: it joins the one that webhooks opened meanwhile, or opens one."""
    session = turn.room.session
    fact = stream_fact(stream)
    if fact.session_id is None and session is not None and session.live:
        fact = replace(fact, session_id=session.session_id)
    if call is None:
        see_active(turn, fact, turn.event.id, playable=False)
        return
    unite_streams(turn, fact)
    placed = place(turn.room, State.STARTING, fact)
    known = placed.run
    if known is None or (placed.belongs is not Belongs.RUN and known.call_id != call.call_id):
        begin(turn, State.STARTING, fact)
        return
    run = replace(name_run(known, fact), last_event_id=turn.event.id, call_id=call.call_id, because=call.because)
    if run.provisional:
        run = replace(run, provisional=False)
        turn.tell_stream(run, None)
    turn.room = put_run(turn.room, run)
    turn.keep_run(run)


def _unknown(turn: Turn, call: Call, data: Mapping[str, Any]) -> None:
    status = data.get("status")
    deadline = int(data.get("deadline_at") or call.created_at + SENT_WITHIN_MS + TOTAL_DEADLINE_MS)
    if not isinstance(status, int):
        settle_at = deadline + UNKNOWN_SETTLE_MS
    elif 200 <= status < 300:
        settle_at = turn.event.at + TAKEN_SETTLE_MS  # taken, without saying which stream: it may be shown late
    else:
        settle_at = turn.event.at + ANSWERED_SETTLE_MS
    unknown = replace(call, state=CallState.UNKNOWN, settle_at=settle_at, negatives=0)
    turn.change(call=unknown)
    turn.outcome.calls[call.call_id] = unknown
    turn.note(Reason.CALL_UNKNOWN)
    turn.decide(
        Reason.CALL_UNKNOWN,
        call_id=call.call_id,
        rule=rule_of(call.because),
    )
    ask(turn, "unknown")


def _dispute(turn: Turn, call: Call, data: Mapping[str, Any]) -> None:
    """VideoSDK refused what may be so already: a probe says before that is taken for a refusal."""
    wished = data.get("retry_after_ms")
    retry_after_ms = wished if isinstance(wished, int) else None
    disputed = replace(
        call, state=CallState.UNKNOWN, refusal=str(data["refusal"]), retry_after_ms=retry_after_ms, settle_at=None
    )
    answer = f"{call.status} {call.message or ''}".strip()
    turn.change(call=disputed, last_refusal=answer)
    turn.outcome.calls[call.call_id] = disputed
    turn.note(Reason.CALL_DISPUTED, said=answer)
    ask(turn, "refused")


def _settle_dispute(turn: Turn, call: Call, data: Mapping[str, Any], *, seen: bool) -> None:
    """What a probe makes of a refusal: it is so already, it cannot be yet, or it is one."""
    if call.kind is CallKind.END:
        target = next((run for run in turn.room.streams if run.end_call_id == call.call_id), None)
        if seen and target is not None and target.live:
            turn.room = put_run(turn.room, replace(target, end_by_room="id" in call.body))
            _refused(turn, call, {})
            return
        _close_call(turn, replace(call, state=CallState.SUCCEEDED))
        turn.set_timer("backoff", turn.event.at + END_SETTLE_MS)
        turn.decide(Reason.END_NOT_NEEDED, call_id=call.call_id, rule=rule_of(call.because))
        return
    if seen:
        _close_call(turn, replace(call, state=CallState.SUCCEEDED))
        turn.decide(Reason.START_NOT_NEEDED, call_id=call.call_id, rule=rule_of(call.because))
        if not any(run.live for run in turn.room.streams):
            _back_off(turn, Reason.RETRY_STILL_SHOWN)
        return
    if not live_session(turn.room):
        _close_call(turn, replace(call, state=CallState.REFUSED))
        turn.decide(Reason.START_WITHOUT_SESSION, call_id=call.call_id, rule=rule_of(call.because))
        return
    session = data.get("session")
    somebody_there = isinstance(session, Mapping) and bool(session.get("live"))
    wait = {} if call.retry_after_ms is None else {"retry_after_ms": call.retry_after_ms}
    invalid = call.refusal == Refusal.AMBIGUOUS and somebody_there
    _refused(turn, call, {**wait, "refusal": Refusal.INVALID if invalid else Refusal.CONFLICT})


def _refused(turn: Turn, call: Call, data: Mapping[str, Any]) -> None:
    refused = replace(call, state=CallState.REFUSED)
    _close_call(turn, refused)
    _end_not_made(turn, call)
    said = f"{call.status} {call.message or ''}".strip()
    turn.change(last_refusal=said)
    turn.note(Reason.CALL_REFUSED, said=said)
    turn.happen("call.refused", because=call.because, call=call_view(refused, turn.room_name))
    if call.kind is CallKind.START and data.get("refusal") == Refusal.INVALID and count_rejection(turn, call):
        given_up = replace(refused, state=CallState.GIVEN_UP)
        turn.outcome.calls[call.call_id] = given_up
        turn.happen("call.given-up", because=call.because, call=call_view(given_up, turn.room_name))
        turn.decide(Reason.CALL_REJECTED, call_id=call.call_id, rule=rule_of(call.because))
        give_up_rejected(turn, call)
        return
    if turn.room.tries + 1 >= TRIES_MAX and turn.room.window is None:
        given_up = replace(refused, state=CallState.GIVEN_UP)
        turn.outcome.calls[call.call_id] = given_up
        turn.happen("call.given-up", because=call.because, call=call_view(given_up, turn.room_name))
        turn.decide(Reason.CALL_GIVEN_UP, call_id=call.call_id, rule=rule_of(call.because), tries=TRIES_MAX)
        turn.change(operator=None, event_wish=None, schedule_wish=None, tries=0)
        turn.clear_timer("until")
        return
    if call.status == 401:
        turn.outcome.pause = True
        turn.alarm(
            "videosdk-credentials",
            "critical",
            "VideoSDK does not accept our token, all calls are paused: check VIDEOSDK_API_KEY and VIDEOSDK_SECRET",
        )
        turn.set_timer("ask:credentials", turn.event.at + LIFT_EVERY_MS)
        return
    if call.status == 403:
        summary = f"VideoSDK does not allow us to {call.kind} in {turn.room_name or call.room_id}: {said}"
        turn.alarm(forbidden_key(call.room_id), "warning", summary, room_id=call.room_id)
        turn.change(tries=turn.room.tries + 1)
        turn.set_timer("backoff", turn.event.at + LIFT_EVERY_MS)
        return
    if call.status in (400, 404, 402, 409) and call.refusal is None:
        ask(turn, "refused")
    wished = data.get("retry_after_ms")
    _back_off(turn, Reason.RETRY_REFUSED, at_least=wished if isinstance(wished, int) else 0)


def _back_off(turn: Turn, then: Reason, *, at_least: int = 0) -> None:
    """Try again later: after 5 s, doubling to 60 s; within that as late as VideoSDK asks."""
    tries = turn.room.tries
    if tries + 1 >= TRIES_MAX and turn.room.window is None:
        rule = rule_of(turn.room.wish.because) if turn.room.wish else None
        turn.decide(Reason.CALL_GIVEN_UP, rule=rule, tries=TRIES_MAX)
        turn.change(operator=None, event_wish=None, schedule_wish=None, tries=0)
        turn.clear_timer("until")
        return
    wait = min(BACKOFF_MAX_MS, max(at_least, BACKOFF_FIRST_MS * 2 ** min(tries, 8)))
    turn.change(tries=tries + 1)
    turn.set_timer("backoff", turn.event.at + wait)
    wish = turn.room.wish
    turn.decide(then, rule=rule_of(wish.because) if wish else None, wait=wait // 1000)


def _place_call(turn: Turn, call: Call, did: Reason) -> None:
    turn.change(call=call)
    turn.set_timer("call-lost", turn.event.at + CALL_LOST_MS)
    turn.decide(did, rule=rule_of(call.because), call_id=call.call_id, because=call.because)


def _close_call(turn: Turn, call: Call) -> None:
    turn.outcome.calls[call.call_id] = call
    turn.change(call=None)
    turn.clear_timer("call-lost", "ask:unknown")


def _end_not_made(turn: Turn, call: Call) -> None:
    for run in turn.room.streams:
        if run.end_call_id == call.call_id:
            turn.room = put_run(turn.room, replace(run, end_call_id=None, end_because=None))


def _wait(turn: Turn, why: Reason | None) -> None:
    if turn.room.waits == why:
        return
    turn.change(waits=None if why is None else why.value)
    wish = turn.room.wish
    if why is not None:
        turn.decide(why, rule=rule_of(wish.because) if wish else None)


def _progressed(before: Room, after: Room) -> bool:
    """Whether a run became playable, which resets the back-off."""
    was = {run.stream_id: run.state for run in before.streams}
    return any(run.state is State.PLAYABLE and was.get(run.stream_id) != run.state for run in after.streams)
