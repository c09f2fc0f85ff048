"""Refresh the calendars that rules use: fetch and parse them, and journal those whose entries have changed.

Parsing and expansion happen here, not in the reducer. An error of one calendar becomes an alarm of that calendar.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

import structlog

from webhook_app.config.settings import Settings
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.calendars.calendar import Calendar, Horizon, encode_calendar, horizon_at
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.masking.url_masking import shown_url
from webhook_app.outbound.calendar_address import is_address
from webhook_app.runtime.loops import Loops
from webhook_app.store import codec
from webhook_app.store.calendar_texts import CalendarText, CalendarTexts
from webhook_app.store.connection.clients import STORE_ERRORS
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import Entry, Journal, entry
from webhook_app.store.queries.rules import stored_calendar, stored_rules
from webhook_app.text.error_messages import UNFORESEEN
from workers.clock.calendar_alarms import CalendarAlarms
from workers.clock.calendar_fetch import CalendarClient, calendar_client, read_file
from workers.regular_file import FileIdentity
from workers.store_access import StoreAccess

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CalendarLimits:
    """How often calendars are refreshed, and what one of them may cost."""

    check_every_s: float = 2.0
    fetch_every_s: float = 900.0
    file_every_s: float = 30.0
    retry_first_s: float = 10.0
    retry_max_s: float = 900.0
    fetches_at_once: int = 8
    fetch_deadline_s: float = 20.0
    end_within_s: float = 1.0
    failing_after_s: float = 600.0  # one round refreshes every calendar that is due
    processed_within_s: float = 900.0  # journal a calendar again if it was not processed by then
    journal_burst_bytes: int = 4 * 1024 * 1024
    journal_bytes_per_s: float = 100.0


class _JournalAllowance:
    """A token bucket of bytes: limits what a calendar that changes with each fetch can add to the journal."""

    def __init__(self, limits: CalendarLimits) -> None:
        self._burst_bytes, self._bytes_per_s = limits.journal_burst_bytes, limits.journal_bytes_per_s
        self.bytes_left: float = limits.journal_burst_bytes
        self._refilled_at = monotonic()

    def take(self, size: int) -> bool:
        """Take `size` bytes; False if there are not enough left."""
        now = monotonic()
        refill = (now - self._refilled_at) * self._bytes_per_s
        self.bytes_left, self._refilled_at = min(self._burst_bytes, self.bytes_left + refill), now
        if size > self.bytes_left:
            return False
        self.bytes_left -= size
        return True


@dataclass
class _RefreshState:
    """When a calendar is due (monotonic clock), and the file version and calendar handled last."""

    allowance: _JournalAllowance
    due_at: float = 0.0
    failures: int = 0
    identity: FileIdentity | None = None
    journaled: Calendar | None = None
    journaled_at: float = 0.0


@dataclass
class _Stored:
    """A calendar as the reducer stored it; `legacy` is the text that an earlier version stored."""

    calendar: Calendar | None = None
    legacy: bytes | None = None


@dataclass
class CalendarRefresher:
    """Refreshes the calendars of all rules: new ones at once, URLs every 15 minutes, files every 30 seconds."""

    settings: Settings
    store: StoreAccess
    limits: CalendarLimits = CalendarLimits()
    _refreshes: dict[str, _RefreshState] = field(default_factory=dict)
    _fetched_sources: frozenset[str] | None = None

    def __post_init__(self) -> None:
        self._client = self.store.client
        self._journal = Journal(self._client)
        self._texts = CalendarTexts(self._client)
        self._alarms = CalendarAlarms(self._client, self._append)
        # One event loop for all rounds: a DNS lookup may outlast the round that started it.
        self._runner = asyncio.Runner()
        self._reading = asyncio.Lock()  # one at a time: parsing takes memory and CPU

    def check(self) -> None:
        """Refresh the calendars that are due, several concurrently. Store errors are raised."""
        self._runner.run(self._check())

    def close(self) -> None:
        """Close the event loop. Call it last."""
        self._runner.close()

    async def _check(self) -> None:
        sources = await asyncio.to_thread(self._sources)
        if sources != self._fetched_sources:
            await asyncio.to_thread(self._forget_others, sources)
            self._fetched_sources = sources
        due = sorted(source for source in sources if self._refresh_of(source).due_at <= monotonic())
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

    def _refresh_of(self, source: str) -> _RefreshState:
        return self._refreshes.setdefault(source, _RefreshState(_JournalAllowance(self.limits)))

    async def _refresh(self, client: CalendarClient, source: str) -> None:
        refresh = self._refresh_of(source)
        try:
            failure = await self._refresh_once(client, source, refresh)
        except STORE_ERRORS as error:
            failure = "the store is unavailable"
            log.warning("calendar refresh waits for the store", calendar=shown_url(source), error=str(error))
        except Exception as error:
            failure = UNFORESEEN
            log.error(
                "calendar could not be refreshed",
                calendar=shown_url(source),
                error=f"{type(error).__name__}: {error}",
            )
            await self._try_to_alarm(source, failure)
        if failure is None:
            refresh.failures = 0
            refresh.due_at = monotonic() + (
                self.limits.fetch_every_s if is_address(source) else self.limits.file_every_s
            )
        else:
            refresh.failures += 1
            wait = min(self.limits.retry_max_s, self.limits.retry_first_s * 2 ** min(refresh.failures - 1, 10))
            refresh.due_at = monotonic() + wait

    async def _refresh_once(self, client: CalendarClient, source: str, refresh: _RefreshState) -> str | None:
        """Fetch, parse and journal one calendar; return the reason if that failed."""
        stored = await asyncio.to_thread(self._stored, source)
        horizon = await asyncio.to_thread(self._horizon)
        current = stored.calendar is not None and stored.calendar.horizon == horizon
        kept = await asyncio.to_thread(self._texts.get, source) if is_address(source) or not current else None
        identity: FileIdentity | None = None
        failure: str | None = None
        text: CalendarText | None = None
        try:
            if is_address(source):
                text = await client.fetch(source, kept if stored.calendar is not None else None)
            else:
                file = await asyncio.to_thread(read_file, source, refresh.identity if current else None)
                if file is not None:
                    text, identity = CalendarText(file.content), file.identity
        except CalendarError as error:
            failure = str(error)
        calendar = stored.calendar
        async with self._reading:
            if text is not None:
                try:
                    calendar, is_taken = await asyncio.to_thread(self._take, source, text, kept, stored, horizon)
                except CalendarError as error:
                    failure = str(error)
                else:
                    refresh.identity = identity if is_taken else None
            if not current and (text is None or failure is not None):
                calendar = await asyncio.to_thread(self._move_on, source, kept, stored, horizon)
        await asyncio.to_thread(self._alarms.settle, source, failure, calendar)
        return failure

    def _take(
        self, source: str, text: CalendarText, kept: CalendarText | None, stored: _Stored, horizon: Horizon
    ) -> tuple[Calendar, bool]:
        """Parse a fetched text, and journal the calendar if its entries differ from the stored one.

        Returns the calendar, and False if its change has to wait for the next fetch.
        """
        calendar = read_calendar(text.raw, horizon, charset=text.charset)
        if not self._journal_change(source, calendar, stored):
            return calendar, False
        validators = None if kept is None else (kept.charset, kept.etag, kept.last_modified)
        if calendar != stored.calendar or validators != (text.charset, text.etag, text.last_modified):
            self._texts.put(source, text)
        return calendar, True

    def _move_on(self, source: str, kept: CalendarText | None, stored: _Stored, horizon: Horizon) -> Calendar | None:
        """Parse the last good text again for a new horizon, since there is no newer text."""
        text = kept or (CalendarText(stored.legacy) if stored.legacy is not None else None)
        if text is None:
            return stored.calendar
        try:
            calendar = read_calendar(text.raw, horizon, charset=text.charset)
        except CalendarError:
            return stored.calendar
        self._journal_change(source, calendar, stored)
        if kept is None:
            self._texts.put(source, text)
        return calendar

    def _journal_change(self, source: str, calendar: Calendar, stored: _Stored) -> bool:
        """Journal a calendar that differs from the stored one; False if that has to wait."""
        refresh = self._refresh_of(source)
        is_pending = (
            calendar == refresh.journaled and monotonic() - refresh.journaled_at < self.limits.processed_within_s
        )
        if calendar == stored.calendar or is_pending:
            return True
        event = entry(
            Source.CONFIG, "calendar-fetched", None, {"source": source, "calendar": encode_calendar(calendar)}
        )
        if not refresh.allowance.take(len(event.data)):
            log.warning("calendar changes too much too often: change postponed", calendar=shown_url(source))
            return False
        self._append(event)
        refresh.journaled, refresh.journaled_at = calendar, monotonic()
        return True

    async def _try_to_alarm(self, source: str, failure: str) -> None:
        """Raise an alarm after an unexpected error."""
        try:
            stored = await asyncio.to_thread(self._stored, source)
            await asyncio.to_thread(self._alarms.settle, source, failure, stored.calendar)
        except Exception as error:
            log.error("no alarm could be raised for a calendar", calendar=shown_url(source), error=type(error).__name__)

    def _forget_others(self, sources: frozenset[str]) -> None:
        """Delete the texts of calendars that no rule uses any more, and clear their alarms."""
        self._texts.keep_only(sources)
        for source in self._refreshes.keys() - sources:
            del self._refreshes[source]
        self._alarms.clear_others(sources)

    def _sources(self) -> frozenset[str]:
        sources: set[str] = set()
        for name, raw in stored_rules(self._client).items():
            try:
                sources |= calendar_sources(codec.rule_of(raw))
            except ValueError as error:
                log.error("stored rule cannot be decoded", rule=name, error=str(error))
        return frozenset(sources)

    def _stored(self, source: str) -> _Stored:
        raw = stored_calendar(self._client, source)
        if raw is None:
            return _Stored()
        if not codec.is_calendar_data(raw):
            return _Stored(legacy=raw)
        return _Stored(codec.calendar_of(raw, 0))

    def _horizon(self) -> Horizon:
        return horizon_at(now_ms(self._client))

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
    limits: CalendarLimits = CalendarLimits(),
) -> Iterator[None]:
    """Refresh calendars on a thread while the body runs."""
    refresher = CalendarRefresher(settings, store, limits)
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
