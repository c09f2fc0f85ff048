"""List the upcoming occurrences of a rule; skip and unskip single ones, also of rules of the configuration file."""

from enum import StrEnum
from typing import Any

from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.events import Source
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import Occurrence, occurrences, over_quota
from webhook_app.domain.schedules.schedule import LOOK_AHEAD_MS, next_windows
from webhook_app.domain.schedules.skips import window_opening_at
from webhook_app.domain.times import from_rfc3339, rfc3339
from webhook_app.domain.views import occurrence_view
from webhook_app.error_reasons import ErrorReason
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, InvalidInputError, NotFoundError
from webhook_app.usecases.rule_rooms import rooms_of, rooms_with_windows
from webhook_app.usecases.rules import require_rule

SUGGESTED_MAX = 3


class OccurrenceChange(StrEnum):
    """A change of one occurrence; the values are event types."""

    SKIP = "occurrence-skipped"
    UNSKIP = "occurrence-unskipped"


def list_occurrences(context: AppContext, name: str, count: int) -> list[dict[str, Any]]:
    """Return the next windows of a rule, soonest first, merged with the windows of other rules of the room.

    A rule with several outputs has a window for each.
    """
    config = context.state.config()
    rule = config.rules.get(name)
    if rule is None:
        raise NotFoundError(f"Rule {name} not found.")
    if rule.schedule_trigger is None:
        raise ConflictError(f"Rule {name} has no schedule.", reason=ErrorReason.NO_SCHEDULE)
    try:
        upcoming = occurrences(config, rule, rooms_of(context, config, rule), at=context.now(), count=count)
    except ScheduleError as error:
        raise _not_computable(rule, error) from None
    overlaps = _overlaps(context, config) if context.max_streams is not None else []
    return [
        occurrence_view(
            occurrence.room_id,
            occurrence.window,
            skipped=occurrence.skipped,
            warning=_quota_warning(occurrence, overlaps, context.max_streams),
            openings=occurrence.openings,
            endless=occurrence.endless,
            room_name=config.room_name(occurrence.room_id),
            output=occurrence.output,
        )
        for occurrence in upcoming
    ]


def change_occurrence(context: AppContext, name: str, opens_at: str, change: OccurrenceChange) -> str:
    """Skip or unskip the occurrence that opens at an RFC 3339 time; return the id of the journaled event.

    Raises NotFoundError when the rule has no such occurrence, ConflictError when it is too late to change it.
    """
    rule = require_rule(context, name)
    try:
        moment = from_rfc3339(opens_at)
    except ValueError as error:
        raise InvalidInputError("The opening is not a time.", errors={"opens_at": [str(error)]}) from None
    _check_change(context, rule, moment, change)
    return context.append(Source.OPERATOR, change.value, None, {"name": name, "opens_at": moment})


def _check_change(context: AppContext, rule: Rule, opens_at: int, change: OccurrenceChange) -> None:
    trigger = rule.schedule_trigger
    if trigger is None:
        raise ConflictError(f"Rule {rule.name} has no schedule.")
    now, calendars = context.now(), context.state.calendars(calendar_sources(rule))
    try:
        window = window_opening_at(trigger.schedule, opens_at, calendars)
        if window is None:
            windows = next_windows(trigger.schedule, now, now + LOOK_AHEAD_MS, calendars, SUGGESTED_MAX)
            times = ", ".join(rfc3339(window.opens_at) for window in windows if window.opens_at > now)
            advice = f"The next windows open at {times}." if times else "It has no upcoming windows."
            raise NotFoundError(f"Rule {rule.name} opens no window at {rfc3339(opens_at)}. {advice}")
    except ScheduleError as error:
        raise ConflictError(f"The schedule of rule {rule.name} cannot be computed: {error}") from None
    if window.closes_at <= now:
        raise ConflictError(f"The window that opened at {rfc3339(opens_at)} has closed.")
    if change is OccurrenceChange.SKIP and window.opens_at <= now and opens_at not in trigger.skipped:
        detail = f"The window of {rfc3339(opens_at)} is already open. End the room, or pause rule {rule.name}."
        raise ConflictError(detail)


def _not_computable(rule: Rule, error: ScheduleError) -> ConflictError:
    detail = f"The schedule of rule {rule.name} cannot be computed: {error}"
    return ConflictError(detail, reason=ErrorReason.SCHEDULE_NOT_COMPUTABLE)


def _overlaps(context: AppContext, config: Config) -> list[tuple[int, int]]:
    """Times from which more windows are open at once than MAX_STREAMS allows, each with their number."""
    try:
        return over_quota(config, rooms_with_windows(context, config), at=context.now(), limit=context.max_streams or 0)
    except ScheduleError:
        return []  # too many to count: no window carries a warning


def _quota_warning(occurrence: Occurrence, overlaps: list[tuple[int, int]], limit: int | None) -> str | None:
    if occurrence.output is not Output.HLS:
        return None
    window = occurrence.window
    counts = [count for moment, count in overlaps if window.opens_at <= moment < window.closes_at]
    return f"{max(counts)} windows are open at once then, and MAX_STREAMS is {limit}" if counts else None
