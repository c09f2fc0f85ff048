"""Who may do what: the admin token everything, the viewer token only look."""

import hmac
from enum import Enum

from flask import request

from webhook_app.problems import Problem

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

    def role(self, token: str) -> Role | None:
        """What this token is good for, None when nothing."""
        given = token.encode()
        admin = self._admin is not None and hmac.compare_digest(given, self._admin.encode())
        viewer = self._viewer is not None and hmac.compare_digest(given, self._viewer.encode())
        return Role.ADMIN if admin else Role.VIEWER if viewer else None

    def guard(self) -> None:
        """Refuse the request unless its bearer token allows it."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        role = self.role(token.strip()) if scheme.lower() == "bearer" else None
        if role is None:
            raise Problem(401, "A token is needed: Authorization: Bearer <token>.")
        if role is Role.VIEWER and request.method not in READING:
            raise Problem(403, "The viewer token may only read; use the admin token.")
