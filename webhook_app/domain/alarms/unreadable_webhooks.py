"""The alarm `webhooks-unreadable`: authentic webhooks that could not be read; it clears an hour after the last one.

An alarm that clears by itself carries `clears_at`. The store keeps a timer without a room for it, `alarm:<name>`; a
timer that is no longer the alarm's (a further webhook moved it) is void.
"""

from webhook_app.domain.alarms.alarm import AlarmName, AlarmReport
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.events import Event
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.provider import UnreadableWebhook
from webhook_app.domain.facts.system import TimerFired
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.state import SystemState
from webhook_app.domain.timers import TimerKind
from webhook_app.domain.times import HOUR, rfc3339

ALARM = AlarmName.WEBHOOKS_UNREADABLE.value
CLEARS_AFTER_MS = HOUR


def report_unreadable(state: SystemState, event: Event, webhook: UnreadableWebhook, outcome: StepOutcome) -> None:
    """Raise the alarm for one more webhook that could not be read."""
    alarm = state.alarms.get(ALARM)
    active = alarm is not None and alarm.cleared_at is None
    count = alarm.count + 1 if alarm is not None and active else 1
    since = alarm.since if alarm is not None and active else event.at
    details: dict[str, object] = {"since": rfc3339(since), "count": count, "event": event.id}
    summary = explain(AlarmSummary.WEBHOOKS_UNREADABLE_UNEXPLAINED, **details)
    if webhook.reason:
        summary = explain(AlarmSummary.WEBHOOKS_UNREADABLE, why=webhook.reason, **details)
    outcome.raised[ALARM] = AlarmReport(
        ALARM,
        "warning",
        summary,
        clears_at=event.at + CLEARS_AFTER_MS,
    )
    outcome.record_effect(Reason.UNREADABLE)


def clear_when_due(state: SystemState, fired: TimerFired, outcome: StepOutcome) -> None:
    """Clear an alarm whose time has come."""
    key = fired.timer.subject if fired.timer is not None and fired.timer.kind is TimerKind.ALARM else None
    alarm = state.alarms.get(key) if key is not None else None
    if key is None or alarm is None or alarm.cleared_at is not None or alarm.clears_at != fired.due:
        outcome.record_effect(Reason.STALE_TIMER)
        return
    outcome.cleared.add(key)
    outcome.record_effect(Reason.ALARM_CLEARED, name=alarm.name)
