"""Making MP4 files of HLS streams: which are wanted, and the next call for each.

A rule with `mp4: true` wants one of each HLS stream that it started, or that was on air in its window. The MP4 is
requested once per stream; what keeps that promise is the mark on the stream (`Stream.mp4`), which stays when the
transcoding is over, and the mark that the call worker writes before it sends.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call, CallKind, CheckTranscoding, TranscodeStream
from webhook_app.domain.explanations import explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.streams.stream import Mp4, Mp4State, Stream
from webhook_app.domain.timers import TimerKind
from webhook_app.domain.times import HOUR, SECOND
from webhook_app.domain.transcodings.outcomes import RUN_MAX_MS, await_finish, fail, lose_request, put_transcoding
from webhook_app.domain.transcodings.transcoding import Transcoding, open_call

REQUEST_AFTER_MS = 60 * SECOND  # VideoSDK refuses an end or a start while it still processes the stream before
OVERDUE_MS = 90 * SECOND
PAUSED_MS = 60 * SECOND
TRANSCODINGS_MAX = 24


def plan_transcodings(context: StepContext) -> None:
    """Decide what the MP4 files of a room need next. Runs in every step that changed the room, which HLS sees.

    1. Mark the live streams of which a rule wants an MP4.
    2. Put those that have ended in the queue: VideoSDK gets a minute to finish them.
    3. For each that is due, treat the call under way as unanswered, or send the next. One call at a time in a room.
    4. Set the timer to the next moment.
    """
    _mark_wanted(context)
    _enqueue_ended(context)
    if not context.room.control.transcodings:
        context.clear_timer(TimerKind.TRANSCODE)
        return
    for transcoding in context.room.control.transcodings:
        if transcoding.due_at <= context.event.at and transcoding.call is not None:
            _on_overdue(context, transcoding, transcoding.call)
    for transcoding in context.room.control.transcodings:
        if transcoding.due_at <= context.event.at and open_call(context.room.control.transcodings) is None:
            _advance(context, transcoding)
    _set_timer(context)


def _mark_wanted(context: StepContext) -> None:
    rules = context.config.room_rules(context.room.room_id).with_mp4
    if not rules:
        return
    window = context.room.schedule.window
    in_window = () if window is None else window.rules
    for stream in context.room.live_streams:
        if stream.mp4 is None:
            started_by = None if stream.because is None else rule_of(stream.because)
            rule = next((rule for rule in rules if rule.name == started_by or rule.name in in_window), None)
            if rule is not None:
                context.save_stream(replace(stream, mp4=Mp4(Mp4State.WANTED, rule.because)))


def _enqueue_ended(context: StepContext) -> None:
    for stream in context.room.streams:
        if stream.mp4 is None or stream.mp4.state is not Mp4State.WANTED or stream.live or stream.provisional:
            continue
        queued = context.room.control.transcodings
        if any(transcoding.stream.stream_id == stream.stream_id for transcoding in queued):
            continue
        because = stream.mp4.because
        at = context.event.at
        transcoding = Transcoding(stream, because, due_at=at + REQUEST_AFTER_MS, give_up_at=at + RUN_MAX_MS)
        if stream.started_at is None:
            context.save_stream(replace(stream, mp4=None))
            context.record_decision(Reason.MP4_OF_NOTHING, rule=rule_of(because), stream=stream.stream_id)
        elif len(queued) >= TRANSCODINGS_MAX:
            fail(context, transcoding, explain(Reason.MP4_TOO_MANY))
        else:
            context.change_control(transcodings=(*queued, transcoding))


def _on_overdue(context: StepContext, transcoding: Transcoding, call: Call) -> None:
    """A call that never had a result: a request may have been accepted, a check is made again later."""
    if call.kind is CallKind.TRANSCODE:
        lose_request(context, transcoding, call)
    else:
        await_finish(context, transcoding)


def _advance(context: StepContext, transcoding: Transcoding) -> None:
    """Send the next call for an MP4, or give it up."""
    stream = next((stream for stream in context.room.streams if stream.stream_id == transcoding.stream.stream_id), None)
    if not transcoding.is_requested and (stream is None or stream.live):
        # United with another stream, or live again: it is put in the queue anew once it has ended.
        _drop(context, transcoding)
        return
    transcoding = replace(transcoding, stream=stream or transcoding.stream)
    settings = context.config.settings
    if context.event.at >= transcoding.give_up_at:
        unfinished = explain(Reason.MP4_UNFINISHED, hours=RUN_MAX_MS // HOUR)
        fail(context, transcoding, explain(Reason.MP4_UNKNOWN_GIVEN_UP) if transcoding.is_unknown else unfinished)
    elif not settings.calls:
        fail(context, transcoding, explain(settings.reason_for_no_calls(Reason.MP4_NO_CREDENTIALS)))
    elif context.paused:
        put_transcoding(context, replace(transcoding, due_at=context.event.at + PAUSED_MS))
    elif transcoding.is_requested:
        request = CheckTranscoding(transcoding.provider_id, _request_of(transcoding.stream))
        call = context.new_call(request, transcoding.because)
        put_transcoding(
            context,
            replace(transcoding, call=call, checks=transcoding.checks + 1, due_at=context.event.at + OVERDUE_MS),
        )
    else:
        _send_request(context, transcoding)


def _send_request(context: StepContext, transcoding: Transcoding) -> None:
    request = _request_of(transcoding.stream)
    if request.videosdk_id is None and request.session_id is None:
        fail(context, transcoding, explain(Reason.MP4_STREAM_UNNAMED))
        return
    call = context.new_call(request, transcoding.because)
    context.record_decision(
        Reason.MP4_REQUESTED,
        rule=rule_of(transcoding.because),
        call_id=call.call_id,
        stream=transcoding.stream.stream_id,
    )
    requested = replace(
        transcoding,
        call=call,
        request=call,
        requests=transcoding.requests + 1,
        due_at=context.event.at + OVERDUE_MS,
    )
    put_transcoding(context, requested)


def _request_of(stream: Stream) -> TranscodeStream:
    return TranscodeStream(stream.videosdk_id, None if stream.videosdk_id is not None else stream.session_id)


def _drop(context: StepContext, transcoding: Transcoding) -> None:
    others = (other for other in context.room.control.transcodings if other is not transcoding)
    context.change_control(transcodings=tuple(others))


def _set_timer(context: StepContext) -> None:
    due = [transcoding.due_at for transcoding in context.room.control.transcodings]
    upcoming = [due_at for due_at in due if due_at > context.event.at]
    if upcoming:
        context.set_timer(TimerKind.TRANSCODE, min(upcoming))
    else:
        context.clear_timer(TimerKind.TRANSCODE)
