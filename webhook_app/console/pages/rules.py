"""The rules: the list, one rule with its windows, and what can be done to it."""

from typing import Any

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.conditional import rule_lock
from webhook_app.api.rules import require_editable, require_rule, rule_views
from webhook_app.console.auth import back, flash_and_redirect, require_admin, run_action
from webhook_app.console.components.rule_text import as_put, write
from webhook_app.console.context import ConsoleContext, page, page_of
from webhook_app.console.pages import rule_editor, skips
from webhook_app.console.pages.skips import skip_choices
from webhook_app.console.pages.wall import read_list_filter
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.views import occurrence_view
from webhook_app.problems.problems import Problem
from webhook_app.usecases.rule_rooms import rooms_of

RULES_SHOWN = 100
WINDOWS_SHOWN = 12
ROOMS_NAMED = 30
DONE = {
    "pause": ("rule-paused", "Rule {} is paused. A stream that it started is left alone."),
    "resume": ("rule-resumed", "Rule {} works again."),
    "skip-next": ("rule-skip-next", "The next opening of {} is passed over."),
}


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """List, page, orders; the editor has a file of its own."""
    context = desk.context
    rule_editor.add(blueprint, desk)
    skips.add(blueprint, desk)

    @blueprint.get("/rules")
    def rules() -> str:
        config, list_filter = context.state.config(), read_list_filter()
        found = [rule for name, rule in sorted(config.rules.items()) if list_filter.q.lower() in name]
        shown, number, pages = page_of(found, list_filter.number, RULES_SHOWN)
        return page(
            "rules.html",
            here="rules",
            rules=[view | {"words": summarize(view)} for view in rule_views(context, list(shown))],
            total=len(config.rules),
            q=list_filter.q,
            number=number,
            pages=pages,
            query={"q": list_filter.q} if list_filter.q else {},
        )

    @blueprint.get("/rules/<name>")
    def rule(name: str) -> str:
        known = require_rule(context, name)
        config, now = context.state.config(), context.now()
        view = rule_views(context, [known])[0]
        rooms = rooms_of(context, config, known)
        # A rule of thousands of rooms has as many windows at once: those of the first rooms say enough.
        near = rooms[:WINDOWS_SHOWN]
        try:
            found = occurrences(config, known, near, at=now, count=WINDOWS_SHOWN) if known.schedule and near else []
        except ScheduleError:
            found = []  # `last_error` of the rule says why
        return page(
            "rule.html",
            here="rules",
            rule=view,
            words=summarize(view),
            text=write(as_put(view)),
            rooms=[(room_id, config.named(room_id)) for room_id in rooms[:ROOMS_NAMED]],
            room_count=len(rooms),
            windows=[
                occurrence_view(
                    one.room_id,
                    one.window,
                    skipped=one.skipped,
                    endless=one.endless,
                    room_name=config.room_name(one.room_id),
                )
                | {"skip_choices": skip_choices([(name, at) for at in one.openings], now, skipped=one.skipped)}
                for one in found
            ],
            names={one.room_id: one.name for one in config.names.values()},
        )

    @blueprint.get("/rules/<name>/<any('pause', 'resume', 'skip-next', 'delete'):order>")
    def ask_rule_order(name: str, order: str) -> str:
        require_admin(desk.door)
        view = rule_views(context, [require_rule(context, name)])[0]
        return page(
            "rule_order.html", here="rules", order=order, rule=view, words=summarize(view), back=back(f"/rules/{name}")
        )

    @blueprint.post("/rules/<name>/<any('pause', 'resume', 'skip-next'):order>")
    def order_rule(name: str, order: str) -> BaseResponse:
        def give() -> str:
            known = require_rule(context, name)
            if order == "skip-next" and known.schedule is None:
                raise Problem(409, f"rule {name} has no schedule")
            kind, said = DONE[order]
            context.wait_until_processed(context.append(Source.OPERATOR, kind, None, {"name": name}))
            return said.format(name)

        return run_action(give, f"/rules/{name}")

    @blueprint.post("/rules/<name>/delete")
    def delete_rule(name: str) -> BaseResponse:
        with rule_lock(context, name):
            require_editable(require_rule(context, name))
            context.wait_until_processed(context.append(Source.CONFIG, "rule-deleted", None, {"name": name}))
        flash_and_redirect(f"Rule {name} is deleted. A stream that it started is left alone.", "/rules")
        return redirect("/rules", code=303)


def summarize(view: dict[str, Any]) -> str:
    """A rule in a line."""
    if "schedule" in view:
        given = view["schedule"]
        when = next((f"{name} {given[name]}" for name in ("cron", "rrule", "at", "ics") if name in given), "always")
        if isinstance(given.get("at"), list):
            when = f"at {len(given['at'])} moments"
        length = f", {given['duration']} long" if "duration" in given else ""
        zone = given.get("timezone") or view.get("timezone", "UTC")
        return f"on air {when}{length}, {zone}"
    if "on" in view:
        return f"on {view['on']}" + (f" if {view['if']}" if "if" in view else "") + f": {view['do']}"
    held = f" for {view['for']}" if view.get("for", "0s") != "0s" else ""
    return f"when {view.get('when')}{held}: {view['do']}"
