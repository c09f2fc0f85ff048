"""Redirects and `Location` headers under a prefix: code uses paths without the prefix, browsers get them with it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def with_prefix(app: "WSGIApplication") -> "WSGIApplication":
    """A WSGI app whose `Location` headers begin with SCRIPT_NAME where they are paths of this app."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        prefix = environ.get("SCRIPT_NAME", "")
        if not prefix:
            return app(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            located = [
                (name, _prefixed(prefix, value) if name.lower() == "location" else value) for name, value in headers
            ]
            return start_response(status, located, exc_info)

        return app(environ, start)

    return respond


def _prefixed(prefix: str, location: str) -> str:
    """The location under the prefix; `url_for` has put it there already, and no page path begins with it."""
    is_path = location.startswith("/") and not location.startswith("//")
    return prefix + location if is_path and not f"{location}/".startswith(f"{prefix}/") else location
