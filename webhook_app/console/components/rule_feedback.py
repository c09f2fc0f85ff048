"""What is to be said of a rule as it is written: mistakes at their fields, what is still missing, warnings, windows."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import render_template

from webhook_app.api.rules import validate_rule
from webhook_app.console.components.rule_form import LABELS, form_field_of
from webhook_app.console.components.rule_text import TextError, mistakes, read_rule
from webhook_app.console.context import ConsoleContext
from webhook_app.domain.configuration.changes import decode_rule
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.views import occurrence_view
from webhook_app.problems.problems import Problem
from webhook_app.usecases.rule_rooms import rooms_of, seen_rooms, warnings_of
from webhook_app.usecases.rule_warnings import RuleWarning

WINDOWS_SHOWN = 4
EVERYTHING: Collection[str] = frozenset(LABELS)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: its path in the rule, its line in the text, and the form's field that shows it, if one does."""

    path: str
    message: str
    line: int | None = None
    form_field: str | None = None

    @property
    def label(self) -> str | None:
        """How the form names the field."""
        return None if self.form_field is None else LABELS[self.form_field]


@dataclass(frozen=True, slots=True)
class RuleFeedback:
    """`missing` are labels of fields that nobody has filled in or left yet: no mistake, and the rule needs them."""

    mistakes: list[Mistake]
    missing: list[str] = field(default_factory=list)
    warnings: list[RuleWarning] = field(default_factory=list)
    room_count: int = 0
    matches_more: bool = False
    windows: list[dict[str, Any]] = field(default_factory=list)
    has_schedule: bool = False

    @property
    def errors(self) -> dict[str, str]:
        """Mistakes by the form's field."""
        return _by_field((one.form_field, one.message) for one in self.mistakes)

    @property
    def hints(self) -> dict[str, str]:
        """Warnings by the form's field."""
        return _by_field((form_field_of(warning.field), warning.message) for warning in self.warnings)

    def html(self) -> str:
        """As a part of a page."""
        return render_template("rule_verdict.html", verdict=self, labels=LABELS, form_field_of=form_field_of)


def _by_field(messages: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, message in messages:
        if name is not None:
            joined[name] = f"{joined[name]}; {message}" if name in joined else message
    return joined


def validated_rule(desk: ConsoleContext, text: str, was: str) -> dict[str, Any]:
    """The rule in the text, checked as the API checks it, and that it may be put under its name."""
    if not text.strip():
        raise TextError("nothing is written yet")
    rule = validate_rule(desk.context, read_rule(text), "")
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


def validate_text(desk: ConsoleContext, text: str, was: str, *, touched: Collection[str] = EVERYTHING) -> RuleFeedback:
    """Judge the text; mistakes in fields of the form that nobody has touched yet are not shown as mistakes."""
    try:
        raw = validated_rule(desk, text, was)
    except TextError as error:
        return RuleFeedback([Mistake("", str(error), error.line)])
    except Problem as problem:
        return _of_mistakes(problem.errors or {"": [problem.description]}, text, touched)
    rule = decode_rule(raw)
    config = desk.context.state.config()
    warnings = warnings_of(desk.context, rule, config)
    config = config.with_rule(rule)
    rooms = rooms_of(desk.context, config, rule)
    known = {*seen_rooms(desk.context), *config.by_room}
    try:
        found = (
            occurrences(config, rule, rooms[:WINDOWS_SHOWN], at=desk.context.now(), count=WINDOWS_SHOWN)
            if rule.schedule is not None and rooms
            else []
        )
    except ScheduleError as error:
        return _of_mistakes({"schedule": [str(error)]}, text, touched)
    return RuleFeedback(
        [],
        warnings=warnings,
        room_count=sum(room_id in known for room_id in rooms),
        matches_more=config.rooms_of(rule) is None,
        windows=[
            occurrence_view(one.room_id, one.window, endless=one.endless, room_name=config.room_name(one.room_id))
            for one in found
        ],
        has_schedule=rule.schedule is not None,
    )


def _of_mistakes(errors: Mapping[str, Any], text: str, touched: Collection[str]) -> RuleFeedback:
    shown: list[Mistake] = []
    missing: list[str] = []
    for one in mistakes(errors, text):
        name = form_field_of(one["field"])
        if name is None or name in touched:
            shown.append(Mistake(one["field"], one["why"], one["line"], name))
        elif LABELS[name] not in missing:
            missing.append(LABELS[name])
    return RuleFeedback(shown, missing)
