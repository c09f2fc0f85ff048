"""Skipped occurrences: windows of a rule that do not open. A skip can be undone until the window is over."""

from itertools import islice

from webhook_app.domain.facts.configuration import SkipNextOccurrence, SkipOccurrence
from webhook_app.domain.frozen import replace
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ScheduleTrigger
from webhook_app.domain.schedules.calendars.calendar import Calendars
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import DAY_MS, LOOK_AHEAD_MS, Schedule, Window, next_windows, take_windows
from webhook_app.domain.state import SystemState
from webhook_app.domain.times import rfc3339

SKIP_KEPT_MS = 31 * DAY_MS
SKIPS_MAX = 100
OPEN_AT_ONCE_MAX = 1_000


def window_opening_at(schedule: Schedule, opens_at: int, calendars: Calendars) -> Window | None:
    """Return the window of a schedule that opens at this moment (ms), or None; ScheduleError as `take_windows`."""
    openings = next_windows(schedule, opens_at, opens_at + 1, calendars, OPEN_AT_ONCE_MAX)
    return next((window for window in openings if window.opens_at == opens_at), None)


def skip_next(state: SystemState, outcome: StepOutcome, change: SkipNextOccurrence, at: int) -> set[str]:
    """Skip the next occurrence of a schedule."""
    name = change.name
    rule = state.config.rules.get(name)
    trigger = rule.schedule_trigger if rule is not None else None
    if rule is None or trigger is None:
        outcome.record_effect(Reason.SCHEDULE_NOT_FOUND, rule=name)
        return set()
    try:
        coming = take_windows(
            trigger.schedule,
            at,
            at + LOOK_AHEAD_MS,
            state.config.calendars,
            lambda windows: islice((w for w in windows if w.opens_at > at and w.opens_at not in trigger.skipped), 1),
        )
    except ScheduleError as error:
        outcome.record_effect(Reason.SCHEDULE_NOT_COMPUTED, error=error.explanation)
        return set()
    if not coming:
        outcome.record_effect(Reason.OCCURRENCE_NONE_AHEAD)
        return set()
    return _skip(state, outcome, rule, trigger, coming[0].opens_at, at)


def change_skip(state: SystemState, outcome: StepOutcome, change: SkipOccurrence, at: int) -> set[str]:
    """Pass over the occurrence that opens at a moment, or let it open after all.

    It must be one of the schedule's, not over, and not open yet when it is skipped.
    """
    name, opens_at, skip = change.name, change.opens_at, change.skip
    rule = state.config.rules.get(name)
    trigger = rule.schedule_trigger if rule is not None else None
    if rule is None or trigger is None:
        outcome.record_effect(Reason.SCHEDULE_NOT_FOUND, rule=name)
        return set()
    if skip == (opens_at in trigger.skipped):
        reason = Reason.OCCURRENCE_SKIPPED_ALREADY if skip else Reason.OCCURRENCE_NOT_SKIPPED
        outcome.record_effect(reason, opens_at=rfc3339(opens_at))
        return set()
    try:
        window = window_opening_at(trigger.schedule, opens_at, state.config.calendars)
    except ScheduleError as error:
        outcome.record_effect(Reason.SCHEDULE_NOT_COMPUTED, error=error.explanation)
        return set()
    if window is None:
        outcome.record_effect(Reason.OCCURRENCE_NOT_FOUND, opens_at=rfc3339(opens_at))
        return set()
    if (window.opens_at if skip else window.closes_at) <= at:
        outcome.record_effect(Reason.OCCURRENCE_BEGUN, opens_at=rfc3339(opens_at))
        return set()
    if skip:
        return _skip(state, outcome, rule, trigger, opens_at, at)
    skipped = tuple(moment for moment in trigger.skipped if moment != opens_at)
    outcome.config = state.config.with_rule(_with_skips(rule, trigger, skipped))
    outcome.record_effect(Reason.OCCURRENCE_UNSKIPPED, opens_at=rfc3339(opens_at))
    return {name}


def skips_of(rule: Rule) -> tuple[int, ...]:
    """The openings of a rule that are skipped, in ms; none for a rule without a schedule."""
    trigger = rule.schedule_trigger
    return trigger.skipped if trigger is not None else ()


def retain_valid_skips(rule: Rule, skipped: tuple[int, ...], calendars: Calendars, at: int) -> Rule:
    """Return the rule with those skips whose occurrence its schedule still has; past ones stay for the record.

    When the schedule cannot be computed they all stay: it opens nothing meanwhile.
    """
    trigger = rule.schedule_trigger
    if trigger is None:
        return rule
    if not skipped:
        return _with_skips(rule, trigger, ())
    try:
        retained = tuple(
            opens_at
            for opens_at in skipped
            if opens_at <= at or window_opening_at(trigger.schedule, opens_at, calendars) is not None
        )
    except ScheduleError:
        retained = skipped
    return _with_skips(rule, trigger, retained)


def _skip(
    state: SystemState, outcome: StepOutcome, rule: Rule, trigger: ScheduleTrigger, opens_at: int, at: int
) -> set[str]:
    retained = (moment for moment in trigger.skipped if moment > at - SKIP_KEPT_MS)
    outcome.config = state.config.with_rule(_with_skips(rule, trigger, (*retained, opens_at)[-SKIPS_MAX:]))
    outcome.record_effect(Reason.OCCURRENCE_SKIPPED, opens_at=rfc3339(opens_at))
    return {rule.name}


def _with_skips(rule: Rule, trigger: ScheduleTrigger, skipped: tuple[int, ...]) -> Rule:
    return replace(rule, trigger=replace(trigger, skipped=skipped))
