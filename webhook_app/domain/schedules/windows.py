"""The plan: what a room's calendars want of it, as windows open and close, and what is told about that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from webhook_app.domain.budget import spend
from webhook_app.domain.context import StepContext
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.facts.results import ProbeResult
from webhook_app.domain.frozen import replace
from webhook_app.domain.probing.policy import ARMED_PROBE_MS, REPROBE_MS, request_probe
from webhook_app.domain.probing.requests import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import CallKind, Desired, Room
from webhook_app.domain.rules.condition_evaluation import evaluate_condition
from webhook_app.domain.rules.rule import Rule, Settings
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.failures import schedule_computed, schedule_failed
from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.schedule import DAY_MS, RoomWindow, Window, merge_windows, take_windows
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.sessions.presence import empty_means, is_empty, seems_empty
from webhook_app.domain.sessions.tracking import has_live_session
from webhook_app.domain.streams.machine import WATCHABLE, Stream
from webhook_app.domain.timers import WINDOW_TIMERS, TimerKind, probe_timer
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import stream_view

LOOK_AHEAD_MS = 5 * 366 * DAY_MS
LOOKED_AT_EACH = 4
OVERLAPS_MAX = 1_000
PASSED_TOLD_MAX = 24


@dataclass(frozen=True, slots=True)
class CurrentAndNext:
    """The stretch that is open at a moment, and the next one."""

    current: RoomWindow | None
    coming: RoomWindow | None


def merged_windows(context: StepContext, at: int) -> list[RoomWindow]:
    """The room's next stretches from the calendars of all its rules, soonest first."""
    rules = schedule_rules(context)
    asked = [(rule, window) for rule in rules for window in _next_windows(context, rule, at)]
    begun = [window.opens_at for _, window in asked if window.opens_at <= at]
    if begun and any(rule.start != rules[0].start for rule in rules):
        # A window that is over may have cut short one that is still open, for another stream.
        since = min(begun)
        asked = [(rule, window) for rule in rules for window in _next_windows(context, rule, since, past=at)]
    return [
        one for one in merge_windows([(rule.name, rule.start, window) for rule, window in asked]) if one.closes_at > at
    ]


def current_and_next(context: StepContext, at: int) -> CurrentAndNext:
    """What is open now and what opens next."""
    found = merged_windows(context, at)
    current = next((one for one in found if one.opens_at <= at < one.closes_at), None)
    return CurrentAndNext(current, next((one for one in found if one.opens_at > at), None))


def schedule_rules(context: StepContext) -> list[Rule]:
    """The room's rules that have a calendar."""
    return [rule for rule in context.config.about(context.room.room_id) if rule.schedule is not None]


def reconcile_windows(context: StepContext) -> None:
    """Compare the room's open window with the calendars: open, extend or close it, and set the next timers."""
    at = context.event.at
    if not schedule_rules(context):
        _forget(context)
        return
    seen = current_and_next(context, at)
    held = context.room.window
    if held is not None and seen.current is not None and _continues(held, seen.current):
        _extend(context, held, seen.current)
    elif held is not None and seen.current is None and not _asked_for(context, held):
        _leave(context, held)
    elif held is not None and (seen.current is not None or not _overruns(context, held)):
        _close(context, held, follows=seen.current)
    awaited = context.room.next_window
    _tell_passed(context)
    if context.room.window is None and seen.current is not None:
        _open(context, seen.current, foreseen=awaited is not None and awaited.opens_at <= seen.current.opens_at)
    context.change(next_window=seen.coming)
    _set_timers(context, seen.coming)


def on_window_timer(context: StepContext, kind: TimerKind) -> None:
    """Act on one of `WINDOW_TIMERS`."""
    held = context.room.window
    match kind:
        case TimerKind.WINDOW:
            reconcile_windows(context)
        case TimerKind.REMIND:
            _remind(context)
        case TimerKind.LATE if held is not None:
            _late(context, held)
        case TimerKind.EMPTY if held is not None and held.held is None:
            context.change(window=replace(held, asking_empty=True))
            by_hosts = _meaning(context, held, "end_when_empty_s") is EmptyMeans.NO_HOSTS
            context.record_decision(
                Reason.WINDOW_CHECKING_NO_HOSTS if by_hosts else Reason.WINDOW_CHECKING_EMPTY, rule=held.rule
            )
            request_probe(context, ProbeSubject.PARTICIPANTS)
        case TimerKind.OVERRUN if held is not None:
            _close(context, held, follows=None)
            reconcile_windows(context)
        case TimerKind.MAX_RUN:
            _renew_run(context)
        case _:
            context.record_effect(Reason.WINDOW_NONE)


def monitor_window(context: StepContext) -> None:
    """What the room's change means inside an open window: condition met, somebody back, playable, empty."""
    held = context.room.window
    if held is None:
        return
    held = _hear_condition(context, held)
    held = _see_playable(context, held)
    held = _see_people(context, held)
    if held.overrunning and held.closes_at <= context.event.at and _has_emptied(context, held):
        _close(context, held, follows=None)
        reconcile_windows(context)
        return
    _time_the_run(context, held)


def on_presence_verified(context: StepContext, probe: ProbeResult) -> None:
    """VideoSDK was asked who is there: an empty room ends, if it still is."""
    held = context.room.window
    if held is None or not held.asking_empty or not probe.reached:
        return
    session, means = context.room.session, _meaning(context, held, "end_when_empty_s")
    if has_live_session(context.room):
        verified = context.verified
        left_since = verified is not None and seems_empty(session, means) and not seems_empty(context.arrived, means)
        if verified is None or left_since:
            if context.room.probe is None and probe_timer(ProbeSubject.PARTICIPANTS) not in context.room.timers:
                context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + REPROBE_MS)
            return
        empty = seems_empty(session, means) and is_empty(verified, means)
    else:
        empty = True
    held = replace(held, asking_empty=False)
    context.change(window=held)
    if empty:
        context.change(window=replace(held, held=SuppressionReason.EMPTY))
        by_hosts = means is EmptyMeans.NO_HOSTS
        context.record_decision(Reason.WINDOW_NO_HOSTS if by_hosts else Reason.WINDOW_EMPTY, rule=held.rule)
        _renew(context)


def suppress_window(context: StepContext, why: SuppressionReason, did: Reason) -> None:
    """Leave the room off until its window closes."""
    held = context.room.window
    if held is None:
        return
    context.change(window=replace(held, held=why))
    context.record_decision(did, rule=held.rule)
    if why is SuppressionReason.INTERRUPTED:
        emit_broadcast(context, "broadcast.interrupted", held, explain(Reason.STOPPED_BY_SOMEBODY))
    _renew(context)


def restart_policy(context: StepContext) -> str:
    """What the open window's rules say about a stream that ended early: the most persistent of them wins."""
    held = context.room.window
    said = {rule.restart for rule in _rules(context, held)} if held is not None else set()
    return next((word for word in ("always", "on-failure", "never") if word in said), "on-failure")


def announce_armed(context: StepContext) -> None:
    """Say once a window that the room waits for a session."""
    held = context.room.window
    if held is not None and not held.armed_told:
        context.change(window=replace(held, armed_told=True))
        emit_broadcast(context, "broadcast.armed", held, explain(Reason.NO_SESSION))


def emit_broadcast(
    context: StepContext, kind: str, held: OpenWindow | RoomWindow, why: Explanation | None, **more: Any
) -> None:
    """Emit a `broadcast.*` notice: it names rule, window, the reason's code and, as its message, the reason's text.

    A window without a known close has none in the notice, and is open since it was entered. An older window's stream
    is not this one's.
    """
    endless = held.endless if isinstance(held, OpenWindow) else _goes_on(context, held)
    opens_at = held.entered_at if isinstance(held, OpenWindow) and endless else held.opens_at
    shown = _stream_of(context, kind, held)
    context.emit(
        kind,
        because=f"rule:{held.rules[0]}",
        rule=held.rules[0],
        opens_at=rfc3339(opens_at),
        closes_at=None if endless else rfc3339(held.closes_at),
        reason=None if why is None else str(why.code),
        message=None if why is None else why.stored,
        stream=None if shown is None else stream_view(shown, context.event.at, context.room_name),
        **more,
    )


def _stream_of(context: StepContext, kind: str, held: OpenWindow | RoomWindow) -> Stream | None:
    """The stream that a notice about a window shows: the live one, or one that ran inside the window."""
    shown = context.room.shown
    if shown is None or shown.live:
        return shown
    inside = shown.opened_at < held.closes_at and (shown.ended_at or 0) > held.opens_at
    return shown if inside and kind != "broadcast.armed" else None


def _goes_on(context: StepContext, window: RoomWindow) -> bool:
    """Whether windows for the same stream follow one another beyond those looked at, so that no close is known."""
    follows = current_and_next(context, window.closes_at).current
    return follows is not None and follows.start == window.start


def _next_windows(context: StepContext, rule: Rule, at: int, *, past: int | None = None) -> list[Window]:
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
    if key not in context.outcome.windows:
        try:
            context.outcome.windows[key] = take_windows(
                rule.schedule, at, at + LOOK_AHEAD_MS, context.config.calendars, take
            )
        except ScheduleError as error:
            context.outcome.windows[key] = error
    windows = context.outcome.windows[key]
    if isinstance(windows, ScheduleError):
        schedule_failed(context, rule, windows)
        return []
    spend(1 + len(windows))
    schedule_computed(context, rule)
    return windows


def _continues(held: OpenWindow, current: RoomWindow) -> bool:
    """Whether what is open is the same stretch: longer or shorter, or the same opening asks for another stream."""
    if current.opens_at == held.opens_at:
        return True
    return current.opens_at <= held.closes_at and current.start == held.start and current.closes_at >= held.opens_at


def _extend(context: StepContext, held: OpenWindow, current: RoomWindow) -> None:
    if current.start != held.start:
        _replace_run(context, current.start)
        context.record_decision(Reason.WINDOW_OTHER_START, rule=current.rules[0])
    extended = replace(
        held,
        closes_at=current.closes_at,
        rules=current.rules,
        start=current.start,
        overrunning=False,
        endless=_goes_on(context, current),
    )
    if held.held is SuppressionReason.REJECTED and current.start != held.start:
        extended = replace(extended, held=None)
    if extended == held:
        return
    context.clear_timer(TimerKind.OVERRUN)
    context.change(window=extended)
    _renew(context)
    monitor_window(context)


def _asked_for(context: StepContext, held: OpenWindow) -> bool:
    """Whether all rules of an open window are still there: one that was paused or deleted leaves the stream alone.

    So does one whose schedule cannot be computed: nobody decided that its window is over.
    """
    return set(held.rules) <= _computable(context)


def _computable(context: StepContext) -> set[str]:
    """The names of the room's scheduled rules whose windows could be computed."""
    return {rule.name for rule in schedule_rules(context) if not context.memory(rule.name).has_failing_schedule}


def _leave(context: StepContext, held: OpenWindow) -> None:
    context.record_decision(Reason.WINDOW_RULE_GONE, rule=held.rule)
    context.change(window=None, schedule_wish=None, replace_run=None, waits=None)
    context.clear_timer(*WINDOW_TIMERS)


def _tell_passed(context: StepContext) -> None:
    """Windows that opened and closed while nobody looked were missed, or somebody else kept the room on air."""
    passed = context.room.next_window
    names = _computable(context)
    for _ in range(PASSED_TOLD_MAX):
        if passed is None or passed.closes_at > context.event.at:
            return
        if not set(passed.rules) <= names:
            return
        if _playable(context.room):
            emit_broadcast(context, "broadcast.completed", passed, None)
        else:
            emit_broadcast(context, "broadcast.missed", passed, explain(Reason.NOT_RUNNING))
        context.record_decision(Reason.WINDOW_PASSED_UNSEEN, rule=passed.rules[0])
        context.record_effect(Reason.WINDOW_PASSED)
        after = current_and_next(context, passed.closes_at)
        passed = after.current or after.coming


def _replace_run(context: StepContext, start: Mapping[str, Any]) -> None:
    """What is on air, or about to be, was started for another stream: it is ended, and started anew."""
    live = _live(context.room)
    call = context.room.call
    if live is not None:
        context.change(replace_run=live.stream_id)
    elif call is not None and call.kind is CallKind.START and dict(call.body) != dict(start):
        context.change(replace_run=call.call_id)


def _open(context: StepContext, window: RoomWindow, *, foreseen: bool) -> None:
    """`foreseen`: we knew of the opening before; else a rule was put inside its window, and asks from now on."""
    at = context.event.at
    operator = context.room.operator
    if operator is not None and operator.until is None and operator.since < window.opens_at:
        context.change(operator=None)
        context.record_decision(Reason.OPERATOR_SUPERSEDED_BY_WINDOW, rule=window.rules[0])
    endless = _goes_on(context, window)
    held = OpenWindow(window.opens_at, window.closes_at, window.rules, window.start, entered_at=at, endless=endless)
    late = at - window.opens_at > 1_000
    context.change(window=held, waits=None, tries=0)
    context.clear_timer(TimerKind.BACKOFF)
    entered = Reason.WINDOW_ENTERED_LATE if foreseen else Reason.WINDOW_ENTERED_NOW
    context.record_decision(entered if late else Reason.WINDOW_OPENED, rule=held.rule)
    context.record_effect(Reason.WINDOW_OPENED)
    _set_late_timer(context, held, since=held.opens_at if foreseen else at)
    monitor_window(context)
    _renew(context)


def _close(context: StepContext, held: OpenWindow, *, follows: RoomWindow | None) -> None:
    room = context.room
    reason = why_off_air(context.room, held, context.config.settings)
    if room.operator is not None and room.operator.until is None and room.operator.since >= held.opens_at:
        context.change(operator=None)
        context.record_decision(Reason.OPERATOR_ENDED_WITH_WINDOW, rule=held.rule)
    if held.endless:  # nobody knew of this close before
        held = replace(held, endless=False, opens_at=held.entered_at, closes_at=context.event.at)
    held = _see_playable(context, held)
    if held.playable:
        emit_broadcast(context, "broadcast.completed", held, None)
    else:
        emit_broadcast(context, "broadcast.missed", held, reason)
    context.record_effect(Reason.WINDOW_CLOSED)
    live = any(stream.live for stream in room.streams)
    context.change(replace_run=None)
    if follows is not None and follows.start != held.start:
        _replace_run(context, follows.start)
    desired = None
    left_alone = held.held not in (None, SuppressionReason.EMPTY) or not context.config.settings.calls
    if follows is None and (live or room.call is not None) and not left_alone:
        desired = Desired(False, f"rule:{held.rule}", context.event.at, context.event.id)
    context.change(window=None, schedule_wish=desired, waits=None)
    context.record_decision(Reason.WINDOW_CLOSED_ENDING if desired else Reason.WINDOW_CLOSED, rule=held.rule)
    context.clear_timer(TimerKind.LATE, TimerKind.EMPTY, TimerKind.OVERRUN, TimerKind.MAX_RUN, TimerKind.WINDOW)


def _renew(context: StepContext) -> None:
    """Make the schedule's wish fit the open window."""
    held = context.room.window
    if held is None:
        return
    because = f"rule:{held.rule}"
    old = context.room.schedule_wish
    if held.held is SuppressionReason.EMPTY:
        desired: Desired | None = Desired(False, because, context.event.at, context.event.id)
        if old is not None and not old.on_air:
            desired = old
    elif held.held is not None or not held.condition_met:
        desired = None
    else:
        until = None if held.endless else held.closes_at
        desired = Desired(True, because, held.entered_at, context.event.id, until=until, start=held.start)
        if old is not None and old.on_air and replace(old, event_id="") == replace(desired, event_id=""):
            desired = old
    if desired != old:
        context.change(schedule_wish=desired, waits=None)


def _forget(context: StepContext) -> None:
    room = context.room
    if room.window is None and room.next_window is None and room.schedule_wish is None:
        return
    if room.window is not None:
        context.record_decision(Reason.WINDOW_RULE_GONE, rule=room.window.rule)
    context.change(window=None, next_window=None, schedule_wish=None, replace_run=None, waits=None)
    context.clear_timer(*WINDOW_TIMERS)


def _overruns(context: StepContext, held: OpenWindow) -> bool:
    """At the close: go on for a while, when a rule says so and somebody is still there."""
    at = context.event.at
    allowed = max((rule.overrun_s or 0 for rule in _rules(context, held)), default=0) * 1000
    session, means = context.room.session, _meaning(context, held, "overrun_s")
    if not allowed or held.held is not None or is_empty(session, means) or at >= held.closes_at + allowed:
        return False
    if not context.room.live_streams:
        return False
    if not held.overrunning:
        context.change(window=replace(held, overrunning=True))
        context.record_decision(Reason.WINDOW_OVERRUNS, rule=held.rule)
        context.set_timer(TimerKind.OVERRUN, held.closes_at + allowed)
        if session is not None and (session.count is None or seems_empty(session, means)):
            request_probe(context, ProbeSubject.PARTICIPANTS)
    return True


def _hear_condition(context: StepContext, held: OpenWindow) -> OpenWindow:
    if held.condition_met:
        return held
    conditions = [rule for rule in _rules(context, held) if rule.if_ is not None]
    met = not conditions or any(
        rule.if_ is None or evaluate_condition(context, rule, rule.if_, None).held for rule in _rules(context, held)
    )
    if met:
        held = replace(held, condition_met=True)
        context.change(window=held)
        if conditions:
            context.record_decision(Reason.WINDOW_IF_HOLDS, rule=held.rule)
        _renew(context)
    else:
        if context.room.waits != Reason.WINDOW_IF_AWAITED:
            context.change(waits=Reason.WINDOW_IF_AWAITED.value)
            context.record_decision(Reason.WINDOW_IF_AWAITED, rule=held.rule)
        _ask_who(context, held)
    return held


def _ask_who(context: StepContext, held: OpenWindow) -> None:
    """Who is there may be what the `if` waits for, and the webhook that said so may be lost: VideoSDK is asked."""
    room, at = context.room, context.event.at
    if context.config.settings.calls and room.probe is None and _PRESENCE_PROBE not in room.timers:
        asked = room.asked_at is not None and room.asked_at >= held.entered_at
        due = max(at, (room.asked_at or at) + ARMED_PROBE_MS) if asked else at
        # While all calls are paused nothing is sent, so a timer that is due at once would fire again and again.
        context.set_timer(_PRESENCE_PROBE, at + ARMED_PROBE_MS if context.paused else due)


_PRESENCE_PROBE = probe_timer(ProbeSubject.PARTICIPANTS)


def _see_playable(context: StepContext, held: OpenWindow) -> OpenWindow:
    if held.playable or not _playable(context.room):
        return held
    held = replace(held, playable=True)
    context.change(window=held)
    context.clear_timer(TimerKind.LATE)
    return held


def _see_people(context: StepContext, held: OpenWindow) -> OpenWindow:
    patience = min((rule.end_when_empty_s for rule in _rules(context, held) if rule.end_when_empty_s), default=None)
    if patience is None:
        return held
    empty = seems_empty(context.room.session, _meaning(context, held, "end_when_empty_s"))
    if held.held is SuppressionReason.EMPTY and not empty:
        held = replace(held, held=None)
        context.change(window=held)
        context.record_decision(Reason.WINDOW_SOMEBODY_BACK, rule=held.rule)
        _renew(context)
    on = bool(context.room.live_streams)
    if empty and on and held.held is None and not held.asking_empty:
        if TimerKind.EMPTY not in context.room.timers:
            context.set_timer(TimerKind.EMPTY, context.event.at + patience * 1000)
    elif not empty:
        context.clear_timer(TimerKind.EMPTY)
        if held.asking_empty:
            held = replace(held, asking_empty=False)
            context.change(window=held)
    return held


def _time_the_run(context: StepContext, held: OpenWindow) -> None:
    longest = min((rule.max_run_s for rule in _rules(context, held) if rule.max_run_s), default=None)
    stream = _live(context.room)
    going = stream is not None and context.room.replace_run in (stream.stream_id, stream.call_id or stream.stream_id)
    if longest is None or stream is None or stream.started_at is None or going or held.held is not None:
        context.clear_timer(TimerKind.MAX_RUN)
        return
    due = stream.started_at + longest * 1000
    if due < held.closes_at:
        context.set_timer(TimerKind.MAX_RUN, due)
    else:
        context.clear_timer(TimerKind.MAX_RUN)


def _renew_run(context: StepContext) -> None:
    stream = _live(context.room)
    held = context.room.window
    if stream is None or held is None:
        context.record_effect(Reason.STREAM_NONE_TO_RENEW)
        return
    context.change(replace_run=stream.stream_id)
    context.record_decision(Reason.STREAM_RENEWED, rule=held.rule)


def _remind(context: StepContext) -> None:
    coming = context.room.next_window
    if coming is None:
        context.record_effect(Reason.WINDOW_NONE_AHEAD)
        return
    context.record_effect(Reason.WINDOW_NEAR)
    emit_broadcast(context, "broadcast.upcoming", coming, None, session_live=has_live_session(context.room))
    context.change(reminded_at=coming.opens_at)


def _late(context: StepContext, held: OpenWindow) -> None:
    if held.playable or held.held not in (None, SuppressionReason.REJECTED):
        context.record_effect(Reason.WINDOW_PLAYABLE)
        return
    context.record_effect(Reason.WINDOW_LATE)
    emit_broadcast(context, "broadcast.late", held, why_off_air(context.room, held, context.config.settings))


def why_off_air(room: Room, held: OpenWindow, settings: Settings) -> Explanation:
    """Why the window is not on air, the first that applies."""
    if held.held is SuppressionReason.INTERRUPTED:
        return explain(Reason.STOPPED_BY_SOMEBODY)
    if held.held is SuppressionReason.REJECTED and room.last_refusal:
        return explain(Reason.VIDEOSDK_REFUSED, said=room.last_refusal)
    if held.held is SuppressionReason.REJECTED:
        return explain(Reason.START_REJECTED)
    if held.held is SuppressionReason.EMPTY:
        return explain(Reason.WINDOW_EMPTY)
    if held.held is SuppressionReason.NOT_RESTARTED:
        return explain(Reason.NOT_RESTARTED)
    if room.operator is not None and not room.operator.on_air:
        return explain(Reason.OPERATOR_OFF)
    if not held.condition_met:
        return explain(Reason.WINDOW_IF_AWAITED)
    if not settings.calls:
        return explain(settings.reason_for_no_calls(Reason.NO_CREDENTIALS))
    if not has_live_session(room) and not any(stream.live for stream in room.streams):
        return explain(Reason.SESSION_UNKNOWN if room.waits == Reason.CHECKING_SESSION else Reason.NO_SESSION)
    if settings.paused:
        return explain(Reason.CALLS_PAUSED)
    for reason in (Reason.VIDEOSDK_UNREACHED, Reason.VIDEOSDK_UNREADABLE):
        if room.last_refusal == reason:
            return explain(reason)
    if room.last_refusal:
        return explain(Reason.VIDEOSDK_REFUSED, said=room.last_refusal)
    if room.call is not None:
        return explain(Reason.CALL_UNDER_WAY, kind=room.call.kind, state=room.call.state)
    stream = _live(room)
    if stream is not None:
        return explain(Reason.NOT_PLAYABLE, state=stream.state)
    return explain(Reason.NO_STREAM if room.shown is not None else Reason.NOT_RUNNING)


def _set_timers(context: StepContext, coming: RoomWindow | None) -> None:
    at = context.event.at
    held = context.room.window
    boundaries = [held.closes_at] if held is not None and not held.overrunning else []
    if coming is not None:
        boundaries.append(coming.opens_at)
    if boundaries:
        context.set_timer(TimerKind.WINDOW, min(boundaries))
    else:
        context.clear_timer(TimerKind.WINDOW)
    if coming is None or context.room.reminded_at == coming.opens_at:
        context.clear_timer(TimerKind.REMIND)
        return
    names = set(coming.rules)
    ahead = max((rule.remind_s or 0 for rule in schedule_rules(context) if rule.name in names), default=0)
    if ahead and coming.opens_at > at:
        context.set_timer(TimerKind.REMIND, max(at, coming.opens_at - ahead * 1000))
    else:
        context.clear_timer(TimerKind.REMIND)


def _set_late_timer(context: StepContext, held: OpenWindow, *, since: int) -> None:
    """Late is told once, unless the window closes first: that it was missed says as much."""
    due = since + min((rule.late_after_s for rule in _rules(context, held)), default=60) * 1000
    if due < held.closes_at and not _playable(context.room):
        context.set_timer(TimerKind.LATE, max(context.event.at, due))


def _rules(context: StepContext, held: OpenWindow) -> list[Rule]:
    found = (context.config.rules.get(name) for name in held.rules)
    return [rule for rule in found if rule is not None]


def _live(room: Room) -> Stream | None:
    live = room.live_streams
    return live[-1] if live else None


def _playable(room: Room) -> bool:
    """A viewer can watch a run that became playable; one that went from started to stopping never did."""
    return any(
        stream.state in WATCHABLE and stream.playable_at is not None and not stream.provisional
        for stream in room.streams
    )


def _meaning(context: StepContext, held: OpenWindow, field: str) -> EmptyMeans:
    """What the window's rules that have this field mean by empty."""
    return empty_means(rule for rule in _rules(context, held) if getattr(rule, field))


def _has_emptied(context: StepContext, held: OpenWindow) -> bool:
    """Whether it is known that nobody, or no host, is there: by all that is known, or by this event's probe."""
    session, means = context.room.session, _meaning(context, held, "overrun_s")
    if is_empty(session, means):
        return True
    return context.verified is not None and is_empty(context.verified, means) and seems_empty(session, means)
