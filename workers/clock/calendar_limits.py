"""Limits of refreshing calendars."""

from dataclasses import dataclass


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
