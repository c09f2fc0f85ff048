"""Uniting streams that turn out to be one: VideoSDK's answers and webhooks may use different ids for it.

Equal folders of the playback URL mean the same stream, whatever the ids. Two streams that were opened under different
ids before their URL was known become one as soon as a report names both.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import order
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.announcements import announce_stream, with_stop_cause
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.matching import is_named_by
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.stream import EndedBy, Stream, with_files, with_ids

_RANKS = {state: rank for rank, state in enumerate(StreamState)}


def unite_streams(context: StepContext, report: StreamReport) -> None:
    """Unite all streams that a report names, by an id or by the folder of its URL, unless their URLs differ."""
    named = [stream for stream in context.room.streams if is_named_by(stream, report)]
    urls = {stream.url_key for stream in named if stream.url_key is not None}
    if len(named) < 2 or len(urls) > 1:
        return
    named.sort(key=lambda stream: (stream.provisional, not stream.live, stream.opened_at))
    survivor = named[0]
    for other in named[1:]:
        context.drop_stream(other)
        context.outcome.streams.pop(other.stream_id, None)
        context.outcome.dropped.add(other.stream_id)
        before, survivor = survivor, _united(survivor, other)
        survivor = with_stop_cause(context, survivor)
        context.save_stream(survivor)
        if context.room.control.replace_stream == other.stream_id:
            context.change_control(replace_stream=survivor.stream_id)
        context.record_effect(Reason.STREAMS_UNITED, stream=survivor.stream_id, other=other.stream_id)
        if before.live != survivor.live and not survivor.provisional:
            announce_stream(context, survivor, before.state)


def _united(survivor: Stream, other: Stream) -> Stream:
    """Both streams as one.

    1. An end that a webhook reported ends both; one that was inferred, or found by a probe, does not while the other
       is live.
    2. Else the one that has got further gives the state. Each moment is the earlier of the two.
    """
    both = (survivor, other)
    ended = next((stream for stream in both if not stream.live and stream.ended_by is EndedBy.WEBHOOK), None)
    live = [stream for stream in both if stream.live]
    furthest = ended or max(live or both, key=lambda stream: _RANKS[stream.state])
    end_call = survivor if survivor.end_call_id is not None else other
    return replace(
        with_ids(survivor, other.ids),
        state=furthest.state,
        session_id=survivor.session_id or other.session_id,
        last_event_id=max(survivor.last_event_id, other.last_event_id, key=order),
        opened_at=min(survivor.opened_at, other.opened_at),
        url_key=survivor.url_key or other.url_key,
        playback_url=survivor.playback_url or other.playback_url,
        livestream_url=survivor.livestream_url or other.livestream_url,
        starting_at=_earlier(survivor.starting_at, other.starting_at),
        started_at=_earlier(survivor.started_at, other.started_at),
        playable_at=_earlier(survivor.playable_at, other.playable_at),
        videosdk_started_at=_earlier(survivor.videosdk_started_at, other.videosdk_started_at),
        stopping_at=furthest.stopping_at,
        ended_at=furthest.ended_at,
        ended_by=furthest.ended_by,
        ended_event_id=furthest.ended_event_id,
        stopped_because=furthest.stopped_because,
        failure=survivor.failure or other.failure,
        destinations=survivor.destinations or other.destinations,
        because=survivor.because or other.because,
        call_id=survivor.call_id or other.call_id,
        end_call_id=end_call.end_call_id,
        end_because=end_call.end_because,
        provisional=survivor.provisional and other.provisional,
        probed_at=survivor.probed_at or other.probed_at,
        snapshot=survivor.snapshot or other.snapshot,
        files=with_files(other.files, survivor.files),
        mp4=survivor.mp4 or other.mp4,
    )


def _earlier(first: int | None, second: int | None) -> int | None:
    return min((moment for moment in (first, second) if moment is not None), default=None)
