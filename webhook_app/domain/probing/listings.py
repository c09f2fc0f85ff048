"""What a list shows of an output that VideoSDK has no look-up for.

Whether a list shows what is running is not documented. So only what it does show counts:

1. A row that has not ended: it runs.
2. A row that has ended and can only be a live stream of ours: that has ended.
3. A row's files belong to the stream that it is about.
4. A stream that was held back until something confirms it, and that no row shows, is dropped. One that has been
   stopping for two minutes, and that no row shows running, has stopped.

Nothing else is concluded from what is missing.
"""

from collections.abc import Sequence

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.results import ListedStream, ProbeResult
from webhook_app.domain.ids import is_after
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.announcements import announce_files, end_stream
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.observations import observe_active
from webhook_app.domain.streams.stream import EndedBy, Stream, with_names_from
from webhook_app.domain.times import MINUTE

STOPPING_MAX_MS = 2 * MINUTE
STARTED_NEAR_MS = 2 * MINUTE  # between VideoSDK's time of a start and the moment at which we learned of it


def conclude_from_list(context: StepContext, result: ProbeResult) -> None:
    """Apply what a list shows to the streams of the output; see the module's list."""
    shown: set[str] = set()
    for row in result.listed:
        if row.is_running:
            stream = observe_active(context, row.stream, result.asked_id, playable=False)
        else:
            stream = _stream_of(context.room.streams, row)
        if stream is None:
            continue
        shown.add(stream.stream_id)
        _apply_row(context, stream, row, result.asked_id)
    for stream in context.room.streams:
        if stream.provisional and stream.stream_id not in shown:
            context.drop_stream(stream)
            context.record_effect(Reason.HELD_BACK_DROPPED)
        elif stream.stream_id not in shown and _should_have_stopped(stream, context.event.at):
            end_stream(context, stream, Reason.STREAM_NOT_RUNNING, by=EndedBy.INFERRED)
    if any(stream.live and stream.stream_id not in shown for stream in context.room.streams):
        context.record_effect(Reason.LIST_INCONCLUSIVE)


def shows_effect_of(result: ProbeResult, since: int) -> bool:
    """Whether a list shows a stream that started at this moment (ms) or later, or one that runs."""
    return any(
        row.is_running or (row.stream.provider_started_at or 0) >= since - STARTED_NEAR_MS // 4 for row in result.listed
    )


def _apply_row(context: StepContext, stream: Stream, row: ListedStream, asked_id: str) -> None:
    named = with_names_from(stream, row.stream)
    if named != stream:
        context.save_stream(named)
        announce_files(context, stream, named)
    if row.ended and named.live and not is_after(named.last_event_id, asked_id):
        end_stream(context, named, Reason.STREAM_ENDED_IN_LIST, by=EndedBy.PROBE)


def _stream_of(streams: Sequence[Stream], row: ListedStream) -> Stream | None:
    """The stream that a row is about: by its id, else the one of its session that began closest to the row's start."""
    for stream in streams:
        if not set(stream.ids).isdisjoint(row.stream.ids):
            return stream
    started_at = row.stream.provider_started_at
    if started_at is None:
        return None
    unnamed = [
        stream
        for stream in streams
        if not stream.ids
        and (row.stream.session_id is None or stream.session_id in (None, row.stream.session_id))
        and abs(_began_at(stream) - started_at) <= STARTED_NEAR_MS
    ]
    return min(unnamed, key=lambda stream: abs(_began_at(stream) - started_at), default=None)


def _should_have_stopped(stream: Stream, at: int) -> bool:
    is_stopping = stream.state is StreamState.STOPPING
    return is_stopping and at - (stream.stopping_at or stream.opened_at) >= STOPPING_MAX_MS


def _began_at(stream: Stream) -> int:
    return stream.starting_at or stream.started_at or stream.opened_at
