"""Decodes what our own processes report: alarms and disabled subscribers."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.alarms.alarm import AlarmReport, name_of_key
from webhook_app.domain.explanations import Explanation, stored_explanation
from webhook_app.domain.facts.system import AlarmCleared, AlarmRaised, SubscriberDisabled, UnknownFact

JSON = Mapping[str, Any]


def decode_alarm_raised(data: JSON) -> AlarmRaised | UnknownFact:
    """An alarm to raise; entries of earlier versions name it by its key alone."""
    name = data.get("name")
    if not isinstance(name, str):
        return UnknownFact()
    keyed = "key" in data
    report = AlarmReport(
        name=name if keyed else name_of_key(name),
        severity=str(data.get("severity", "warning")),
        summary=_explanation(data.get("summary", "")),
        room_id=_text(data, "room_id"),
        rule=_text(data, "rule"),
        subscriber_id=_text(data, "subscriber_id"),
        reason=_text(data, "reason"),
    )
    return AlarmRaised(_text(data, "key") or name, report, keyed)


def decode_alarm_cleared(data: JSON) -> AlarmCleared | UnknownFact:
    """An alarm to clear."""
    name = data.get("name")
    if not isinstance(name, str):
        return UnknownFact()
    return AlarmCleared(_text(data, "key") or name, name_of_key(name))


def decode_subscriber_disabled(data: JSON) -> SubscriberDisabled:
    """A subscriber that the deliver worker has disabled."""
    reason = data.get("reason")
    return SubscriberDisabled(data.get("subscriber_id"), stored_explanation(reason) or reason)


def _explanation(value: object) -> Explanation | str:
    """An explanation, or the text that an earlier version reported."""
    explanation = stored_explanation(value)
    return str(value) if explanation is None else explanation


def _text(data: JSON, name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None
