"""Decodes the results of calls and probes, as the call worker journals them.

Their frame is ours; the objects and the status inside are the provider's, which its translator reads.
"""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.facts.results import (
    CallOutcome,
    CallResult,
    CaptureResult,
    FailureReport,
    ListedStream,
    ProbeResult,
    Refusal,
    SessionReport,
    StreamRecord,
    TranscodeResult,
)
from webhook_app.domain.outputs import Output
from webhook_app.domain.sessions.participants import LISTED_MAX, Present, short_name
from webhook_app.domain.streams.report import StreamReport
from webhook_app.providers.port import Translator

JSON = Mapping[str, Any]
OUTCOMES: Mapping[object, CallOutcome] = {outcome.value: outcome for outcome in CallOutcome}
REFUSALS: Mapping[object, Refusal] = {refusal.value: refusal for refusal in Refusal}
CALL_KINDS: Mapping[object, CallKind] = {kind.value: kind for kind in CallKind}
TRANSCODE_KINDS = (CallKind.TRANSCODE, CallKind.TRANSCODE_CHECK)
OUTPUTS: Mapping[object, Output] = {output.value: output for output in Output}
BEGINNING = "0-0"  # before every entry of the journal


def decode_call_result(data: JSON, translator: Translator) -> CallResult | CaptureResult | TranscodeResult:
    """The result of a start, an end, a capture, or of a call about an MP4."""
    if data.get("kind") == CallKind.CAPTURE:
        return _capture_result(data, translator)
    if data.get("kind") in TRANSCODE_KINDS:
        return _transcode_result(data, translator)
    deadline_at = data.get("deadline_at")
    return CallResult(
        call_id=data.get("call_id"),
        kind=CALL_KINDS.get(data.get("kind")),
        outcome=_outcome(data, CallOutcome.REFUSED),
        status=translator.status(_whole(data.get("status"))),
        message=data.get("message"),
        stream=_stream(data.get("stream"), translator),
        refusal=REFUSALS.get(data.get("refusal")),
        retry_after_ms=_whole(data.get("retry_after_ms")),
        deadline_at=int(deadline_at) if deadline_at else None,
        unreadable=_unreadable(data),
        output=OUTPUTS.get(data.get("output"), Output.HLS),
    )


def decode_probe_result(data: JSON, translator: Translator) -> ProbeResult:
    """The result of a probe."""
    return ProbeResult(
        call_id=data.get("call_id"),
        understood=bool(data.get("reached")),
        asked_id=str(data.get("asked_id") or BEGINNING),
        asked_at=int(data.get("asked_at") or 0),
        status=translator.status(_whole(data.get("status"))),
        message=data.get("message"),
        active=_stream(data.get("active"), translator),
        session=_session(data.get("session"), translator),
        session_unknown=bool(data.get("session_unknown")),
        failure=_failure(data.get("failed"), translator),
        records=_records(data.get("records"), translator),
        retry_after_ms=_whole(data.get("retry_after_ms")),
        unreadable=_unreadable(data),
        listed=_listed(data.get("listed"), translator),
    )


def _capture_result(data: JSON, translator: Translator) -> CaptureResult:
    picture = data.get("picture")
    return CaptureResult(
        call_id=data.get("call_id"),
        outcome=_outcome(data, CallOutcome.UNKNOWN),
        picture=translator.picture(picture) if isinstance(picture, Mapping) else None,
        status=translator.status(_whole(data.get("status"))),
        message=data.get("message"),
    )


def _transcode_result(data: JSON, translator: Translator) -> TranscodeResult:
    shown = data.get("transcoding")
    return TranscodeResult(
        call_id=data.get("call_id"),
        outcome=_outcome(data, CallOutcome.UNKNOWN),
        report=translator.transcoding(shown) if isinstance(shown, Mapping) else None,
        status=translator.status(_whole(data.get("status"))),
        message=data.get("message"),
        refusal=REFUSALS.get(data.get("refusal")),
        retry_after_ms=_whole(data.get("retry_after_ms")),
    )


def _outcome(data: JSON, unknown: CallOutcome) -> CallOutcome:
    return OUTCOMES.get(data.get("outcome"), unknown)


def _stream(shown: object, translator: Translator) -> StreamReport | None:
    return translator.stream(shown) if isinstance(shown, Mapping) else None


def _session(shown: object, translator: Translator) -> SessionReport | None:
    if not isinstance(shown, Mapping):
        return None
    session_id = shown.get("session_id")
    present = _present(shown, translator)
    return SessionReport(session_id if isinstance(session_id, str) else None, bool(shown.get("live")), present)


def _present(session: JSON, translator: Translator) -> Present | None:
    """Who is there; None when the result does not say. Earlier versions gave names alone, and up to 5,000 of them."""
    participants = session.get("participants")
    if not isinstance(participants, Mapping):
        return None
    listed = {who: short_name(name) for who, name in list(participants.items())[:LISTED_MAX]}
    modes = session.get("modes")
    known_modes = {who: mode for who, mode in modes.items() if who in listed} if isinstance(modes, Mapping) else {}
    unlisted = _count(session.get("unlisted")) + len(participants) - len(listed)
    unlisted_viewers = min(unlisted, _count(session.get("unlisted_viewers")))
    return Present(listed, known_modes, unlisted, unlisted_viewers, translator.mode_roles)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _failure(shown: object, translator: Translator) -> FailureReport | None:
    if not isinstance(shown, Mapping):
        return None
    return FailureReport(reached=shown.get("reached") is not False, stream=translator.stream(shown))


def _listed(rows: object, translator: Translator) -> tuple[ListedStream, ...]:
    if not isinstance(rows, list):
        return ()
    return tuple(
        ListedStream(translator.stream(row), bool(row["end"]) if "end" in row else None)
        for row in rows
        if isinstance(row, Mapping)
    )


def _records(rows: object, translator: Translator) -> tuple[StreamRecord, ...]:
    if not isinstance(rows, list):
        return ()
    return tuple(_record(row, translator) for row in rows if isinstance(row, Mapping))


def _record(row: JSON, translator: Translator) -> StreamRecord:
    stream_id, webhooks = row.get("id"), row.get("webhooks")
    return StreamRecord(
        videosdk_id=stream_id if isinstance(stream_id, str) else None,
        webhooks=translator.deliveries(webhooks) if isinstance(webhooks, Mapping) else None,
        unended=row.get("ended") is False,
    )


def _unreadable(data: JSON) -> str | None:
    return str(data["unreadable"]) if "unreadable" in data else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
