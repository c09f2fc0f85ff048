"""Skip and unskip single occurrences: what can be skipped, the confirmation dialog, the action."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import back, require_admin, run_action
from webhook_app.console.context import ConsoleContext, page
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.skips import window_opening_at
from webhook_app.domain.times import from_rfc3339, rfc3339
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.occurrences import OccurrenceChange, change_occurrence
from webhook_app.usecases.rules import require_rule

# The occurrences of a window with more than this are skipped one by one, on the rule's page or from the CLI.
CHOICES_MAX = 4
CHANGES = {
    "skip": (OccurrenceChange.SKIP, "Skipped one window of {}."),
    "unskip": (OccurrenceChange.UNSKIP, "Restored one window of {}."),
}


def skip_choices(openings: Iterable[tuple[str, int]], now: int, *, skipped: bool) -> list[dict[str, Any]]:
    """Return the occurrences of a window that can be skipped or unskipped; none when there are too many.

    `openings` are pairs of a rule's name and the time, in ms, at which its occurrence opens.
    """
    choices = [
        {"rule": name, "opens_at": rfc3339(opens_at), "skipped": skipped}
        for name, opens_at in openings
        if skipped or opens_at > now
    ]
    return choices if len(choices) <= CHOICES_MAX else []


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the dialog and the action."""
    context = console.context

    @blueprint.get("/rules/<name>/occurrences/<opens_at>/<any(skip, unskip):action>")
    def confirm_skip(name: str, opens_at: str, action: str) -> str:
        require_admin(console.auth)
        rule = require_rule(context, name)
        try:
            moment = from_rfc3339(opens_at)
            calendars = context.state.calendars(calendar_sources(rule))
            trigger = rule.schedule_trigger
            window = None if trigger is None else window_opening_at(trigger.schedule, moment, calendars)
        except ScheduleError:
            window = None
        except ValueError:
            raise NotFoundError(f"{opens_at} is not the time of a window.") from None
        return page(
            "skip_confirmation.html",
            section="wall",
            action=action,
            rule=rule,
            opens_at=rfc3339(moment),
            closes_at=None if window is None else rfc3339(window.closes_at),
            back=back(f"/rules/{name}"),
        )

    @blueprint.post("/rules/<name>/occurrences/<opens_at>/<any(skip, unskip):action>")
    def run_skip(name: str, opens_at: str, action: str) -> BaseResponse:
        change, message = CHANGES[action]

        def run() -> str:
            context.wait_until_processed(change_occurrence(context, name, opens_at, change))
            return message.format(name)

        return run_action(run, f"/rules/{name}")
