"""End what a run has started, and make sure that it is over."""

from collections.abc import Mapping
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
from workers.doctor.conformance.state_file import RunRecord, StartedOutput

READ_EVERY_S = 2.0
STARTED_EARLY_MS = 2 * 60 * 1000  # clocks of VideoSDK and of this machine differ
STARTED_LATE_MS = 2 * 60 * 1000
GONE_TWICE = 2


class Sight(Enum):
    """What VideoSDK shows of a stream that a run started."""

    RUNNING = "running"
    GONE = "gone"
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

        1. Look for it. While it is shown, or no end was accepted yet, send an end.
        2. It is over once it was not shown twice in a row, and either an end was accepted, or it had been shown before,
           or `unanswered_s` have passed since the start.
        3. A list that cannot be read shows nothing: of an output that has no other source, an accepted end suffices.
        """
        room_id = record.state.room_id
        until = monotonic() + self._limits.ending_s
        gone_count, was_shown = 0, started.was_shown
        while monotonic() < until:
            sight = self._read_sight(room_id, started)
            if sight is Sight.UNKNOWN and started.is_end_accepted and not OUTPUTS[started.output].has_active_lookup:
                sight = Sight.GONE
            gone_count = gone_count + 1 if sight is Sight.GONE else 0
            was_shown = was_shown or sight is Sight.RUNNING
            is_settled = started.is_end_accepted or was_shown or _age_s(started) >= self._limits.unanswered_s
            if gone_count >= GONE_TWICE and is_settled:
                record.remove(started)
                return True
            if sight is Sight.RUNNING or not started.is_end_accepted:
                answer = self._videosdk.end(room_id, started.output, started.videosdk_id, deadline=self._deadline())
                if answer.ok and not started.is_end_accepted:
                    ended = replace(started, is_end_accepted=True)
                    record.replace(started, ended)
                    started = ended
            self._pauses.wait_regardless(READ_EVERY_S)
        return False

    def _read_sight(self, room_id: str, started: StartedOutput) -> Sight:
        if started.output is Output.HLS:
            reading = read_active(self._videosdk.active(room_id, deadline=self._deadline()))
            if reading.activity is StreamActivity.NONE:
                return Sight.GONE
            if reading.stream is not None and is_of_start(reading.stream, started):
                return Sight.RUNNING
        answer = self._videosdk.streams(deadline=self._deadline(), room_id=room_id, output=started.output)
        return listed_sight(answer, room_id, started)

    def _deadline(self) -> float:
        return monotonic() + self._limits.request_s


def listed_sight(answer: ApiAnswer, room_id: str, started: StartedOutput) -> Sight:
    """What a list shows of a started stream. An unreadable list shows nothing."""
    rows = list_rows(answer)
    if rows is None:
        return Sight.UNKNOWN
    running = [row for row in rows if not is_of_another_room(row, room_id) and "end" in row and not row["end"]]
    return Sight.RUNNING if any(is_of_start(row, started) for row in running) else Sight.GONE


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
