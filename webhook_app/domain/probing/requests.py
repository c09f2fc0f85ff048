"""Requesting probes: one at a time for a room; further subjects wait in its queue."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import ProbeRoom
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import draw
from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.delivery_record import expected_streams
from webhook_app.domain.probing.failure_reasons import unexplained_failure
from webhook_app.domain.probing.probe_request import FailedStream, ProbeRequest
from webhook_app.domain.probing.subjects import WITH_SESSION, ProbeSubject, read_subject
from webhook_app.domain.probing.verification import is_verification_due
from webhook_app.domain.probing.watchdog import NOT_PLAYABLE_MS
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND

QUEUE_MAX = 8
ARMED_PROBE_MS = 30 * SECOND
REPROBE_MS = 2 * SECOND
PROBE_LOST_MS = 60 * SECOND
PRECISE_EVERY = 4
START_UP_WITHIN_MS = 10 * SECOND
START_GRID_MS = 2 * SECOND


def request_probe(context: StepContext, about: ProbeSubject) -> None:
    """Probe the room now, or queue the subject while another probe is under way or all calls are paused.

    When VideoSDK has asked for fewer requests, the probe is put off until it accepts them again. The probe that lifts
    a pause (`credentials`) is neither queued nor put off by those.
    """
    if not context.config.settings.calls:
        context.record_effect(context.config.settings.reason_for_no_calls(Reason.PROBE_NO_CREDENTIALS))
        return
    probing = context.room.probing
    lifts_pause = about is ProbeSubject.CREDENTIALS
    if probing.probe is not None or (context.paused and not lifts_pause):
        if about not in probing.queue:
            context.change_probing(queue=(*probing.queue, about.value)[-QUEUE_MAX:])
        return
    if probing.paused_until is not None and context.event.at < probing.paused_until and not lifts_pause:
        context.set_timer(probe_timer(about), probing.paused_until)
        context.record_effect(Reason.PROBE_PUT_OFF)
        return
    request = _make_request(context, about)
    if request is None:
        context.record_effect(Reason.FAILURE_ALL_EXPLAINED)
        return
    probe = context.new_call(ProbeRoom(request), about.value)
    context.change_probing(probe=probe, last_probe_at=context.event.at)
    context.set_timer(TimerKind.PROBE_LOST, context.event.at + PROBE_LOST_MS)


def _make_request(context: StepContext, about: ProbeSubject) -> ProbeRequest | None:
    """The request of a probe about a subject; None when every failure is explained already."""
    room, session = context.room, context.room.session
    request = ProbeRequest(about, expected_streams(room, context.event.at, overdue_ms=NOT_PLAYABLE_MS))
    if context.output is not Output.HLS:
        return _listing_request(room, about)
    is_needed = about in WITH_SESSION or session is None or not session.complete
    if is_needed or (about is ProbeSubject.WATCH and is_verification_due(context)):
        session_id = session.session_id if session is not None and session.live else None
        request = replace(request, with_session=True, session_id=session_id)
    elif about in (ProbeSubject.WATCH, ProbeSubject.START_UP) and _is_routine(room) and not _is_precise(context):
        live_ids = (stream.videosdk_id for stream in room.streams if stream.live and stream.videosdk_id is not None)
        request = replace(request, routine=True, known_ids=tuple(live_ids))
    if about is not ProbeSubject.FAILURE:
        return request
    failed = unexplained_failure(room)
    if failed is None:
        return None
    return replace(
        request, failed=FailedStream(failed.stream_id, failed.videosdk_id, failed.session_id, failed.url_key)
    )


def _listing_request(room: Room, about: ProbeSubject) -> ProbeRequest:
    """The request of a probe of an output that only lists show: those of the session of its newest stream."""
    session = room.session
    live_id = session.session_id if session is not None and session.live else None
    newest = room.streams[-1].session_id if room.streams else None
    with_session = about in WITH_SESSION or session is None
    return ProbeRequest(
        about, with_session=with_session, session_id=live_id if with_session else live_id or newest, listed=room.output
    )


def _is_routine(room: Room) -> bool:
    """Whether nothing is expected to have changed: then a list of all streams may answer for the room."""
    is_settled = all(
        stream.state is StreamState.PLAYABLE and not stream.provisional for stream in room.streams if stream.live
    )
    return is_settled and room.control.call is None and (room.session is None or room.session.live)


def _is_precise(context: StepContext) -> bool:
    # Whether a list shows a stream's end as soon as `active` does is not documented: `active` is read now and then.
    return draw(PRECISE_EVERY, context.room.room_id, context.event.id) == 0


def request_next_in_queue(context: StepContext) -> None:
    """Probe for the first queued subject."""
    for about in context.room.probing.queue[:1]:
        context.change_probing(queue=context.room.probing.queue[1:])
        request_probe(context, read_subject(about))


def probe_after_start(context: StepContext) -> None:
    """A worker has started: schedule a probe of a room that looks on air, each room at a moment of its own."""
    if context.room.has_live_stream and context.room.probing.probe is None:
        delay_ms = draw(START_UP_WITHIN_MS // START_GRID_MS, context.room.room_id) * START_GRID_MS
        context.set_timer(probe_timer(ProbeSubject.START_UP), context.event.at + delay_ms)


def on_probe_overdue(context: StepContext) -> None:
    """Handle the timer of a probe that never had a result: probe again."""
    probe = context.room.probing.probe
    about = ProbeSubject.AGAIN if probe is None else probe.probe_request.subject
    context.change_probing(probe=None)
    context.record_effect(Reason.PROBE_LOST)
    context.set_timer(probe_timer(about), context.event.at)
