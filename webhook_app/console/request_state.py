"""The reducer's state as one page reads it: room names and settings once per request."""

from flask import g, has_request_context, request

from webhook_app.domain.rules.config import Config
from webhook_app.store.state.store import StateStore


class RequestStateStore(StateStore):
    """Reads names once per GET: use cases, page and templates each need them, and so show the same ones."""

    def names(self) -> Config:
        """Room names and settings without the rules; after a change in the same request the new ones."""
        if not has_request_context() or request.method != "GET":
            return super().names()
        if "room_names" not in g:
            g.room_names = super().names()
        names: Config = g.room_names
        return names
