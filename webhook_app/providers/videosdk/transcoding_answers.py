"""Requests and answers about MP4 files of HLS streams: `/v2/transcodings`.

A row of the list is about our stream when it names its id, or when the stream's id is not known its session. A list
that VideoSDK does not give us (400, 404) shows nothing; then the mark of our own request alone keeps it from being sent
twice.
"""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.facts.results import CallOutcome
from webhook_app.providers.client_port import CallAnswer
from webhook_app.providers.videosdk.answers import (
    ApiAnswer,
    answered_object,
    journaled_fields,
    list_rows,
)
from webhook_app.providers.videosdk.call_answers import REFUSED_CHECKS, read_call_answer

TASK = "hls-to-mp4"
WITHOUT_FILE = frozenset({"failed", "cancelled"})


def transcode_body(hls_id: str | None, session_id: str | None, webhook_url: str | None) -> dict[str, str]:
    """The body of a request for an MP4."""
    body = _names(hls_id, session_id)
    return body if webhook_url is None else {**body, "webhookUrl": webhook_url}


def transcoding_params(hls_id: str | None, session_id: str | None) -> dict[str, str]:
    """The parameters of the list that may show the MP4 of a stream."""
    return _names(hls_id, session_id)


def read_transcode_answer(answer: ApiAnswer, *, deadline_at: int) -> CallAnswer:
    """The answer to a request for an MP4; a success that names no transcoding leaves it open which one it is."""
    called = read_call_answer(answer, CallKind.START, deadline_at=deadline_at)
    data = {name: value for name, value in called.data.items() if name != "stream"}
    if called.outcome is CallOutcome.SUCCEEDED:
        shown = answered_object(answer)
        data["transcoding"] = None if shown is None or not _id_in(shown) else journaled_fields(shown)
    return CallAnswer(called.outcome, data, called.status, called.message)


def read_transcode_check(answer: ApiAnswer, hls_id: str | None, session_id: str | None) -> CallAnswer | None:
    """The answer to the check before the request; None when the list shows no MP4, so that it may be requested."""
    row = _newest(answer, hls_id, session_id, failed=False)
    if row is not None:
        already: dict[str, Any] = {"status": answer.status, "transcoding": journaled_fields(row)}
        return CallAnswer(CallOutcome.ALREADY, already, answer.status, answer.message)
    if not answer.unavailable:
        return None
    outcome = CallOutcome.REFUSED if answer.code in REFUSED_CHECKS else CallOutcome.UNREACHED
    data = {"status": answer.code, "message": f"the check before it failed: {answer.message}", **answer.wait}
    return CallAnswer(outcome, data, answer.status, f"check: {answer.message}")


def read_transcoding_answer(answer: ApiAnswer) -> CallAnswer:
    """The answer to `GET /v2/transcodings/{id}`."""
    shown = answered_object(answer)
    return _checked(answer, shown if shown is not None and (_id_in(shown) or "status" in shown) else None)


def read_transcoding_list(answer: ApiAnswer, hls_id: str | None, session_id: str | None) -> CallAnswer:
    """The answer to the list, read for the MP4 of a stream."""
    return _checked(answer, _newest(answer, hls_id, session_id, failed=True))


def _checked(answer: ApiAnswer, shown: Mapping[str, Any] | None) -> CallAnswer:
    if shown is not None:
        checked: dict[str, Any] = {"status": answer.status, "transcoding": journaled_fields(shown)}
        return CallAnswer(CallOutcome.SUCCEEDED, checked, answer.status, answer.message)
    message = answer.message or "the answer shows no transcoding of the stream"
    outcome = CallOutcome.UNKNOWN if answer.unavailable else CallOutcome.REFUSED
    data = {"status": answer.code, "message": message}
    return CallAnswer(CallOutcome.SUCCEEDED if answer.ok else outcome, data, answer.status, message)


def _newest(answer: ApiAnswer, hls_id: str | None, session_id: str | None, *, failed: bool) -> Mapping[str, Any] | None:
    """The newest row that is about the stream; `failed`: one that has failed counts as well."""
    rows = [
        row
        for row in list_rows(answer) or ()
        if row.get("task") in (None, TASK)
        and (row.get("hlsId") == hls_id if hls_id is not None else row.get("sessionId") == session_id)
        and (failed or str(row.get("status")).lower() not in WITHOUT_FILE)
        and _id_in(row)
    ]
    return max(rows, key=lambda row: str(row.get("startedAt") or ""), default=None)


def _names(hls_id: str | None, session_id: str | None) -> dict[str, str]:
    if hls_id is not None:
        return {"hlsId": hls_id}
    return {} if session_id is None else {"sessionId": session_id}


def _id_in(shown: Mapping[str, Any]) -> bool:
    return any(isinstance(shown.get(key), str) and shown[key] for key in ("id", "_id"))
