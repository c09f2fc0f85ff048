"""How the console shows each kind of trigger: its inputs in the rule editor, and the rule in one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.console.components.schedule_summary import summarize_schedule
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.triggers import TriggerKind
from webhook_app.schemas.trigger_formats import FORMATS, WINDOW_FIELDS

ACTION_FIELDS = ("do", "output", "message", "cooldown")


@dataclass(frozen=True, slots=True)
class FormInput:
    """A text input: the rule's field that it holds, its label, an example, and the id of a list of suggestions."""

    name: str
    label: str
    example: str
    suggestions: str | None = None


@dataclass(frozen=True, slots=True)
class TriggerForm:
    """One kind of trigger in the console.

    `label` stands beside the radio button. `inputs` are rendered one below the other; a kind without them has a part
    of its own in `rule_edit.html`, for the fields in `other_fields`. `summarize` gets the rule as the API shows it.
    """

    label: str
    summarize: Callable[[Mapping[str, Any]], str]
    inputs: tuple[FormInput, ...] = ()
    other_fields: tuple[str, ...] = ()


def kind_of(rule: Mapping[str, Any]) -> TriggerKind | None:
    """The kind of trigger of a rule as users write it; None while it has none."""
    return next((kind for kind in TriggerKind if kind.value in rule), None)


def form_fields(kind: TriggerKind) -> tuple[str, ...]:
    """The rule's fields that the form shows for a kind of trigger, without the one that names it."""
    form = TRIGGER_FORMS[kind]
    fields = (*(form_input.name for form_input in form.inputs if form_input.name != kind.value), *form.other_fields)
    return (*fields, *ACTION_FIELDS) if FORMATS[kind].takes_action else fields


def summarize(view: Mapping[str, Any]) -> str:
    """Summarize a rendered rule: `Sundays 09:00–11:00 (Europe/London)`, `when room.on_air for 5m: notify`.

    Outputs are named unless HLS is the only one: `…: end recording`, `… (UTC): hls, recording`.
    """
    return TRIGGER_FORMS[kind_of(view) or TriggerKind.CONDITION].summarize(view)


def _action(view: Mapping[str, Any]) -> str:
    output = view.get("output", Output.HLS)
    return f"{view['do']}" if output == Output.HLS else f"{view['do']} {output}"


def _summarize_schedule(view: Mapping[str, Any]) -> str:
    outputs = view.get("outputs") or [Output.HLS]
    summary = summarize_schedule(view)
    return summary if list(outputs) == [Output.HLS] else f"{summary}: {', '.join(outputs)}"


def _summarize_event(view: Mapping[str, Any]) -> str:
    return f"on {view['on']}" + (f" if {view['if']}" if "if" in view else "") + f": {_action(view)}"


def _summarize_condition(view: Mapping[str, Any]) -> str:
    period = f" for {view['for']}" if view.get("for", "0s") != "0s" else ""
    return f"when {view.get('when')}{period}: {_action(view)}"


TRIGGER_FORMS: Mapping[TriggerKind, TriggerForm] = {
    TriggerKind.SCHEDULE: TriggerForm("schedule", _summarize_schedule, other_fields=WINDOW_FIELDS),
    TriggerKind.EVENT: TriggerForm(
        "event",
        _summarize_event,
        inputs=(
            FormInput("on", "Event type", "participant-joined", suggestions="types"),
            FormInput("if", "If", 'event.data.participantName.startsWith("Host")'),
        ),
    ),
    TriggerKind.CONDITION: TriggerForm(
        "condition",
        _summarize_condition,
        inputs=(
            FormInput("when", "Condition", "room.on_air && room.session.participant_count == 0"),
            FormInput("for", "For at least", "5m"),
        ),
    ),
}
