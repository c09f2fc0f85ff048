"""A notice in its reader's words: what, where, why, since when, and where to look."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from webhook_app.domain.alarms.titles import ALARM_TITLES
from webhook_app.domain.notices.notice import Notice, family, shown_data
from webhook_app.domain.times import rfc3339

_STREAM = {
    "starting": "is starting",
    "started": "is on air, not yet to be watched",
    "playable": "is on air",
    "stopping": "is going off air",
    "stopped": "is off air",
    "failed": "failed",
}
_ENDED = {
    "operator": "Ended by an operator",
    "session-ended": "Ended with its session",
    "videosdk-limit": "Ended at VideoSDK's own limit",
    "somebody": "Stopped by somebody, not by Tallylight",
    "failed": "It failed",
    "unknown": "VideoSDK no longer shows it; what ended it is not known",
}
_BROADCAST = {
    "upcoming": "goes on air soon",
    "armed": "should be on air: it starts when somebody opens the session",
    "late": "is late",
    "missed": "was missed",
    "interrupted": "was stopped by somebody",
    "completed": "is over",
}
STALE_TEXT = "This comes late: newer news has been told since"
TITLE_MAX_CHARS = 150
LINE_MAX_CHARS = 1_000
_SESSION_END = {"ended_reason": "VideoSDK's reason", "ended_error": "VideoSDK's error"}
_SESSION = {"started": "a session has begun", "ended": "the session has ended"}


_CALLS = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)  # what chats make a call to all of


@dataclass(frozen=True, slots=True)
class NoticeText:
    """A headline and the lines under it."""

    title: str
    body: str


def render_notice(notice: Notice, *, room_name: str | None, base_url: str | None, stale: bool = False) -> NoticeText:
    """What a person is told; `stale` says that newer news has overtaken it.

    `base_url` is our address as browsers see it, for the link to the room's page.
    """
    where = room_name or notice.room_id or "Tallylight"
    title = _one_line(_headline(notice, where), TITLE_MAX_CHARS)
    lines = [*_details(shown_data(notice.data)), *_reason(notice), f"At {_moment(rfc3339(notice.at))}"]
    lines = [_one_line(line, LINE_MAX_CHARS) for line in lines]
    if notice.room_id is not None and room_name is not None:
        lines.insert(0, f"Room {notice.room_id}")
    if stale:
        lines.insert(0, STALE_TEXT)
    if base_url is not None:
        page = f"/rooms/{quote(notice.room_id, safe='')}" if notice.room_id is not None else _page(notice)
        lines.append(base_url.rstrip("/") + page)
    return NoticeText(title, "\n".join(lines))


def _page(notice: Notice) -> str:
    """The page that a notice about no room leads to."""
    return "/alarms" if notice.type.startswith("alarm.") else "/"


def announced_state(notice: Notice) -> tuple[str, str] | None:
    """Which state this says, as where it is remembered and what is: saying it twice says nothing. None: each counts."""
    data, kind = notice.data, family(notice.type)
    match kind:
        case "stream":
            run = data.get("stream")
            subject = run.get("stream_id") if isinstance(run, Mapping) else None
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


def _one_line(text: str, at_most: int) -> str:
    """Names and reasons are other people's words: they make no line of their own, and call nobody by name."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    shown = _CALLS.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", " ".join(shown.split()))
    return shown if len(shown) <= at_most else shown[: at_most - 1] + "…"


def _headline(notice: Notice, where: str) -> str:
    data = shown_data(notice.data)
    head, _, tail = notice.type.partition(".")
    match head:
        case "stream":
            return f"{where} {_STREAM.get(tail, tail)}"
        case "broadcast":
            return f"{where} {_BROADCAST.get(tail, tail)}"
        case "session":
            return f"{where}: {_SESSION.get(tail, tail)}"
        case "participant":
            person = data.get("participant")
            name = person.get("name") or person.get("participant_id") if isinstance(person, Mapping) else None
            return f"{where}: {name or 'somebody'} {'came' if tail == 'joined' else 'left'}"
        case "call":
            call = data.get("call")
            kind = call.get("kind") if isinstance(call, Mapping) else "call"
            return f"{where}: VideoSDK refused to {kind}" + (", given up" if tail == "given-up" else "")
        case "alarm":
            alarm = data.get("alarm")
            name = str(alarm.get("name")) if isinstance(alarm, Mapping) else "?"
            title = ALARM_TITLES.get(name)
            if title is None:
                return f"Alarm {name}" + (" is over" if tail == "cleared" else "")
            about = "" if notice.room_id is None else f"{where}: "
            return f"{about}{'Over' if tail == 'cleared' else 'Alarm'}: {title}"
        case "rule":
            return str(data.get("message") or f"{where}: rule {tail}")
        case _:
            return f"{where}: {data.get('message') or notice.type}"


def _details(data: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    run, call, alarm = data.get("stream"), data.get("call"), data.get("alarm")
    if isinstance(alarm, Mapping):
        lines.append(str(alarm.get("summary") or ""))
        lines.append(f"Since {_moment(str(alarm.get('since')))}")
    if data.get("opens_at"):
        closes_at = data.get("closes_at")
        end = f" to {_moment(str(closes_at))}" if closes_at else ", without an end"
        lines.append(f"Planned {'' if closes_at else 'from '}{_moment(str(data['opens_at']))}{end}")
    if data.get("reason"):  # a code, its words beside it; notices of earlier versions have the words alone
        lines.append(f"Reason: {data.get('message') or data['reason']}")
    if isinstance(run, Mapping):
        since = run.get("started_at") or run.get("starting_at")
        if since:
            lines.append(f"Started {_moment(str(since))}" + (f", {_length(run)}" if run.get("ended_at") else ""))
        if run.get("failure"):
            lines.append(f"VideoSDK says: {run['failure']}")
        if run.get("playback_url") and not run.get("ended_at"):
            lines.append(f"Watch {run['playback_url']}")
    session = data.get("session")
    if isinstance(session, Mapping):
        lines += [f"{name}: {session[key]}" for key, name in _SESSION_END.items() if session.get(key)]
    if isinstance(call, Mapping) and call.get("message"):
        lines.append(f"VideoSDK says: {call['message']}")
    return [line for line in lines if line]


def stop_cause_text(stopped_because: str) -> str:
    """Who or what ended a stream, in words."""
    if stopped_because.startswith("rule:"):
        return f"Ended by the rule {stopped_because.removeprefix('rule:')}"
    return _ENDED.get(stopped_because, stopped_because)


def _reason(notice: Notice) -> list[str]:
    because = notice.because
    if notice.type in ("stream.stopped", "stream.failed"):
        run = notice.data.get("stream")
        cause = run.get("stopped_because") if isinstance(run, Mapping) else None
        started = None if because is None else "an operator" if because == "operator" else f"the rule {because[5:]}"
        ended = stop_cause_text(cause) if isinstance(cause, str) and cause != "failed" else None
        return [line for line in (ended, started and f"Started by {started}") if line]
    if because is None:
        return []
    if because == "operator":
        return ["Because an operator asked for it"]
    return [f"Because of the rule {because.partition(':')[2] or because}"]


def _moment(text: str) -> str:
    """`2026-11-22T10:00:07.120Z` as a person reads it."""
    day, t, rest = text.partition("T")
    return f"{day} {rest[:8]} UTC" if t else text


def _length(run: Mapping[str, Any]) -> str:
    seconds = run.get("duration_s")
    if not isinstance(seconds, int | float):
        return "ended"
    minutes, left = divmod(int(seconds), 60)
    return f"on air for {minutes} min {left} s" if minutes else f"on air for {left} s"
