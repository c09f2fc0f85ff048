"""Schema of rules, for the API, the console and the configuration file. Every error names its field."""

from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from webhook_app.domain.budget import step_budget
from webhook_app.domain.globs import PATTERN_MAX_CHARS
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.cel.meter import STEPS_MAX
from webhook_app.domain.rules.condition_checks import check_message_part
from webhook_app.domain.rules.conditions import compile_condition
from webhook_app.domain.rules.messages import MESSAGE_MAX_CHARS, split_message
from webhook_app.schemas.condition_field import example_rooms
from webhook_app.schemas.fields import Duration, is_glob_pattern, is_name
from webhook_app.schemas.outputs import body_errors, body_fields, is_output
from webhook_app.schemas.schedule import is_timezone
from webhook_app.schemas.trigger_formats import FORMATS

ROOMS_MAX = 1_000


class RuleSchema(Schema):
    """A rule: its name and rooms, the fields of one trigger, and what it does."""

    class Meta:
        unknown = RAISE
        include: ClassVar = body_fields() | {
            name: field for form in FORMATS.values() for name, field in form.fields.items()
        }

    name = fields.String(required=True, validate=is_name)
    rooms = fields.List(
        fields.String(validate=[validate.Length(1, PATTERN_MAX_CHARS), is_glob_pattern]),
        required=True,
        validate=validate.Length(1, ROOMS_MAX, error='specify at least one room; use ["*"] for all'),
    )
    do = fields.String(validate=validate.OneOf(["start", "end", "notify"]))
    message = fields.String(validate=validate.Length(max=MESSAGE_MAX_CHARS))
    cooldown = Duration(attribute="cooldown_s")
    output = fields.String(validate=is_output)
    timezone = fields.String(validate=is_timezone)
    mp4 = fields.Boolean()
    paused = fields.Boolean()

    @validates_schema(skip_on_field_errors=True)
    def _fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        formats = {kind: form for kind, form in FORMATS.items() if kind.value in data}
        errors: dict[str, list[str]] = {}
        if len(formats) != 1:
            *others, last = (form.hint for form in FORMATS.values())
            errors["on"] = [f"a rule has exactly one trigger: {', '.join(others)} or {last}"]
        else:
            [form] = formats.values()
            errors |= form.errors(data)
        takes_action = all(form.takes_action for form in formats.values())
        has_event = any(form.has_event for form in formats.values())
        for form in formats.values():
            errors |= {name: [error] for name, error in form.action_errors.items() if name in data}
        if takes_action and "do" not in data:
            errors["do"] = ["is missing: start, end or notify"]
        for kind, form in FORMATS.items():
            for name in form.own_fields:
                if kind not in formats and not data.keys().isdisjoint((name, f"{name}_s")):
                    errors[name] = [f"`{name}` goes with `{kind}`"]
        if "message" in data and data.get("do") != "notify":
            errors["message"] = ["`message` goes with `do: notify`"]
        if takes_action and data.get("do") not in ("start", "end") and "output" in data:
            errors["output"] = ["`output` goes with `do: start` or `do: end`"]
        started = _started(data, takes_action=takes_action)
        if data.get("mp4") and Output.HLS not in started:
            errors["mp4"] = ["`mp4` goes with a rule that starts HLS"]
        errors = body_errors(data, started) | errors
        if "message" in data:
            errors |= _message_errors(data["message"], with_event=has_event)
        if errors:
            raise ValidationError(errors)

    @post_load
    def _seconds(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        data["for_s"] = data.pop("for", 0)
        if "schedule" in data:
            data["schedule"].setdefault("timezone", data.get("timezone", "UTC"))
        return data


def _started(data: dict[str, Any], *, takes_action: bool) -> list[Output]:
    """The outputs that a rule starts."""
    if not takes_action:
        return [Output(output) for output in data.get("outputs") or (Output.HLS,)]
    return [Output(data.get("output", Output.HLS))] if data.get("do") == "start" else []


def _message_errors(message: str, *, with_event: bool) -> dict[str, list[str]]:
    try:
        with step_budget(STEPS_MAX, "the message"):
            for _, expression in split_message(message):
                if expression is None:
                    continue
                condition = compile_condition(expression)
                if condition.uses_event and not with_event:
                    kinds = " or ".join(f"`{kind}`" for kind, form in FORMATS.items() if form.has_event)
                    return {"message": [f"`event` is available with {kinds} only"]}
                check_message_part(condition, example_rooms(), with_event=with_event)
    except ValueError as error:
        return {"message": [str(error)]}
    return {}
