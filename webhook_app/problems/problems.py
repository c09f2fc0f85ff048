"""Error responses as `application/problem+json` (RFC 9457)."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, request
from flask_smorest import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook_app.error_reasons import ErrorReason
from webhook_app.problems.reasons import reason_of
from webhook_app.store.connection.clients import StoreUnavailableError
from webhook_app.store.connection.refusals import is_store_unavailable
from webhook_app.text.validation_messages import translate_all
from webhook_app.usecases.errors import ConflictError, InvalidInputError, NotFoundError, UseCaseError

PREFIXES_MAX = 8
CONTENT_TYPE = "application/problem+json"
DESCRIPTIONS = {
    400: "The request cannot be parsed.",
    401: "Missing or invalid token. Send Authorization: Bearer <token>.",
    403: "The viewer token is read-only.",
    404: "Not found.",
    405: "Method not allowed.",
    409: "Conflicts with the current state.",
    412: "Precondition failed: the resource has changed.",
    413: "The request is too large.",
    422: "The request is invalid; `errors` names the fields.",
    429: "Too many requests. Retry after the number of seconds in Retry-After.",
    500: "Internal error. See the log.",
    503: "The store is unavailable.",
}
STATUSES: Mapping[type[UseCaseError], int] = {NotFoundError: 404, ConflictError: 409, InvalidInputError: 422}
JSON_ONLY = ("/api", "/webhooks")

# Renders an error as a page for browsers.
ErrorPage = Callable[[HTTPException], Response]


class Problem(HTTPException):
    """An HTTP error with a reason code, and the errors by field."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        reason: ErrorReason | None = None,
        errors: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(description=detail)
        self.code = status
        self.reason = reason or reason_of(status)
        self.errors = None if errors is None else translate_all(errors)
        self.retry_after_s = retry_after_s


class ProblemApi(Api):
    """flask-smorest's API with our error responses."""

    spec_document: dict[str, Any] | None = None
    complete: Callable[[dict[str, Any]], dict[str, Any]]

    def __init__(self, app: Flask) -> None:
        self._openapi_texts: dict[str, str] = {}
        self._openapi_lock = threading.Lock()
        super().__init__(app)

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer an HTTP error as a problem document."""
        return answer(error)

    def description(self) -> dict[str, Any]:
        """Return the OpenAPI document; built on the first call, when all resources are registered."""
        if self.spec_document is None:
            self.spec_document = self.complete(self.spec.to_dict())
        return self.spec_document

    def _openapi_json(self) -> Response:
        with self._openapi_lock:  # concurrent first requests serialise the document once
            prefix = request.script_root
            text = self._openapi_texts.get(prefix)
            if text is None:
                if len(self._openapi_texts) >= PREFIXES_MAX:
                    self._openapi_texts.clear()
                servers = {"servers": [{"url": prefix}]} if prefix else {}  # without: the root of the host
                text = self._openapi_texts[prefix] = json.dumps(self.description() | servers)
        return Response(text, mimetype="application/json")


def problem_of(error: UseCaseError) -> Problem:
    """Translate an error of a use case into an HTTP error."""
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    return Problem(status, error.detail, reason=error.reason, errors=error.errors)


def answer(error: HTTPException) -> Response:
    """Render an error as a problem document."""
    status = error.code or 500
    errors = getattr(error, "errors", None)
    data = getattr(error, "data", None)
    if errors is None and isinstance(data, dict):
        errors = _by_field(data.get("messages"))
    detail = error.description if isinstance(error, Problem) else DESCRIPTIONS.get(status, error.description)
    reason = error.reason if isinstance(error, Problem) else reason_of(status)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": status,
        "reason": reason.value,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    response = Response(json.dumps(body), status, content_type=CONTENT_TYPE)
    retry_after_s = getattr(error, "retry_after_s", None) or {429: 1, 503: 2}.get(status)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def wants_page(*, otherwise: bool = False) -> bool:
    """Whether the client prefers a page to JSON; `otherwise` decides when it accepts both alike."""
    path = request.path
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in JSON_ONLY):
        return False
    accepted = request.accept_mimetypes
    page, data = (
        accepted.quality("text/html"),
        max(accepted.quality("application/json"), accepted.quality(CONTENT_TYPE)),
    )
    return page > data or (otherwise and page == data)


def install(app: Flask, error_page: ErrorPage | None = None) -> None:
    """Register error handlers: pages for browsers if `error_page` is given, else problem documents."""

    def respond(error: HTTPException) -> Response:
        return error_page(error) if error_page is not None and wants_page() else answer(error)

    app.register_error_handler(HTTPException, respond)

    def refuse(error: UseCaseError) -> Response:
        return respond(problem_of(error))

    def store_unavailable(error: Exception) -> Response:
        return respond(Problem(503, DESCRIPTIONS[503]))

    def store_failed(error: Exception) -> Response:
        if is_store_unavailable(error):
            return store_unavailable(error)
        raise error

    import redis

    app.register_error_handler(UseCaseError, refuse)
    app.register_error_handler(StoreUnavailableError, store_unavailable)
    app.register_error_handler(redis.RedisError, store_failed)


def _by_field(messages: Any) -> dict[str, Any] | None:
    if not isinstance(messages, dict):
        return None
    fields: dict[str, Any] = {}
    for where, errors in messages.items():
        if where in ("json", "query", "path", "headers") and isinstance(errors, dict):
            fields.update(errors)
        else:
            fields[str(where)] = errors
    return {name: translate_all(errors) for name, errors in fields.items()}
