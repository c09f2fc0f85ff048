"""Calendars from elsewhere: fetched by the clock, journaled when they change; a broken one keeps the last good one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import requests
import structlog
from requests.adapters import HTTPAdapter

from webhook_app.addresses import Network, refused
from webhook_app.domain.calendar import CALENDAR_MAX_BYTES, CalendarError, check_calendar
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.rulebook import calendars_of
from webhook_app.settings import Settings
from webhook_app.store import codec, keys
from webhook_app.store.journal import Journal, entry
from workers.wiring import Wiring

FETCH_EVERY_S = 900.0
LOOK_EVERY_S = 2.0
FAILING_AFTER_S = 600.0  # one look fetches every calendar that is due, one after the other
FETCH_TIMEOUT_S = 15.0
REDIRECTS_MAX = 3

log = structlog.get_logger()


class Refresher:
    """Fetches what the rules name: at once when it is new, then every quarter of an hour."""

    def __init__(self, settings: Settings, wiring: Wiring) -> None:
        self._settings = settings
        self._wiring = wiring
        self._journal = Journal(wiring.client)
        self._fetched_at: dict[str, float] = {}

    def look(self) -> None:
        """Fetch the calendars that are due."""
        rules = [codec.rule_of(raw) for raw in self._wiring.client.hvals(keys.RULES)] if self._any() else []
        wanted = {source for rule in rules for source in calendars_of(rule)}
        for source in sorted(wanted):
            last = self._fetched_at.get(source)
            if last is None or monotonic() - last >= FETCH_EVERY_S:
                self._fetched_at[source] = monotonic()
                self._take(source)

    def _any(self) -> bool:
        return bool(self._wiring.client.exists(keys.RULES))

    def _take(self, source: str) -> None:
        alarm = derive("calendar-", source)
        try:
            text = fetch(source, self._settings.allow_networks)
            check_calendar(text)
        except (CalendarError, OSError, requests.RequestException, UnicodeDecodeError) as error:
            log.warning("a calendar could not be had; the last good one stays", source=source, error=str(error)[:200])
            summary = f"calendar {source} could not be had, the last good one stays: {error}"[:300]
            self._append("alarm-raised", {"name": alarm, "severity": "warning", "summary": summary})
            return
        known = self._wiring.client.hget(keys.CALENDARS, source)
        if known is None or known.decode() != text:
            event = entry(Source.CONFIG, "calendar-fetched", None, {"source": source, "text": text})
            if self._journal.append([event])[1]:
                self._wiring.wakeups.wake("process")
        raised = self._wiring.client.hget(keys.ALARMS, alarm)
        if raised is not None and codec.alarm_of(raised).cleared_at is None:
            self._append("alarm-cleared", {"name": alarm})

    def _append(self, kind: str, data: dict[str, str]) -> None:
        if self._journal.append([entry(Source.SYSTEM, kind, None, data)])[1]:
            self._wiring.wakeups.wake("process")


@contextmanager
def refresher(settings: Settings, wiring: Wiring, stop: threading.Event) -> Iterator[None]:
    """Keep calendars fresh for as long as the body runs."""
    refresher = Refresher(settings, wiring)
    wiring.loops.start("calendars", refresher.look, every_s=LOOK_EVERY_S, failing_after_s=FAILING_AFTER_S, stop=stop)
    yield


def fetch(source: str, allowed: tuple[Network, ...]) -> str:
    """A calendar's text, from a file or an address that is not inside."""
    if "://" not in source:
        path = Path(source)
        if path.stat().st_size > CALENDAR_MAX_BYTES:
            raise CalendarError(f"a calendar is at most {CALENDAR_MAX_BYTES} bytes")
        return path.read_text("utf-8")
    url = "https://" + source.removeprefix("webcal://") if source.startswith("webcal://") else source
    with requests.Session() as session:
        session.trust_env = False
        session.max_redirects = REDIRECTS_MAX
        adapter = _GuardedAdapter(allowed)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        with session.get(url, timeout=FETCH_TIMEOUT_S, stream=True) as answer:
            answer.raise_for_status()
            return _read(answer)


def _read(answer: requests.Response) -> str:
    deadline, body = monotonic() + FETCH_TIMEOUT_S, b""
    for chunk in answer.iter_content(65_536):
        body += chunk
        if len(body) > CALENDAR_MAX_BYTES or monotonic() > deadline:
            raise CalendarError("the calendar is too long, or came too slowly")
    return body.decode("utf-8")


class _GuardedAdapter(HTTPAdapter):
    """Refuses addresses that are inside, after resolution, as the connection is made."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """Give the pool connections that look at the address they got."""
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]
        allowed = self._allowed

        for scheme, pool_class in dict(self.poolmanager.pool_classes_by_scheme).items():
            base = pool_class.ConnectionCls

            class Guarded(base):  # type: ignore[misc,valid-type]
                """A connection that closes at once when it is to an inside address."""

                def _new_conn(self) -> object:
                    sock = super()._new_conn()
                    if refused(sock.getpeername()[0], allowed):
                        sock.close()
                        raise OSError("the calendar's address is private, loopback or reserved")
                    return sock

            made = type(pool_class.__name__, (pool_class,), {"ConnectionCls": Guarded})
            self.poolmanager.pool_classes_by_scheme = {**self.poolmanager.pool_classes_by_scheme, scheme: made}
