"""Template functions for rooms: the path segment of a room's page, and its name."""

from collections.abc import Callable
from urllib.parse import quote

from webhook_app.console.request_state import RequestStateStore
from webhook_app.usecases.room_names import room_reference


def room_globals(state: RequestStateStore) -> dict[str, Callable[[str], str]]:
    """Return `room_segment(room_id)` and `room_title(room_id)`, by the names that the request has read."""

    def room_segment(room_id: str) -> str:
        """The path segment that resolves to this room, whatever characters its id contains."""
        return quote(room_reference(room_id, state.names()), safe="")

    def room_title(room_id: str) -> str:
        """The name of a room, else its id."""
        return state.names().room_name(room_id) or room_id

    return {"room_segment": room_segment, "room_title": room_title}
