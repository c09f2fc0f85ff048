"""How users write each kind of trigger in a rule, how it is journaled, and how the API shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError, fields, validate

from webhook_app.domain.notices.types import NOTICE_TYPES
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.triggers import (
    NO_TRIGGER,
    TRIGGERS,
    ConditionTrigger,
    EventTrigger,
    ScheduleTrigger,
    Trigger,
    TriggerKind,
    kind_in,
)
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.times import format_duration
from webhook_app.masking.masked_data import shown_data
from webhook_app.schemas.condition_field import ConditionField, condition_errors
from webhook_app.schemas.fields import Duration
from webhook_app.schemas.outputs import is_output
from webhook_app.schemas.schedule import ScheduleSchema, decode_schedule

Errors = dict[str, list[str]]
# The fields of a rule that go with a schedule alone.
WINDOW_FIELDS = ("late_after", "remind", "end_when_empty", "overrun", "empty_means", "max_run", "restart", "outputs")
EMPTINESS = {"end_when_empty_s", "overrun_s"}


@dataclass(frozen=True, slots=True)
class TriggerFormat:
    """One kind of trigger in a rule.

    `hint` names the field in an error. `fields` are the rule's fields that it brings; one that is also another kind's
    has the same type there. `own_fields` are those that are an error with every other kind. `errors` says what does
    not fit together in a rule with this trigger, whose fields are valid by themselves. `decode` reads the trigger from
    the checked form, which the journal keeps, and `view` gives it as users write it.

    `action_errors`: why a rule with it takes no `do` and no `output`; empty when the rule says what to `do`.
    `has_event`: its conditions and messages may use the event.
    """

    hint: str
    fields: Mapping[str, fields.Field[Any]]
    errors: Callable[[Mapping[str, Any]], Errors]
    decode: Callable[[Mapping[str, Any]], Trigger]
    view: Callable[[Any], dict[str, Any]]
    own_fields: tuple[str, ...] = ()
    action_errors: Mapping[str, str] = field(default_factory=dict)
    has_event: bool = False

    @property
    def takes_action(self) -> bool:
        """Whether a rule with it says what to `do`."""
        return not self.action_errors

    @property
    def field_names(self) -> set[str]:
        """The names of its fields in a rule, as users write it."""
        return {field.data_key or name for name, field in self.fields.items()}


def decode_trigger(data: Mapping[str, Any]) -> Trigger:
    """The trigger in a rule's checked form."""
    kind = kind_in(data)
    return NO_TRIGGER if kind is None else FORMATS[kind].decode(data)


def trigger_view(trigger: Trigger) -> dict[str, Any]:
    """The fields of a rule that hold its trigger, as users write them."""
    kind = next(kind for kind, trigger_class in TRIGGERS.items() if isinstance(trigger, trigger_class))
    return FORMATS[kind].view(trigger)


def _decode_schedule_trigger(data: Mapping[str, Any]) -> ScheduleTrigger:
    schedule = data["schedule"]
    return ScheduleTrigger(
        decode_schedule(schedule),
        data.get("if"),
        given=schedule.get("given", {}),
        late_after_s=int(data.get("late_after_s") or 60),
        remind_s=data.get("remind_s"),
        end_when_empty_s=data.get("end_when_empty_s"),
        overrun_s=data.get("overrun_s"),
        max_run_s=data.get("max_run_s"),
        restart=str(data.get("restart") or "on-failure"),
        empty_means=EmptyMeans(data.get("empty_means") or "nobody"),
        outputs=tuple(output for output in Output if output in (data.get("outputs") or (Output.HLS,))),
    )


def _schedule_view(trigger: ScheduleTrigger) -> dict[str, Any]:
    view: dict[str, Any] = {"schedule": shown_data(dict(trigger.given))}
    seconds = {
        "late_after": trigger.late_after_s,
        "remind": trigger.remind_s,
        "end_when_empty": trigger.end_when_empty_s,
        "overrun": trigger.overrun_s,
        "max_run": trigger.max_run_s,
    }
    view |= {name: format_duration(value) for name, value in seconds.items() if value is not None}
    view["restart"] = trigger.restart
    view["outputs"] = [output.value for output in trigger.outputs]
    if trigger.end_when_empty_s is not None or trigger.overrun_s is not None:
        view["empty_means"] = trigger.empty_means.value
    return view | _if_view(trigger.if_)


def _schedule_errors(data: Mapping[str, Any]) -> Errors:
    errors = condition_errors(data, "if", with_event=False)
    if "empty_means" in data and not EMPTINESS & data.keys():
        errors["empty_means"] = ["`empty_means` goes with `end_when_empty` or `overrun`"]
    return errors


def _event_errors(data: Mapping[str, Any]) -> Errors:
    errors = condition_errors(data, "if", with_event=True)
    if "for" in data:
        errors["for"] = ["`for` goes with `when`"]
    return errors


def _event_view(trigger: EventTrigger) -> dict[str, Any]:
    return {"on": trigger.on} | _if_view(trigger.if_)


def _if_view(condition: str | None) -> dict[str, Any]:
    return {} if condition is None else {"if": condition}


def _condition_errors(data: Mapping[str, Any]) -> Errors:
    errors = condition_errors(data, "when", with_event=False)
    if "if" in data:
        errors["if"] = ["`if` goes with `on` or `schedule`; put it into `when`"]
    return errors


def _condition_view(trigger: ConditionTrigger) -> dict[str, Any]:
    return {"when": trigger.when, "for": format_duration(trigger.for_s)}


def _is_event_type(kind: str) -> None:
    family = kind.split(".", 1)[0]
    is_own_type = "." in kind and family in {notice_type.split(".", 1)[0] for notice_type in NOTICE_TYPES}
    if is_own_type and kind not in NOTICE_TYPES:
        close = ", ".join(notice_type for notice_type in NOTICE_TYPES if notice_type.startswith(family + "."))
        raise ValidationError(f"unknown type {kind!r}; the {family}.* types are {close}")


def _if_field() -> ConditionField:
    return ConditionField(data_key="if", attribute="if")


FORMATS: Mapping[TriggerKind, TriggerFormat] = {
    TriggerKind.SCHEDULE: TriggerFormat(
        hint="`schedule`",
        fields={
            "schedule": fields.Nested(ScheduleSchema),
            "if_": _if_field(),
            "late_after": Duration(attribute="late_after_s"),
            "remind": Duration(attribute="remind_s"),
            "end_when_empty": Duration(attribute="end_when_empty_s"),
            "overrun": Duration(attribute="overrun_s"),
            "max_run": Duration(attribute="max_run_s"),
            "restart": fields.String(validate=validate.OneOf(["on-failure", "always", "never"])),
            "empty_means": fields.String(validate=validate.OneOf([meaning.value for meaning in EmptyMeans])),
            "outputs": fields.List(
                fields.String(validate=is_output),
                validate=validate.Length(1, len(Output), error="name at least one output: hls, recording or rtmp"),
            ),
        },
        own_fields=WINDOW_FIELDS,
        errors=_schedule_errors,
        decode=_decode_schedule_trigger,
        view=_schedule_view,
        action_errors={
            "do": "a schedule takes no `do`: it starts when a window opens and ends when it closes",
            "output": "a schedule takes `outputs`, a list",
        },
    ),
    TriggerKind.EVENT: TriggerFormat(
        hint="`on` (a type)",
        fields={"on": fields.String(validate=[validate.Length(1, 100), _is_event_type]), "if_": _if_field()},
        errors=_event_errors,
        decode=lambda data: EventTrigger(data["on"], data.get("if")),
        view=_event_view,
        has_event=True,
    ),
    TriggerKind.CONDITION: TriggerFormat(
        hint="`when` (a condition)",
        fields={"when": ConditionField(), "for_": Duration(data_key="for", attribute="for")},
        errors=_condition_errors,
        decode=lambda data: ConditionTrigger(data["when"], int(data.get("for_s") or 0)),
        view=_condition_view,
    ),
}
