"""A notice as text for chat and mail: a headline, and lines that say where, why, since when and where to look."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from webhook_app.domain.alarms.titles import ALARM_TITLES
from webhook_app.domain.notices.notice import Notice, family, shown_data
from webhook_app.domain.notices.types import NOTICES, NoticeType
from webhook_app.domain.streams.end_causes import StopCause
from webhook_app.domain.times import MINUTE, from_rfc3339, rfc3339

STOP_CAUSE_TEXTS: Mapping[str, str] = {
    "operator": "Ended by an operator",
    StopCause.SESSION_ENDED: "Ended with its session",
    StopCause.VIDEOSDK_LIMIT: "Ended at VideoSDK's length limit",
    StopCause.SOMEBODY: "Stopped by a user, not by Tallylight",
    StopCause.FAILED: "Failed",
    StopCause.UNKNOWN: "VideoSDK no longer shows it; the cause is unknown",
}
STALE_TEXT = "Delayed message: newer updates were already sent"
TITLE_MAX_CHARS = 150
LINE_MAX_CHARS = 1_000
_SESSION_END_LABELS = {"ended_reason": "VideoSDK's reason", "ended_error": "VideoSDK's error"}
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
    title = _one_line(_headline(notice, where), TITLE_MAX_CHARS)
    lines = [*_details(shown_data(notice.data)), *_cause(notice), f"Time: {_moment(rfc3339(notice.at))}"]
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
    data, kind = notice.data, family(notice.type)
    match kind:
        case "stream":
            stream = data.get("stream")
            subject = stream.get("stream_id") if isinstance(stream, Mapping) else None
        case "session":
            session = data.get("session")
            subject = session.get("session_id") if isinstance(session, Mapping) else None
        case "broadcast":
            subject = f"{data.get('rule')} {data.get('opens_at')}"
        case "alarm":
            alarm = data.get("alarm")
            if not isinstance(alarm, Mapping):
                return "alarm|None", notice.type
            subject = "|".join(str(alarm.get(part)) for part in ("name", "room_id", "rule", "subscriber_id"))
            return f"alarm|{subject}", f"{notice.type} {alarm.get('id')}"
        case _:
            return None
    return f"{notice.room_id}|{kind}", f"{notice.type} {subject}"


def _page(notice: Notice) -> str:
    """The page that a notice about no room links to."""
    return "/alarms" if family(notice.type) == "alarm" else "/"


def _one_line(text: str, at_most: int) -> str:
    """Text on one line, cut to a length. Names and reasons come from other people: they mention nobody."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    shown = _MENTIONS.sub(lambda mention: f"{mention[0][0]}\u200b{mention[0][1:]}", " ".join(shown.split()))
    return shown if len(shown) <= at_most else shown[: at_most - 1] + "…"


def _headline(notice: Notice, where: str) -> str:
    data = shown_data(notice.data)
    head = notice.type.partition(".")[0]
    if head == "rule":
        return str(data.get("message") or f"{where}: {notice.type}")
    try:
        headline = NOTICES[NoticeType(notice.type)].headline
    except ValueError:  # a raw webhook, or a type of a newer version
        return f"{where}: {data.get('message') or notice.type}"
    if head == "alarm" and notice.room_id is None:
        headline = headline.removeprefix("{where}: ")
    participant, call, alarm = (_mapping(data.get(name)) for name in ("participant", "call", "alarm"))
    name = str(alarm.get("name"))
    return headline.format(
        where=where,
        who=participant.get("name") or participant.get("participant_id") or "someone",
        call=call.get("kind") or "call",
        title=ALARM_TITLES.get(name, name),
        message=data.get("message") or notice.type,
        soon=_soon(notice.at, data.get("opens_at")),
    )


def _soon(at: int, opens_at: Any) -> str:
    """`in 10 min (09:00 UTC)`, or `soon` where the time is not known."""
    if not isinstance(opens_at, str):
        return "soon"
    minutes = max(0, from_rfc3339(opens_at) - at) // MINUTE
    return f"in {minutes} min ({opens_at.partition('T')[2][:5]} UTC)"


def _details(data: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    stream, call, alarm = (_mapping(data.get(name)) for name in ("stream", "call", "alarm"))
    if alarm:
        lines.append(str(alarm.get("summary") or ""))
        lines.append(f"Since: {_moment(str(alarm.get('since')))}")
    if data.get("opens_at"):
        closes_at = data.get("closes_at")
        end = f" to {_moment(str(closes_at))}" if closes_at else ", without an end"
        lines.append(f"Scheduled: {_moment(str(data['opens_at']))}{end}")
    if data.get("reason"):  # a code with its text as the message; notices of earlier versions hold the text alone
        lines.append(f"Reason: {data.get('message') or data['reason']}")
    since = stream.get("started_at") or stream.get("starting_at")
    if since:
        lines.append(f"Started: {_moment(str(since))}" + (f", {_length(stream)}" if stream.get("ended_at") else ""))
    if stream.get("failure"):
        lines.append(f"VideoSDK: {stream['failure']}")
    if stream.get("playback_url") and not stream.get("ended_at"):
        lines.append(f"Watch: {stream['playback_url']}")
    session = _mapping(data.get("session"))
    lines += [f"{label}: {session[key]}" for key, label in _SESSION_END_LABELS.items() if session.get(key)]
    if call.get("message"):
        lines.append(f"VideoSDK: {call['message']}")
    return [line for line in lines if line]


def _cause(notice: Notice) -> list[str]:
    """Lines that say what ended a stream, and who started it."""
    lines = []
    stop_cause = _mapping(notice.data.get("stream")).get("stopped_because")
    is_over = notice.type in (NoticeType.STREAM_STOPPED, NoticeType.STREAM_FAILED)
    if is_over and isinstance(stop_cause, str) and stop_cause != StopCause.FAILED:
        lines.append(stop_cause_text(stop_cause))
    if notice.because == "operator":
        lines.append("Started by an operator" if family(notice.type) == "stream" else "Requested by an operator")
    elif notice.because is not None:
        rule = notice.because.partition(":")[2] or notice.because
        lines.append(f"Started by rule {rule}" if is_over else f"Rule: {rule}")
    return lines


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _moment(text: str) -> str:
    """`2026-11-22T10:00:07.120Z` as `2026-11-22 10:00:07 UTC`."""
    day, t, rest = text.partition("T")
    return f"{day} {rest[:8]} UTC" if t else text


def _length(stream: Mapping[str, Any]) -> str:
    seconds = stream.get("duration_s")
    if not isinstance(seconds, int | float):
        return "ended"
    minutes, left = divmod(int(seconds), 60)
    return f"on air for {minutes} min {left} s" if minutes else f"on air for {left} s"
