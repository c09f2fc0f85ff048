"""Deliveries as the API and the console show them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webhook_app.domain.delivery.delivery import Delivery, delivery_id
from webhook_app.domain.delivery.waits import SETTLED, DeliveryWait
from webhook_app.domain.globs import glob_matcher
from webhook_app.domain.notices.notice import Notice, notice_body
from webhook_app.domain.rules.config import Config
from webhook_app.domain.times import maybe_rfc3339, rfc3339
from webhook_app.masking.masked_data import shown_data
from webhook_app.store.queries.indexes import deliveries_index
from webhook_app.store.queries.paging import decode_cursor, encode_cursor, page_by_score
from webhook_app.usecases.context import AppContext

DeliveryWithNotice = tuple[Delivery, Notice | None]


def delivery_views(context: AppContext, deliveries: Sequence[DeliveryWithNotice]) -> list[dict[str, Any]]:
    """Render deliveries with their notices, and what each is waiting for."""
    waits = context.deliveries.waits([delivery for delivery, _ in deliveries], now=context.now())
    config = context.state.names()
    return [
        delivery_view(delivery, notice, config, waits.get(delivery.delivery_id, SETTLED))
        for delivery, notice in deliveries
    ]


def delivery_view(
    delivery: Delivery, notice: Notice | None, config: Config, wait: DeliveryWait = SETTLED
) -> dict[str, Any]:
    """Render a delivery with its notice and attempts; notices without a room name get the current one."""
    notice_view: dict[str, Any] = {"id": delivery.notice_id}
    if notice is not None:
        body = notice_body(notice)
        body["data"] = {"room_name": config.room_name(notice.room_id), **body["data"]}
        notice_view |= shown_data(body) if notice.type.startswith("alarm.") else body
    return {
        "id": delivery.delivery_id,
        "subscriber_id": delivery.subscriber_id,
        "notice": notice_view,
        "state": delivery.state.value,
        "attempts": [
            {
                "at": rfc3339(attempt.at),
                "status": attempt.status,
                "error": attempt.error,
                "duration_ms": attempt.duration_ms,
                "response": attempt.response,
            }
            for attempt in delivery.attempts
        ],
        "next_attempt_at": maybe_rfc3339(wait.next_attempt_at),
        "waiting_for": None if wait.waiting_for is None else wait.waiting_for.value,
    }


def deliveries_of_notice(context: AppContext, query: dict[str, Any]) -> dict[str, Any]:
    """Return the deliveries of a notice, one per existing subscriber."""
    ids = sorted(delivery_id(query["notice_id"], subscriber.subscriber_id) for subscriber in context.subscribers.all())
    after, is_selected = decode_cursor(query["cursor"]), _selection(query)
    matching = [
        delivery_with_notice
        for delivery_with_notice in context.deliveries.get(ids)
        if (after is None or delivery_with_notice[0].delivery_id > after) and is_selected(delivery_with_notice)
    ]
    page = matching[: query["limit"]]
    return {
        "items": delivery_views(context, page),
        "next": encode_cursor(page[-1][0].delivery_id) if len(matching) > len(page) else None,
    }


def deliveries_page(context: AppContext, key: str, query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the deliveries in an index, newest first."""

    def load(delivery_ids: Sequence[str]) -> list[DeliveryWithNotice | None]:
        by_id = {delivery.delivery_id: (delivery, notice) for delivery, notice in context.deliveries.get(delivery_ids)}
        return [by_id.get(delivery_id) for delivery_id in delivery_ids]

    matching, cursor = page_by_score(
        context.client, key, cursor=query["cursor"], limit=query["limit"], load=load, keep=_selection(query)
    )
    return {"items": delivery_views(context, matching), "next": cursor}


def _selection(query: Mapping[str, Any]) -> Callable[[DeliveryWithNotice], bool]:
    """Whether a delivery is one of those that a query asks for; the glob of its types is compiled once."""
    room_id, kind = query.get("room_id"), query.get("type")
    has_type = glob_matcher(kind) if kind else None

    def is_selected(delivery_with_notice: DeliveryWithNotice) -> bool:
        delivery, notice = delivery_with_notice
        return (
            query["state"] in (None, delivery.state)
            and query["notice_id"] in (None, delivery.notice_id)
            and (room_id is None or (notice is not None and notice.room_id == room_id))
            and (has_type is None or (notice is not None and has_type(notice.type)))
        )

    return is_selected


def all_deliveries_page(context: AppContext, query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the deliveries to all subscribers, in one state or in any."""
    if query["notice_id"] is not None:
        return deliveries_of_notice(context, query)
    return deliveries_page(context, deliveries_index(query["state"]), query)
