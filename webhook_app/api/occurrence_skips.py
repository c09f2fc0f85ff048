"""Skipping one occurrence of a rule's schedule, and taking that back: also for rules of the configuration file."""

from flask import Response

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import AcceptedSchema, ProblemSchema
from webhook_app.domain.events import Source
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import next_windows
from webhook_app.domain.schedules.skips import SKIP_AHEAD_MS, window_opening_at
from webhook_app.domain.times import from_rfc3339, rfc3339
from webhook_app.problems.problems import Problem
from webhook_app.usecases.context import AppContext, accepted

NEXT_NAMED = 3
SKIPPED, UNSKIPPED = "occurrence-skipped", "occurrence-unskipped"


def register_skips(blp: Blueprint, context: AppContext) -> None:
    """Add the two commands to the resource of rules."""

    @blp.route("/<name>/occurrences/<opens_at>/skip", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def skip_occurrence(name: str, opens_at: str) -> Response:
        """Pass over the occurrence that opens at this time, one of the `openings`. Repeating it is harmless.

        It is dropped when the schedule no longer has that occurrence.
        """
        return accepted(change_occurrence(context, name, opens_at, SKIPPED))

    @blp.route("/<name>/occurrences/<opens_at>/unskip", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def unskip_occurrence(name: str, opens_at: str) -> Response:
        """Let a skipped occurrence open after all; inside its time it opens at once. Repeating it is harmless."""
        return accepted(change_occurrence(context, name, opens_at, UNSKIPPED))


def change_occurrence(context: AppContext, name: str, opens_at: str, event_type: str) -> str:
    """Journal a skip, or that one is taken back; the event's id. Problem when there is nothing to skip."""
    rule = context.state.rule(name)
    if rule is None:
        raise Problem(404, f"there is no rule {name}")
    try:
        moment = from_rfc3339(opens_at)
    except ValueError as error:
        raise Problem(422, "the opening is not a time", errors={"opens_at": [str(error)]}) from None
    _check(context, rule, moment, skip=event_type == SKIPPED)
    return context.append(Source.OPERATOR, event_type, None, {"name": name, "opens_at": moment})


def _check(context: AppContext, rule: Rule, opens_at: int, *, skip: bool) -> None:
    if rule.schedule is None:
        raise Problem(409, f"rule {rule.name} has no schedule")
    now, calendars = context.now(), context.state.config().calendars
    try:
        window = window_opening_at(rule.schedule, opens_at, calendars)
        if window is None:
            coming = next_windows(rule.schedule, now, now + SKIP_AHEAD_MS, calendars, NEXT_NAMED)
            times = ", ".join(rfc3339(one.opens_at) for one in coming if one.opens_at > now)
            raise Problem(
                404,
                f"rule {rule.name} opens no window at {rfc3339(opens_at)}; "
                + (f"the next open at {times}" if times else "no window is ahead"),
            )
    except ScheduleError as error:
        raise Problem(409, f"the schedule of rule {rule.name} cannot be computed: {error}") from None
    if window.closes_at <= now:
        raise Problem(409, f"the window that opened at {rfc3339(opens_at)} is over")
    if skip and window.opens_at <= now and opens_at not in rule.skipped:
        raise Problem(
            409, f"the window of {rfc3339(opens_at)} is open already: end the room, or pause rule {rule.name}"
        )
