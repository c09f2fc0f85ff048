"""Bearer tokens and roles: the admin token allows everything, the viewer token only reading."""

import hmac
from collections.abc import Callable, Iterable
from enum import Enum

from flask import request

from webhook_app.access.client_address import client_address
from webhook_app.access.failed_logins import FailedLogins
from webhook_app.error_reasons import ErrorReason
from webhook_app.middleware import RateLimit, RateLimiter
from webhook_app.outbound.addresses import Network
from webhook_app.problems.problems import Problem

SAME_ORIGIN = frozenset({"same-origin", "none"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Role(Enum):
    """The role of a token."""

    ADMIN = "admin"
    VIEWER = "viewer"


class TooManyWrongTokensError(Exception):
    """Too many wrong tokens from an address; `wait_s` is the time until they are no longer throttled."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many wrong tokens from your address. Try again in {wait_s} s.")
        self.wait_s = wait_s


class Tokens:
    """The tokens of the API and the console. Comparisons take constant time; wrong tokens are throttled by address."""

    def __init__(
        self,
        *,
        admin: str | None,
        viewer: str | None,
        failed_logins: FailedLogins,
        trusted_proxies: Iterable[Network],
        api_rate: RateLimit,
    ) -> None:
        self._admin = admin
        self._viewer = viewer
        self._failed_logins = failed_logins
        self._trusted_proxies = tuple(trusted_proxies)
        self._rate_limiter = RateLimiter(api_rate)

    def role(self, token: str) -> Role | None:
        """Return the role of a token, None for a wrong one."""
        candidate = token.encode("utf-8", "replace")
        is_admin = self._admin is not None and hmac.compare_digest(candidate, self._admin.encode())
        is_viewer = self._viewer is not None and hmac.compare_digest(candidate, self._viewer.encode())
        return Role.ADMIN if is_admin else Role.VIEWER if is_viewer else None

    def checked_role(self, token: str) -> Role | None:
        """Return the role of a request's token; count a wrong one, and raise TooManyWrongTokensError after too many.

        The token is compared first, so that a valid one is never throttled.
        """
        role = self.role(token)
        if role is None:
            wait_s = self._failed_logins.failed(client_address(request.environ, self._trusted_proxies))
            if wait_s:
                raise TooManyWrongTokensError(wait_s)
        return role

    def require_token_unless(self, can_view: Callable[[], bool]) -> None:
        """Like `guard`, but same-origin pages need no token if `can_view`: browsers send none with an EventSource."""
        from_page = request.headers.get("Sec-Fetch-Site", "none") in SAME_ORIGIN
        if "Authorization" in request.headers or not (from_page and can_view()):
            self.guard()

    def guard(self) -> None:
        """Reject the request unless its bearer token allows it."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            # Not counted without a bearer token: a proxy may send its own Authorization.
            role = self.checked_role(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        except TooManyWrongTokensError as error:
            raise Problem(429, str(error), retry_after_s=error.wait_s) from None
        if role is None:
            raise Problem(401, "Missing or invalid token. Send Authorization: Bearer <token>.")
        self._rate_limiter.check(role.value)
        if role is Role.VIEWER and request.method not in READING:
            detail = "The viewer token is read-only. Use the admin token."
            raise Problem(403, detail, reason=ErrorReason.ADMIN_NEEDED)
