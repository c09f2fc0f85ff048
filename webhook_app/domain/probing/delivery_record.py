"""VideoSDK's own record of the webhooks that it sent about a stream, quoted where a probe repairs one.

A probe takes along which of the room's streams look live. When what it finds differs, it reads the record of that
stream, and the repair quotes the record of the webhook that should have reported it. Nothing is concluded from a
record of webhooks; that a stream's own object shows no end yet keeps a start from being repeated too early.
"""

from collections.abc import Iterable, Mapping, Sequence

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.results import StreamRecord, WebhookDeliveries
from webhook_app.domain.probing.probe_request import ExpectedStream
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream

RECORDS_MAX = 2  # read for one probe: of a stream that ended and of one that was not known


def expected_streams(room: Room, at: int, *, overdue_ms: int) -> tuple[ExpectedStream, ...]:
    """The live streams: the names that VideoSDK may use for them, and whether finding them active is a repair.

    `overdue_ms` is how long after its start a stream should be playable.
    """
    live = [stream for stream in room.streams if stream.live and not stream.provisional]
    return tuple(ExpectedStream(_names(stream), _is_late(stream, at, overdue_ms)) for stream in live)


def _names(stream: Stream) -> tuple[str, ...]:
    return stream.ids if stream.url_key is None else (*stream.ids, stream.url_key)


def _is_late(stream: Stream, at: int, overdue_ms: int) -> bool:
    if stream.state is StreamState.STARTED:
        return at - (stream.started_at if stream.started_at is not None else stream.opened_at) >= overdue_ms
    return stream.state is StreamState.STARTING


def records_to_read(expected: Iterable[ExpectedStream], active: Sequence[str]) -> list[str]:
    """The streams whose record is worth reading, by VideoSDK's id: at most `RECORDS_MAX`.

    `active` holds the names of the stream that was found active, its id first; it is empty when there is none.
    """
    stream_ids: list[str] = []
    unknown = bool(active)
    for stream in expected:
        if set(stream.names).intersection(active):
            unknown = False
            stream_ids += active[:1] if stream.late else ()
        else:
            stream_ids += stream.names[:1]
    stream_ids += active[:1] if unknown else ()
    return [name for name in dict.fromkeys(stream_ids) if "/" not in name][:RECORDS_MAX]


def unended_ids(records: Iterable[StreamRecord]) -> frozenset[str]:
    """The ids of the streams whose own object shows that they have not ended."""
    return frozenset(record.videosdk_id for record in records if record.unended and record.videosdk_id is not None)


def record_delivery_records(context: StepContext, before: Sequence[Stream], records: Iterable[StreamRecord]) -> None:
    """Record what VideoSDK's record says of each stream that this event has moved."""
    states = {stream.stream_id: stream.state for stream in before}
    for record in records:
        if record.webhooks is None:
            continue
        for stream in context.room.streams:
            if record.videosdk_id in stream.ids and states.get(stream.stream_id) is not stream.state:
                record_delivery_record(context, stream.state, record.webhooks)


def record_delivery_record(
    context: StepContext, state: StreamState, webhooks: Mapping[StreamState, WebhookDeliveries]
) -> None:
    """Quote what the provider recorded about the webhook that reports a state."""
    webhook = webhooks.get(state)
    if webhook is None:
        context.record_effect(Reason.WEBHOOKS_NOT_RECORDED)
    elif webhook.sent is None:
        context.record_effect(Reason.WEBHOOK_NOT_SENT, type=webhook.type)
    elif webhook.delivered == 0:
        context.record_effect(Reason.WEBHOOK_NOT_DELIVERED, type=webhook.type)
    elif webhook.delivered == webhook.sent:
        context.record_effect(Reason.WEBHOOK_DELIVERED, type=webhook.type)
    else:
        context.record_effect(
            Reason.WEBHOOK_PARTLY_DELIVERED, type=webhook.type, delivered=webhook.delivered, sent=webhook.sent
        )
