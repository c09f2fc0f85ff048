"""A room's windows: those of all its schedule rules, merged where they overlap or touch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from webhook_app.domain.budget import spend
from webhook_app.domain.context import StepContext
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ScheduleTrigger
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.failures import schedule_computed, schedule_failed
from webhook_app.domain.schedules.schedule import LOOK_AHEAD_MS, RoomWindow, Window, merge_windows, take_windows

WINDOWS_PER_RULE = 4
OVERLAPS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class CurrentAndNext:
    """The merged window that is open at a moment, and the next one."""

    current: RoomWindow | None
    next: RoomWindow | None


def current_and_next(context: StepContext, at: int) -> CurrentAndNext:
    """The window that is open at this moment, and the one that opens next."""
    windows = merged_windows(context, at)
    current = next((window for window in windows if window.opens_at <= at < window.closes_at), None)
    return CurrentAndNext(current, next((window for window in windows if window.opens_at > at), None))


def merged_windows(context: StepContext, at: int) -> list[RoomWindow]:
    """The room's windows that are open at this moment or open later: a few of each rule, soonest first."""
    rules, output = schedule_rules(context), context.output
    windows = [(rule, window) for rule, trigger in rules for window in _windows_of(context, rule, trigger, at)]
    open_since = [window.opens_at for _, window in windows if window.opens_at <= at]
    if open_since and any(rule.body_of(output) != rules[0][0].body_of(output) for rule, _ in rules):
        # A window that is over may have cut short one that is still open, for another stream.
        since = min(open_since)
        windows = [
            (rule, window) for rule, trigger in rules for window in _windows_of(context, rule, trigger, since, past=at)
        ]
    merged = merge_windows([(rule.name, rule.body_of(output), window) for rule, window in windows])
    return [window for window in merged if window.closes_at > at]


def schedule_rules(context: StepContext) -> list[tuple[Rule, ScheduleTrigger]]:
    """The room's rules that have a schedule for the output, with it."""
    rules = context.config.about(context.room.room_id)
    return [
        (rule, trigger)
        for rule in rules
        if (trigger := rule.schedule_trigger) is not None and context.output in trigger.outputs
    ]


def computable_rules(context: StepContext) -> set[str]:
    """The names of the room's schedule rules whose windows could be computed."""
    return {rule.name for rule, _ in schedule_rules(context) if not context.memory(rule.name).has_failing_schedule}


def has_no_known_close(context: StepContext, window: RoomWindow) -> bool:
    """Whether windows for the same stream follow one another beyond those that are looked up."""
    following = current_and_next(context, window.closes_at).current
    return following is not None and following.start == window.start


def _windows_of(
    context: StepContext, rule: Rule, trigger: ScheduleTrigger, at: int, *, past: int | None = None
) -> list[Window]:
    """A rule's next windows; with `past` also all that opened up to then.

    A rule whose schedule cannot be computed has none, and is marked as failing. All rooms of a rule share one lookup.
    """
    key = (rule.name, at, past)
    if key not in context.outcome.windows:
        context.outcome.windows[key] = _look_up(context, trigger, at, past)
    windows = context.outcome.windows[key]
    if isinstance(windows, ScheduleError):
        schedule_failed(context, rule, windows)
        return []
    spend(1 + len(windows))
    schedule_computed(context, rule)
    return windows


def _look_up(context: StepContext, trigger: ScheduleTrigger, at: int, past: int | None) -> list[Window] | ScheduleError:
    def take(windows: Iterator[Window]) -> Iterator[Window]:
        left = WINDOWS_PER_RULE
        for window in islice(windows, OVERLAPS_MAX):
            if window.opens_at in trigger.skipped:
                continue
            yield window
            if past is None or window.opens_at > past:
                left -= 1
            if left == 0:
                return

    try:
        return take_windows(trigger.schedule, at, at + LOOK_AHEAD_MS, context.config.calendars, take)
    except ScheduleError as error:
        return error
