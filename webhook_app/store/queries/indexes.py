"""The indexes that pages are read from: sorted sets of ids by time, for `paging.page_by_score`."""

from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.store import keys

_BY_STATE = {DeliveryState.PENDING: keys.DELIVERIES_PENDING, DeliveryState.DEAD: keys.DELIVERIES_DEAD}


def rooms_index() -> str:
    """All rooms with a state, by the time they became known."""
    return keys.ROOMS


def streams_index(room_id: str | None) -> str:
    """All streams, or those of a room, by the time they opened."""
    return keys.STREAMS if room_id is None else keys.room_streams(room_id)


def calls_index(room_id: str | None) -> str:
    """All calls, or those of a room, by the time they were decided."""
    return keys.CALLS if room_id is None else keys.room_calls(room_id)


def deliveries_index(state: DeliveryState | None) -> str:
    """Deliveries by the time they were created: the pending ones, the dead ones, or all."""
    return keys.DELIVERIES if state is None else _BY_STATE.get(state, keys.DELIVERIES)


def subscriber_deliveries_index(subscriber_id: str) -> str:
    """The deliveries of a subscriber by the time they were made."""
    return keys.subscriber_deliveries(subscriber_id)
