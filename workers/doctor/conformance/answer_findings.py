"""Compare one answer of VideoSDK with what Tallylight assumes about it. Pure."""

from collections.abc import Container
from dataclasses import dataclass

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import (
    ApiAnswer,
    StreamActivity,
    answered_object,
    list_rows,
    read_active,
    started_stream,
)
from webhook_app.providers.videosdk.delivery_records import read_record
from webhook_app.providers.videosdk.objects import COMPOSER_ID_KEY, stream_report
from workers.doctor.conformance.rows import NO_CONSEQUENCE, Result
from workers.doctor.conformance.scrubbing import short

REFUSED_STARTS = frozenset({400, 409})
CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of comparing one answer, and what follows when it differs."""

    result: Result
    consequence: str = NO_CONSEQUENCE
    remark: str = ""


AS_ASSUMED = Finding(Result.AS_ASSUMED)


def none_active(answer: ApiAnswer, before: ApiAnswer | None) -> Finding:
    """Compare an answer of `/active` when nothing should be active; `before` is the one before the start."""
    match read_active(answer).activity:
        case StreamActivity.NONE:
            if before is not None and (before.status, before.code) != (answer.status, answer.code):
                return Finding(Result.DIFFERS, "Harmless: Tallylight understands both forms.")
            return AS_ASSUMED
        case StreamActivity.ACTIVE:
            return Finding(Result.DIFFERS, "`/active` shows a stream that is over: ends are noticed late.")
        case _:
            return Finding(Result.DIFFERS, "An unknown form: Tallylight goes by the list instead. Please report it.")


def active_while_starting(answer: ApiAnswer) -> Finding:
    """Compare an answer of `/active` while the stream is starting."""
    if read_active(answer).activity is StreamActivity.ACTIVE:
        return AS_ASSUMED
    return Finding(
        Result.DIFFERS,
        "A check right after a start can miss the stream: Tallylight checks twice, the second time after 15 s.",
    )


def active_running(answer: ApiAnswer, start: ApiAnswer | None) -> Finding:
    """Compare an answer of `/active` while the stream runs with the answer to its start."""
    stream = read_active(answer).stream
    if stream is None:
        return Finding(Result.DIFFERS, "Probes would end streams that run. Please report this.")
    report = stream_report(stream)
    started = None if start is None else started_stream(start)
    started_report = None if started is None else stream_report(started)
    composer = ", with a composerId" if COMPOSER_ID_KEY in stream else ""
    if started_report is None or not started_report.ids:
        return Finding(Result.AS_ASSUMED, remark=f"; {_id_text(report.videosdk_id)}{composer}")
    if started_report.videosdk_id == report.videosdk_id:
        return Finding(Result.AS_ASSUMED, remark=f"; {_id_text(report.videosdk_id)}, the same{composer}")
    remark = f"; {_id_text(report.videosdk_id)}, at the start {_id_text(started_report.videosdk_id)}{composer}"
    if report.url_key is not None and report.url_key == started_report.url_key:
        return Finding(Result.DIFFERS, "Harmless: the URLs are equal, so both ids mean one stream.", remark)
    return Finding(Result.DIFFERS, "One stream may be shown as two. Please report this.", remark)


def list_without_room(answer: ApiAnswer) -> Finding:
    """Compare a list of all rooms."""
    if answer.ok and list_rows(answer) is not None:
        return AS_ASSUMED
    return Finding(Result.DIFFERS, "Rooms are probed one by one, with more requests.")


def list_running(answer: ApiAnswer, output: Output) -> Finding:
    """Compare a list while the output runs."""
    rows = list_rows(answer)
    if rows is None:
        return Finding(Result.DIFFERS, "The list is not understood. Please report its form.")
    if any("end" in row and not row["end"] for row in rows):
        return AS_ASSUMED
    unclear = any("end" not in row for row in rows)
    remark = "; rows without `end`" if unclear else "; not listed"
    if output is Output.HLS:
        return Finding(Result.DIFFERS, "Unknown forms of `/active` cannot be settled by the list.", remark)
    return Finding(
        Result.DIFFERS,
        "A recording whose webhooks are lost is not noticed, and a start without an answer is given up after 2 min.",
        remark,
    )


def list_after(answer: ApiAnswer, output: Output) -> Finding:
    """Compare a list after the output has ended."""
    rows = list_rows(answer)
    if not rows:
        return Finding(Result.DIFFERS, "Lost webhooks cannot be repaired by the list.")
    if any("end" in row and not row["end"] for row in rows):
        return Finding(Result.DIFFERS, "Ends are noticed late when their webhooks are lost.", "; still running")
    newest = max(rows, key=lambda row: str(row.get("start") or ""))
    if output is Output.RECORDING and not stream_report(newest).files:
        return Finding(Result.DIFFERS, "The file is known later, or from the webhook alone.", "; no file yet")
    return AS_ASSUMED


def detail(answer: ApiAnswer) -> Finding:
    """Compare the stream's own object."""
    shown = answered_object(answer)
    record = {} if shown is None else read_record(shown)
    if not record:
        return Finding(Result.DIFFERS, "Repairs cannot say whether VideoSDK had sent the webhook.")
    counts = ", ".join(f"{kind} {delivered}/{sent}" for kind, (delivered, sent) in record.items())
    return Finding(Result.AS_ASSUMED, remark=f"; delivered: {counts}")


def start(answer: ApiAnswer, output: Output) -> Finding:
    """Compare the answer to a start."""
    if not answer.ok:
        return Finding(Result.FAILED, "Nothing was started: the rest could not be observed.")
    started = started_stream(answer)
    has_id = started is not None and bool(stream_report(started).ids)
    if output is not Output.HLS:
        if has_id:
            return Finding(Result.DIFFERS, "Better than documented: it has an id from the start.")
        return AS_ASSUMED
    if has_id:
        return AS_ASSUMED
    return Finding(Result.DIFFERS, "Its webhooks are matched by session and URL; ends name the room alone.")


def second_start(answer: ApiAnswer, start: ApiAnswer | None) -> Finding:
    """Compare the answer to a start while the output runs."""
    if not answer.ok:
        return refused(answer, "", REFUSED_STARTS)
    first, second = (
        None if each is None or (stream := started_stream(each)) is None else stream_report(stream).videosdk_id
        for each in (start, answer)
    )
    if first is not None and first == second:
        return Finding(Result.DIFFERS, "Harmless: it names the stream that is running.")
    return Finding(Result.DIFFERS, "A repeated start may start a second one: only the check before it prevents that.")


def refused(answer: ApiAnswer, accepted_means: str, expected: Container[int | None] = CLIENT_ERRORS) -> Finding:
    """Compare an answer that should be a refusal."""
    if answer.ok:
        return Finding(Result.DIFFERS, accepted_means)
    if answer.code in expected:
        return AS_ASSUMED
    return Finding(Result.DIFFERS, "Another status: the alarm may name another reason.")


def participants(answer: ApiAnswer) -> Finding:
    """Compare the list of a session's participants."""
    if answer.ok:
        return AS_ASSUMED
    return Finding(Result.DIFFERS, "Tallylight reads them from the session's object instead.")


def accepted(answer: ApiAnswer) -> Finding:
    """Compare the answer to an end that should be accepted."""
    return AS_ASSUMED if answer.ok else Finding(Result.FAILED, "Not ended by this call.")


def _id_text(videosdk_id: str | None) -> str:
    return "no id" if videosdk_id is None else f"id {short(videosdk_id)}"
