"""The console's sessions: signed cookies, each with an id that a log-out makes worthless."""

from secrets import token_urlsafe

from flask import g, session

from webhook_app.access.auth import Role
from webhook_app.ops.logs import logger
from webhook_app.store.access.ended_sessions import EndedSessions
from webhook_app.store.connection.clients import STORE_ERRORS

LIFE_S = 7 * 24 * 3600
ENDED_KEPT_S = LIFE_S + 24 * 3600  # an answer that was under way at the log-out may renew the cookie once more
_CHECKED = "session_has_ended"
log = logger()


class Sessions:
    """Begins and ends sessions, and says who the one of this request is."""

    def __init__(self, ended: EndedSessions) -> None:
        self._ended = ended

    @property
    def role(self) -> Role | None:
        """Who has logged in; None for a session that was logged out, or was begun before sessions had ids."""
        role, session_id = session.get("role"), session.get("id")
        if role not in (Role.ADMIN.value, Role.VIEWER.value) or not isinstance(session_id, str):
            return None
        if _CHECKED not in g:
            setattr(g, _CHECKED, True)  # what the page about a store that is away goes by
            setattr(g, _CHECKED, self._ended.has_ended(session_id))
        return None if g.get(_CHECKED) else Role(role)

    @property
    def csrf(self) -> str:
        """What every form of this session carries; empty without a session."""
        return str(session.get("csrf", "")) if self.role is not None else ""

    def begin(self, role: Role) -> None:
        """Begin a session of its own: nothing of what the browser sent before becomes part of it."""
        try:
            self._end_in_store()
        except STORE_ERRORS as error:
            log.warning("the session before this one could not be ended", error=str(error))
        session.clear()
        session.permanent = True
        session["role"] = role.value
        session["id"] = token_urlsafe(16)
        session["csrf"] = token_urlsafe(24)
        g.pop(_CHECKED, None)

    def end(self) -> None:
        """End the session of this request, for every copy of its cookie; a store that is away is an error."""
        self._end_in_store()
        session.clear()
        g.pop(_CHECKED, None)

    def _end_in_store(self) -> None:
        if self.role is not None:
            self._ended.end(session["id"])
