"""When VideoSDK is asked what it sees, and what is made of its answer."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from webhook_app.domain.context import Turn
from webhook_app.domain.events import stream_fact
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import draw
from webhook_app.domain.probing.delivery_record import expected_streams, note_records, unended_ids
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState, Room, Session
from webhook_app.domain.sessions.participants import present_of
from webhook_app.domain.sessions.presence import is_verification_due, verification_due
from webhook_app.domain.sessions.roster import is_covered
from webhook_app.domain.sessions.tracking import asked_who, end_session, see_participants, start_session
from webhook_app.domain.streams.machine import State, Stream, name_run
from webhook_app.domain.streams.matching import mark_of, put_run
from webhook_app.domain.streams.tracking import TRUST_END_MS, see_active, see_none, unspent_since
from webhook_app.domain.times import MINUTE, SECOND

ANSWERED_START_MS = 15 * SECOND
BARE_STARTING_MS = 60 * SECOND
NOT_PLAYABLE_MS = 120 * SECOND
STOPPING_MS = 60 * SECOND
SESSION_GONE_MS = 60 * SECOND
ON_AIR_MS = 90 * SECOND
ARMED_MS = 30 * SECOND
PULSE_GRID_MS = 10 * SECOND
PULSE_EARLY_MAX = 3
PRECISE_EVERY = 4
START_SPREAD_MS = 10 * SECOND
START_GRID_MS = 2 * SECOND
WATCH_GAP_MS = 15 * SECOND
AGAIN_MS = 2 * SECOND
SETTLE_AGAIN_MS = 5 * SECOND
UNREACHED_FIRST_MS = 15 * SECOND
UNREACHED_MAX_MS = 60 * SECOND
QUIET_MAX_MS = 5 * MINUTE
WHY_AGAIN_MS = 30 * SECOND
WHY_ASKED_MS = 10 * MINUTE
PROBE_LOST_MS = 60 * SECOND
UNREADABLE_ALARM = "videosdk-unreadable"


def watch(turn: Turn) -> None:
    """Keep the room's one watchdog at the next moment its state would want a look."""
    if not turn.config.settings.calls:
        return
    asking = turn.room.probe is not None or turn.paused
    due = None if asking else watch_due(turn.room, verification_due(turn))
    if due is None:
        turn.clear_timer("watch")
    elif turn.room.timers.get("watch") != due:
        turn.set_timer("watch", due)


def watch_due(room: Room, people_due: int | None) -> int | None:
    """When to probe next, in ms: for the room's live streams, or for who is there; None when for neither."""
    dues = [_look_due(run, room.session) for run in room.live_streams]
    if people_due is not None:
        dues.append(people_due)
    if not dues:
        return None
    return max(min(dues), 0 if room.asked_at is None else room.asked_at + WATCH_GAP_MS, room.ask_after or 0)


def _look_due(run: Stream, session: Session | None) -> int:
    waits = {
        State.STARTING: (
            (ANSWERED_START_MS if run.call_id and run.videosdk_id else BARE_STARTING_MS,),
            run.starting_at,
        ),
        State.STARTED: ((ON_AIR_MS, NOT_PLAYABLE_MS), run.started_at),
        State.STOPPING: ((STOPPING_MS,), run.stopping_at),
    }
    if run.state in waits:
        patience, since = waits[run.state]
        moments = [(since if since is not None else run.opened_at) + after for after in patience]
    else:
        moments = [_pulse(run.stream_id, run.playable_at if run.playable_at is not None else run.opened_at)]
    if session is not None and not session.live and session.session_id == run.session_id and session.ended_at:
        moments.append(session.ended_at + SESSION_GONE_MS)
    if run.probed_at is None:
        return min(moments)
    ahead = [moment for moment in moments if moment > run.probed_at]
    return min([*ahead, _pulse(run.stream_id, run.probed_at)])


@lru_cache(maxsize=20_000)
def _pulse(stream_id: str, since: int) -> int:
    """The next routine look, at most 90 s after the last: rooms share a few moments, so that one list serves many,
    and are drawn over several of them, so that not all are looked at together.
    """
    latest = since + ON_AIR_MS
    return latest - latest % PULSE_GRID_MS - draw(PULSE_EARLY_MAX, stream_id, str(since)) * PULSE_GRID_MS


def ask(turn: Turn, why: str) -> None:
    """Ask VideoSDK about the room; one question at a time, a further one waits for the answer."""
    if not turn.config.settings.calls:
        turn.note(turn.config.settings.why_no_calls(Reason.PROBE_NO_CREDENTIALS))
        return
    if turn.room.probe is not None or (turn.paused and why != "credentials"):
        if why not in turn.room.asks:
            turn.change(asks=(*turn.room.asks, why)[-8:])
        return
    if turn.room.quiet_until is not None and turn.event.at < turn.room.quiet_until and why != "credentials":
        turn.set_timer(f"ask:{why}", turn.room.quiet_until)
        turn.note(Reason.PROBE_PUT_OFF)
        return
    session = turn.room.session
    body: dict[str, Any] = {"about": why}
    expected = expected_streams(turn.room, turn.event.at, overdue_ms=NOT_PLAYABLE_MS)
    if expected:
        body["expected"] = expected
    who = why in ("participants", "session", "armed", "refused") or session is None or not session.complete
    if who or (why == "watch" and is_verification_due(turn)):
        body["session_id"] = session.session_id if session is not None and session.live else None
        body["session"] = True
    elif why in ("watch", "start-up") and _is_routine(turn.room) and not _is_precise(turn):
        body["routine"] = True
        body["known"] = [run.videosdk_id for run in turn.room.streams if run.live and run.videosdk_id is not None]
    if why == "failure":
        failed = unexplained(turn.room)
        if failed is None:
            turn.note(Reason.FAILURE_ALL_EXPLAINED)
            return
        body["failed"] = {
            "stream_id": failed.stream_id,
            "id": failed.videosdk_id,
            "session_id": failed.session_id,
            "url_key": failed.url_key,
        }
    probe = turn.new_call(CallKind.PROBE, why, body)
    turn.change(probe=probe, asked_at=turn.event.at)
    turn.set_timer("probe-lost", turn.event.at + PROBE_LOST_MS)


def _is_routine(room: Room) -> bool:
    """Whether nothing is expected to have changed: then a list of all streams may answer for the room."""
    settled = all(run.state is State.PLAYABLE and not run.provisional for run in room.streams if run.live)
    return settled and room.call is None and (room.session is None or room.session.live)


def _is_precise(turn: Turn) -> bool:
    # Whether a list shows a stream's end as soon as `active` does is not documented: now and then `active` is asked.
    return draw(PRECISE_EVERY, turn.room.room_id, turn.event.id) == 0


def look_after_start(turn: Turn) -> None:
    """We have just started: a room that looks on air is asked about soon, each at a moment of its own."""
    if any(run.live for run in turn.room.streams) and turn.room.probe is None:
        spread = draw(START_SPREAD_MS // START_GRID_MS, turn.room.room_id) * START_GRID_MS
        turn.set_timer("ask:start-up", turn.event.at + spread)


def ask_when_due(turn: Turn, timer: str) -> None:
    """A timer said to look."""
    ask(turn, "watch" if timer == "watch" else timer.removeprefix("ask:"))


def hear_probe(turn: Turn, data: Mapping[str, Any]) -> bool:
    """Fold what a probe saw: `asked_id` is the journal's last id when it was asked. False: nobody waits for it."""
    probe = turn.room.probe
    if probe is None or data.get("call_id") != probe.call_id:
        turn.note(Reason.PROBE_LATE)
        return False
    reached = bool(data.get("reached"))
    answered = replace(
        probe,
        state=CallState.SUCCEEDED if reached else CallState.UNKNOWN,
        answer_event_id=turn.event.id,
        answered_at=turn.event.at,
        status=data.get("status"),
        message=data.get("message"),
    )
    turn.outcome.calls[probe.call_id] = answered
    turn.change(probe=None)
    turn.clear_timer("probe-lost")
    if reached and turn.paused:
        turn.outcome.pause = False
        turn.calm("videosdk-credentials")
    asked = probe.body.get("failed")
    if isinstance(asked, Mapping) and (reached or turn.room.untold is not None):
        _hear_reason(turn, asked, data.get("failed"))
    note_readable(turn, data, understood=reached)
    if reached:
        if turn.room.misses or turn.room.quiet_until is not None:
            turn.change(misses=0, ask_after=None, quiet_until=None)
        _conclude(turn, data, asked_for=str(probe.body.get("about", "")))
        if probe.body.get("session"):
            asked_who(turn)
    else:
        _miss(turn, probe, data)
    for why in turn.room.asks[:1]:
        turn.change(asks=turn.room.asks[1:])
        ask(turn, why)
    return True


def note_readable(turn: Turn, data: Mapping[str, Any], *, understood: bool) -> None:
    """Raise an alarm that quotes an answer which nobody understands; clear it when one of the room is understood."""
    if "unreadable" in data:
        turn.change(unreadable=True)
        turn.alarm(
            UNREADABLE_ALARM,
            "critical",
            f"VideoSDK's answer about {turn.room.room_id} is in an unknown form; nothing is concluded from it, and "
            f"nothing is started: {data['unreadable']}",
            subject=turn.room.room_id,
            room_id=turn.room.room_id,
            reason=Reason.VIDEOSDK_UNREADABLE.value,
        )
    elif understood and turn.room.unreadable:
        turn.change(unreadable=False)
        turn.calm(UNREADABLE_ALARM, turn.room.room_id)


def _is_recent(turn: Turn, run: Stream) -> bool:
    return turn.event.at - (run.ended_at or 0) < WHY_ASKED_MS


def _miss(turn: Turn, probe: Call, data: Mapping[str, Any]) -> None:
    """VideoSDK could not be asked, or would not be: nothing is concluded, and the question is put later."""
    at, misses = turn.event.at, turn.room.misses
    wait = min(UNREACHED_MAX_MS, UNREACHED_FIRST_MS * 2 ** min(misses, 8))
    wished = data.get("retry_after_ms")
    if isinstance(wished, int):
        wait = max(wait, min(wished, QUIET_MAX_MS))
    after = at + wait + draw(wait // 5, probe.call_id)
    quiet = after if data.get("status") == 429 else None
    turn.change(misses=misses + 1, ask_after=after, quiet_until=quiet)
    if "unreadable" in data:
        turn.note(Reason.PROBE_UNREADABLE)
    else:
        turn.note(Reason.PROBE_RATE_LIMITED if quiet else Reason.PROBE_UNREACHED)
    about = str(probe.body.get("about", "again"))
    for why in (about, *turn.room.asks):
        if why == "armed":
            turn.set_timer("armed", after)
        elif why != "watch":
            turn.set_timer(f"ask:{why}", after)
    turn.change(asks=())


def unexplained(room: Room) -> Stream | None:
    """The run whose failure waits to be told, else the newest that failed without saying why."""
    if room.untold is not None:
        return room.untold.run
    failed = (run for run in reversed(room.streams) if run.state is State.FAILED and run.failure is None)
    return next(failed, None)


def _hear_reason(turn: Turn, asked: Mapping[str, Any], said: Any) -> None:
    """What REST shows of a failed run: its reason, if it gives one, is the run's from now on. Then it is told."""
    run = next((one for one in turn.room.streams if one.stream_id == asked.get("stream_id")), None)
    fact = stream_fact(said) if isinstance(said, Mapping) else None
    if run is not None and fact is not None and fact.failure is not None and run.failure is None:
        explained = replace(name_run(run, fact), failure=fact.failure)
        turn.room = put_run(turn.room, explained)
        turn.keep_run(explained)
        turn.note(Reason.FAILURE_REASON_FOUND, stream=run.stream_id, failure=fact.failure)
    elif run is not None and isinstance(said, Mapping) and said.get("reached") is False and _is_recent(turn, run):
        turn.note(Reason.FAILURE_REASON_UNREACHED)
        turn.set_timer("ask:failure", turn.event.at + WHY_AGAIN_MS)
    else:
        turn.note(Reason.FAILURE_REASON_MISSING)
    untold = turn.room.untold
    if untold is not None and untold.run.stream_id == asked.get("stream_id"):
        turn.tell_untold()


def _conclude(turn: Turn, data: Mapping[str, Any], *, asked_for: str) -> None:
    asked_id = str(data.get("asked_id") or "0-0")
    active, before = data.get("active"), turn.room.streams
    unended = unended_ids(data.get("records"))
    if isinstance(active, Mapping):
        overdue = any(
            run.state is State.STARTED and turn.event.at - (run.started_at or run.opened_at) >= NOT_PLAYABLE_MS
            for run in turn.room.streams
        )
        seen = see_active(turn, stream_fact(active), asked_id, playable=overdue)
        again = see_none(turn, asked_id, but=seen, unended=unended)
        if asked_for == "settle":
            _settle_again(turn)
    else:
        again = see_none(turn, asked_id, unended=unended)
    note_records(turn, before, data.get("records"))
    if again:
        turn.set_timer("ask:again", turn.event.at + AGAIN_MS)
    turn.change(streams=tuple(replace(run, probed_at=turn.event.at) if run.live else run for run in turn.room.streams))
    session = data.get("session")
    if isinstance(session, Mapping):
        _see_session(turn, session, asked_id)
    if not turn.effects:
        turn.note(Reason.PROBE_NO_CHANGE)


def _settle_again(turn: Turn) -> None:
    """A run is shown although an end was heard of: perhaps not yet gone, so it is asked about again, ever less."""
    at = turn.event.at
    heard = [since for mark in turn.room.marks if (since := unspent_since(turn.room, mark.session_id, at)) is not None]
    due = at + max(SETTLE_AGAIN_MS, at - max(heard)) if heard else None
    if due is not None and due - max(heard) < TRUST_END_MS:
        turn.set_timer("ask:settle", due)


def _see_session(turn: Turn, seen: Mapping[str, Any], asked_id: str) -> None:
    session_id = seen.get("session_id")
    if not isinstance(session_id, str) or mark_of(turn.room, session_id).ended:
        return
    current = turn.room.session
    if not seen.get("live"):
        if current is not None and current.session_id == session_id:
            end_session(turn, session_id)
        return
    if current is None or current.session_id != session_id:
        start_session(turn, session_id, complete=False)
    elif not is_covered(current, asked_id):
        turn.note(Reason.SESSION_NEWER_THAN_PROBE)
        turn.set_timer("ask:participants", turn.event.at + AGAIN_MS)
        return
    present = present_of(seen)
    if present is not None:
        see_participants(turn, session_id, present, asked_id)
