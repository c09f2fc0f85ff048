"""What the deliver hand reports: an endpoint that is given up, and that nobody can be reached at all."""

import threading
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.ops.logs import logger
from webhook_app.ops.loops import Loops
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.store.connection.clients import STORE_ERRORS, Client
from webhook_app.store.journal.journal import Journal, Wake, entry
from webhook_app.store.state.alarms import is_raised
from webhook_app.store.subscribers import Subscribers

CUT_OFF_ALARM = "deliveries-cut-off"
CUT_OFF = "no subscriber can be reached, on whatever host: our network or DNS may be down; nobody is disabled for it"
PROXY_NOT_USED = "deliveries connect directly and use no proxy, although {names} is set"
IDLE_S = 10.0

log = logger()


def cut_off_summary(proxies: Proxies) -> str:
    """What the alarm says; where a proxy is set it is the likely only way out, and deliveries do not take it."""
    if not proxies.names:
        return CUT_OFF
    return f"{CUT_OFF}; {PROXY_NOT_USED.format(names=' and '.join(proxies.names))}"


class Escalations:
    """Disables and journals on a thread of its own, so that no delivery waits for it."""

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
        self._due: SimpleQueue[tuple[str, str] | bool | threading.Event | None] = SimpleQueue()
        loops.start("reports", self._write_next, every_s=0.0)

    def disable(self, subscriber_id: str, reason: str) -> None:
        """Disable a subscriber and tell the others; returns at once."""
        self._due.put((subscriber_id, reason))

    def cut_off(self, is_so: bool) -> None:
        """Raise or clear the alarm that nobody can be reached; returns at once."""
        self._due.put(is_so)

    def heard(self) -> None:
        """Clear that alarm if a process before this one has raised it; returns at once."""
        self._due.put(None)

    def flush(self, limit_s: float) -> bool:
        """Wait until what was reported before this is written; whether it was."""
        done = threading.Event()
        self._due.put(done)
        return done.wait(limit_s)

    def _write_next(self) -> None:
        try:
            report = self._due.get(timeout=IDLE_S)
        except Empty:
            return
        try:
            if isinstance(report, threading.Event):
                report.set()
            elif report is None:
                self._clear()
            elif isinstance(report, bool):
                self._alarm(report)
            else:
                self._disable(*report)
        except STORE_ERRORS as error:
            log.warning("a report could not be written; it comes again with the next failure", error=str(error))

    def _disable(self, subscriber_id: str, reason: str) -> None:
        """Both at once: nobody is disabled without the others being told, whenever this process dies."""
        told: dict[str, Any] = {}

        def disabling(known: Subscriber) -> Subscriber:
            told.update(subscriber_id=subscriber_id, reason=f"{known.name or subscriber_id}: {reason}")
            return replace(known, enabled=False, disabled_because=reason) if known.enabled else known

        def telling(pipe: Client) -> None:
            self._journal.append_with(pipe, [entry(Source.SYSTEM, "subscriber-disabled", None, told)])

        self._subscribers.change(subscriber_id, disabling, also=telling)
        self._wake.wake("process")

    def _clear(self) -> None:
        if is_raised(self._client, CUT_OFF_ALARM):
            self._alarm(False)

    def _alarm(self, raised: bool) -> None:
        if raised:
            self._append(
                "alarm-raised",
                {"name": CUT_OFF_ALARM, "severity": "critical", "summary": cut_off_summary(self._proxies)},
            )
        else:
            self._append("alarm-cleared", {"name": CUT_OFF_ALARM})

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        if self._journal.append([entry(Source.SYSTEM, kind, None, data)])[1]:
            self._wake.wake("process")
