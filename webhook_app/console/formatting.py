"""Format times, durations and numbers for the pages. Times are in UTC."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from webhook_app.domain.notices.text import stop_cause_text
from webhook_app.domain.times import from_rfc3339, rfc3339

SHORT_ID_CHARS = 7
_OUR_ID = re.compile(r"\b(?:st|msg|call|dlv|sub)_[0-9a-f]{12,}\b")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clock(moment: str | int | None) -> Markup | str:
    """Format a time as `10:02:11`, preceded by the day if that is not today."""
    return _time(moment, written)


def minute(moment: str | int | None) -> Markup | str:
    """Format a time as `10:02`, preceded by the day if that is not today."""
    return _time(moment, lambda at: f"{'' if _today(at) else day(at) + ' '}{at:%H:%M}")


def since(moment: str | int | None) -> Markup | str:
    """Format a time that a script replaces by the time elapsed since then."""
    return _time(moment, written, counting=True)


def written(at: datetime) -> str:
    """Format a time to the second, as plain text."""
    return f"{'' if _today(at) else day(at) + ' '}{at:%H:%M:%S}"


def day(at: datetime) -> str:
    """Format a day as `Sun 29 Nov`."""
    return f"{DAYS[at.weekday()]} {at.day} {MONTHS[at.month - 1]}"


def span(seconds: float | int | None) -> str:
    """Format seconds as `45 s`, `12 min`, `1 h 05 min` or `3 d 4 h`."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(count: int | None) -> str:
    """Format bytes as `1.4 MB`."""
    amount = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


def many(count: int) -> str:
    """Format a number as `12 345`, with a thin space."""
    return f"{count:,}".replace(",", "\u202f")


def why(because: str | None) -> str:
    """Format a cause: `rule:sunday-service` as `rule sunday-service`, None as a person at VideoSDK."""
    if because is None:
        return "someone at VideoSDK"
    return because.replace("rule:", "rule ", 1) if because.startswith("rule:") else f"the {because}"


def short(text: str) -> str:
    """Shorten Tallylight's long ids in a text."""
    return _OUR_ID.sub(lambda match: match.group(0)[:SHORT_ID_CHARS] + "…", text)


def is_past(moment: str | int) -> bool:
    """Whether a time has passed."""
    return moment_of(moment) <= datetime.now(UTC)


def pretty(value: Any) -> str:
    """Format data as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def moment_of(value: str | int) -> datetime:
    """Convert RFC 3339, or ms since 1970, to a datetime in UTC."""
    ms = from_rfc3339(value) if isinstance(value, str) else value
    return datetime.fromtimestamp(ms / 1000, UTC)


def _time(value: str | int | None, write: Callable[[datetime], str], *, counting: bool = False) -> Markup | str:
    if value is None or value == "":
        return ""
    try:
        at = moment_of(value)
    except (ValueError, OverflowError, OSError):
        return str(value)
    iso = value if isinstance(value, str) else rfc3339(value)
    extra = Markup(" data-since") if counting else Markup("")
    return Markup('<time datetime="{}"{}>{}</time>').format(iso, extra, write(at))


def _today(at: datetime) -> bool:
    return at.date() == datetime.now(UTC).date()


FILTERS: dict[str, Callable[..., Any]] = {
    "clock": clock,
    "minute": minute,
    "since": since,
    "span": span,
    "size": size,
    "many": many,
    "why": why,
    "how_it_ended": stop_cause_text,
    "is_past": is_past,
    "pretty": pretty,
    "short": short,
}
