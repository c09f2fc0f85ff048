"""Update one calendar: fetch and parse it, and journal it if its entries have changed.

Parsing and expansion happen here, not in the reducer. An error of a calendar becomes an alarm of that calendar.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import structlog

from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.schedules.calendars.calendar import Calendar, Horizon, encode_calendar, horizon_at
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.masking.url_masking import shown_url
from webhook_app.outbound.calendar_address import is_address
from webhook_app.store import codec
from webhook_app.store.calendar_texts import CalendarText, CalendarTexts
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.queries.rules import stored_calendar
from workers.clock.calendar_alarms import CalendarAlarms
from workers.clock.calendar_fetch import CalendarClient, read_file
from workers.clock.calendar_limits import CalendarLimits
from workers.clock.journal_allowance import JournalAllowance
from workers.regular_file import FileIdentity

log = structlog.get_logger()


class ReadCalendar(Protocol):
    """Parses a calendar; `read_calendar` is the one in use."""

    def __call__(self, raw: bytes, horizon: Horizon, *, charset: str | None = None) -> Calendar:
        """Raise CalendarError when nothing of the calendar can be used."""


@dataclass
class UpdateRecord:
    """What was read and journaled last for a calendar, and how much more it may add to the journal."""

    allowance: JournalAllowance
    identity: FileIdentity | None = None
    journaled: Calendar | None = None
    journaled_at: float = 0.0  # on the monotonic clock


@dataclass(frozen=True, slots=True)
class _Stored:
    """A calendar as the reducer stored it; `legacy` is the text that an earlier version stored."""

    calendar: Calendar | None = None
    legacy: bytes | None = None


def current_horizon(client: Client) -> Horizon:
    """The horizon of calendars that are read now, by the store's clock."""
    return horizon_at(now_ms(client))


class CalendarUpdater:
    """Updates calendars one by one; keeps a record of each."""

    def __init__(
        self,
        client: Client,
        append: Callable[[Entry], None],
        limits: CalendarLimits,
        *,
        read: ReadCalendar,
        horizon_of: Callable[[Client], Horizon],
    ) -> None:
        self._client = client
        self._append = append
        self._limits = limits
        self._read = read
        self._horizon_of = horizon_of
        self._texts = CalendarTexts(client)
        self._alarms = CalendarAlarms(client, append)
        self._records: dict[str, UpdateRecord] = {}
        self._reading = asyncio.Lock()  # one at a time: parsing takes memory and CPU

    def record_of(self, source: str) -> UpdateRecord:
        """The record of a calendar; a new one if it was never updated."""
        limits = self._limits
        return self._records.setdefault(
            source, UpdateRecord(JournalAllowance(limits.journal_burst_bytes, limits.journal_bytes_per_s))
        )

    async def update(self, client: CalendarClient, source: str) -> bool:
        """Fetch, parse and journal one calendar, and settle its alarm; whether that succeeded."""
        record = self.record_of(source)
        stored = await asyncio.to_thread(self._stored, source)
        horizon = await asyncio.to_thread(self._horizon_of, self._client)
        current = stored.calendar is not None and stored.calendar.horizon == horizon
        text_in_store = await asyncio.to_thread(self._texts.get, source) if is_address(source) or not current else None
        identity: FileIdentity | None = None
        failure: Explanation | None = None
        text: CalendarText | None = None
        try:
            if is_address(source):
                text = await client.fetch(source, text_in_store if stored.calendar is not None else None)
            else:
                file = await asyncio.to_thread(read_file, source, record.identity if current else None)
                if file is not None:
                    text, identity = CalendarText(file.content), file.identity
        except CalendarError as error:
            failure = error.explanation
        calendar = stored.calendar
        async with self._reading:
            if text is not None:
                try:
                    calendar, is_taken = await asyncio.to_thread(
                        self._take, source, text, text_in_store, stored, horizon
                    )
                except CalendarError as error:
                    failure = error.explanation
                else:
                    record.identity = identity if is_taken else None
            if not current and (text is None or failure is not None):
                calendar = await asyncio.to_thread(self._move_on, source, text_in_store, stored, horizon)
        await asyncio.to_thread(self._alarms.settle, source, failure, calendar)
        return failure is None

    def _take(
        self, source: str, text: CalendarText, text_in_store: CalendarText | None, stored: _Stored, horizon: Horizon
    ) -> tuple[Calendar, bool]:
        """Parse a fetched text, and journal the calendar if its entries differ from the stored one.

        Returns the calendar, and False if its change has to wait for the next fetch.
        """
        calendar = self._read(text.raw, horizon, charset=text.charset)
        if not self._journal_change(source, calendar, stored):
            return calendar, False
        validators = (
            None if text_in_store is None else (text_in_store.charset, text_in_store.etag, text_in_store.last_modified)
        )
        if calendar != stored.calendar or validators != (text.charset, text.etag, text.last_modified):
            self._texts.put(source, text)
        return calendar, True

    def _move_on(
        self, source: str, text_in_store: CalendarText | None, stored: _Stored, horizon: Horizon
    ) -> Calendar | None:
        """Parse the last good text again for a new horizon, since there is no newer text."""
        text = text_in_store or (CalendarText(stored.legacy) if stored.legacy is not None else None)
        if text is None:
            return stored.calendar
        try:
            calendar = self._read(text.raw, horizon, charset=text.charset)
        except CalendarError:
            return stored.calendar
        self._journal_change(source, calendar, stored)
        if text_in_store is None:
            self._texts.put(source, text)
        return calendar

    def _journal_change(self, source: str, calendar: Calendar, stored: _Stored) -> bool:
        """Journal a calendar that differs from the stored one; False if that has to wait."""
        record = self.record_of(source)
        is_pending = (
            calendar == record.journaled and monotonic() - record.journaled_at < self._limits.processed_within_s
        )
        if calendar == stored.calendar or is_pending:
            return True
        event = entry(
            Source.CONFIG, "calendar-fetched", None, {"source": source, "calendar": encode_calendar(calendar)}
        )
        if not record.allowance.take(len(event.data)):
            log.warning("calendar changes too much too often: change postponed", calendar=shown_url(source))
            return False
        self._append(event)
        record.journaled, record.journaled_at = calendar, monotonic()
        return True

    async def raise_alarm(self, source: str, failure: Explanation) -> None:
        """Raise an alarm after an unexpected error."""
        try:
            stored = await asyncio.to_thread(self._stored, source)
            await asyncio.to_thread(self._alarms.settle, source, failure, stored.calendar)
        except Exception as error:
            log.error("no alarm could be raised for a calendar", calendar=shown_url(source), error=type(error).__name__)

    def forget_others(self, sources: Iterable[str]) -> None:
        """Delete the texts of calendars that no rule uses any more, and clear their alarms."""
        used_sources = frozenset(sources)
        self._texts.keep_only(used_sources)
        for source in self._records.keys() - used_sources:
            del self._records[source]
        self._alarms.clear_others(used_sources)

    def _stored(self, source: str) -> _Stored:
        raw = stored_calendar(self._client, source)
        if raw is None:
            return _Stored()
        if not codec.is_calendar_data(raw):
            return _Stored(legacy=raw)
        return _Stored(codec.calendar_of(raw, 0))
