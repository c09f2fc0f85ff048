"""VideoSDK's own record of the webhooks that it sent about a stream, as a stream object shows it.

It is read when a probe corrects our state, so that the repair can say whether the webhook was delivered.
"""

from collections.abc import Mapping

from webhook_app.domain.facts.results import WebhookDeliveries
from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.machine import StreamState
from webhook_app.providers.videosdk.objects import JSON, STREAM_WEBHOOKS

WEBHOOK_TYPES_MAX = 20  # kept of one record
TYPE_MAX_CHARS = 100


def read_record(shown: JSON) -> dict[str, tuple[int, int]]:
    """How often each webhook of a stream object's `webhook` record was delivered and sent, by its type.

    A type stands in several rows where several addresses get it; what else makes a row is not documented.
    """
    record = shown.get("webhook")
    rows = record.get("data") if isinstance(record, Mapping) else None
    deliveries: dict[str, tuple[int, int]] = {}
    for row in rows if isinstance(rows, list) else ():
        kind = row.get("type") if isinstance(row, Mapping) else None
        if not isinstance(kind, str) or (
            kind[:TYPE_MAX_CHARS] not in deliveries and len(deliveries) >= WEBHOOK_TYPES_MAX
        ):
            continue
        delivered, sent = deliveries.get(kind[:TYPE_MAX_CHARS], (0, 0))
        deliveries[kind[:TYPE_MAX_CHARS]] = delivered + (row.get("success") is True), sent + 1
    return deliveries


def read_deliveries(webhooks: JSON) -> Mapping[StreamState, WebhookDeliveries]:
    """How often the webhook about each state was delivered and sent; empty when there are no counts at all.

    `webhooks` holds the two counts by the webhook's type, as a probe's result in the journal keeps them.
    """
    if not webhooks:
        return {}
    return {
        state: _deliveries(kind, webhooks.get(kind))
        for kind, (output, state) in STREAM_WEBHOOKS.items()
        if output is Output.HLS
    }


def _deliveries(kind: str, counts: object) -> WebhookDeliveries:
    if not isinstance(counts, list | tuple) or len(counts) != 2:
        return WebhookDeliveries(kind, 0, None)
    return WebhookDeliveries(kind, counts[0], counts[1])
