"""Explanations: a code with the arguments of its text. They are what is stored; the text is made when it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.alarms.summaries import SUMMARY_TEXTS
from webhook_app.domain.delivery.disabled_reasons import DISABLED_TEXTS
from webhook_app.domain.failures import FAILURE_TEXTS
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.output_words import label_of, names_output, words_of
from webhook_app.domain.outputs import Output
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

    def of_output(self, output: Output) -> "Explanation":
        """The same in the words of an output. HLS, which needs none, is not stored."""
        return self if output is Output.HLS else Explanation(self.code, {**self.arguments, "output": output.value})

    @property
    def stored(self) -> dict[str, Any]:
        """The explanation as plain JSON, for where it is a part of other data; `text_of` reads it."""
        return {"code": str(self.code), "arguments": self.arguments}


def explain(code: str, /, **arguments: object) -> Explanation:
    """Explain by a code. Arguments that JSON has no type for, such as errors, are kept as their text."""
    return Explanation(code, {name: _storable(value) for name, value in arguments.items()})


class _Arguments(dict[str, Any]):
    """Arguments of a text; a missing one leaves its field as it stands."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def render(code: str, arguments: Mapping[str, Any], *, output: str | None = None) -> str:
    """The text of a code, in the words of the argument `output`, else of the output of the text around it.

    A code of a newer version is its own text.
    """
    template = TEXTS.get(code)
    if template is None:
        return code
    output = arguments.get("output", output)
    values = {name: _argument_text(value, output) for name, value in arguments.items()}
    return template.format_map(_Arguments(values | {"output": words_of(output)}))


def labelled_text(code: str, arguments: Mapping[str, Any]) -> str:
    """The text of a code where those of several outputs stand together: another output than HLS is always named."""
    text, output = render(code, arguments), arguments.get("output")
    if output is None or names_output(TEXTS.get(code, "")):
        return text
    return f"{label_of(output)}: {text}"


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


def _argument_text(value: Any, output: str | None) -> Any:
    if isinstance(value, list):
        return "; ".join([str(_argument_text(item, output)) for item in value])
    explanation = stored_explanation(value)
    return value if explanation is None else render(explanation.code, explanation.arguments, output=output)


def joined_text(explanations: Sequence[Explanation]) -> str:
    """Several explanations as one text, each with its output unless that is HLS."""
    return "; ".join([labelled_text(explanation.code, explanation.arguments) for explanation in explanations])


_OTHER_JSON_TYPES = (int, float, Mapping)


def _storable(value: object) -> Any:
    if type(value) in SCALAR_TYPES:  # most often; the checks below cost more
        return value
    if isinstance(value, Explanation):
        return value.stored
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value if isinstance(value, _OTHER_JSON_TYPES) else str(value)
