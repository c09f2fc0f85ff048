"""CSRF protection of the console: every form carries the token of its session, the log-in form that of a cookie.

See docs/adr/0057-protect-forms-with-one-csrf-token-per-session.md.
"""

import hmac
import re
from secrets import token_urlsafe

from flask import Response, request

from webhook_app.access.session_cookies import LOGIN, cookie_name

FIELD = "csrf"
HEADER = "X-Csrf"  # for requests of scripts
_LOGIN_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


def has_token(expected: str) -> bool:
    """Whether the request carries the CSRF token of its session, in a form field or a header."""
    return _is_same(expected, request.form.get(FIELD) or request.headers.get(HEADER, ""))


def has_login_token() -> bool:
    """Whether a log-in form carries the same token as the browser's cookie: there is no session before the log-in."""
    return _is_same(login_cookie(), request.form.get(FIELD, ""))


def login_cookie() -> str:
    """Return the token of the browser's log-in form, empty when it has none."""
    token = request.cookies.get(cookie_name(LOGIN), "")
    return token if _LOGIN_TOKEN.fullmatch(token) else ""


def new_login_token() -> str:
    """Return the token for a log-in form: that of the cookie, which keeps forms in other tabs valid, else a new one."""
    return login_cookie() or token_urlsafe(24)


def set_login_cookie(response: Response, token: str) -> None:
    """Set the cookie of the log-in form; `Lax`, so that it is also sent when a link on another site is opened."""
    path = f"{request.script_root}/login"
    response.set_cookie(cookie_name(LOGIN), token, path=path, secure=request.is_secure, httponly=True, samesite="Lax")


def _is_same(expected: str, sent: str) -> bool:
    return bool(expected) and hmac.compare_digest(expected.encode(), sent.encode("utf-8", "replace"))
