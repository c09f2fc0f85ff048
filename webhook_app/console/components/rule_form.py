"""The form for the common cases of a rule: what it shows of a rule, and the rule that comes of it."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.notices.notice import NOTICE_TYPES
from webhook_app.providers.videosdk.types import DOCUMENTED_TYPES, PARTICIPANT_TYPES

TRIGGERS = ("schedule", "on", "when")
# How the form names its fields.
LABELS: Mapping[str, str] = {
    "name": "Name",
    "rooms": "Rooms",
    "trigger": "It acts",
    "cron": "Cron expression",
    "at": "Or at these moments",
    "duration": "Duration",
    "timezone": "Time zone",
    "late_after": "Late after",
    "remind": "Remind before",
    "end_when_empty": "End when empty for",
    "overrun": "Overrun up to",
    "empty_means": "Empty means",
    "max_run": "Restart after",
    "restart": "Restart",
    "on": "Type",
    "if": "If",
    "when": "Condition",
    "for": "For at least",
    "do": "Do",
    "cooldown": "Not again for",
    "message": "Message",
}
# Types of events that rules are mostly about come first.
TYPES = tuple(
    dict.fromkeys(
        (
            *PARTICIPANT_TYPES,
            "session.started",
            "session.ended",
            *(kind for kind in NOTICE_TYPES if not kind.startswith(("alarm.", "subscriber."))),
            *DOCUMENTED_TYPES,
        )
    )
)
CRON_EXAMPLES: Mapping[str, str] = {
    "0 9 * * SUN": "every Sunday at 09:00",
    "0 8 * * MON-FRI": "Monday to Friday at 08:00",
    "30 18 * * *": "every day at 18:30",
    "0 * * * *": "every full hour",
    "0 10 * * SUN#1": "the first Sunday of a month at 10:00",
}
BY_TRIGGER: Mapping[str, tuple[str, ...]] = {
    "schedule": ("late_after", "remind", "end_when_empty", "overrun", "empty_means", "max_run", "restart"),
    "on": ("if", "do", "message", "cooldown"),
    "when": ("for", "do", "message", "cooldown"),
}
OF_SCHEDULE = ("cron", "at", "duration", "timezone")
BLANK = {"trigger": "when", "do": "end", "rooms": "*"}


def form_field_of(path: str) -> str | None:
    """The form's field that shows what stands at a path of the rule, such as `schedule.cron` or `rooms.0`."""
    first, _, rest = path.partition(".")
    if first == "schedule":
        name = rest.partition(".")[0] or "cron"
        return name if name in OF_SCHEDULE else None
    return first if first in LABELS else None


def form_of(rule: Mapping[str, Any]) -> dict[str, str]:
    """The form's fields for a rule; what is missing or of another kind is empty."""
    schedule = rule.get("schedule")
    given: Mapping[str, Any] = schedule if isinstance(schedule, Mapping) else {}
    found = {name: _text(rule.get(name)) for names in BY_TRIGGER.values() for name in names}
    found |= {name: _text(given.get(name)) for name in OF_SCHEDULE}
    found["timezone"] = found["timezone"] or _text(rule.get("timezone"))
    found |= {name: _text(rule.get(name)) for name in ("name", "on", "when")}
    found["rooms"] = _text(rule.get("rooms"), ", ")
    found["trigger"] = next((name for name in TRIGGERS if name in rule), "when")
    return found


def rule_of(form: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with the form's fields put in; what the form does not show is kept as it was."""
    trigger = form.get("trigger", "when")
    given = {name: value.strip() for name, value in form.items() if value.strip()}
    rule: dict[str, Any] = {"name": given.get("name", "")}
    rule["rooms"] = [part.strip() for part in given.get("rooms", "").replace("\n", ",").split(",") if part.strip()]
    if trigger == "schedule":
        rule["schedule"] = _schedule(given, base.get("schedule"))
    else:
        rule[trigger] = given.get(trigger, "")
    rule |= {name: given[name] for name in BY_TRIGGER.get(trigger, ()) if name in given}
    if rule.get("do") != "notify":
        rule.pop("message", None)
    shown = {"name", "rooms", "timezone", *TRIGGERS, *(name for names in BY_TRIGGER.values() for name in names)}
    kept = {name: value for name, value in base.items() if name not in shown}
    if "start" in kept and trigger != "schedule" and rule.get("do") != "start":
        del kept["start"]
    return rule | kept


def _schedule(given: Mapping[str, str], base: Any) -> dict[str, Any]:
    kept = {name: value for name, value in base.items() if name not in OF_SCHEDULE} if isinstance(base, Mapping) else {}
    schedule: dict[str, Any] = {}
    if "cron" in given:
        schedule["cron"] = given["cron"]
    if "at" in given:
        moments = [part.strip() for part in given["at"].replace("\n", ",").split(",") if part.strip()]
        schedule["at"] = moments[0] if len(moments) == 1 else moments
    schedule |= {name: given[name] for name in ("timezone", "duration") if name in given}
    return schedule | kept


def _text(value: Any, between: str = "\n") -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return between.join(str(one) for one in value)
    return value if isinstance(value, str) else "" if isinstance(value, Mapping) else str(value)
