"""The editor of rules: a form for the common cases beside the YAML, checked as it is typed, before it is saved."""

import hashlib
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, Response, flash, jsonify, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.conditional import rule_lock
from webhook_app.api.rules import require_rule, rule_view
from webhook_app.console.auth import require_admin
from webhook_app.console.components.rule_feedback import RuleFeedback, validate_text, validated_rule
from webhook_app.console.components.rule_form import BLANK, CRON_EXAMPLES, LABELS, TRIGGERS, TYPES, form_of, rule_of
from webhook_app.console.components.rule_text import TextError, as_put, read_rule, write
from webhook_app.console.context import ConsoleContext, page
from webhook_app.console.pages import rule_backtest
from webhook_app.console.pages.error_pages import defined_in_file_error
from webhook_app.domain.configuration.changes import decode_rule
from webhook_app.domain.events import Source
from webhook_app.domain.rules.rule import Config, Rule, RuleState
from webhook_app.problems.problems import Problem
from webhook_app.usecases.rule_rooms import seen_rooms, warnings_of

ROOMS_OFFERED = 500


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """New, edit, check, save."""
    context = desk.context
    rule_backtest.add(blueprint, desk)

    @blueprint.get("/new-rule")
    def new_rule() -> str:
        require_admin(desk.door)
        trigger = request.args.get("trigger", "")
        form = BLANK | ({"trigger": trigger} if trigger in TRIGGERS else {})
        return _editor(desk, text="", form=form, was="", seen="")

    @blueprint.get("/rules/<name>/edit")
    def edit_rule(name: str) -> str:
        require_admin(desk.door)
        known = require_rule(context, name)
        if known.from_file:
            raise defined_in_file_error(f"Rule {name}", desk.config_file_name, f"/rules/{name}")
        text = _text_of(known)
        return _editor(desk, text=text, form=form_of(read_rule(text)), was=name, seen=_tag(text))

    @blueprint.post("/rule-text/check")
    def check_rule() -> Response:
        """For the script: what is wrong with the text, and what the form shows of it."""
        text = request.form.get("text", "")
        answer = _answer(validate_text(desk, text, request.form.get("was", "")))
        try:
            answer["form"] = form_of(read_rule(text))
        except TextError:
            pass
        return jsonify(answer)

    @blueprint.post("/rule-text/draft")
    def draft_rule() -> Response:
        """For the script: the text that comes of the form, and what is wrong with it."""
        text = _drafted(request.form)
        touched = {name for name in request.form.get("touched", "").split(",") if name}
        return jsonify(
            {"text": text} | _answer(validate_text(desk, text, request.form.get("was", ""), touched=touched))
        )

    @blueprint.post("/rule-text/save")
    def save_rule() -> BaseResponse | str | tuple[str, int]:
        asked, text = request.form, request.form.get("text", "").replace("\r\n", "\n")
        was, seen = asked.get("was", ""), asked.get("seen", "")
        if asked.get("do-it") == "fill":
            text = _drafted(asked)
            return _editor(desk, text=text, form=dict(asked), was=was, seen=seen, judged=True)
        if asked.get("do-it") == "check":
            return _editor(desk, text=text, form=_form_or(text, asked), was=was, seen=seen, judged=True)
        try:
            name = validated_rule(desk, text, was)["name"]
            with rule_lock(context, name):
                rule = validated_rule(desk, text, was)
                if was and _tag_of(context.state.rule(name)) != seen:
                    raise Problem(409, CHANGED)
                warnings = warnings_of(context, decode_rule(rule), context.state.config())
                event_id = context.append(Source.CONFIG, "rule-put", None, {"rule": rule})
                in_force = context.wait_until_processed(event_id)
        except (Problem, TextError) as error:
            refused = error.description if isinstance(error, Problem) and not error.errors else None
            form = _form_or(text, asked)
            return _editor(desk, text=text, form=form, was=was, seen=seen, judged=True, refused=refused), 422
        flash(f"Rule {name} is {'in force' if in_force else 'kept, and will be in force soon'}.", "done")
        for warning in warnings:
            flash(f"Warning: {warning.message}.", "careful")
        return redirect(f"/rules/{name}" if in_force else "/rules", code=303)


CHANGED = "somebody changed this rule since you opened it: open it again to see what it is now"


def _answer(verdict: RuleFeedback) -> dict[str, Any]:
    """A verdict for the script: as a part of the page, and by the form's fields."""
    return {"verdict": verdict.html(), "errors": verdict.errors, "hints": verdict.hints}


def _editor(
    desk: ConsoleContext,
    *,
    text: str,
    form: dict[str, str],
    was: str,
    seen: str,
    judged: bool = False,
    refused: str | None = None,
) -> str:
    if judged and was and refused is None and _tag_of(desk.context.state.rule(was)) != seen:
        refused = CHANGED
    verdict = validate_text(desk, text, was) if judged or text else None
    config = desk.context.state.names()
    return page(
        "rule_edit.html",
        here="rules",
        text=text,
        form=form,
        was=was,
        seen=seen,
        labels=LABELS,
        types=TYPES,
        crons=CRON_EXAMPLES,
        zones=sorted(available_timezones()),
        room_names=_room_names(desk, config),
        refused=refused,
        unsaved=judged,
        verdict=None if verdict is None else verdict.html(),
        errors={} if verdict is None else verdict.errors,
        hints={} if verdict is None else verdict.hints,
        lines=max(14, text.count("\n") + 4),
    )


def _room_names(desk: ConsoleContext, config: Config) -> list[str]:
    """What may stand in the field of rooms: names, groups, the ids of rooms without a name, and all."""
    named = config.names.values()
    groups = sorted({f"group:{group}" for room in named for group in room.groups})
    others = [room_id for room_id in seen_rooms(desk.context)[-ROOMS_OFFERED:] if config.named(room_id) is None]
    names = sorted(config.room_name(room.room_id) or room.room_id for room in named)
    return [*names[:ROOMS_OFFERED], *groups, *sorted(others), "*"]


def _drafted(asked: MultiDict[str, str]) -> str:
    try:
        base = read_rule(asked.get("text", ""))
    except TextError:
        base = {}
    return write(rule_of(asked, base))


def _form_or(text: str, asked: MultiDict[str, str]) -> dict[str, str]:
    try:
        return form_of(read_rule(text))
    except TextError:
        return dict(asked)


def _text_of(rule: Rule) -> str:
    return write(as_put(rule_view(rule, RuleState())))


def _tag_of(rule: Rule | None) -> str:
    return "" if rule is None else _tag(_text_of(rule))


def _tag(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
