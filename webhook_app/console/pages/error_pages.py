"""Error pages: what is wrong, why, and where to go next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook_app.access.security_headers import set_security_headers
from webhook_app.error_reasons import ErrorReason
from webhook_app.problems.problems import DESCRIPTIONS, Problem

TITLES: Mapping[int, str] = {
    400: "Bad request",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not available here",
    409: "Not possible right now",
    412: "Changed in the meantime",
    413: "Too large",
    422: "Invalid request",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Store unavailable",
}
# In place of the details of problem documents, which address API clients.
TEXTS: Mapping[int, str] = {
    404: "There is no page at this address.",
    405: "This address does not support that method. Open the page and use its buttons.",
    422: "The address contains a value that this page does not support.",
    503: "Tallylight is running but cannot use the store. Reload in a moment.",
}


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link on an error page."""

    path: str
    label: str


class PageError(Problem):
    """An error with its own title and links."""

    def __init__(
        self, status: int, detail: str, *, title: str, links: Sequence[PageLink], reason: ErrorReason | None = None
    ) -> None:
        super().__init__(status, detail, reason=reason)
        self.title = title
        self.links = tuple(links)


def error_page(error: HTTPException) -> Response:
    """Render an error as a page, with the security headers of all pages."""
    status = error.code or 500
    detail = error.description if isinstance(error, Problem) else TEXTS.get(status, DESCRIPTIONS.get(status))
    if isinstance(error, MethodNotAllowed) and request.method == "HEAD":
        detail = ""
    body = render_template(
        "error.html",
        title=error.title if isinstance(error, PageError) else TITLES.get(status, error.name),
        detail=detail or error.description or error.name,
        links=error.links if isinstance(error, PageError) else (),
    )
    response = make_response(body, status)
    if status == 503:
        response.headers["Retry-After"] = "2"
    return set_security_headers(response)


def defined_in_file_error(title: str, file_name: str | None, path: str) -> PageError:
    """Build the error for editing a rule or subscriber of the configuration file; `path` is its page."""
    where = file_name or "the configuration file"
    return PageError(
        409,
        f"{title} is managed by {where} and cannot be edited here. Edit the file: changes are applied within seconds. "
        f"Pausing and skipping work here.",
        title="Managed by the configuration file",
        links=[PageLink(path, "Back")],
        reason=ErrorReason.FROM_FILE,
    )


def redirect_to_admin_login() -> NoReturn:
    """Redirect to the log-in form, which asks for the admin token and leads back here."""
    path = request.full_path.rstrip("?")
    abort(redirect(url_for("console.login_form", back=path, need="admin")))
