"""Schema of rules, for the API, the console and the configuration file. Every error names its field."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from webhook_app.domain.budget import step_budget
from webhook_app.domain.globs import PATTERN_MAX_CHARS
from webhook_app.domain.notices.types import NOTICE_TYPES
from webhook_app.domain.rules.cel.meter import STEPS_MAX
from webhook_app.domain.rules.condition_checks import check_condition, check_message_part
from webhook_app.domain.rules.conditions import ConditionError, compile_condition
from webhook_app.domain.rules.messages import split_message
from webhook_app.domain.rules.triggers import TriggerKind
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.view_examples import room_shapes
from webhook_app.providers.registry import PROVIDER
from webhook_app.schemas.fields import Duration, is_glob_pattern, is_name
from webhook_app.schemas.schedule import ScheduleSchema, is_timezone

ROOMS_MAX = 1_000
MESSAGE_MAX_CHARS = 2_000
# The fields of a rule that go with a schedule alone.
WINDOW_FIELDS = ("late_after", "remind", "end_when_empty", "overrun", "empty_means", "max_run", "restart")
EMPTINESS = {"end_when_empty_s", "overrun_s"}


class ConditionField(fields.String):
    """A CEL expression that compiles."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        source = str(super()._deserialize(value, attr, data, **kwargs))
        try:
            compile_condition(source)
        except ConditionError as error:
            raise ValidationError(str(error)) from None
        return source


def _is_event_type(kind: str) -> None:
    family = kind.split(".", 1)[0]
    ours = "." in kind and family in {notice_type.split(".", 1)[0] for notice_type in NOTICE_TYPES}
    if ours and kind not in NOTICE_TYPES:
        close = ", ".join(notice_type for notice_type in NOTICE_TYPES if notice_type.startswith(family + "."))
        raise ValidationError(f"unknown type {kind!r}; the {family}.* types are {close}")


class RuleSchema(Schema):
    """A rule: `on` with an optional `if`, or `when` with an optional `for`; then `do`."""

    class Meta:
        unknown = RAISE

    name = fields.String(required=True, validate=is_name)
    rooms = fields.List(
        fields.String(validate=[validate.Length(1, PATTERN_MAX_CHARS), is_glob_pattern]),
        required=True,
        validate=validate.Length(1, ROOMS_MAX, error='specify at least one room; use ["*"] for all'),
    )
    on = fields.String(validate=[validate.Length(1, 100), _is_event_type])
    if_ = ConditionField(data_key="if", attribute="if")
    when = ConditionField()
    for_ = Duration(data_key="for", attribute="for")
    do = fields.String(validate=validate.OneOf(["start", "end", "notify"]))
    schedule = fields.Nested(ScheduleSchema)
    late_after = Duration(attribute="late_after_s")
    remind = Duration(attribute="remind_s")
    end_when_empty = Duration(attribute="end_when_empty_s")
    overrun = Duration(attribute="overrun_s")
    max_run = Duration(attribute="max_run_s")
    restart = fields.String(validate=validate.OneOf(["on-failure", "always", "never"]))
    empty_means = fields.String(validate=validate.OneOf([meaning.value for meaning in EmptyMeans]))
    message = fields.String(validate=validate.Length(max=MESSAGE_MAX_CHARS))
    cooldown = Duration(attribute="cooldown_s")
    start = fields.Nested(PROVIDER.start_schema())
    timezone = fields.String(validate=is_timezone)
    paused = fields.Boolean()

    @validates_schema(skip_on_field_errors=True)
    def _fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        errors: dict[str, list[str]] = {}
        triggers = [kind for kind in TriggerKind if kind.value in data]
        if len(triggers) != 1:
            errors["on"] = ["a rule has exactly one trigger: `schedule`, `on` (a type) or `when` (a condition)"]
        elif "on" in data and "for" in data:
            errors["for"] = ["`for` goes with `when`"]
        elif "when" in data and "if" in data:
            errors["if"] = ["`if` goes with `on` or `schedule`; put it into `when`"]
        if "schedule" in data and "do" in data:
            errors["do"] = ["a schedule takes no `do`: it starts when a window opens and ends when it closes"]
        if "schedule" not in data and "do" not in data:
            errors["do"] = ["is missing: start, end or notify"]
        for name in WINDOW_FIELDS:
            if not data.keys().isdisjoint((name, f"{name}_s")) and "schedule" not in data:
                errors[name] = [f"`{name}` goes with `schedule`"]
        if "empty_means" in data and "schedule" in data and not EMPTINESS & data.keys():
            errors["empty_means"] = ["`empty_means` goes with `end_when_empty` or `overrun`"]
        if "message" in data and data.get("do") != "notify":
            errors["message"] = ["`message` goes with `do: notify`"]
        if "start" in data and "schedule" not in data and data.get("do") != "start":
            errors["start"] = ["`start` goes with `do: start` or a `schedule`"]
        for field, source, with_event in (("if", data.get("if"), "on" in data), ("when", data.get("when"), False)):
            if source is not None and field not in errors:
                try:
                    check_condition(compile_condition(source), room_shapes(), with_event=with_event)
                except ConditionError as error:
                    errors[field] = [str(error)]
        if "message" in data:
            errors |= _message_errors(data["message"], with_event="on" in data)
        if errors:
            raise ValidationError(errors)

    @post_load
    def _seconds(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        data["for_s"] = data.pop("for", 0)
        if "schedule" in data:
            data["schedule"].setdefault("timezone", data.get("timezone", "UTC"))
        return data


def _message_errors(message: str, *, with_event: bool) -> dict[str, list[str]]:
    try:
        with step_budget(STEPS_MAX, "the message"):
            for _, expression in split_message(message):
                if expression is None:
                    continue
                condition = compile_condition(expression)
                if condition.uses_event and not with_event:
                    return {"message": ["`event` is available with `on` only"]}
                check_message_part(condition, room_shapes(), with_event=with_event)
    except ValueError as error:
        return {"message": [str(error)]}
    return {}
