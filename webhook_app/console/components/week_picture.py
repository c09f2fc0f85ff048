"""A room's week as SVG: planned windows above, times on air below, each bar with a tooltip."""

from collections.abc import Iterator
from datetime import UTC, datetime

from markupsafe import Markup

from webhook_app.console.components.week import AHEAD_MS, PAST_MS, OnAirSpan, PlannedWindow, Week
from webhook_app.console.formatting import day, why
from webhook_app.domain.times import DAY

WIDTH, ROW, HEAD = 1000, 40, 24
BAR_MIN = 3.0


def scale(now: int) -> Markup:
    """Draw the axis with the days."""
    parts = [Markup('<svg class="week" viewBox="0 0 {} {}" aria-hidden="true">').format(WIDTH, HEAD)]
    for at in _midnights(now):
        left = _x(at, now)
        parts.append(Markup('<text class="day" x="{:.1f}" y="16">{}</text>').format(left + 4, day(_utc(at))))
        parts.append(Markup('<path class="midnight" d="M{:.1f} 4V{}"/>').format(left, HEAD))
    parts.append(Markup('<path class="now" d="M{0:.1f} 0V{1}"/></svg>').format(_x(now, now), HEAD))
    return Markup("").join(parts)


def picture(week: Week, now: int) -> Markup:
    """Draw the row of a room."""
    parts = [
        Markup('<svg class="week" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, ROW, f"{week.name}: {len(week.planned)} windows, {len(week.on_air)} times on air; listed below"
        )
    ]
    parts += [Markup('<path class="midnight" d="M{:.1f} 0V{}"/>').format(_x(at, now), ROW) for at in _midnights(now)]
    parts += [_planned_bar(planned, now) for planned in week.planned]
    parts += [_on_air_bar(span, now) for span in week.on_air]
    parts.append(Markup('<path class="now" d="M{0:.1f} 0V{1}"/></svg>').format(_x(now, now), ROW))
    return Markup("").join(parts)


def _planned_bar(planned: PlannedWindow, now: int) -> Markup:
    window = planned.window
    left, width = _bar(window.opens_at, window.closes_at, now)
    title = f"{planned.status}: {_hours(window.opens_at, window.closes_at)}, {', '.join(window.rules)}"
    return Markup(
        '<rect class="plan {}" x="{:.1f}" y="5" width="{:.1f}" height="13" rx="2"><title>{}</title></rect>'
    ).format(planned.status.name.lower(), left, width, title)


def _on_air_bar(span: OnAirSpan, now: int) -> Markup:
    left, width = _bar(span.started_at, span.until, now)
    title = f"on air: {_hours(span.started_at, span.until)}{'' if span.ended else ', ongoing'}, by {why(span.because)}"
    return Markup(
        '<rect class="on-air" x="{:.1f}" y="22" width="{:.1f}" height="13" rx="2"><title>{}</title></rect>'
    ).format(left, width, title)


def _bar(begin: int, end: int, now: int) -> tuple[float, float]:
    left = max(0.0, _x(begin, now))
    right = min(float(WIDTH), _x(end, now))
    return min(left, WIDTH - BAR_MIN), max(BAR_MIN, right - left)


def _x(at: int, now: int) -> float:
    return (at - now + PAST_MS) * WIDTH / (PAST_MS + AHEAD_MS)


def _midnights(now: int) -> Iterator[int]:
    at = (now - PAST_MS) // DAY * DAY + DAY
    while at < now + AHEAD_MS:
        yield at
        at += DAY


def _hours(begin: int, end: int) -> str:
    first, last = _utc(begin), _utc(end)
    return f"{day(first)} {first:%H:%M} to {'' if first.date() == last.date() else day(last) + ' '}{last:%H:%M}"


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
