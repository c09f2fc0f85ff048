"""What a probe shows of the room's streams: one is active, or none is.

`asked_id` is the journal's last id when the probe was sent. A probe ends no stream that has had an event since, and
reopens none that has ended since.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.announcements import announce_stream, end_stream
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.matching import MatchKind, match_stream
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.stream import EndedBy, Stream, reopen
from webhook_app.domain.streams.tracking import (
    CONFIRM_AFTER_MS,
    STOP_TRUSTED_MS,
    announce_opened,
    apply_signal,
    open_stream,
    unmatched_stop_since,
)
from webhook_app.domain.timers import probe_timer
from webhook_app.domain.times import SECOND

NOT_SHOWN_MAX_MS = 120 * SECOND


def observe_active(context: StepContext, report: StreamReport, asked_id: str, *, playable: bool) -> Stream | None:
    """A probe shows this stream as active, so that it is at least started. Returns it, None when the probe is outdated.

    `playable`: take it for playable. A stream that ended after the probe was sent is not reopened.
    """
    signal = StreamState.PLAYABLE if playable else StreamState.STARTED
    unite_streams(context, report)
    stream_match = match_stream(context.room, signal, report)
    stream = stream_match.stream
    if stream_match.kind is MatchKind.KNOWN and stream is not None:
        if not stream.live:
            return _reopen(context, stream, signal, asked_id)
        return _observe_known(context, stream, signal, report)
    if stream_match.kind is MatchKind.RETIRED:
        context.record_effect(stream_match.why)
        return None
    if stream is not None and _has_ended_since(context, stream, asked_id):
        return None
    context.record_effect(Reason.STREAM_UNKNOWN_ACTIVE)
    return open_stream(context, signal, report)


def _observe_known(context: StepContext, stream: Stream, signal: StreamState, report: StreamReport) -> Stream:
    if stream.provisional:
        stream = replace(stream, provisional=False)
        context.save_stream(stream)
        context.record_effect(Reason.CONFIRMED)
        announce_opened(context, stream)
    moved = apply_signal(context, stream, signal, report, by=EndedBy.PROBE)
    # A probe is no event of the stream: a later probe that shows none may still end it.
    observed = replace(moved, last_event_id=stream.last_event_id)
    context.put_stream(observed)
    return observed


def observe_inactive(
    context: StepContext, asked_id: str, *, active: Stream | None = None, unended: frozenset[str] = frozenset()
) -> bool:
    """A probe shows no active stream, or only `active`: the others end, unless they have had an event since.

    When VideoSDK first shows a stream as active is not documented: a stream of the last two minutes whose own object
    shows no end (its id is in `unended`) is probed again before it counts as gone, as a further start would make a
    second stream.

    Returns whether a stream has had a later event, so that the room must be probed again.
    """
    is_outdated = False
    for stream in context.room.streams:
        if not stream.live or (active is not None and stream.stream_id == active.stream_id):
            continue
        if is_after(stream.last_event_id, asked_id):
            is_outdated = True
            context.record_effect(Reason.STREAM_NEWER_THAN_PROBE, stream=stream.stream_id)
        elif stream.provisional:
            context.drop_stream(stream)
            context.record_effect(Reason.HELD_BACK_DROPPED)
        else:
            _end_unless_too_young(context, stream, unended)
    return is_outdated


def _end_unless_too_young(context: StepContext, stream: Stream, unended: frozenset[str]) -> None:
    history = history_of(context.room, stream.session_id)
    has_unmatched_stop = history.unmatched_stop is not None and (history.unmatched_stop_at or 0) >= stream.opened_at
    end_reported = history.ended or has_unmatched_stop
    if not end_reported and _may_not_be_shown_yet(context, stream, unended):
        context.record_effect(Reason.STREAM_NOT_SHOWN_YET, stream=stream.stream_id)
        context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + CONFIRM_AFTER_MS)
        return
    has_failed = (
        history.unmatched_stop is StreamState.FAILED
        and unmatched_stop_since(context.room, stream.session_id, context.event.at) is not None
    )
    end = StreamState.FAILED if has_failed else StreamState.STOPPED
    end_stream(context, stream, Reason.STREAM_GONE, by=EndedBy.PROBE, end=end, before=stream.state, after=end)
    context.put_history(replace(history, unmatched_stop=None, unmatched_stop_at=None))


def _may_not_be_shown_yet(context: StepContext, stream: Stream, unended: frozenset[str]) -> bool:
    is_young = context.event.at - stream.opened_at < NOT_SHOWN_MAX_MS
    return stream.state is not StreamState.STOPPING and is_young and not unended.isdisjoint(stream.ids)


def _reopen(context: StepContext, stream: Stream, signal: StreamState, asked_id: str) -> Stream | None:
    if _has_ended_since(context, stream, asked_id):
        return None
    if stream.state is StreamState.FAILED:
        context.record_effect(Reason.STREAM_FAILED_FINAL, stream=stream.stream_id)
        return None
    live = replace(
        reopen(stream, signal, at=context.event.at, event_id=context.event.id), last_event_id=context.event.id
    )
    context.save_stream(live)
    context.record_effect(Reason.STREAM_REOPENED, stream=stream.stream_id, before=stream.state, after=live.state)
    announce_stream(context, live, stream.state)
    return live


def _has_ended_since(context: StepContext, stream: Stream, asked_id: str) -> bool:
    """Whether the stream ended after the probe was sent, or so recently by webhook that the probe may be behind."""
    is_fresh = context.event.at - (stream.ended_at or 0) < STOP_TRUSTED_MS
    if not is_after(stream.ended_event_id, asked_id) and not (stream.ended_by is EndedBy.WEBHOOK and is_fresh):
        return False
    context.record_effect(Reason.STREAM_ENDED_MEANWHILE, stream=stream.stream_id)
    context.set_timer(probe_timer(ProbeSubject.AGAIN), context.event.at + CONFIRM_AFTER_MS)
    return True
