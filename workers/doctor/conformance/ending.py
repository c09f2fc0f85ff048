"""End what a run has started, and make sure that it is over."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from time import monotonic, time
from typing import Any

from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.providers.videosdk.answers import ApiAnswer, StreamActivity, is_of_another_room, list_rows, read_active
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.objects import stream_report
from workers.doctor.conformance.limits import Limits
from workers.doctor.conformance.pauses import Pauses
from workers.doctor.conformance.preconditions import running_session
from workers.doctor.conformance.state_file import RunRecord, RunState, StartedOutput, StateFileError

STARTED_EARLY_MS = 2 * 60 * 1000  # clocks of VideoSDK and of this machine differ
STARTED_LATE_MS = 2 * 60 * 1000
GONE_TWICE = 2


class Sight(Enum):
    """What VideoSDK shows of a stream that a run started."""

    RUNNING = "running"
    GONE = "gone"
    REPLACED = "replaced"  # another stream is running
    UNKNOWN = "unknown"


class Ending:
    """Ends streams by id, and looks until none is shown any more. Never interrupted by a signal."""

    def __init__(self, videosdk: VideoSDK, pauses: Pauses, limits: Limits) -> None:
        self._videosdk = videosdk
        self._pauses = pauses
        self._limits = limits

    def end_all(self, record: RunRecord) -> bool:
        """End everything that the record holds; False when something may still be running. It stays in the record."""
        is_over = [self._end(record, started) for started in record.state.started]
        return all(is_over)

    def _end(self, record: RunRecord, started: StartedOutput) -> bool:
        """End one stream.

        1. Look for it. While it is shown, send an end. Where it is not shown, send ends until one is accepted, as long
           as it may still be starting, or nothing else could show it.
        2. It is over once it was not shown twice in a row, and either an end was accepted, or it had been shown before,
           or `unanswered_s` have passed since the start.
        3. A list that cannot be read shows nothing: of an output that has no other source, an accepted end suffices.
        4. While somebody else's stream runs in its place, nothing is sent: an end might end that one.
        """
        until = monotonic() + self._limits.ending_s
        gone_count, was_shown = 0, started.was_shown
        while monotonic() < until:
            sight = self._read_sight(record.state, started)
            if sight is Sight.UNKNOWN and started.is_end_accepted and not _has_lookup(started):
                sight = Sight.GONE
            gone_count = gone_count + 1 if sight in (Sight.GONE, Sight.REPLACED) else 0
            was_shown = was_shown or sight is Sight.RUNNING
            is_old = _age_s(started) >= self._limits.unanswered_s
            if gone_count >= GONE_TWICE and (started.is_end_accepted or was_shown or is_old):
                self._save(record.remove, started)
                return True
            if self._needs_end(record.state, started, sight, is_old=is_old):
                answer = self._videosdk.end(
                    record.state.room_id, started.output, started.videosdk_id, deadline=self._deadline()
                )
                if answer.ok and not started.is_end_accepted:
                    ended = replace(started, is_end_accepted=True)
                    self._save(record.replace, started, ended)
                    started = ended
            self._pauses.wait_regardless(self._limits.ending_poll_s)
        return False

    def _needs_end(self, state: RunState, started: StartedOutput, sight: Sight, *, is_old: bool) -> bool:
        """Whether to send an end now; see step 1 and 4 of `_end`."""
        if sight is Sight.RUNNING:
            return True
        if started.is_end_accepted or sight is Sight.REPLACED:
            return False
        return not is_old or (not _has_lookup(started) and self._is_session_running(state))

    def _is_session_running(self, state: RunState) -> bool:
        session = running_session(self._videosdk.ongoing_session(state.room_id, deadline=self._deadline()))
        return session is not None and session == state.session_id

    def _read_sight(self, state: RunState, started: StartedOutput) -> Sight:
        is_replaced = False
        if started.output is Output.HLS:
            reading = read_active(self._videosdk.active(state.room_id, deadline=self._deadline()))
            if reading.activity is StreamActivity.NONE:
                return Sight.GONE
            if reading.stream is not None and is_of_start(reading.stream, started):
                return Sight.RUNNING
            is_replaced = reading.stream is not None
        answer = self._videosdk.streams(deadline=self._deadline(), room_id=state.room_id, output=started.output)
        sight = listed_sight(answer, state.room_id, started)
        return Sight.REPLACED if is_replaced and sight is not Sight.RUNNING else sight

    @staticmethod
    def _save(change: Callable[..., None], *started: StartedOutput) -> None:
        """Record a change. A full disk must not keep other streams from being ended; the next run finds them over."""
        with contextlib.suppress(StateFileError):
            change(*started)

    def _deadline(self) -> float:
        return monotonic() + self._limits.request_s


def listed_sight(answer: ApiAnswer, room_id: str, started: StartedOutput) -> Sight:
    """What a list shows of a started stream. An unreadable list shows nothing."""
    rows = list_rows(answer)
    if rows is None:
        return Sight.UNKNOWN
    running = [row for row in rows if not is_of_another_room(row, room_id) and "end" in row and not row["end"]]
    if any(is_of_start(row, started) for row in running):
        return Sight.RUNNING
    return Sight.REPLACED if running else Sight.GONE


def is_of_start(stream: Mapping[str, Any], started: StartedOutput) -> bool:
    """Whether a stream of VideoSDK is the one that was started: by its names, else by the time of its start.

    The room was off air before, so a stream that began around that moment is not somebody else's.
    """
    report = stream_report(stream)
    if started.names and report.names:
        return not set(report.names).isdisjoint(started.names)
    begun_at = report.provider_started_at
    if begun_at is None:
        return True
    return started.sent_at - STARTED_EARLY_MS <= begun_at <= started.sent_at + STARTED_LATE_MS


def _age_s(started: StartedOutput) -> float:
    return time() - started.sent_at / 1000


def _has_lookup(started: StartedOutput) -> bool:
    return OUTPUTS[started.output].has_active_lookup
