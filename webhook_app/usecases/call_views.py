"""Calls as they are shown: with their attempts, and whether they are on their way."""

from collections.abc import Sequence
from typing import Any

from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import call_view
from webhook_app.store import codec, keys
from webhook_app.usecases.context import AppContext


def load_calls(context: AppContext, call_ids: Sequence[str]) -> list[Call | None]:
    """Calls by id, None where none is kept."""
    found = context.client.mget([keys.call(one) for one in call_ids]) if call_ids else []
    return [codec.call_of(raw) if raw else None for raw in found]


def call_views(context: AppContext, found: Sequence[Call]) -> list[dict[str, Any]]:
    """Calls with what was sent and what came back."""
    with context.client.pipeline(transaction=False) as pipe:
        for call in found:
            pipe.lrange(keys.call_attempts(call.call_id), 0, -1)
            pipe.exists(keys.call_mark(call.call_id))
        answers = pipe.execute()
    config = context.state.names()
    shown = []
    for at, call in enumerate(found):
        view = call_view(call, config.room_name(call.room_id))
        if call.state is CallState.WAITING and answers[2 * at + 1]:
            view["state"] = CallState.SENT.value
        view["attempts"] = [{**attempt, "at": rfc3339(attempt["at"])} for attempt in map(codec.decode, answers[2 * at])]
        shown.append(view)
    return shown
