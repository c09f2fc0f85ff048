"""Calls as the API and the console show them, with their attempts."""

from collections.abc import Sequence
from typing import Any

from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import call_view
from webhook_app.store.queries.calls import calls_by_id, progress_of_calls
from webhook_app.usecases.context import AppContext


def load_calls(context: AppContext, call_ids: Sequence[str]) -> list[Call | None]:
    """Load calls by id; None for a call that is not stored."""
    return calls_by_id(context.client, call_ids)


def call_views(context: AppContext, calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Render calls with their requests and responses. A call that was sent and has no response yet is `sent`."""
    progress_of_each = progress_of_calls(context.client, [call.call_id for call in calls])
    config = context.state.names()
    views = []
    for call, progress in zip(calls, progress_of_each, strict=True):
        view = call_view(call, config.room_name(call.room_id))
        if call.state is CallState.WAITING and progress.is_marked:
            view["state"] = CallState.SENT.value
        view["attempts"] = [{**attempt, "at": rfc3339(attempt["at"])} for attempt in progress.attempts]
        views.append(view)
    return views
