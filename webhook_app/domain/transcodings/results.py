"""What the result of a request for an MP4 means, and of a check how far it is."""

from typing import assert_never

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.control.refusals import answer_text, pause_all_calls
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.facts.results import (
    Access,
    CallOutcome,
    Refusal,
    TranscodeResult,
    TranscodingReport,
    TranscodingStatus,
)
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.payloads import CallRefusal
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.streams.stream import Mp4State
from webhook_app.domain.times import HOUR, SECOND
from webhook_app.domain.transcodings.outcomes import (
    RUN_MAX_MS,
    await_finish,
    fail,
    finish,
    lose_request,
    mark,
    put_transcoding,
)
from webhook_app.domain.transcodings.transcoding import Transcoding

RETRY_FIRST_MS = 60 * SECOND
RETRY_MAX_MS = HOUR
REQUESTS_MAX = 6
STATES = {
    CallOutcome.SUCCEEDED: CallState.SUCCEEDED,
    CallOutcome.ALREADY: CallState.SUCCEEDED,
    CallOutcome.REFUSED: CallState.REFUSED,
    CallOutcome.UNKNOWN: CallState.UNKNOWN,
    CallOutcome.DROPPED: CallState.GIVEN_UP,
    CallOutcome.UNREACHED: CallState.GIVEN_UP,
}


def on_transcode_result(context: StepContext, result: TranscodeResult) -> None:
    """Apply the result of a request for an MP4, or of a check."""
    transcoding = _transcoding_of(context, result)
    if transcoding is None:
        context.record_effect(Reason.CALL_LATE)
        return
    call = transcoding.call
    if call is None or call.call_id != result.call_id:  # a request that was taken for unanswered
        call = transcoding.request
        assert call is not None
    answered = replace(
        call,
        state=STATES[result.outcome],
        answer_event_id=context.event.id,
        answered_at=context.event.at,
        status=result.status.code,
        message=result.message,
    )
    context.outcome.calls[answered.call_id] = answered
    if result.status.access is Access.UNAUTHORIZED:
        pause_all_calls(context)
    if answered.kind is CallKind.TRANSCODE:
        _on_request_result(context, replace(transcoding, request=answered), answered, result)
    else:
        _on_check_result(context, transcoding, result)


def _transcoding_of(context: StepContext, result: TranscodeResult) -> Transcoding | None:
    """The transcoding whose call this is; the late answer to a request counts while its outcome is unknown."""
    for transcoding in context.room.control.transcodings:
        request = transcoding.request if transcoding.is_unknown else None
        if any(call is not None and call.call_id == result.call_id for call in (transcoding.call, request)):
            return transcoding
    return None


def _on_request_result(context: StepContext, transcoding: Transcoding, request: Call, result: TranscodeResult) -> None:
    match result.outcome:
        case CallOutcome.SUCCEEDED | CallOutcome.ALREADY:
            if result.report is None:
                lose_request(context, transcoding, request)
            else:
                _follow(context, mark(context, transcoding, Mp4State.REQUESTED), result.report)
        case CallOutcome.UNKNOWN:
            lose_request(context, transcoding, request)
        case CallOutcome.DROPPED | CallOutcome.UNREACHED:
            _retry(context, transcoding, result.message or str(result.outcome), 0)
        case CallOutcome.REFUSED:
            _on_refusal(context, transcoding, request, result)
        case _ as never:
            assert_never(never)


def _on_refusal(context: StepContext, transcoding: Transcoding, request: Call, result: TranscodeResult) -> None:
    """Announce a refusal; request again if it may pass by itself: VideoSDK has not accepted anything."""
    why = answer_text(request)
    context.record_effect(Reason.CALL_REFUSED, said=why)
    context.emit(NoticeType.CALL_REFUSED, CallRefusal(request), because=transcoding.because)
    is_final = result.refusal is Refusal.INVALID or result.status.access is Access.FORBIDDEN
    if is_final:
        fail(context, replace(transcoding, is_unknown=False), why)
    else:
        _retry(context, transcoding, why, result.retry_after_ms or 0)


def _retry(context: StepContext, transcoding: Transcoding, why: str, at_least_ms: int) -> None:
    """Request again after 1 min, then after twice that, six times in all; nothing has been accepted so far."""
    if transcoding.requests >= REQUESTS_MAX:
        fail(context, replace(transcoding, is_unknown=False), why)
        return
    wait_ms = min(RETRY_MAX_MS, max(at_least_ms, RETRY_FIRST_MS * 2 ** (transcoding.requests - 1)))
    due_at = context.event.at + wait_ms
    put_transcoding(context, replace(transcoding, call=None, is_unknown=False, due_at=due_at))
    context.record_decision(Reason.MP4_RETRY, rule=rule_of(transcoding.because), why=why, wait=wait_ms // SECOND)


def _on_check_result(context: StepContext, transcoding: Transcoding, result: TranscodeResult) -> None:
    if result.report is None:
        context.record_effect(Reason.MP4_NOT_CHECKED, why=result.message or str(result.outcome))
        await_finish(context, transcoding)
    else:
        _follow(context, transcoding, result.report)


def _follow(context: StepContext, transcoding: Transcoding, report: TranscodingReport) -> None:
    """VideoSDK says how far it is."""
    if transcoding.provider_id is None:
        give_up_at = context.event.at + RUN_MAX_MS
        transcoding = replace(
            transcoding, provider_id=report.provider_id, is_unknown=report.provider_id is None, give_up_at=give_up_at
        )
    match report.status:
        case TranscodingStatus.COMPLETED if report.file is not None:
            finish(context, transcoding, report.file)
        case TranscodingStatus.RUNNING | TranscodingStatus.COMPLETED:
            context.record_effect(Reason.MP4_RUNNING, stream=transcoding.stream.stream_id)
            await_finish(context, transcoding)
        case TranscodingStatus.FAILED | TranscodingStatus.CANCELLED as status:
            fail(context, replace(transcoding, is_unknown=False), _failure(report, status))
        case _ as never:
            assert_never(never)


def _failure(report: TranscodingReport, status: TranscodingStatus) -> Explanation | str:
    if status is TranscodingStatus.CANCELLED:
        return explain(Reason.MP4_CANCELLED)
    return report.failure or "VideoSDK could not make it and gives no reason"
