"""Acts on what the deliver worker finds: disables subscribers, and raises the alarm that none can be reached."""

import threading
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, assert_never

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.reasons import Reason
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.runtime.logs import logger
from webhook_app.runtime.loops import Loops
from webhook_app.store.connection.clients import STORE_ERRORS, Client
from webhook_app.store.journal.journal import Journal, Wake, entry
from webhook_app.store.state.alarms import is_raised
from webhook_app.store.subscribers import Subscribers

IDLE_S = 10.0

log = logger()


@dataclass(frozen=True, slots=True)
class _Disable:
    subscriber_id: str
    reason: DisabledReason


@dataclass(frozen=True, slots=True)
class _SetOffline:
    is_offline: bool


@dataclass(frozen=True, slots=True)
class _ClearOfflineAlarm:
    """Clear the alarm that an earlier process raised."""


@dataclass(frozen=True, slots=True)
class _Flush:
    done: threading.Event


_Escalation = _Disable | _SetOffline | _ClearOfflineAlarm | _Flush


def offline_summary(proxies: Proxies) -> Explanation:
    """The alarm's summary. Where a proxy is set it is probably the only way out, and deliveries do not use it."""
    if not proxies.names:
        return explain(AlarmSummary.SUBSCRIBERS_UNREACHABLE)
    return explain(AlarmSummary.SUBSCRIBERS_UNREACHABLE_PROXY, names=", ".join(proxies.names))


class Escalations:
    """Writes to the store on a separate thread, so that no delivery waits for it."""

    def __init__(
        self,
        client: Client,
        subscribers: Subscribers,
        journal: Journal,
        wake: Wake,
        loops: Loops,
        proxies: Proxies = DIRECT,
    ) -> None:
        self._client = client
        self._proxies = proxies
        self._subscribers = subscribers
        self._journal = journal
        self._wake = wake
        self._pending: SimpleQueue[_Escalation] = SimpleQueue()
        loops.start("escalations", self._process_next, every_s=0.0)

    def disable(self, subscriber_id: str, reason: DisabledReason) -> None:
        """Disable a subscriber and notify the others; returns at once."""
        self._pending.put(_Disable(subscriber_id, reason))

    def set_offline(self, is_offline: bool) -> None:
        """Raise or clear the alarm that no subscriber can be reached; returns at once."""
        self._pending.put(_SetOffline(is_offline))

    def clear_offline_alarm(self) -> None:
        """Clear that alarm if an earlier process has raised it; returns at once."""
        self._pending.put(_ClearOfflineAlarm())

    def flush(self, limit_s: float) -> bool:
        """Wait until everything before this is written; whether it was, within the limit."""
        done = threading.Event()
        self._pending.put(_Flush(done))
        return done.wait(limit_s)

    def _process_next(self) -> None:
        try:
            escalation = self._pending.get(timeout=IDLE_S)
        except Empty:
            return
        try:
            self._process(escalation)
        except STORE_ERRORS as error:
            log.warning("an escalation could not be written; the next failure repeats it", error=str(error))

    def _process(self, escalation: _Escalation) -> None:
        match escalation:
            case _Disable(subscriber_id, reason):
                self._disable(subscriber_id, reason)
            case _SetOffline(is_offline):
                self._set_alarm(raised=is_offline)
            case _ClearOfflineAlarm():
                if is_raised(self._client, AlarmName.DELIVERIES_CUT_OFF):
                    self._set_alarm(raised=False)
            case _Flush(done):
                done.set()
            case _:
                assert_never(escalation)

    def _disable(self, subscriber_id: str, reason: DisabledReason) -> None:
        """Disable and journal in one transaction, so that a crash leaves both done or neither."""
        data: dict[str, Any] = {}

        def disable(subscriber: Subscriber) -> Subscriber:
            message = explain(
                Reason.SUBSCRIBER_DISABLED_MESSAGE, subscriber=subscriber.name or subscriber_id, why=explain(reason)
            )
            data.update(subscriber_id=subscriber_id, reason=message.stored)
            if not subscriber.enabled:
                return subscriber
            return replace(subscriber, enabled=False, disabled_because=reason)

        def append(pipe: Client) -> None:
            self._journal.append_with(pipe, [entry(Source.SYSTEM, "subscriber-disabled", None, data)])

        self._subscribers.change(subscriber_id, disable, also=append)
        self._wake.wake("process")

    def _set_alarm(self, *, raised: bool) -> None:
        if raised:
            data = {
                "name": AlarmName.DELIVERIES_CUT_OFF,
                "severity": "critical",
                "summary": offline_summary(self._proxies).stored,
            }
            self._append("alarm-raised", data)
        else:
            self._append("alarm-cleared", {"name": AlarmName.DELIVERIES_CUT_OFF})

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        if self._journal.append([entry(Source.SYSTEM, kind, None, data)])[1]:
            self._wake.wake("process")
