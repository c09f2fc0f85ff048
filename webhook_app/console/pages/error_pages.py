"""Errors as pages: what is wrong, why, and where to go from there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook_app.access.security_headers import set_security_headers
from webhook_app.problems.problems import DESCRIPTIONS, Problem
from webhook_app.problems.reasons import ErrorReason

TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not available here",
    409: "Not possible now",
    412: "Changed meanwhile",
    413: "Too large",
    422: "Something is wrong with the request",
    429: "Too many requests",
    500: "Something went wrong",
    503: "The store does not answer",
}
# What a problem document says of an API, in words for a page.
TEXTS: Mapping[int, str] = {
    404: "There is no page at this address.",
    405: "This address does not answer that kind of request. Open the page and use its buttons.",
    422: "The address asks for something that the page does not have.",
    503: "Tallylight runs, but cannot read or write now. Reload in a moment.",
}


@dataclass(frozen=True, slots=True)
class PageLink:
    """A way on from an error page."""

    path: str
    label: str


class PageError(Problem):
    """A refusal that a page explains, with a title and links of its own."""

    def __init__(
        self, status: int, detail: str, *, title: str, links: Sequence[PageLink], reason: ErrorReason | None = None
    ) -> None:
        super().__init__(status, detail, reason=reason)
        self.title = title
        self.links = tuple(links)


def error_page(error: HTTPException) -> Response:
    """An error as a page, with the headers that every page has."""
    status = error.code or 500
    detail = error.description if isinstance(error, Problem) else TEXTS.get(status, DESCRIPTIONS.get(status))
    if isinstance(error, MethodNotAllowed) and request.method == "HEAD":
        detail = ""
    body = render_template(
        "wrong.html",
        status=status,
        title=error.title if isinstance(error, PageError) else TITLES.get(status, error.name),
        detail=detail or error.description or error.name,
        links=error.links if isinstance(error, PageError) else (),
    )
    response = make_response(body, status)
    if status == 503:
        response.headers["Retry-After"] = "2"
    return set_security_headers(response)


def defined_in_file_error(what: str, file_name: str | None, page: str) -> PageError:
    """The refusal to edit what the configuration file holds: says where to change it."""
    where = file_name or "the configuration file"
    return PageError(
        409,
        f"{what} is defined in {where}, so it cannot be edited here: the next change of the file would undo it. "
        f"Change it in the file; it is applied within seconds. Pausing and skipping work here.",
        title="Defined in the configuration file",
        links=[PageLink(page, "Back to its page")],
        reason=ErrorReason.FROM_FILE,
    )


def redirect_to_admin_login() -> NoReturn:
    """Lead to the log-in form, which says that the page needs the admin token, and back from there."""
    here = request.full_path.rstrip("?")
    abort(redirect(url_for("console.login_form", back=here, need="admin")))
