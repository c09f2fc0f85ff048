"""How far an MP4 has got, as it is recorded: with its stream, on the timeline and in notices."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.payloads import CallRefusal, StreamChanged
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.streams.report import File
from webhook_app.domain.streams.stream import Mp4, Mp4State, with_files
from webhook_app.domain.times import HOUR, MINUTE, SECOND
from webhook_app.domain.transcodings.transcoding import Transcoding

RUN_MAX_MS = 24 * HOUR
UNKNOWN_MAX_MS = 15 * MINUTE
CHECK_FIRST_MS = 15 * SECOND
CHECK_MAX_MS = 5 * MINUTE


def put_transcoding(context: StepContext, transcoding: Transcoding) -> None:
    """Replace a transcoding of the room by its newer value."""
    stream_id = transcoding.stream.stream_id
    context.change_control(
        transcodings=tuple(
            transcoding if other.stream.stream_id == stream_id else other for other in context.room.control.transcodings
        )
    )


def mark(context: StepContext, transcoding: Transcoding, state: Mp4State, *files: File) -> Transcoding:
    """Mark the stream with how far its MP4 is, and add its files; the room may have dropped the stream meanwhile."""
    stream_id = transcoding.stream.stream_id
    stream = next((stream for stream in context.room.streams if stream.stream_id == stream_id), transcoding.stream)
    stream = replace(
        stream,
        mp4=Mp4(state, transcoding.because),
        files=with_files(stream.files, files) if files else stream.files,
    )
    context.save_stream(stream)
    return replace(transcoding, stream=stream)


def await_finish(context: StepContext, transcoding: Transcoding) -> None:
    """Check again after 15 s, then after twice that, up to every 5 min."""
    wait_ms = min(CHECK_MAX_MS, CHECK_FIRST_MS * 2 ** min(transcoding.checks, 8))
    put_transcoding(context, replace(transcoding, call=None, due_at=context.event.at + wait_ms))


def finish(context: StepContext, transcoding: Transcoding, file: File) -> None:
    """VideoSDK has made the MP4: keep the file with its stream and announce it."""
    done = mark(context, transcoding, Mp4State.READY, file)
    _remove(context, transcoding)
    context.record_effect(Reason.MP4_READY, stream=done.stream.stream_id)
    context.record_decision(Reason.MP4_READY, rule=rule_of(done.because), stream=done.stream.stream_id)
    context.emit(NoticeType.RECORDING_READY, StreamChanged(done.stream, str(done.stream.state)), because=done.because)


def fail(context: StepContext, transcoding: Transcoding, why: Explanation | str) -> None:
    """There will be no MP4, or nothing will tell: mark the stream, and announce it if VideoSDK was called."""
    failed = mark(context, transcoding, Mp4State.UNKNOWN if transcoding.is_unknown else Mp4State.FAILED)
    _remove(context, transcoding)
    stream_id, request = failed.stream.stream_id, transcoding.request
    call_id = None if request is None else request.call_id
    context.record_effect(Reason.MP4_FAILED, stream=stream_id, why=why)
    context.record_decision(Reason.MP4_FAILED, rule=rule_of(failed.because), call_id=call_id, stream=stream_id, why=why)
    if request is not None:
        given_up = replace(request, state=CallState.GIVEN_UP, message=why.text if isinstance(why, Explanation) else why)
        context.outcome.calls[given_up.call_id] = given_up
        context.emit(NoticeType.CALL_GIVEN_UP, CallRefusal(given_up), because=failed.because)


def lose_request(context: StepContext, transcoding: Transcoding, call: Call) -> None:
    """The outcome of the request is unknown: it is not repeated, and a list may show that it was accepted."""
    unknown = replace(call, state=CallState.UNKNOWN)
    context.outcome.calls[call.call_id] = unknown
    lost = mark(context, transcoding, Mp4State.REQUESTED)
    lost = replace(lost, request=unknown, is_unknown=True, give_up_at=context.event.at + UNKNOWN_MAX_MS)
    context.record_effect(Reason.MP4_UNKNOWN)
    context.record_decision(Reason.MP4_UNKNOWN, rule=rule_of(lost.because), call_id=call.call_id)
    await_finish(context, lost)


def _remove(context: StepContext, transcoding: Transcoding) -> None:
    stream_id = transcoding.stream.stream_id
    others = (other for other in context.room.control.transcodings if other.stream.stream_id != stream_id)
    context.change_control(transcodings=tuple(others))
