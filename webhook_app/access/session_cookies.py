"""The console's cookies: where they are sent, and under which name, for each way in which the console is reached."""

import re

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

SESSION = "tallylight"
LOGIN = "tallylight_login"
_PORT = re.compile(r":(\d{1,5})\Z")


def cookie_name(base: str) -> str:
    """The name of a cookie of this request's address.

    Browsers keep the cookies of a host whatever the port, and let no page on plain http replace a cookie of https. So
    two products on one host, or https behind a proxy beside plain http in the LAN, would log each other out under one
    name.
    """
    port = _PORT.search(request.environ.get("HTTP_HOST", ""))
    name = f"{base}_{port[1]}" if port else base
    return f"__Secure-{name}" if request.is_secure else name


class SessionCookies(SecureCookieSessionInterface):
    """Sets the session's cookie for the scheme, the port and the prefix that the browser used."""

    def get_cookie_name(self, app: Flask) -> str:
        return cookie_name(SESSION)

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure
