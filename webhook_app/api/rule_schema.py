"""The rule's door: the same for the API and the configuration file; each error names its field."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from webhook_app.api.start_schema import StartSchema
from webhook_app.domain.conditions import ConditionError, compile_condition, try_condition
from webhook_app.domain.judge import split_message
from webhook_app.domain.notices import NOTICE_TYPES
from webhook_app.domain.shapes import room_shapes
from webhook_app.domain.times import parse_duration

NAME = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z"
ROOMS_MAX = 1_000
PATTERN_MAX_CHARS = 200
MESSAGE_MAX_CHARS = 2_000
SCHEDULE_FIELDS = ("schedule", "late_after", "remind", "end_when_empty", "overrun", "max_run", "restart")


class Duration(fields.Field[int]):
    """`90s`, `5m`, `2h`, `1h30m` outside, seconds inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise ValidationError("a duration is text, such as 90s, 5m or 1h30m")
        try:
            return parse_duration(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class ConditionField(fields.String):
    """A CEL expression that compiles."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        source = str(super()._deserialize(value, attr, data, **kwargs))
        try:
            compile_condition(source)
        except ConditionError as error:
            raise ValidationError(str(error)) from None
        return source


def _a_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone; write one such as Europe/London")
    ZoneInfo(name)


def _a_type(kind: str) -> None:
    family = kind.split(".", 1)[0]
    ours = "." in kind and family in {known.split(".", 1)[0] for known in NOTICE_TYPES}
    if ours and kind not in NOTICE_TYPES:
        close = ", ".join(known for known in NOTICE_TYPES if known.startswith(family + "."))
        raise ValidationError(f"{kind!r} is no type; there are {close}")


class RuleSchema(Schema):
    """A rule: `on` with an optional `if`, or `when` with an optional `for`; then `do`."""

    class Meta:
        unknown = RAISE

    name = fields.String(
        required=True, validate=validate.Regexp(NAME, error="a name is a-z, 0-9 and -, at most 64 characters")
    )
    rooms = fields.List(
        fields.String(validate=validate.Length(1, PATTERN_MAX_CHARS)),
        required=True,
        validate=validate.Length(1, ROOMS_MAX, error='name at least one room; all of them is ["*"]'),
    )
    on = fields.String(validate=[validate.Length(1, 100), _a_type])
    when = ConditionField()
    do = fields.String(required=True, validate=validate.OneOf(["start", "end", "notify"]))
    message = fields.String(validate=validate.Length(max=MESSAGE_MAX_CHARS))
    cooldown = Duration(attribute="cooldown_s")
    start = fields.Nested(StartSchema)
    timezone = fields.String(validate=_a_timezone)
    paused = fields.Boolean()

    @pre_load
    def _no_schedule_yet(self, data: Any, **kwargs: Any) -> Any:
        if isinstance(data, dict):
            found = [name for name in SCHEDULE_FIELDS if name in data]
            if found:
                raise ValidationError(
                    {name: ["schedules are not part of this version; use `on` or `when`"] for name in found}
                )
        return data

    @validates_schema(skip_on_field_errors=True)
    def _fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        errors: dict[str, list[str]] = {}
        if ("on" in data) == ("when" in data):
            errors["on"] = ["a rule has exactly one trigger: `on` (a type) or `when` (a condition)"]
        elif "on" in data and "for" in data:
            errors["for"] = ["`for` goes with `when`"]
        elif "when" in data and "if" in data:
            errors["if"] = ["`if` goes with `on`; put it into `when`"]
        if "message" in data and data["do"] != "notify":
            errors["message"] = ["`message` goes with `do: notify`"]
        if "start" in data and data["do"] != "start":
            errors["start"] = ["`start` goes with `do: start`"]
        for field, source, with_event in (("if", data.get("if"), True), ("when", data.get("when"), False)):
            if source is not None and field not in errors:
                try:
                    try_condition(compile_condition(source), room_shapes(), with_event=with_event)
                except ConditionError as error:
                    errors[field] = [str(error)]
        if "message" in data:
            errors |= _message_errors(data["message"], with_event="on" in data)
        if errors:
            raise ValidationError(errors)

    @post_load
    def _seconds(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        data["for_s"] = data.pop("for", 0)
        return data


RuleSchema._declared_fields["if"] = ConditionField()
RuleSchema._declared_fields["for"] = Duration()


def _message_errors(message: str, *, with_event: bool) -> dict[str, list[str]]:
    try:
        for _, expression in split_message(message):
            if expression is None:
                continue
            condition = compile_condition(expression)
            if condition.uses_event and not with_event:
                return {"message": ["`event` is known with `on` only"]}
    except ValueError as error:
        return {"message": [str(error)]}
    return {}
