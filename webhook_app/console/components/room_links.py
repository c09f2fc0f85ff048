"""Template functions for rooms: the path segment of a room's page, and its name."""

from collections.abc import Callable
from urllib.parse import quote

from flask import g

from webhook_app.domain.rules.rule import Config
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.room_names import room_reference


def room_globals(state: StateStore) -> dict[str, Callable[[str], str]]:
    """Return `room_segment(room_id)` and `room_title(room_id)`; the names are read once per request."""

    def config() -> Config:
        if "room_config" not in g:
            g.room_config = state.names()
        names: Config = g.room_config
        return names

    def room_segment(room_id: str) -> str:
        """The path segment that resolves to this room, whatever characters its id contains."""
        return quote(room_reference(room_id, config()), safe="")

    def room_title(room_id: str) -> str:
        """The name of a room, else its id."""
        return config().room_name(room_id) or room_id

    return {"room_segment": room_segment, "room_title": room_title}
