"""The plan: what a room's calendars want of it, as windows open and close, and what is told about that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from webhook_app.domain.budget import spend
from webhook_app.domain.context import Turn
from webhook_app.domain.frozen import replace
from webhook_app.domain.probing.policy import AGAIN_MS, ARMED_MS, ask
from webhook_app.domain.reasons import Cause, Reason, cause
from webhook_app.domain.room import CallKind, Room, Wish
from webhook_app.domain.rules.condition_results import verdict
from webhook_app.domain.rules.rule import Rule, Settings
from webhook_app.domain.schedules.faults import is_failing, schedule_computed, schedule_failed
from webhook_app.domain.schedules.open_window import Held, OpenWindow
from webhook_app.domain.schedules.openings import ScheduleError
from webhook_app.domain.schedules.schedule import DAY_MS, RoomWindow, Window, combine, take_windows
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.sessions.presence import empty_means, is_empty, seems_empty
from webhook_app.domain.sessions.tracking import live_session
from webhook_app.domain.streams.machine import WATCHABLE, Stream
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import stream_view

LOOK_AHEAD_MS = 5 * 366 * DAY_MS
LOOKED_AT_EACH = 4
OVERLAPS_MAX = 1_000
PASSED_TOLD_MAX = 24
TIMERS = ("window", "remind", "late", "empty", "overrun", "max-run")


@dataclass(frozen=True, slots=True)
class Outlook:
    """The stretch that is open at a moment, and the next one."""

    current: RoomWindow | None
    coming: RoomWindow | None


def stretches(turn: Turn, at: int) -> list[RoomWindow]:
    """The room's next stretches from the calendars of all its rules, soonest first."""
    rules = scheduled(turn)
    asked = [(rule, window) for rule in rules for window in _next_windows(turn, rule, at)]
    begun = [window.opens_at for _, window in asked if window.opens_at <= at]
    if begun and any(rule.start != rules[0].start for rule in rules):
        # A window that is over may have cut short one that is still open, for another stream.
        since = min(begun)
        asked = [(rule, window) for rule in rules for window in _next_windows(turn, rule, since, past=at)]
    return [one for one in combine([(rule.name, rule.start, window) for rule, window in asked]) if one.closes_at > at]


def outlook(turn: Turn, at: int) -> Outlook:
    """What is open now and what opens next."""
    found = stretches(turn, at)
    current = next((one for one in found if one.opens_at <= at < one.closes_at), None)
    return Outlook(current, next((one for one in found if one.opens_at > at), None))


def scheduled(turn: Turn) -> list[Rule]:
    """The room's rules that have a calendar."""
    return [rule for rule in turn.config.about(turn.room.room_id) if rule.schedule is not None]


def replan(turn: Turn) -> None:
    """Compare the room's open window with the calendars: open, extend or close it, and set the next timers."""
    at = turn.event.at
    if not scheduled(turn):
        _forget(turn)
        return
    seen = outlook(turn, at)
    held = turn.room.window
    if held is not None and seen.current is not None and _continues(held, seen.current):
        _extend(turn, held, seen.current)
    elif held is not None and seen.current is None and not _asked_for(turn, held):
        _leave(turn, held)
    elif held is not None and (seen.current is not None or not _overruns(turn, held)):
        _close(turn, held, follows=seen.current)
    awaited = turn.room.next_window
    _tell_passed(turn)
    if turn.room.window is None and seen.current is not None:
        _open(turn, seen.current, foreseen=awaited is not None and awaited.opens_at <= seen.current.opens_at)
    turn.change(next_window=seen.coming)
    _set_timers(turn, seen.coming)


def window_timer(turn: Turn, name: str) -> None:
    """One of the plan's timers went off."""
    held = turn.room.window
    match name:
        case "window":
            replan(turn)
        case "remind":
            _remind(turn)
        case "late" if held is not None:
            _late(turn, held)
        case "empty" if held is not None and held.held is None:
            turn.change(window=replace(held, asking_empty=True))
            by_hosts = _meaning(turn, held, "end_when_empty_s") is EmptyMeans.NO_HOSTS
            turn.decide(Reason.WINDOW_CHECKING_NO_HOSTS if by_hosts else Reason.WINDOW_CHECKING_EMPTY, rule=held.rule)
            ask(turn, "participants")
        case "overrun" if held is not None:
            _close(turn, held, follows=None)
            replan(turn)
        case "max-run":
            _renew_run(turn)
        case _:
            turn.note(Reason.WINDOW_NONE)


def follow(turn: Turn) -> None:
    """What the room's change means inside an open window: condition met, somebody back, playable, empty."""
    held = turn.room.window
    if held is None:
        return
    held = _hear_condition(turn, held)
    held = _see_playable(turn, held)
    held = _see_people(turn, held)
    if held.overrunning and held.closes_at <= turn.event.at and _has_emptied(turn, held):
        _close(turn, held, follows=None)
        replan(turn)
        return
    _time_the_run(turn, held)


def people_confirmed(turn: Turn, data: dict[str, Any] | Any) -> None:
    """VideoSDK was asked who is there: an empty room ends, if it still is."""
    held = turn.room.window
    if held is None or not held.asking_empty or not data.get("reached"):
        return
    session, means = turn.room.session, _meaning(turn, held, "end_when_empty_s")
    if live_session(turn.room):
        verified = turn.verified
        left_since = verified is not None and seems_empty(session, means) and not seems_empty(turn.arrived, means)
        if verified is None or left_since:
            if turn.room.probe is None and "ask:participants" not in turn.room.timers:
                turn.set_timer("ask:participants", turn.event.at + AGAIN_MS)
            return
        empty = seems_empty(session, means) and is_empty(verified, means)
    else:
        empty = True
    held = replace(held, asking_empty=False)
    turn.change(window=held)
    if empty:
        turn.change(window=replace(held, held=Held.EMPTY))
        by_hosts = means is EmptyMeans.NO_HOSTS
        turn.decide(Reason.WINDOW_NO_HOSTS if by_hosts else Reason.WINDOW_EMPTY, rule=held.rule)
        _renew(turn)


def hold_off(turn: Turn, why: Held, did: Reason) -> None:
    """Leave the room off until its window closes."""
    held = turn.room.window
    if held is None:
        return
    turn.change(window=replace(held, held=why))
    turn.decide(did, rule=held.rule)
    if why is Held.INTERRUPTED:
        tell(turn, "broadcast.interrupted", held, cause(Reason.STOPPED_BY_SOMEBODY))
    _renew(turn)


def restart_of(turn: Turn) -> str:
    """What the open window's rules say about a stream that ended early: the most persistent of them wins."""
    held = turn.room.window
    said = {rule.restart for rule in _rules(turn, held)} if held is not None else set()
    return next((word for word in ("always", "on-failure", "never") if word in said), "on-failure")


def tell_armed(turn: Turn) -> None:
    """Say once a window that the room waits for a session."""
    held = turn.room.window
    if held is not None and not held.armed_told:
        turn.change(window=replace(held, armed_told=True))
        tell(turn, "broadcast.armed", held, cause(Reason.NO_SESSION))


def tell(turn: Turn, kind: str, held: OpenWindow | RoomWindow, why: Cause | None, **more: Any) -> None:
    """Emit a `broadcast.*` notice: it names rule, window, the reason's code and, as its message, the reason's text.

    A window without a known close has none in the notice, and is open since it was entered. An older window's stream
    is not this one's.
    """
    endless = held.endless if isinstance(held, OpenWindow) else _goes_on(turn, held)
    opens_at = held.entered_at if isinstance(held, OpenWindow) and endless else held.opens_at
    shown = _stream_of(turn, kind, held)
    turn.happen(
        kind,
        because=f"rule:{held.rules[0]}",
        rule=held.rules[0],
        opens_at=rfc3339(opens_at),
        closes_at=None if endless else rfc3339(held.closes_at),
        reason=None if why is None else why.reason.value,
        message=None if why is None else why.text,
        stream=None if shown is None else stream_view(shown, turn.event.at, turn.room_name),
        **more,
    )


def _stream_of(turn: Turn, kind: str, held: OpenWindow | RoomWindow) -> Stream | None:
    """The stream that a notice about a window shows: the live one, or one that ran inside the window."""
    shown = turn.room.shown
    if shown is None or shown.live:
        return shown
    inside = shown.opened_at < held.closes_at and (shown.ended_at or 0) > held.opens_at
    return shown if inside and kind != "broadcast.armed" else None


def _goes_on(turn: Turn, window: RoomWindow) -> bool:
    """Whether windows for the same stream follow one another beyond those looked at, so that no close is known."""
    follows = outlook(turn, window.closes_at).current
    return follows is not None and follows.start == window.start


def _next_windows(turn: Turn, rule: Rule, at: int, *, past: int | None = None) -> list[Window]:
    """A rule's windows from a moment on: a few, and with `past` as many as opened up to then besides.

    A rule whose schedule cannot be computed has none, and is marked as failing.
    """
    assert rule.schedule is not None

    def take(windows: Iterator[Window]) -> Iterator[Window]:
        left = LOOKED_AT_EACH
        for window in islice(windows, OVERLAPS_MAX):
            if window.opens_at in rule.skipped:
                continue
            yield window
            if past is None or window.opens_at > past:
                left -= 1
            if left == 0:
                return

    # A rule of many rooms is looked up once in a fold, not once for each of them.
    key = (rule.name, at, past)
    if key not in turn.outcome.windows:
        try:
            turn.outcome.windows[key] = take_windows(rule.schedule, at, at + LOOK_AHEAD_MS, turn.config.calendars, take)
        except ScheduleError as error:
            turn.outcome.windows[key] = error
    windows = turn.outcome.windows[key]
    if isinstance(windows, ScheduleError):
        schedule_failed(turn, rule, windows)
        return []
    spend(1 + len(windows))
    schedule_computed(turn, rule)
    return windows


def _continues(held: OpenWindow, current: RoomWindow) -> bool:
    """Whether what is open is the same stretch: longer or shorter, or the same opening asks for another stream."""
    if current.opens_at == held.opens_at:
        return True
    return current.opens_at <= held.closes_at and current.start == held.start and current.closes_at >= held.opens_at


def _extend(turn: Turn, held: OpenWindow, current: RoomWindow) -> None:
    if current.start != held.start:
        _replace_run(turn, current.start)
        turn.decide(Reason.WINDOW_OTHER_START, rule=current.rules[0])
    extended = replace(
        held,
        closes_at=current.closes_at,
        rules=current.rules,
        start=current.start,
        overrunning=False,
        endless=_goes_on(turn, current),
    )
    if held.held is Held.REJECTED and current.start != held.start:
        extended = replace(extended, held=None)
    if extended == held:
        return
    turn.clear_timer("overrun")
    turn.change(window=extended)
    _renew(turn)
    follow(turn)


def _asked_for(turn: Turn, held: OpenWindow) -> bool:
    """Whether all rules of an open window are still there: one that was paused or deleted leaves the stream alone.

    So does one whose schedule cannot be computed: nobody decided that its window is over.
    """
    return set(held.rules) <= _computable(turn)


def _computable(turn: Turn) -> set[str]:
    """The names of the room's scheduled rules whose windows could be computed."""
    return {rule.name for rule in scheduled(turn) if not is_failing(turn.memory(rule.name))}


def _leave(turn: Turn, held: OpenWindow) -> None:
    turn.decide(Reason.WINDOW_RULE_GONE, rule=held.rule)
    turn.change(window=None, schedule_wish=None, replace_run=None, waits=None)
    turn.clear_timer(*TIMERS)


def _tell_passed(turn: Turn) -> None:
    """Windows that opened and closed while nobody looked were missed, or somebody else kept the room on air."""
    passed = turn.room.next_window
    names = _computable(turn)
    for _ in range(PASSED_TOLD_MAX):
        if passed is None or passed.closes_at > turn.event.at:
            return
        if not set(passed.rules) <= names:
            return
        if _playable(turn.room):
            tell(turn, "broadcast.completed", passed, None)
        else:
            tell(turn, "broadcast.missed", passed, cause(Reason.NOT_RUNNING))
        turn.decide(Reason.WINDOW_PASSED_UNSEEN, rule=passed.rules[0])
        turn.note(Reason.WINDOW_PASSED)
        after = outlook(turn, passed.closes_at)
        passed = after.current or after.coming


def _replace_run(turn: Turn, start: Mapping[str, Any]) -> None:
    """What is on air, or about to be, was started for another stream: it is ended, and started anew."""
    live = _live(turn.room)
    call = turn.room.call
    if live is not None:
        turn.change(replace_run=live.stream_id)
    elif call is not None and call.kind is CallKind.START and dict(call.body) != dict(start):
        turn.change(replace_run=call.call_id)


def _open(turn: Turn, window: RoomWindow, *, foreseen: bool) -> None:
    """`foreseen`: we knew of the opening before; else a rule was put inside its window, and asks from now on."""
    at = turn.event.at
    operator = turn.room.operator
    if operator is not None and operator.until is None and operator.since < window.opens_at:
        turn.change(operator=None)
        turn.decide(Reason.OPERATOR_SUPERSEDED_BY_WINDOW, rule=window.rules[0])
    endless = _goes_on(turn, window)
    held = OpenWindow(window.opens_at, window.closes_at, window.rules, window.start, entered_at=at, endless=endless)
    late = at - window.opens_at > 1_000
    turn.change(window=held, waits=None, tries=0)
    turn.clear_timer("backoff")
    entered = Reason.WINDOW_ENTERED_LATE if foreseen else Reason.WINDOW_ENTERED_NOW
    turn.decide(entered if late else Reason.WINDOW_OPENED, rule=held.rule)
    turn.note(Reason.WINDOW_OPENED)
    _set_late_timer(turn, held, since=held.opens_at if foreseen else at)
    follow(turn)
    _renew(turn)


def _close(turn: Turn, held: OpenWindow, *, follows: RoomWindow | None) -> None:
    room = turn.room
    reason = why_not(turn.room, held, turn.config.settings)
    if room.operator is not None and room.operator.until is None and room.operator.since >= held.opens_at:
        turn.change(operator=None)
        turn.decide(Reason.OPERATOR_ENDED_WITH_WINDOW, rule=held.rule)
    if held.endless:  # nobody knew of this close before
        held = replace(held, endless=False, opens_at=held.entered_at, closes_at=turn.event.at)
    held = _see_playable(turn, held)
    if held.playable:
        tell(turn, "broadcast.completed", held, None)
    else:
        tell(turn, "broadcast.missed", held, reason)
    turn.note(Reason.WINDOW_CLOSED)
    live = any(run.live for run in room.streams)
    turn.change(replace_run=None)
    if follows is not None and follows.start != held.start:
        _replace_run(turn, follows.start)
    wish = None
    left_alone = held.held not in (None, Held.EMPTY) or not turn.config.settings.calls
    if follows is None and (live or room.call is not None) and not left_alone:
        wish = Wish(False, f"rule:{held.rule}", turn.event.at, turn.event.id)
    turn.change(window=None, schedule_wish=wish, waits=None)
    turn.decide(Reason.WINDOW_CLOSED_ENDING if wish else Reason.WINDOW_CLOSED, rule=held.rule)
    turn.clear_timer("late", "empty", "overrun", "max-run", "window")


def _renew(turn: Turn) -> None:
    """Make the schedule's wish fit the open window."""
    held = turn.room.window
    if held is None:
        return
    because = f"rule:{held.rule}"
    old = turn.room.schedule_wish
    if held.held is Held.EMPTY:
        wish: Wish | None = Wish(False, because, turn.event.at, turn.event.id)
        if old is not None and not old.on_air:
            wish = old
    elif held.held is not None or not held.condition_met:
        wish = None
    else:
        until = None if held.endless else held.closes_at
        wish = Wish(True, because, held.entered_at, turn.event.id, until=until, start=held.start)
        if old is not None and old.on_air and replace(old, event_id="") == replace(wish, event_id=""):
            wish = old
    if wish != old:
        turn.change(schedule_wish=wish, waits=None)


def _forget(turn: Turn) -> None:
    room = turn.room
    if room.window is None and room.next_window is None and room.schedule_wish is None:
        return
    if room.window is not None:
        turn.decide(Reason.WINDOW_RULE_GONE, rule=room.window.rule)
    turn.change(window=None, next_window=None, schedule_wish=None, replace_run=None, waits=None)
    turn.clear_timer(*TIMERS)


def _overruns(turn: Turn, held: OpenWindow) -> bool:
    """At the close: go on for a while, when a rule says so and somebody is still there."""
    at = turn.event.at
    allowed = max((rule.overrun_s or 0 for rule in _rules(turn, held)), default=0) * 1000
    session, means = turn.room.session, _meaning(turn, held, "overrun_s")
    if not allowed or held.held is not None or is_empty(session, means) or at >= held.closes_at + allowed:
        return False
    if not turn.room.live_streams:
        return False
    if not held.overrunning:
        turn.change(window=replace(held, overrunning=True))
        turn.decide(Reason.WINDOW_OVERRUNS, rule=held.rule)
        turn.set_timer("overrun", held.closes_at + allowed)
        if session is not None and (session.count is None or seems_empty(session, means)):
            ask(turn, "participants")
    return True


def _hear_condition(turn: Turn, held: OpenWindow) -> OpenWindow:
    if held.condition_met:
        return held
    conditions = [rule for rule in _rules(turn, held) if rule.if_ is not None]
    met = not conditions or any(
        rule.if_ is None or verdict(turn, rule, rule.if_, None).held for rule in _rules(turn, held)
    )
    if met:
        held = replace(held, condition_met=True)
        turn.change(window=held)
        if conditions:
            turn.decide(Reason.WINDOW_IF_HOLDS, rule=held.rule)
        _renew(turn)
    else:
        if turn.room.waits != Reason.WINDOW_IF_AWAITED:
            turn.change(waits=Reason.WINDOW_IF_AWAITED.value)
            turn.decide(Reason.WINDOW_IF_AWAITED, rule=held.rule)
        _ask_who(turn, held)
    return held


def _ask_who(turn: Turn, held: OpenWindow) -> None:
    """Who is there may be what the `if` waits for, and the webhook that said so may be lost: VideoSDK is asked."""
    room, at = turn.room, turn.event.at
    if turn.config.settings.calls and room.probe is None and _ASK_WHO not in room.timers:
        asked = room.asked_at is not None and room.asked_at >= held.entered_at
        due = max(at, (room.asked_at or at) + ARMED_MS) if asked else at
        # While all calls are paused nothing is sent, so a timer that is due at once would fire again and again.
        turn.set_timer(_ASK_WHO, at + ARMED_MS if turn.paused else due)


_ASK_WHO = "ask:participants"


def _see_playable(turn: Turn, held: OpenWindow) -> OpenWindow:
    if held.playable or not _playable(turn.room):
        return held
    held = replace(held, playable=True)
    turn.change(window=held)
    turn.clear_timer("late")
    return held


def _see_people(turn: Turn, held: OpenWindow) -> OpenWindow:
    patience = min((rule.end_when_empty_s for rule in _rules(turn, held) if rule.end_when_empty_s), default=None)
    if patience is None:
        return held
    empty = seems_empty(turn.room.session, _meaning(turn, held, "end_when_empty_s"))
    if held.held is Held.EMPTY and not empty:
        held = replace(held, held=None)
        turn.change(window=held)
        turn.decide(Reason.WINDOW_SOMEBODY_BACK, rule=held.rule)
        _renew(turn)
    on = bool(turn.room.live_streams)
    if empty and on and held.held is None and not held.asking_empty:
        if "empty" not in turn.room.timers:
            turn.set_timer("empty", turn.event.at + patience * 1000)
    elif not empty:
        turn.clear_timer("empty")
        if held.asking_empty:
            held = replace(held, asking_empty=False)
            turn.change(window=held)
    return held


def _time_the_run(turn: Turn, held: OpenWindow) -> None:
    longest = min((rule.max_run_s for rule in _rules(turn, held) if rule.max_run_s), default=None)
    run = _live(turn.room)
    going = run is not None and turn.room.replace_run in (run.stream_id, run.call_id or run.stream_id)
    if longest is None or run is None or run.started_at is None or going or held.held is not None:
        turn.clear_timer("max-run")
        return
    due = run.started_at + longest * 1000
    if due < held.closes_at:
        turn.set_timer("max-run", due)
    else:
        turn.clear_timer("max-run")


def _renew_run(turn: Turn) -> None:
    run = _live(turn.room)
    held = turn.room.window
    if run is None or held is None:
        turn.note(Reason.STREAM_NONE_TO_RENEW)
        return
    turn.change(replace_run=run.stream_id)
    turn.decide(Reason.STREAM_RENEWED, rule=held.rule)


def _remind(turn: Turn) -> None:
    coming = turn.room.next_window
    if coming is None:
        turn.note(Reason.WINDOW_NONE_AHEAD)
        return
    turn.note(Reason.WINDOW_NEAR)
    tell(turn, "broadcast.upcoming", coming, None, session_live=live_session(turn.room))
    turn.change(reminded_at=coming.opens_at)


def _late(turn: Turn, held: OpenWindow) -> None:
    if held.playable or held.held not in (None, Held.REJECTED):
        turn.note(Reason.WINDOW_PLAYABLE)
        return
    turn.note(Reason.WINDOW_LATE)
    tell(turn, "broadcast.late", held, why_not(turn.room, held, turn.config.settings))


def why_not(room: Room, held: OpenWindow, settings: Settings) -> Cause:
    """Why the window is not on air, the first that applies."""
    if held.held is Held.INTERRUPTED:
        return cause(Reason.STOPPED_BY_SOMEBODY)
    if held.held is Held.REJECTED and room.last_refusal:
        return cause(Reason.VIDEOSDK_REFUSED, said=room.last_refusal)
    if held.held is Held.REJECTED:
        return cause(Reason.START_REJECTED)
    if held.held is Held.EMPTY:
        return cause(Reason.WINDOW_EMPTY)
    if held.held is Held.NOT_RESTARTED:
        return cause(Reason.NOT_RESTARTED)
    if room.operator is not None and not room.operator.on_air:
        return cause(Reason.OPERATOR_OFF)
    if not held.condition_met:
        return cause(Reason.WINDOW_IF_AWAITED)
    if not settings.calls:
        return cause(settings.why_no_calls(Reason.NO_CREDENTIALS))
    if not live_session(room) and not any(run.live for run in room.streams):
        return cause(Reason.SESSION_UNKNOWN if room.waits == Reason.CHECKING_SESSION else Reason.NO_SESSION)
    if settings.paused:
        return cause(Reason.CALLS_PAUSED)
    for reason in (Reason.VIDEOSDK_UNREACHED, Reason.VIDEOSDK_UNREADABLE):
        if room.last_refusal == reason:
            return cause(reason)
    if room.last_refusal:
        return cause(Reason.VIDEOSDK_REFUSED, said=room.last_refusal)
    if room.call is not None:
        return cause(Reason.CALL_UNDER_WAY, kind=room.call.kind, state=room.call.state)
    run = _live(room)
    if run is not None:
        return cause(Reason.NOT_PLAYABLE, state=run.state)
    return cause(Reason.NO_STREAM if room.shown is not None else Reason.NOT_RUNNING)


def _set_timers(turn: Turn, coming: RoomWindow | None) -> None:
    at = turn.event.at
    held = turn.room.window
    boundaries = [held.closes_at] if held is not None and not held.overrunning else []
    if coming is not None:
        boundaries.append(coming.opens_at)
    if boundaries:
        turn.set_timer("window", min(boundaries))
    else:
        turn.clear_timer("window")
    if coming is None or turn.room.reminded_at == coming.opens_at:
        turn.clear_timer("remind")
        return
    names = set(coming.rules)
    ahead = max((rule.remind_s or 0 for rule in scheduled(turn) if rule.name in names), default=0)
    if ahead and coming.opens_at > at:
        turn.set_timer("remind", max(at, coming.opens_at - ahead * 1000))
    else:
        turn.clear_timer("remind")


def _set_late_timer(turn: Turn, held: OpenWindow, *, since: int) -> None:
    """Late is told once, unless the window closes first: that it was missed says as much."""
    due = since + min((rule.late_after_s for rule in _rules(turn, held)), default=60) * 1000
    if due < held.closes_at and not _playable(turn.room):
        turn.set_timer("late", max(turn.event.at, due))


def _rules(turn: Turn, held: OpenWindow) -> list[Rule]:
    found = (turn.config.rules.get(name) for name in held.rules)
    return [rule for rule in found if rule is not None]


def _live(room: Room) -> Stream | None:
    live = room.live_streams
    return live[-1] if live else None


def _playable(room: Room) -> bool:
    """A viewer can watch a run that became playable; one that went from started to stopping never did."""
    return any(run.state in WATCHABLE and run.playable_at is not None and not run.provisional for run in room.streams)


def _meaning(turn: Turn, held: OpenWindow, field: str) -> EmptyMeans:
    """What the window's rules that have this field mean by empty."""
    return empty_means(rule for rule in _rules(turn, held) if getattr(rule, field))


def _has_emptied(turn: Turn, held: OpenWindow) -> bool:
    """Whether it is known that nobody, or no host, is there: by all that is known, or by this event's probe."""
    session, means = turn.room.session, _meaning(turn, held, "overrun_s")
    if is_empty(session, means):
        return True
    return turn.verified is not None and is_empty(turn.verified, means) and seems_empty(session, means)
