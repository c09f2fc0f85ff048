"""Calls as the API and the console show them, with their attempts."""

from collections.abc import Sequence
from typing import Any

from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import call_view
from webhook_app.store import codec, keys
from webhook_app.usecases.context import AppContext


def load_calls(context: AppContext, call_ids: Sequence[str]) -> list[Call | None]:
    """Load calls by id; None for a call that is not stored."""
    records = context.client.mget([keys.call(call_id) for call_id in call_ids]) if call_ids else []
    return [codec.call_of(raw) if raw else None for raw in records]


def call_views(context: AppContext, calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Render calls with their requests and responses. A call that was sent and has no response yet is `sent`."""
    with context.client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.lrange(keys.call_attempts(call.call_id), 0, -1)
            pipe.exists(keys.call_mark(call.call_id))
        answers = pipe.execute()
    config = context.state.names()
    views = []
    for at, call in enumerate(calls):
        view = call_view(call, config.room_name(call.room_id))
        if call.state is CallState.WAITING and answers[2 * at + 1]:
            view["state"] = CallState.SENT.value
        view["attempts"] = [{**attempt, "at": rfc3339(attempt["at"])} for attempt in map(codec.decode, answers[2 * at])]
        views.append(view)
    return views
