"""Refresh the calendars that rules use: which of them are due, several at once, failed ones less and less often."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

import structlog

from webhook_app.config.settings import Settings
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.explanations import explain
from webhook_app.domain.failures import Failure
from webhook_app.domain.schedules.calendars.calendar import Horizon
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.masking.url_masking import shown_url
from webhook_app.outbound.calendar_address import is_address
from webhook_app.runtime.loops import Loops
from webhook_app.store import codec
from webhook_app.store.connection.clients import STORE_ERRORS, Client
from webhook_app.store.journal.journal import Entry, Journal
from webhook_app.store.queries.rules import stored_rules
from workers.clock.calendar_fetch import CalendarClient, calendar_client
from workers.clock.calendar_limits import CalendarLimits
from workers.clock.calendar_updates import CalendarUpdater, ReadCalendar, current_horizon
from workers.store_access import StoreAccess

log = structlog.get_logger()


@dataclass
class RefreshState:
    """When a calendar is due (on the monotonic clock), and how often it failed in a row."""

    due_at: float = 0.0
    failures: int = 0


@dataclass
class CalendarRefresher:
    """Refreshes the calendars of all rules: new ones at once, URLs every 15 minutes, files every 30 seconds."""

    settings: Settings
    store: StoreAccess
    limits: CalendarLimits = CalendarLimits()  # noqa: RUF009 - frozen
    read: ReadCalendar = read_calendar
    horizon_of: Callable[[Client], Horizon] = current_horizon
    _states: dict[str, RefreshState] = field(default_factory=dict)
    _fetched_sources: frozenset[str] | None = None

    def __post_init__(self) -> None:
        client = self.store.client
        self._client = client
        self._journal = Journal(client)
        self.updater = CalendarUpdater(client, self._append, self.limits, read=self.read, horizon_of=self.horizon_of)
        # One event loop for all rounds: a DNS lookup may outlast the round that started it.
        self._runner = asyncio.Runner()

    def check(self) -> None:
        """Refresh the calendars that are due, several concurrently. Store errors are raised."""
        self._runner.run(self._check())

    def close(self) -> None:
        """Close the event loop. Call it last."""
        self._runner.close()

    def state_of(self, source: str) -> RefreshState:
        """When a calendar is due; a new one is due at once."""
        return self._states.setdefault(source, RefreshState())

    async def _check(self) -> None:
        sources = await asyncio.to_thread(self._sources)
        if sources != self._fetched_sources:
            await asyncio.to_thread(self._forget_others, sources)
            self._fetched_sources = sources
        due = sorted(source for source in sources if self.state_of(source).due_at <= monotonic())
        if not due:
            return
        slots = asyncio.Semaphore(self.limits.fetches_at_once)

        async def refresh(source: str) -> None:
            async with slots:
                await self._refresh(client, source)

        deadline_s = self.limits.fetch_deadline_s
        async with calendar_client(
            self.settings.allow_networks, self.settings.proxies, deadline_s=deadline_s
        ) as client:
            await asyncio.gather(*(refresh(source) for source in due))

    async def _refresh(self, client: CalendarClient, source: str) -> None:
        state, limits = self.state_of(source), self.limits
        try:
            is_refreshed = await self.updater.update(client, source)
        except STORE_ERRORS as error:
            is_refreshed = False
            log.warning("calendar refresh waits for the store", calendar=shown_url(source), error=str(error))
        except Exception as error:
            is_refreshed = False
            log.error(
                "calendar could not be refreshed",
                calendar=shown_url(source),
                error=f"{type(error).__name__}: {error}",
            )
            await self.updater.raise_alarm(source, explain(Failure.UNFORESEEN))
        if is_refreshed:
            state.failures = 0
            state.due_at = monotonic() + (limits.fetch_every_s if is_address(source) else limits.file_every_s)
        else:
            state.failures += 1
            wait_s = min(limits.retry_max_s, limits.retry_first_s * 2 ** min(state.failures - 1, 10))
            state.due_at = monotonic() + wait_s

    def _forget_others(self, sources: frozenset[str]) -> None:
        """Forget the calendars that no rule uses any more."""
        self.updater.forget_others(sources)
        for source in self._states.keys() - sources:
            del self._states[source]

    def _sources(self) -> frozenset[str]:
        sources: set[str] = set()
        for name, raw in stored_rules(self._client).items():
            try:
                sources |= calendar_sources(codec.rule_of(raw))
            except ValueError as error:
                log.error("stored rule cannot be decoded", rule=name, error=str(error))
        return frozenset(sources)

    def _append(self, event: Entry) -> None:
        if self._journal.append([event])[1]:
            self.store.wakeups.wake("process")


@contextmanager
def calendar_refresher(
    settings: Settings,
    store: StoreAccess,
    loops: Loops,
    stop: threading.Event,
    *,
    limits: CalendarLimits = CalendarLimits(),  # noqa: B008 - frozen
    read: ReadCalendar = read_calendar,
) -> Iterator[None]:
    """Refresh calendars on a thread while the body runs."""
    refresher = CalendarRefresher(settings, store, limits, read)
    thread = loops.start(
        "calendars",
        refresher.check,
        every_s=limits.check_every_s,
        failing_after_s=limits.failing_after_s,
        stop=stop,
    )
    try:
        yield
    finally:
        thread.join(limits.end_within_s)  # a fetch in progress ends with the process
        if not thread.is_alive():
            refresher.close()
