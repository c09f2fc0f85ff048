"""What VideoSDK's answer to a call means, and what the journal keeps of it."""

from collections.abc import Mapping
from typing import Any, assert_never

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.facts.results import CallOutcome
from webhook_app.providers.client_port import CallAnswer
from webhook_app.providers.videosdk.answers import (
    SUCCESS,
    ActivityReading,
    ApiAnswer,
    StreamActivity,
    answered_object,
    classify_refusal,
    journaled_fields,
    started_stream,
)

TIMED_OUT = 408
ANSWERED_ERRORS = range(300, 500)
REFUSED_CHECKS = frozenset({401, 403, 429})  # the call itself would be refused as well


def read_call_answer(answer: ApiAnswer, kind: CallKind, *, deadline_at: int) -> CallAnswer:
    """The answer to a start or an end that was sent; `deadline_at` is until when it was under way, in ms.

    1. A success: done. The answer to a start names its stream, or not.
    2. No answer, 408, 5xx, or a success whose body names an error: VideoSDK may or may not have done it.
    3. Anything else: refused.
    """
    if answer.ok:
        return _call_answer(CallOutcome.SUCCEEDED, answer, {"status": answer.status, "stream": started_stream(answer)})
    fields = {"status": answer.code, "message": answer.message}
    if answer.code is None or answer.code >= 500 or answer.code == TIMED_OUT or answer.code in SUCCESS:
        return _call_answer(CallOutcome.UNKNOWN, answer, {**fields, "deadline_at": deadline_at})
    refusal = classify_refusal(answer, start=kind is CallKind.START)
    kind_of_refusal = {} if refusal is None else {"refusal": refusal.value}
    return _call_answer(CallOutcome.REFUSED, answer, {**fields, **answer.wait, **kind_of_refusal})


def read_capture_answer(answer: ApiAnswer) -> CallAnswer:
    """The answer to a capture."""
    if answer.ok:
        shown = answered_object(answer)
        picture = None if shown is None else journaled_fields(shown)
        return _call_answer(CallOutcome.SUCCEEDED, answer, {"status": answer.status, "picture": picture})
    refused = answer.code is not None and answer.code in ANSWERED_ERRORS
    outcome = CallOutcome.REFUSED if refused else CallOutcome.UNKNOWN
    return _call_answer(outcome, answer, {"status": answer.code, "message": answer.message})


def read_start_check(answer: ApiAnswer, reading: ActivityReading) -> CallAnswer | None:
    """The answer to the check before a start; None when no stream is active, so that the start may be sent."""
    match reading.activity:
        case StreamActivity.NONE:
            return None
        case StreamActivity.ACTIVE:
            return _call_answer(CallOutcome.ALREADY, answer, {"status": answer.status, "stream": reading.stream})
        case StreamActivity.UNKNOWN_FORM:
            message = "it is not known whether a stream is active: the answer is in an unknown form"
            data = {"status": answer.status, "message": message, "unreadable": answer.excerpt}
            return _failed_check(CallOutcome.UNREACHED, answer, data)
        case StreamActivity.UNAVAILABLE:
            outcome = CallOutcome.REFUSED if answer.code in REFUSED_CHECKS else CallOutcome.UNREACHED
            message = f"the check before it failed: {answer.message}"
            return _failed_check(outcome, answer, {"status": answer.code, "message": message, **answer.wait})
        case _:
            assert_never(reading.activity)


def _call_answer(outcome: CallOutcome, answer: ApiAnswer, data: Mapping[str, Any]) -> CallAnswer:
    return CallAnswer(outcome, data, answer.status, answer.message)


def _failed_check(outcome: CallOutcome, answer: ApiAnswer, data: Mapping[str, Any]) -> CallAnswer:
    return CallAnswer(outcome, data, answer.status, f"check: {answer.message}")
