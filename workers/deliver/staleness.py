"""Whether a notice is stale: a newer one about the same subject was sent since."""

from collections.abc import Sequence

from webhook_app.domain.notices.notice import Notice, family
from webhook_app.store.deliveries.outbox import Outbox, OutboxEntry
from webhook_app.store.deliveries.queue import ClaimedDelivery


def subject_of(notice: Notice) -> str:
    """What a notice is about: a room and a family of types."""
    return f"{notice.room_id or ''}|{family(notice.type)}"


def latest_sequences(entries: Sequence[OutboxEntry]) -> dict[str, int]:
    """The sequence of the newest of these notices, by subject."""
    latest = {}
    for entry in entries:
        sequence = entry.notice.data.get("sequence")
        if entry.notice.room_id is not None and isinstance(sequence, int):
            latest[subject_of(entry.notice)] = sequence
    return latest


async def stale_ids(outbox: Outbox, claims: Sequence[ClaimedDelivery]) -> set[str]:
    """The ids of the deliveries whose notice is stale. Only one that is sent again can be."""
    repeated = [
        (claim.delivery, claim.notice)
        for claim in claims
        if claim.notice is not None and (claim.delivery.tries or claim.delivery.again)
    ]
    latest = await outbox.latest([subject_of(notice) for _, notice in repeated])
    return {
        delivery.delivery_id
        for (delivery, notice), newest in zip(repeated, latest, strict=True)
        if newest is not None and newest > (notice.data.get("sequence") or newest)
    }
