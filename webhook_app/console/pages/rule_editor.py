"""The rule editor: a form and a YAML text, validated while typing, and saved."""

import hashlib
from contextlib import suppress
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, Response, flash, jsonify, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import require_admin
from webhook_app.console.components.rule_feedback import RuleFeedback, validate_text, validated_rule
from webhook_app.console.components.rule_form import (
    BLANK,
    CRON_EXAMPLES,
    LABELS,
    OUTPUT_CHOICES,
    OUTPUTS_OFFERED,
    TRIGGERS,
    TYPES,
    form_of,
    rule_of,
)
from webhook_app.console.components.rule_text import TextError, as_put, read_rule, write
from webhook_app.console.components.trigger_forms import TRIGGER_FORMS
from webhook_app.console.context import ConsoleContext, page
from webhook_app.console.pages import rule_backtest
from webhook_app.console.pages.error_pages import defined_in_file_error
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule, RuleState
from webhook_app.schemas.trigger_formats import FORMATS
from webhook_app.usecases.errors import ConflictError, UseCaseError
from webhook_app.usecases.rule_lock import rule_lock
from webhook_app.usecases.rule_rooms import seen_rooms
from webhook_app.usecases.rule_views import rule_view
from webhook_app.usecases.rules import put_rule, require_rule

ROOMS_OFFERED = 500
CHANGED = "This rule was changed by someone else. Reload to see the latest version."


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the editor, the checks while typing, and saving."""
    context = console.context
    rule_backtest.add(blueprint, console)

    @blueprint.get("/new-rule")
    def new_rule() -> str:
        require_admin(console.auth)
        trigger = request.args.get("trigger", "")
        form = BLANK | ({"trigger": trigger} if trigger in TRIGGERS else {})
        return _editor(console, text="", form=form, was="", base_tag="")

    @blueprint.get("/rules/<name>/edit")
    def edit_rule(name: str) -> str:
        require_admin(console.auth)
        rule = require_rule(context, name)
        if rule.from_file:
            raise defined_in_file_error(f"Rule {name}", console.config_file_name, f"/rules/{name}")
        text = _text_of(rule)
        return _editor(console, text=text, form=form_of(read_rule(text)), was=name, base_tag=_tag(text))

    @blueprint.post("/rule-text/check")
    def check_rule() -> Response:
        """Return feedback on the text, and the values of the form."""
        text = request.form.get("text", "")
        body = _feedback_json(validate_text(console, text, request.form.get("was", "")))
        with suppress(TextError):
            body["form"] = form_of(read_rule(text))
        return jsonify(body)

    @blueprint.post("/rule-text/draft")
    def draft_rule() -> Response:
        """Return the text generated from the form, and feedback on it."""
        text = _draft(request.form)
        touched = {name for name in request.form.get("touched", "").split(",") if name}
        feedback = validate_text(console, text, request.form.get("was", ""), touched=touched)
        return jsonify({"text": text} | _feedback_json(feedback))

    @blueprint.post("/rule-text/save")
    def save_rule() -> BaseResponse | str | tuple[str, int]:
        fields, text = request.form, request.form.get("text", "").replace("\r\n", "\n")
        was, base_tag = fields.get("was", ""), fields.get("seen", "")
        if fields.get("do-it") == "fill":
            text = _draft(fields)
            return _editor(console, text=text, form=dict(fields), was=was, base_tag=base_tag, is_checked=True)
        if fields.get("do-it") == "check":
            return _editor(console, text=text, form=_form_or(text, fields), was=was, base_tag=base_tag, is_checked=True)
        try:
            name = validated_rule(console, text, was)["name"]
            with rule_lock(context, name):
                rule = validated_rule(console, text, was)
                if was and _tag_of(context.state.rule(name)) != base_tag:
                    raise ConflictError(CHANGED)
                change = put_rule(context, rule)
        except (UseCaseError, TextError) as error:
            refused = error.detail if isinstance(error, UseCaseError) and not error.errors else None
            form = _form_or(text, fields)
            return _editor(
                console, text=text, form=form, was=was, base_tag=base_tag, is_checked=True, refused=refused
            ), 422
        flash(f"{name} saved." if change.in_force else f"{name} saved. Takes effect in a moment.", "done")
        for warning in change.warnings:
            flash(f"Warning: {warning.message}.", "caution")
        return redirect(f"/rules/{name}" if change.in_force else "/rules", code=303)


def _feedback_json(feedback: RuleFeedback) -> dict[str, Any]:
    """The feedback for the script: as HTML, and by form field."""
    return {"feedback": feedback.html(), "errors": feedback.errors, "hints": feedback.hints}


def _editor(
    console: ConsoleContext,
    *,
    text: str,
    form: dict[str, str],
    was: str,
    base_tag: str,
    is_checked: bool = False,
    refused: str | None = None,
) -> str:
    if is_checked and was and refused is None and _tag_of(console.context.state.rule(was)) != base_tag:
        refused = CHANGED
    feedback = validate_text(console, text, was) if is_checked or text else None
    config = console.context.state.names()
    return page(
        "rule_edit.html",
        section="rules",
        text=text,
        form=form,
        was=was,
        base_tag=base_tag,
        labels=LABELS,
        triggers=TRIGGER_FORMS,
        formats=FORMATS,
        positions={kind: position for position, kind in enumerate(TRIGGER_FORMS, 1)},
        types=TYPES,
        crons=CRON_EXAMPLES,
        output_choices=OUTPUT_CHOICES,
        outputs_offered=OUTPUTS_OFFERED,
        zones=sorted(available_timezones()),
        room_names=_room_names(console, config),
        refused=refused,
        unsaved=is_checked,
        feedback=None if feedback is None else feedback.html(),
        errors={} if feedback is None else feedback.errors,
        hints={} if feedback is None else feedback.hints,
        lines=max(14, text.count("\n") + 4),
    )


def _room_names(console: ConsoleContext, config: Config) -> list[str]:
    """The suggestions of the rooms field: names, groups, the ids of rooms without a name, and `*`."""
    named = config.names.values()
    groups = sorted({f"group:{group}" for room in named for group in room.groups})
    others = [room_id for room_id in seen_rooms(console.context)[-ROOMS_OFFERED:] if config.named(room_id) is None]
    names = sorted(config.room_name(room.room_id) or room.room_id for room in named)
    return [*names[:ROOMS_OFFERED], *groups, *sorted(others), "*"]


def _draft(fields: MultiDict[str, str]) -> str:
    try:
        base = read_rule(fields.get("text", ""))
    except TextError:
        base = {}
    return write(rule_of(fields, base))


def _form_or(text: str, fields: MultiDict[str, str]) -> dict[str, str]:
    try:
        return form_of(read_rule(text))
    except TextError:
        return dict(fields)


def _text_of(rule: Rule) -> str:
    return write(as_put(rule_view(rule, RuleState())))


def _tag_of(rule: Rule | None) -> str:
    return "" if rule is None else _tag(_text_of(rule))


def _tag(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
