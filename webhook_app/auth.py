"""Who may do what: the admin token everything, the viewer token only look."""

import hmac
from enum import Enum

from flask import request, session

from webhook_app.manners import Limits
from webhook_app.problems import Problem

SAME_ORIGIN = frozenset({"same-origin", "none"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Role(Enum):
    """What a token is good for."""

    ADMIN = "admin"
    VIEWER = "viewer"


class Tokens:
    """The API's tokens, compared in constant time."""

    def __init__(self, *, admin: str | None, viewer: str | None) -> None:
        self._admin = admin
        self._viewer = viewer
        self._limits = Limits()

    def role(self, token: str) -> Role | None:
        """What this token is good for, None when nothing."""
        given = token.encode()
        admin = self._admin is not None and hmac.compare_digest(given, self._admin.encode())
        viewer = self._viewer is not None and hmac.compare_digest(given, self._viewer.encode())
        return Role.ADMIN if admin else Role.VIEWER if viewer else None

    def guard_or_look(self, *, open_house: bool) -> None:
        """The same, but a page of ours may look without a token: its browser cannot send one to a stream."""
        if "Authorization" in request.headers or not _may_look(open_house):
            self.guard()

    def guard(self) -> None:
        """Refuse the request unless its bearer token allows it."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        role = self.role(token.strip()) if scheme.lower() == "bearer" else None
        if role is None:
            raise Problem(401, "A token is needed: Authorization: Bearer <token>.")
        self._limits.check(role.value)
        if role is Role.VIEWER and request.method not in READING:
            raise Problem(403, "The viewer token may only read; use the admin token.")


def _may_look(open_house: bool) -> bool:
    if request.headers.get("Sec-Fetch-Site", "none") not in SAME_ORIGIN:
        return False
    return open_house or session.get("role") in (Role.ADMIN.value, Role.VIEWER.value)
