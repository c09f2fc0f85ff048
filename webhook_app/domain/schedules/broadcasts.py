"""The `broadcast.*` notices of a window, and why it is not on air."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.notices.payloads import BroadcastReport
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Settings
from webhook_app.domain.schedules.merged_windows import has_no_known_close
from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.streams.machine import ON_AIR, WATCHABLE
from webhook_app.domain.streams.stream import Stream


def emit_broadcast(
    context: StepContext,
    kind: NoticeType,
    window: OpenWindow | RoomWindow,
    reason: Explanation | None,
    *,
    session_live: bool | None = None,
) -> None:
    """Emit a `broadcast.*` notice: it names rule, window, the reason's code and, as its message, the reason's text.

    A window without a known close has none in the notice, and counts as open since it was entered.
    """
    endless = window.endless if isinstance(window, OpenWindow) else has_no_known_close(context, window)
    opens_at = window.entered_at if isinstance(window, OpenWindow) and endless else window.opens_at
    stream = _stream_to_show(context, kind, window)
    rule, closes_at = window.rules[0], None if endless else window.closes_at
    report = BroadcastReport(rule, opens_at, closes_at, reason, stream, session_live, context.output)
    context.emit(kind, report, because=f"rule:{rule}")


def _stream_to_show(context: StepContext, kind: NoticeType, window: OpenWindow | RoomWindow) -> Stream | None:
    """The stream that a window's notice shows: the live one, or one that ran inside the window."""
    stream = context.room.shown_stream
    if stream is None or stream.live:
        return stream
    ran_inside = stream.opened_at < window.closes_at and (stream.ended_at or 0) > window.opens_at
    return stream if ran_inside and kind != NoticeType.BROADCAST_ARMED else None


def announce_armed(context: StepContext) -> None:
    """Emit `broadcast.armed` once per window: the room waits for a session."""
    window = context.room.schedule.window
    if window is not None and not window.armed_announced:
        context.change_window(armed_announced=True)
        emit_broadcast(context, NoticeType.BROADCAST_ARMED, window, explain(Reason.NO_SESSION))


def on_reminder_timer(context: StepContext) -> None:
    """Emit `broadcast.upcoming` for the next window."""
    window = context.room.schedule.next_window
    if window is None:
        context.record_effect(Reason.WINDOW_NONE_AHEAD)
        return
    context.record_effect(Reason.WINDOW_NEAR)
    emit_broadcast(context, NoticeType.BROADCAST_UPCOMING, window, None, session_live=context.room.has_live_session)
    context.change_schedule(reminded_at=window.opens_at)


def on_late_timer(context: StepContext, window: OpenWindow) -> None:
    """Emit `broadcast.late` unless viewers can watch, or the room is left off deliberately.

    WINDOW_PLAYABLE means either.
    """
    if window.playable or window.is_left_off:
        context.record_effect(Reason.WINDOW_PLAYABLE)
        return
    context.record_effect(Reason.WINDOW_LATE)
    emit_broadcast(
        context, NoticeType.BROADCAST_LATE, window, why_off_air(context.room, window, context.config.settings)
    )


def is_playable(room: Room) -> bool:
    """Whether the output does what it is for: viewers can watch a stream that became playable, or it runs.

    A stream that went from started to stopping never was playable.
    """
    if not OUTPUTS[room.output].has_playable:
        return any(
            stream.state in ON_AIR and stream.started_at is not None and not stream.provisional
            for stream in room.streams
        )
    return any(
        stream.state in WATCHABLE and stream.playable_at is not None and not stream.provisional
        for stream in room.streams
    )


def why_off_air(room: Room, window: OpenWindow, settings: Settings) -> Explanation:
    """Why an open window is not on air, in the words of the output: the first of these that applies.

    1. It is suppressed: stopped by somebody, rejected by VideoSDK, empty, or not restarted.
    2. The operator desires the room off air.
    3. Its `if` does not hold yet.
    4. There are no credentials to call with, or this copy only observes.
    5. Nobody has opened a session.
    6. All calls are paused.
    7. VideoSDK refused the last call, or could not be reached or understood.
    8. A call is under way.
    9. The stream is not playable yet, or is gone, or there was none.
    """
    return _why_off_air(room, window, settings).of_output(room.output)


def _why_off_air(room: Room, window: OpenWindow, settings: Settings) -> Explanation:
    if window.suppressed is not None:
        return _why_suppressed(room, window.suppressed)
    if room.desires.operator is not None and not room.desires.operator.on_air:
        return explain(Reason.OPERATOR_OFF)
    if not window.condition_met:
        return explain(Reason.WINDOW_IF_AWAITED)
    if not settings.calls:
        return explain(settings.reason_for_no_calls(Reason.NO_CREDENTIALS))
    control = room.control
    if not room.has_live_session and not room.has_live_stream:
        is_checking = control.waiting_for is Reason.CHECKING_SESSION
        return explain(Reason.SESSION_UNKNOWN if is_checking else Reason.NO_SESSION)
    if settings.paused:
        return explain(Reason.CALLS_PAUSED)
    if control.last_refusal is not None:
        return control.last_refusal.explanation
    if control.call is not None:
        return explain(Reason.CALL_UNDER_WAY, kind=control.call.kind, state=control.call.state)
    stream = room.newest_live_stream
    if stream is not None:
        return explain(Reason.NOT_PLAYABLE, state=stream.state)
    return explain(Reason.NO_STREAM if room.shown_stream is not None else Reason.NOT_RUNNING)


def _why_suppressed(room: Room, suppressed: SuppressionReason) -> Explanation:
    match suppressed:
        case SuppressionReason.INTERRUPTED:
            return explain(Reason.STOPPED_BY_SOMEBODY)
        case SuppressionReason.REJECTED:
            refusal = room.control.last_refusal
            if refusal is not None and refusal.answer:
                return explain(Reason.VIDEOSDK_REFUSED, said=refusal.answer)
            return explain(Reason.START_REJECTED)
        case SuppressionReason.EMPTY:
            return explain(Reason.WINDOW_EMPTY)
        case SuppressionReason.START_UNKNOWN:
            return explain(Reason.START_UNKNOWN_GIVEN_UP)
        case SuppressionReason.NOT_RESTARTED:
            return explain(Reason.NOT_RESTARTED)
