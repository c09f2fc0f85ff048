"""The console's cookies: their names, paths and flags, which depend on the address of the request."""

import re

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

SESSION = "tallylight"
LOGIN = "tallylight_login"
_PORT = re.compile(r":(\d{1,5})\Z")


def cookie_name(base: str) -> str:
    """Return the name of a cookie for the address of this request.

    Browsers share cookies between the ports of a host, and let no page on plain HTTP replace a cookie of HTTPS. With
    one name, two products on a host, or HTTPS behind a proxy and plain HTTP in the LAN, would log each other out.
    """
    port = _PORT.search(request.environ.get("HTTP_HOST", ""))
    name = f"{base}_{port[1]}" if port else base
    return f"__Secure-{name}" if request.is_secure else name


class SessionCookies(SecureCookieSessionInterface):
    """Sets the session cookie for the scheme, port and prefix that the browser used."""

    def get_cookie_name(self, app: Flask) -> str:
        """The session cookie's name for this request's scheme and address."""
        return cookie_name(SESSION)

    def get_cookie_path(self, app: Flask) -> str:
        """The path that the product lives under."""
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie may be sent over https only."""
        return request.is_secure
