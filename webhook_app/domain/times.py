"""Moments and durations: milliseconds inside, RFC 3339 and `1h30m` at the edges."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1)
MS = timedelta(milliseconds=1)
DURATION_MAX_S = 366 * 24 * 3600

_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")


def rfc3339(ms: int) -> str:
    """Milliseconds since 1970 as `2026-11-22T10:00:07.120Z`."""
    return f"{_to_the_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=4_096)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").zfill(19)


def moment_text(ms: int) -> str:
    """Milliseconds since 1970 for people: `2026-11-22 10:00 UTC`."""
    return f"{_to_the_second(ms // 1000)[:16].replace('T', ' ')} UTC"


def maybe_rfc3339(ms: int | None) -> str | None:
    """As `rfc3339`; None for None."""
    return None if ms is None else rfc3339(ms)


def from_rfc3339(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time with an offset; ValueError says what would be right."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write it as 2026-11-22T10:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write it as {text}Z or with +01:00")
    return round(moment.timestamp() * 1000)


def wall_ms(wall: datetime) -> int:
    """A wall-clock time in ms since 1970, as if it were UTC."""
    return (wall - EPOCH) // MS


def zone_ms(wall: datetime, zone: ZoneInfo) -> int:
    """A wall-clock time of a zone in ms since 1970: the first of two, or as much later as the clocks jump."""
    offset = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    return (wall - EPOCH - offset) // MS


def parse_duration(text: str) -> int:
    """Whole seconds of `90s`, `5m`, `2h`, `1h30m`; ValueError says what would be right."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration; write 90s, 5m, 2h or 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if total > DURATION_MAX_S:
        raise ValueError(f"{text!r} is longer than a year")
    return total


def format_duration(seconds: int) -> str:
    """The shortest of `90s`, `5m`, `1h30m` that says it."""
    if seconds % 60 or seconds == 0:
        return f"{seconds}s"
    hours, minutes = divmod(seconds // 60, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "")
