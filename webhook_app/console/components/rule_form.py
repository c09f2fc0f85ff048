"""The form of the rule editor: fill it from a rule, and build a rule from it."""

from collections.abc import Mapping
from typing import Any

from webhook_app.console.components.trigger_forms import TRIGGER_FORMS, form_fields, kind_of
from webhook_app.domain.notices.types import NOTICE_TYPES
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.triggers import TriggerKind
from webhook_app.providers.registry import PROVIDER
from webhook_app.schemas.outputs import BODY_FIELDS
from webhook_app.schemas.trigger_formats import FORMATS

TRIGGERS = tuple(kind.value for kind in TriggerKind)
# Labels of the form fields.
LABELS: Mapping[str, str] = {
    "name": "Name",
    "rooms": "Rooms",
    "trigger": "Trigger",
    "cron": "Cron expression",
    "at": "Or specific times",
    "duration": "Duration",
    "timezone": "Time zone",
    "late_after": "Late after",
    "remind": "Remind before",
    "end_when_empty": "End when empty for",
    "overrun": "Extend while occupied, at most",
    "empty_means": "Empty means",
    "max_run": "Restart every",
    "restart": "Restart",
    **{form_input.name: form_input.label for form in TRIGGER_FORMS.values() for form_input in form.inputs},
    "outputs": "Outputs",
    "do": "Action",
    "output": "Output",
    "rtmp": "RTMP destinations",
    "cooldown": "Cooldown",
    "message": "Message",
}
# The most common event types of rules come first.
TYPES = tuple(
    dict.fromkeys(
        (
            *PROVIDER.facts.participant_types,
            "session.started",
            "session.ended",
            *(kind for kind in NOTICE_TYPES if not kind.startswith(("alarm.", "subscriber."))),
            *PROVIDER.facts.documented_types,
        )
    )
)
CRON_EXAMPLES: Mapping[str, str] = {
    "0 9 * * SUN": "every Sunday at 09:00",
    "0 8 * * MON-FRI": "Monday to Friday at 08:00",
    "30 18 * * *": "every day at 18:30",
    "0 * * * *": "every hour",
    "0 10 * * SUN#1": "first Sunday of the month at 10:00",
}
BY_TRIGGER: Mapping[str, tuple[str, ...]] = {kind.value: form_fields(kind) for kind in TRIGGER_FORMS}
OUTPUT_CHOICES: Mapping[str, str] = {"": "stream (HLS)", "recording": "recording", "rtmp": "RTMP stream"}
OUTPUTS_OFFERED = ("hls", "hls, recording", "hls, rtmp", "hls, recording, rtmp", "recording", "rtmp")
SCHEDULE_FIELDS = ("cron", "at", "duration", "timezone")
BLANK = {"trigger": "when", "do": "end", "rooms": "*"}


def form_field_of(path: str) -> str | None:
    """Return the form field that shows a path of the rule, such as `schedule.cron` or `rooms.0`, if any."""
    first, _, rest = path.partition(".")
    if first == "schedule":
        name = rest.partition(".")[0] or "cron"
        return name if name in SCHEDULE_FIELDS else None
    return first if first in LABELS else None


def form_of(rule: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of the form for a rule; missing and unsupported values are empty."""
    schedule = rule.get("schedule")
    schedule_fields: Mapping[str, Any] = schedule if isinstance(schedule, Mapping) else {}
    values = {name: _text(rule.get(name)) for names in BY_TRIGGER.values() for name in names}
    values |= {name: _text(schedule_fields.get(name)) for name in SCHEDULE_FIELDS}
    values["timezone"] = values["timezone"] or _text(rule.get("timezone"))
    values |= {name: _text(rule.get(name)) for name in ("name", *TRIGGERS) if name != "schedule"}
    values |= {name: _text(rule.get(name), ", ") for name in ("rooms", "outputs")}
    values["rtmp"] = _destinations_text(rule.get("rtmp"))
    values["trigger"] = (kind_of(rule) or TriggerKind.CONDITION).value
    return values


def rule_of(form: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any]:
    """Build a rule from the form; fields of `base` that the form does not show are kept."""
    trigger = form.get("trigger", "when")
    values = {name: value.strip() for name, value in form.items() if value.strip()}
    rule: dict[str, Any] = {"name": values.get("name", "")}
    rule["rooms"] = _listed(values.get("rooms", ""))
    if trigger == "schedule":
        rule["schedule"] = _schedule(values, base.get("schedule"))
    else:
        rule[trigger] = values.get(trigger, "")
    rule |= {name: values[name] for name in BY_TRIGGER.get(trigger, ()) if name in values}
    if "outputs" in rule:
        rule["outputs"] = _listed(rule["outputs"])
    if rule.get("do") == "notify":
        rule.pop("output", None)
    else:
        rule.pop("message", None)
    shown = {
        "name",
        "rooms",
        "timezone",
        "outputs",
        *TRIGGERS,
        *(name for names in BY_TRIGGER.values() for name in names),
    }
    kind = kind_of(base)
    if kind is not None and kind == trigger:
        shown -= FORMATS[kind].field_names - {kind, *form_fields(kind)}  # a schedule's `if` is in the text alone
    other_fields = {name: value for name, value in base.items() if name not in shown}
    for output in BODY_FIELDS.keys() - _started(rule):
        other_fields.pop(BODY_FIELDS[output], None)
    if Output.HLS not in _started(rule):
        other_fields.pop("mp4", None)
    if Output.RTMP in _started(rule) and "rtmp" in values:
        base_rtmp = base.get("rtmp")
        rule["rtmp"] = (dict(base_rtmp) if isinstance(base_rtmp, Mapping) else {}) | {
            "streams": _destinations(values["rtmp"])
        }
        other_fields.pop("rtmp", None)
    return rule | other_fields


def _started(rule: Mapping[str, Any]) -> set[str]:
    """The outputs that a rule starts, as far as it says."""
    if "schedule" in rule:
        return set(rule.get("outputs") or [Output.HLS])
    return {rule.get("output", Output.HLS)} if rule.get("do") == "start" else set()


def _destinations(text: str) -> list[dict[str, str]]:
    """The destinations of an RTMP stream, one a line: the URL, a space, the stream key."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [{"url": url, **({"stream_key": key[0].strip()} if key else {})} for url, *key in lines]


def _destinations_text(body: Any) -> str:
    streams = body.get("streams") if isinstance(body, Mapping) else None
    if not isinstance(streams, list):
        return ""
    rows = [stream for stream in streams if isinstance(stream, Mapping)]
    return "\n".join(f"{_text(row.get('url'))} {_text(row.get('stream_key'))}".strip() for row in rows)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


def _schedule(values: Mapping[str, str], base: Any) -> dict[str, Any]:
    other_fields = (
        {name: value for name, value in base.items() if name not in SCHEDULE_FIELDS}
        if isinstance(base, Mapping)
        else {}
    )
    schedule: dict[str, Any] = {}
    if "cron" in values:
        schedule["cron"] = values["cron"]
    if "at" in values:
        moments = _listed(values["at"])
        schedule["at"] = moments[0] if len(moments) == 1 else moments
    schedule |= {name: values[name] for name in ("timezone", "duration") if name in values}
    return schedule | other_fields


def _text(value: Any, between: str = "\n") -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return between.join(str(item) for item in value)
    return value if isinstance(value, str) else "" if isinstance(value, Mapping) else str(value)
