"""A notice as text for chat and mail: a headline, and lines that say where, why, since when and where to look."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from webhook_app.domain.alarms.titles import ALARM_TITLES
from webhook_app.domain.control.call import CallKind
from webhook_app.domain.notices.content import CallContent, NoticeContent, ParticipantContent, StreamContent, content_of
from webhook_app.domain.notices.notice import Notice, family
from webhook_app.domain.notices.types import NOTICES, STREAM_NOTICES, NoticeType
from webhook_app.domain.output_words import names_output, words_of
from webhook_app.domain.outputs import OTHER_OUTPUTS, OUTPUTS, Output
from webhook_app.domain.streams.end_causes import StopCause
from webhook_app.domain.streams.machine import ENDED
from webhook_app.domain.times import MINUTE, from_rfc3339, rfc3339

STOP_CAUSE_TEXTS: Mapping[str, str] = {
    "operator": "Ended by an operator",
    StopCause.SESSION_ENDED: "Ended with its session",
    StopCause.VIDEOSDK_LIMIT: "Ended at VideoSDK's length limit",
    StopCause.SOMEBODY: "Stopped by a user, not by Tallylight",
    StopCause.FAILED: "Failed",
    StopCause.UNKNOWN: "VideoSDK no longer shows it; the cause is unknown",
}
CALL_TEXTS: Mapping[str, str] = {
    CallKind.CAPTURE: "take a snapshot",
    CallKind.TRANSCODE: "make an MP4",
    CallKind.TRANSCODE_CHECK: "tell how far an MP4 is",
}
STALE_TEXT = "Delayed message: newer updates were already sent"
TITLE_MAX_CHARS = 150
LINE_MAX_CHARS = 1_000
_STREAM_FAMILIES = frozenset(spec.notices for spec in OUTPUTS.values())
_OVER = frozenset(kind for (_, state), kind in STREAM_NOTICES.items() if state in ENDED)
# What chats read as a call to everybody, or as a mention.
_MENTIONS = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoticeText:
    """A headline and the lines under it."""

    title: str
    body: str


def render_notice(notice: Notice, *, room_name: str | None, base_url: str | None, stale: bool = False) -> NoticeText:
    """Render a notice for people. `stale`: a newer notice of the same room and family was already sent.

    `base_url` is the product's address as browsers see it, for the link to the room's page.
    """
    where = room_name or notice.room_id or "Tallylight"
    content = content_of(notice)
    title = _one_line(_headline(notice, content, where), TITLE_MAX_CHARS)
    lines = [*_details(content), *_cause(notice, content.stream), f"Time: {_moment(rfc3339(notice.at))}"]
    lines = [_one_line(line, LINE_MAX_CHARS) for line in lines]
    if notice.room_id is not None and room_name is not None:
        lines.insert(0, f"Room: {notice.room_id}")
    if stale:
        lines.insert(0, STALE_TEXT)
    if base_url is not None:
        page = f"/rooms/{quote(notice.room_id, safe='')}" if notice.room_id is not None else _page(notice)
        lines.append(base_url.rstrip("/") + page)
    return NoticeText(title, "\n".join(lines))


def stop_cause_text(stopped_because: str) -> str:
    """Who or what ended a stream, for people; a cause that is not known here is its own text."""
    if stopped_because.startswith("rule:"):
        return f"Ended by rule {stopped_because.removeprefix('rule:')}"
    return STOP_CAUSE_TEXTS.get(stopped_because, stopped_because)


def announced_state(notice: Notice) -> tuple[str, str] | None:
    """What a chat remembers of a notice, so that the same state is not announced twice: a key and the state.

    None for a notice that counts every time.
    """
    content, kind = content_of(notice), family(notice.type)
    match kind:
        case "stream" | "recording" | "rtmp":
            subject = content.stream.stream_id if content.stream is not None else None
        case "session":
            subject = content.session.session_id if content.session is not None else None
        case "broadcast":
            subject = f"{content.rule} {content.opens_at}"
            if content.output in OTHER_OUTPUTS:
                kind = f"{kind}|{content.output}"
        case "alarm":
            alarm = content.alarm
            if alarm is None:
                return "alarm|None", notice.type
            key = "|".join(str(part) for part in (alarm.name, alarm.room_id, alarm.rule, alarm.subscriber_id))
            return f"alarm|{key}", f"{notice.type} {alarm.id}"
        case _:
            return None
    return f"{notice.room_id}|{kind}", f"{notice.type} {subject}"


def _page(notice: Notice) -> str:
    """The page that a notice about no room links to."""
    return "/alarms" if family(notice.type) == "alarm" else "/"


def _one_line(text: str, at_most: int) -> str:
    """Text on one line, cut to a length. Names and reasons come from other people: they mention nobody."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = _MENTIONS.sub(lambda mention: f"{mention[0][0]}\u200b{mention[0][1:]}", " ".join(line.split()))
    return line if len(line) <= at_most else line[: at_most - 1] + "…"


def _headline(notice: Notice, content: NoticeContent, where: str) -> str:
    head = notice.type.partition(".")[0]
    if head == "rule":
        return str(content.message or f"{where}: {notice.type}")
    try:
        headline = NOTICES[NoticeType(notice.type)].headline
    except ValueError:  # a raw webhook, or a type of a newer version
        return f"{where}: {content.message or notice.type}"
    if head == "alarm" and notice.room_id is None:
        headline = headline.removeprefix("{where}: ")
    output = content.call.output if content.call is not None else content.output
    if output in OTHER_OUTPUTS and not names_output(headline):
        where = f"{where} ({OUTPUTS[Output(output)].label})"
    participant = content.participant or ParticipantContent()
    alarm_name = str(content.alarm.name if content.alarm is not None else None)
    return headline.format(
        where=where,
        who=participant.name or participant.participant_id or "someone",
        call=_call_text(content.call),
        output=words_of(output),
        title=ALARM_TITLES.get(alarm_name, alarm_name),
        message=content.message or notice.type,
        soon=_soon(notice.at, content.opens_at),
    )


def _call_text(call: CallContent | None) -> str:
    """What VideoSDK was asked to do; a kind of a newer version is its own text."""
    kind = None if call is None else call.kind
    return CALL_TEXTS.get(kind, kind) if kind is not None else "call"


def _soon(at: int, opens_at: Any) -> str:
    """`in 10 min (09:00 UTC)`, or `soon` where the time is not known."""
    if not isinstance(opens_at, str):
        return "soon"
    minutes = max(0, from_rfc3339(opens_at) - at) // MINUTE
    return f"in {minutes} min ({opens_at.partition('T')[2][:5]} UTC)"


def _details(content: NoticeContent) -> list[str]:
    lines: list[str] = []
    if content.alarm is not None:
        lines.append(str(content.alarm.summary or ""))
        lines.append(f"Since: {_moment(str(content.alarm.since))}")
    if content.opens_at:
        end = f" to {_moment(str(content.closes_at))}" if content.closes_at else ", without an end"
        lines.append(f"Scheduled: {_moment(str(content.opens_at))}{end}")
    if content.reason:  # a code with its text as the message; notices of earlier versions hold the text alone
        lines.append(f"Reason: {content.message or content.reason}")
    if content.stream is not None:
        lines += _stream_details(content.stream)
    if content.session is not None:
        ended = {"VideoSDK's reason": content.session.ended_reason, "VideoSDK's error": content.session.ended_error}
        lines += [f"{label}: {text}" for label, text in ended.items() if text]
    if content.call is not None and content.call.message:
        lines.append(f"VideoSDK: {content.call.message}")
    return [line for line in lines if line]


def _stream_details(stream: StreamContent) -> list[str]:
    lines: list[str] = []
    since = stream.started_at or stream.starting_at
    if since:
        lines.append(f"Started: {_moment(str(since))}" + (f", {_length(stream)}" if stream.ended_at else ""))
    if stream.failure:
        lines.append(f"VideoSDK: {stream.failure}")
    if stream.destinations:
        lines.append(f"Sent to: {', '.join(_destination(destination) for destination in stream.destinations)}")
    if stream.playback_url and not stream.ended_at:
        lines.append(f"Watch: {stream.playback_url}")
    for file in stream.files or ():
        lines.append(f"File: {file.get('url') or file.get('path')}")
    return lines


def _destination(destination: Mapping[str, Any]) -> str:
    return f"{destination.get('url')}{' (failed)' if destination.get('failed') else ''}"


def _cause(notice: Notice, stream: StreamContent | None) -> list[str]:
    """Lines that say what ended a stream, and who started it."""
    lines = []
    stop_cause = stream.stopped_because if stream is not None else None
    is_over = notice.type in _OVER
    if is_over and isinstance(stop_cause, str) and stop_cause != StopCause.FAILED:
        lines.append(stop_cause_text(stop_cause))
    if notice.because == "operator":
        lines.append(
            "Started by an operator" if family(notice.type) in _STREAM_FAMILIES else "Requested by an operator"
        )
    elif notice.because is not None:
        rule = notice.because.partition(":")[2] or notice.because
        lines.append(f"Started by rule {rule}" if is_over else f"Rule: {rule}")
    return lines


def _moment(text: str) -> str:
    """`2026-11-22T10:00:07.120Z` as `2026-11-22 10:00:07 UTC`."""
    day, t, rest = text.partition("T")
    return f"{day} {rest[:8]} UTC" if t else text


def _length(stream: StreamContent) -> str:
    seconds = stream.duration_s
    if not isinstance(seconds, int | float):
        return "ended"
    minutes, left = divmod(int(seconds), 60)
    verb = "ran" if stream.output in OTHER_OUTPUTS else "on air"
    return f"{verb} for {minutes} min {left} s" if minutes else f"{verb} for {left} s"
