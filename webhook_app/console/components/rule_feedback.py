"""Feedback on the text of a rule: errors by field, missing fields, warnings, upcoming windows."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import render_template

from webhook_app.console.components.rule_form import LABELS, form_field_of
from webhook_app.console.components.rule_text import TextError, errors_with_lines, read_rule
from webhook_app.console.context import ConsoleContext
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.views import occurrence_view
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.usecases.errors import ConflictError, InvalidInputError, UseCaseError
from webhook_app.usecases.rule_rooms import rooms_of, seen_rooms, warnings_of
from webhook_app.usecases.rule_warnings import RuleWarning
from webhook_app.usecases.rules import validate_rule

WINDOWS_SHOWN = 4
ALL_FIELDS: Collection[str] = frozenset(LABELS)


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error: its path in the rule, its line in the text, and the form field that shows it, if there is one."""

    path: str
    message: str
    line: int | None = None
    form_field: str | None = None

    @property
    def label(self) -> str | None:
        """The label of the form field."""
        return None if self.form_field is None else LABELS[self.form_field]


@dataclass(frozen=True, slots=True)
class RuleFeedback:
    """The result of validating a rule. `missing` are labels of required fields that were not filled in yet."""

    errors_found: list[FieldError]
    missing: list[str] = field(default_factory=list)
    warnings: list[RuleWarning] = field(default_factory=list)
    room_count: int = 0
    matches_more: bool = False
    windows: list[dict[str, Any]] = field(default_factory=list)
    has_schedule: bool = False

    @property
    def errors(self) -> dict[str, str]:
        """Error messages by form field."""
        return _by_field((error.form_field, error.message) for error in self.errors_found)

    @property
    def hints(self) -> dict[str, str]:
        """Warnings by form field."""
        return _by_field((form_field_of(warning.field), warning.message) for warning in self.warnings)

    def html(self) -> str:
        """Render as a part of a page."""
        return render_template("rule_feedback.html", feedback=self, labels=LABELS, form_field_of=form_field_of)


def _by_field(messages: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, message in messages:
        if name is not None:
            joined[name] = f"{joined[name]}; {message}" if name in joined else message
    return joined


def validated_rule(console: ConsoleContext, text: str, edited_name: str) -> dict[str, Any]:
    """Return the rule in a text, validated as the API does; also check that its name may be used.

    `edited_name` is the name of the rule that is edited, empty for a new one. Raises TextError or UseCaseError.
    """
    if not text.strip():
        raise TextError("the text is empty")
    rule = validate_rule(console.context, read_rule(text))
    if edited_name and rule["name"] != edited_name:
        fault = f"rules can't be renamed; create a new one and delete {edited_name}"
        raise InvalidInputError("The names differ.", errors={"name": [fault]})
    existing = console.context.state.rule(rule["name"])
    if existing is not None and existing.from_file:
        fault = f"rule {rule['name']} is managed by the configuration file; change it there"
        raise ConflictError("The name is taken.", errors={"name": [fault]})
    if not edited_name and existing is not None:
        raise ConflictError(
            "The name is taken.", errors={"name": [f"rule {rule['name']} already exists; edit it instead"]}
        )
    return rule


def validate_text(
    console: ConsoleContext, text: str, edited_name: str, *, touched: Collection[str] = ALL_FIELDS
) -> RuleFeedback:
    """Validate the text of a rule. Errors in form fields that were not touched yet count as missing."""
    try:
        rule_data = validated_rule(console, text, edited_name)
    except TextError as error:
        return RuleFeedback([FieldError("", str(error), error.line)])
    except UseCaseError as error:
        return _with_errors(error.messages_by_field, text, touched)
    rule = decode_rule(rule_data)
    config = console.context.state.config()
    warnings = warnings_of(console.context, rule, config)
    config = config.with_rule(rule)
    rooms = rooms_of(console.context, config, rule)
    existing_rooms = {*seen_rooms(console.context), *config.by_room}
    try:
        upcoming = (
            occurrences(config, rule, rooms[:WINDOWS_SHOWN], at=console.context.now(), count=WINDOWS_SHOWN)
            if rule.schedule_trigger is not None and rooms
            else []
        )
    except ScheduleError as error:
        return _with_errors({"schedule": [str(error)]}, text, touched)
    return RuleFeedback(
        [],
        warnings=warnings,
        room_count=sum(room_id in existing_rooms for room_id in rooms),
        matches_more=config.rooms_of(rule) is None,
        windows=[
            occurrence_view(
                occurrence.room_id,
                occurrence.window,
                endless=occurrence.endless,
                room_name=config.room_name(occurrence.room_id),
                output=occurrence.output,
            )
            for occurrence in upcoming
        ],
        has_schedule=rule.schedule_trigger is not None,
    )


def _with_errors(errors: Mapping[str, Any], text: str, touched: Collection[str]) -> RuleFeedback:
    field_errors: list[FieldError] = []
    missing: list[str] = []
    for error in errors_with_lines(errors, text):
        name = form_field_of(error["field"])
        if name is None or name in touched:
            field_errors.append(FieldError(error["field"], error["why"], error["line"], name))
        elif LABELS[name] not in missing:
            missing.append(LABELS[name])
    return RuleFeedback(field_errors, missing)
