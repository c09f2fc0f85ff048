"""Reads VideoSDK's own record of which webhooks of a stream it delivered, where a probe finds an unreported change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webhook_app.domain.probing.delivery_record import records_to_read
from webhook_app.domain.probing.probe_request import ExpectedStream
from webhook_app.providers.videosdk.answers import ApiAnswer, answered_object
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.delivery_records import read_record
from webhook_app.providers.videosdk.objects import identifies_stream, stream_report


def read_records(
    videosdk: VideoSDK,
    expected: Sequence[ExpectedStream],
    active: Mapping[str, Any] | None,
    *,
    deadline: float,
    observe_answer: Callable[[ApiAnswer], ApiAnswer],
) -> list[dict[str, Any]]:
    """The records of streams that a probe repairs, as the journal keeps them: `id`, `webhooks` by type, and `ended`
    where the stream's own object says that it has not.

    `expected` are the streams that look live; `active` is what was found. One request for each stream
    that differs, within the probe's deadline; an answer that is missing or cannot be read leaves the record out.
    """
    names = () if active is None else stream_report(active).names
    records = []
    for stream_id in records_to_read(expected, names):
        answer = observe_answer(videosdk.stream(stream_id, deadline=deadline))
        shown = answered_object(answer)
        if shown is None:
            continue
        record: dict[str, Any] = {"webhooks": read_record(shown)} if "webhook" in shown else {}
        if "end" in shown and not shown["end"] and identifies_stream(shown):
            record["ended"] = False
        if record:
            records.append({"id": stream_id, **record})
    return records
