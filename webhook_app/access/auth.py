"""Who may do what: the admin token everything, the viewer token only look."""

import hmac
from collections.abc import Callable, Iterable
from enum import Enum

from flask import request

from webhook_app.access.client_address import client_address
from webhook_app.access.failed_logins import FailedLogins
from webhook_app.error_reasons import ErrorReason
from webhook_app.middleware import Limits
from webhook_app.outbound.addresses import Network
from webhook_app.problems.problems import Problem

SAME_ORIGIN = frozenset({"same-origin", "none"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Role(Enum):
    """What a token is good for."""

    ADMIN = "admin"
    VIEWER = "viewer"


class TooManyWrongTokensError(Exception):
    """A wrong token from an address that gave too many; `wait_s` says when the next is looked at as usual."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many wrong tokens from your address. Try again in {wait_s} s.")
        self.wait_s = wait_s


class Tokens:
    """The tokens of API and console: compared in constant time, and wrong ones are throttled by client address."""

    def __init__(
        self, *, admin: str | None, viewer: str | None, failed_logins: FailedLogins, trusted_proxies: Iterable[Network]
    ) -> None:
        self._admin = admin
        self._viewer = viewer
        self._failed_logins = failed_logins
        self._trusted_proxies = tuple(trusted_proxies)
        self._limits = Limits()

    def role(self, token: str) -> Role | None:
        """What this token is good for, None when nothing."""
        given = token.encode("utf-8", "replace")
        admin = self._admin is not None and hmac.compare_digest(given, self._admin.encode())
        viewer = self._viewer is not None and hmac.compare_digest(given, self._viewer.encode())
        return Role.ADMIN if admin else Role.VIEWER if viewer else None

    def checked_role(self, token: str) -> Role | None:
        """The same for a request that gives this token: a wrong one is counted, and throttled when there were many.

        The token is compared first: a right one gets in whatever was tried before from its address.
        """
        role = self.role(token)
        if role is None:
            wait_s = self._failed_logins.failed(client_address(request.environ, self._trusted_proxies))
            if wait_s:
                raise TooManyWrongTokensError(wait_s)
        return role

    def require_token_unless(self, can_view: Callable[[], bool]) -> None:
        """The same as `guard`, but a page of ours may look without a token: its browser cannot send one to a stream."""
        from_page = request.headers.get("Sec-Fetch-Site", "none") in SAME_ORIGIN
        if "Authorization" in request.headers or not (from_page and can_view()):
            self.guard()

    def guard(self) -> None:
        """Refuse the request unless its bearer token allows it."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            # Nothing is counted where no token is given: a proxy may send its own Authorization.
            role = self.checked_role(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        except TooManyWrongTokensError as error:
            raise Problem(429, str(error), retry_after_s=error.wait_s) from None
        if role is None:
            raise Problem(401, "A token is needed: Authorization: Bearer <token>.")
        self._limits.check(role.value)
        if role is Role.VIEWER and request.method not in READING:
            detail = "The viewer token may only read; use the admin token."
            raise Problem(403, detail, reason=ErrorReason.ADMIN_NEEDED)
