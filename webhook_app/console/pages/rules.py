"""Rules: the list, one rule with its windows, and the actions on a rule."""

from typing import Any

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import back, flash_and_redirect, require_admin, run_action
from webhook_app.console.components.rule_text import as_put, write
from webhook_app.console.components.trigger_forms import summarize
from webhook_app.console.context import ConsoleContext, page, page_of
from webhook_app.console.pages import rule_editor, skips
from webhook_app.console.pages.skips import skip_choices
from webhook_app.console.pages.wall import read_list_filter
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.views import occurrence_view
from webhook_app.usecases import rules as use_cases
from webhook_app.usecases.rule_lock import rule_lock
from webhook_app.usecases.rule_rooms import rooms_of
from webhook_app.usecases.rule_views import rule_views
from webhook_app.usecases.rules import RuleCommand, command_rule, require_rule

RULES_SHOWN = 100
WINDOWS_SHOWN = 12
ROOMS_SHOWN = 30
COMMANDS = {
    "pause": (RuleCommand.PAUSE, "{} paused. Running streams are not affected."),
    "resume": (RuleCommand.RESUME, "{} resumed."),
    "skip-next": (RuleCommand.SKIP_NEXT, "Skipped the next broadcast of {}."),
}


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the list, the page of a rule and its actions; the editor has a file of its own."""
    context = console.context
    rule_editor.add(blueprint, console)
    skips.add(blueprint, console)

    @blueprint.get("/rules")
    def rules() -> str:
        config, list_filter = context.state.config(), read_list_filter()
        matching = [rule for name, rule in sorted(config.rules.items()) if list_filter.q.lower() in name]
        page_rules, number, pages = page_of(matching, list_filter.number, RULES_SHOWN)
        return page(
            "rules.html",
            section="rules",
            rules=[view | {"summary": summarize(view)} for view in rule_views(context, list(page_rules))],
            total=len(config.rules),
            q=list_filter.q,
            number=number,
            pages=pages,
            query={"q": list_filter.q} if list_filter.q else {},
        )

    @blueprint.get("/rules/<name>")
    def rule(name: str) -> str:
        shown_rule = require_rule(context, name)
        config = context.state.config()
        view = rule_views(context, [shown_rule])[0]
        rooms = rooms_of(context, config, shown_rule)
        return page(
            "rule.html",
            section="rules",
            rule=view,
            summary=summarize(view),
            text=write(as_put(view)),
            rooms=[(room_id, config.named(room_id)) for room_id in rooms[:ROOMS_SHOWN]],
            room_count=len(rooms),
            windows=_windows(config, shown_rule, rooms, context.now()),
        )

    @blueprint.get("/rules/<name>/<any('pause', 'resume', 'skip-next', 'delete'):action>")
    def confirm_rule_action(name: str, action: str) -> str:
        require_admin(console.auth)
        view = rule_views(context, [require_rule(context, name)])[0]
        return page(
            "rule_confirmation.html",
            section="rules",
            action=action,
            rule=view,
            summary=summarize(view),
            back=back(f"/rules/{name}"),
        )

    @blueprint.post("/rules/<name>/<any('pause', 'resume', 'skip-next'):action>")
    def run_rule_action(name: str, action: str) -> BaseResponse:
        command, message = COMMANDS[action]

        def run() -> str:
            context.wait_until_processed(command_rule(context, name, command))
            return message.format(name)

        return run_action(run, f"/rules/{name}")

    @blueprint.post("/rules/<name>/delete")
    def delete_rule(name: str) -> BaseResponse:
        with rule_lock(context, name):
            use_cases.delete_rule(context, name)
        flash_and_redirect(f"{name} deleted. Running streams are not affected.", "/rules")
        return redirect("/rules", code=303)


def _windows(config: Config, rule: Rule, rooms: list[str], now: int) -> list[dict[str, Any]]:
    """The next windows of a rule, each with the occurrences in it that can be skipped."""
    # A rule with thousands of rooms has as many windows at the same time: those of the first rooms are enough.
    rooms = rooms[:WINDOWS_SHOWN]
    try:
        upcoming = (
            occurrences(config, rule, rooms, at=now, count=WINDOWS_SHOWN) if rule.schedule_trigger and rooms else []
        )
    except ScheduleError:
        return []  # the rule's `last_error` has the cause
    windows = []
    for occurrence in upcoming:
        view = occurrence_view(
            occurrence.room_id,
            occurrence.window,
            skipped=occurrence.skipped,
            endless=occurrence.endless,
            room_name=config.room_name(occurrence.room_id),
            output=occurrence.output,
        )
        openings = [(rule.name, opens_at) for opens_at in occurrence.openings]
        windows.append(view | {"skip_choices": skip_choices(openings, now, skipped=occurrence.skipped)})
    return windows
