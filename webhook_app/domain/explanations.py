"""Explanations: a code with the arguments of its text. They are what is stored; the text is made when it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.alarms.summaries import SUMMARY_TEXTS
from webhook_app.domain.delivery.disabled_reasons import DISABLED_TEXTS
from webhook_app.domain.failures import FAILURE_TEXTS
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.outputs import OTHER_OUTPUTS, OUTPUTS, Output
from webhook_app.domain.reason_texts import REASON_TEXTS
from webhook_app.domain.rules.condition_faults import CONDITION_FAULT_TEXTS
from webhook_app.domain.scalars import SCALAR_TYPES
from webhook_app.domain.schedules.calendars.faults import CALENDAR_FAULT_TEXTS
from webhook_app.domain.schedules.faults import SCHEDULE_FAULT_TEXTS

TEXTS: Mapping[str, str] = {
    **REASON_TEXTS,
    **SUMMARY_TEXTS,
    **FAILURE_TEXTS,
    **DISABLED_TEXTS,
    **CONDITION_FAULT_TEXTS,
    **SCHEDULE_FAULT_TEXTS,
    **CALENDAR_FAULT_TEXTS,
}


@fast_init
@dataclass(frozen=True, slots=True)
class Explanation:
    """A `Reason` or an `AlarmSummary` as its code, with the arguments that fill the fields of its text.

    Arguments are plain JSON, so that an explanation equals the one that was stored. An argument that is an explanation
    itself is a mapping with its `code` and `arguments`; a list of them is shown as one text.
    """

    code: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The explanation for people, in the current wording."""
        return render(self.code, self.arguments)

    @property
    def stored(self) -> dict[str, Any]:
        """The explanation as plain JSON, for where it is a part of other data; `text_of` reads it."""
        return {"code": str(self.code), "arguments": self.arguments}


def explain(code: str, /, **arguments: object) -> Explanation:
    """Explain by a code. Arguments that JSON has no type for, such as errors, are kept as their text."""
    return Explanation(code, {name: _storable(value) for name, value in arguments.items()})


def render(code: str, arguments: Mapping[str, Any]) -> str:
    """The text of a code; an argument `output` goes before it.

    A code of a newer version, or one whose arguments are missing, is its own text.
    """
    template = TEXTS.get(code)
    if template is None:
        return code
    try:
        text = template.format(**{name: _argument_text(value) for name, value in arguments.items()})
    except KeyError:
        text = template
    output = arguments.get("output")
    return text if output is None else f"{_label(output)}: {text}"


def _label(output: Any) -> str:
    """How a text names an output other than HLS; one that this version does not know by its own name."""
    label = OUTPUTS[Output(output)].label if output in OTHER_OUTPUTS else str(output)
    return label[:1].upper() + label[1:]


def code_text(stored: str) -> str:
    """The text of a stored code that has no arguments. Earlier versions stored the text itself: it is returned."""
    return render(stored, {})


def text_of(value: Any) -> Any:
    """The text of an explanation, also of one that was read as plain JSON; anything else as it is.

    Earlier versions stored the text itself where an explanation is stored today.
    """
    if isinstance(value, Explanation):
        return value.text
    explanation = stored_explanation(value)
    return value if explanation is None else explanation.text


def stored_explanation(value: Any) -> Explanation | None:
    """The explanation that was stored as plain JSON; None for anything else, such as a text of an earlier version."""
    if not isinstance(value, Mapping) or value.keys() != {"code", "arguments"}:
        return None
    code, arguments = value["code"], value["arguments"]
    return Explanation(code, arguments) if isinstance(code, str) and isinstance(arguments, Mapping) else None


def _argument_text(value: Any) -> Any:
    return "; ".join([str(text_of(item)) for item in value]) if isinstance(value, list) else text_of(value)


def joined_text(explanations: Sequence[Explanation]) -> str:
    """Several explanations as one text."""
    return "; ".join([explanation.text for explanation in explanations])


_OTHER_JSON_TYPES = (int, float, Mapping)


def _storable(value: object) -> Any:
    if type(value) in SCALAR_TYPES:  # most often; the checks below cost more
        return value
    if isinstance(value, Explanation):
        return value.stored
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value if isinstance(value, _OTHER_JSON_TYPES) else str(value)
