"""Sessions of the console: signed cookies, each with an id that log-out revokes."""

from secrets import token_urlsafe

from flask import g, session

from webhook_app.access.auth import Role
from webhook_app.runtime.logs import logger
from webhook_app.store.access.ended_sessions import EndedSessions
from webhook_app.store.connection.clients import STORE_ERRORS

LIFE_S = 7 * 24 * 3600
ENDED_KEPT_S = LIFE_S + 24 * 3600  # a response in progress at log-out may renew the cookie once more
_CHECKED = "session_has_ended"
log = logger()


class Sessions:
    """Begins, reads and ends sessions."""

    def __init__(self, ended: EndedSessions) -> None:
        self._ended = ended

    @property
    def role(self) -> Role | None:
        """The role of the session; None without one, after log-out, or for sessions from before they had ids."""
        role, session_id = session.get("role"), session.get("id")
        if role not in (Role.ADMIN.value, Role.VIEWER.value) or not isinstance(session_id, str):
            return None
        if _CHECKED not in g:
            setattr(g, _CHECKED, True)  # the error page for an unavailable store relies on it
            setattr(g, _CHECKED, self._ended.has_ended(session_id))
        return None if g.get(_CHECKED) else Role(role)

    @property
    def csrf(self) -> str:
        """The CSRF token of the session, empty without one."""
        return str(session.get("csrf", "")) if self.role is not None else ""

    def begin(self, role: Role) -> None:
        """Begin a new session; nothing of an earlier one is kept."""
        try:
            self._end_in_store()
        except STORE_ERRORS as error:
            log.warning("could not end the previous session", error=str(error))
        session.clear()
        session.permanent = True
        session["role"] = role.value
        session["id"] = token_urlsafe(16)
        session["csrf"] = token_urlsafe(24)
        g.pop(_CHECKED, None)

    def end(self) -> None:
        """End the session, for every copy of its cookie. An unavailable store is an error."""
        self._end_in_store()
        session.clear()
        g.pop(_CHECKED, None)

    def _end_in_store(self) -> None:
        if self.role is not None:
            self._ended.end(session["id"])
