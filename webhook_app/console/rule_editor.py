"""The editor of rules: a form for the common cases beside the YAML, checked as it is typed, before it is saved."""

import hashlib
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.conditional import alone
from webhook_app.api.rules import checked_rule, known_rule, rooms_of, rule_view
from webhook_app.console import rule_backtest
from webhook_app.console.desk import Desk, page
from webhook_app.console.door import admins_only
from webhook_app.console.error_pages import belongs_to_file
from webhook_app.console.rule_form import BLANK, TRIGGERS, TYPES, form_of, rule_of
from webhook_app.console.rule_text import TextError, as_put, mistakes, read_rule, write
from webhook_app.domain.events import Source
from webhook_app.domain.occurrences import occurrences
from webhook_app.domain.rulebook import rule_from
from webhook_app.domain.rules import Rule, RuleMemory
from webhook_app.domain.schedules.openings import ScheduleError
from webhook_app.domain.views import occurrence_view
from webhook_app.problems import Problem

WINDOWS_SHOWN = 4


def add(blueprint: Blueprint, desk: Desk) -> None:
    """New, edit, check, save."""
    context = desk.context
    rule_backtest.add(blueprint, desk)

    @blueprint.get("/new-rule")
    def new_rule() -> str:
        admins_only(desk.door)
        trigger = request.args.get("trigger", "")
        form = BLANK | ({"trigger": trigger} if trigger in TRIGGERS else {})
        return _editor(desk, text="", form=form, was="", seen="")

    @blueprint.get("/rules/<name>/edit")
    def edit_rule(name: str) -> str:
        admins_only(desk.door)
        known = known_rule(context, name)
        if known.from_file:
            raise belongs_to_file(f"Rule {name}", desk.config_file_name, f"/rules/{name}")
        text = _text_of(known)
        return _editor(desk, text=text, form=form_of(read_rule(text)), was=name, seen=_tag(text))

    @blueprint.post("/rule-text/check")
    def check_rule() -> Response:
        """For the script: what is wrong with the text, and what the form shows of it."""
        text = request.form.get("text", "")
        answer: dict[str, Any] = {"verdict": _verdict(desk, text, request.form.get("was", ""))}
        try:
            answer["form"] = form_of(read_rule(text))
        except TextError:
            pass
        return jsonify(answer)

    @blueprint.post("/rule-text/draft")
    def draft_rule() -> Response:
        """For the script: the text that comes of the form, and what is wrong with it."""
        text = _drafted(request.form)
        return jsonify({"text": text, "verdict": _verdict(desk, text, request.form.get("was", ""))})

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
            name = _judged(desk, text, was)["name"]
            with alone(context, name):
                rule = _judged(desk, text, was)
                if was and _tag_of(context.state.rule(name)) != seen:
                    raise Problem(409, CHANGED)
                event_id = context.append(Source.CONFIG, "rule-put", None, {"rule": rule})
                in_force = context.folded(event_id)
        except (Problem, TextError) as error:
            refused = error.description if isinstance(error, Problem) and not error.errors else None
            form = _form_or(text, asked)
            return _editor(desk, text=text, form=form, was=was, seen=seen, judged=True, refused=refused), 422
        flash(f"Rule {name} is {'in force' if in_force else 'kept, and will be in force soon'}.", "done")
        return redirect(f"/rules/{name}" if in_force else "/rules", code=303)


CHANGED = "somebody changed this rule since you opened it: open it again to see what it is now"


def _editor(
    desk: Desk,
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
    return page(
        "rule_edit.html",
        here="rules",
        text=text,
        form=form,
        was=was,
        seen=seen,
        types=TYPES,
        refused=refused,
        verdict=_verdict(desk, text, was) if judged or text else None,
        lines=max(14, text.count("\n") + 4),
    )


def _verdict(desk: Desk, text: str, was: str) -> str:
    """What is to be said about the text, as a part of a page."""
    try:
        rule = _judged(desk, text, was)
    except TextError as error:
        wrong = [{"field": "", "line": error.line, "why": str(error)}]
        return render_template("verdict.html", wrong=wrong)
    except Problem as problem:
        wrong = mistakes(problem.errors or {"": [problem.description]}, text)
        return render_template("verdict.html", wrong=wrong)
    made = rule_from(rule)
    config, now = desk.context.state.config().with_rule(made), desk.context.now()
    rooms = rooms_of(desk.context, config, made)
    try:
        found = (
            occurrences(config, made, rooms[:WINDOWS_SHOWN], at=now, count=WINDOWS_SHOWN)
            if made.schedule is not None and rooms
            else []
        )
    except ScheduleError as error:
        return render_template("verdict.html", wrong=mistakes({"schedule": [str(error)]}, text))
    return render_template(
        "verdict.html",
        wrong=[],
        rooms=len(rooms),
        globs=config.rooms_of(made) is None,
        windows=[occurrence_view(one.room_id, one.window) for one in found],
        scheduled=made.schedule is not None,
    )


def _judged(desk: Desk, text: str, was: str) -> dict[str, Any]:
    """The rule in the text, checked as the API checks it, and that it may be put under its name."""
    if not text.strip():
        raise TextError("nothing is written yet")
    rule = checked_rule(desk.context, read_rule(text), "")
    if was and rule["name"] != was:
        why = f"this page edits {was}; a rule keeps its name (make a new one, then delete this)"
        raise Problem(422, "the names differ", errors={"name": [why]})
    known = desk.context.state.rule(rule["name"])
    if known is not None and known.from_file:
        why = f"rule {rule['name']} belongs to the configuration file: change it there"
        raise Problem(409, "the name is taken", errors={"name": [why]})
    if not was and known is not None:
        raise Problem(409, "the name is taken", errors={"name": [f"there is a rule {rule['name']}: edit that one"]})
    return rule


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
    return write(as_put(rule_view(rule, RuleMemory())))


def _tag_of(rule: Rule | None) -> str:
    return "" if rule is None else _tag(_text_of(rule))


def _tag(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
