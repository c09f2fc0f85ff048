"""Skipping one window, and taking it back: what can be skipped, the question, and the order."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.occurrence_skips import SKIPPED, UNSKIPPED, change_occurrence
from webhook_app.api.rules import require_rule
from webhook_app.console.auth import back, require_admin, run_action
from webhook_app.console.context import ConsoleContext, page
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.skips import window_opening_at
from webhook_app.domain.times import from_rfc3339, rfc3339
from webhook_app.problems.problems import Problem

# A window that is made of more openings than this is skipped on the rule's page or by command, one by one.
CHOICES_MAX = 4
ORDERS = {
    "skip": (SKIPPED, "The window of {} is skipped."),
    "unskip": (UNSKIPPED, "The window of {} is no longer skipped."),
}


def skip_choices(openings: Iterable[tuple[str, int]], now: int, *, skipped: bool) -> list[dict[str, Any]]:
    """What can be skipped or un-skipped of a window, given the rules' openings in it; nothing when they are many."""
    choices = [
        {"rule": name, "opens_at": rfc3339(opens_at), "skipped": skipped}
        for name, opens_at in openings
        if skipped or opens_at > now
    ]
    return choices if len(choices) <= CHOICES_MAX else []


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The question and the order."""
    context = desk.context

    @blueprint.get("/rules/<name>/occurrences/<opens_at>/<any(skip, unskip):order>")
    def ask_skip(name: str, opens_at: str, order: str) -> str:
        require_admin(desk.door)
        rule = require_rule(context, name)
        try:
            moment = from_rfc3339(opens_at)
            calendars = context.state.config().calendars
            window = None if rule.schedule is None else window_opening_at(rule.schedule, moment, calendars)
        except ScheduleError:
            window = None
        except ValueError:
            raise Problem(404, f"{opens_at} is not the time of a window") from None
        return page(
            "skip_order.html",
            here="wall",
            order=order,
            rule=rule,
            opens_at=rfc3339(moment),
            closes_at=None if window is None else rfc3339(window.closes_at),
            back=back(f"/rules/{name}"),
        )

    @blueprint.post("/rules/<name>/occurrences/<opens_at>/<any(skip, unskip):order>")
    def give_skip(name: str, opens_at: str, order: str) -> BaseResponse:
        def give() -> str:
            event_type, said = ORDERS[order]
            context.wait_until_processed(change_occurrence(context, name, opens_at, event_type))
            return said.format(name)

        return run_action(give, f"/rules/{name}")
