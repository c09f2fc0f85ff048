"""Errors as `application/problem+json` (RFC 9457), mapped in one place."""

import json
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask_smorest import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook_app.problems.reasons import ErrorReason, reason_of
from webhook_app.schemas.validation_messages import translate_all
from webhook_app.store.connection.clients import StoreUnavailableError
from webhook_app.store.connection.refusals import is_store_unavailable

PREFIXES_MAX = 8
CONTENT_TYPE = "application/problem+json"
DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "A token is needed: Authorization: Bearer <token>.",
    403: "The viewer token may only read.",
    404: "Not found.",
    405: "This address does not take this method.",
    409: "The request does not fit the current state.",
    412: "It was changed since you read it: read it again.",
    413: "The request is too large.",
    422: "Something in the request is wrong; `errors` says what, by field.",
    429: "Too many requests; Retry-After says when to go on.",
    500: "Something went wrong in Tallylight; the log says what.",
    503: "The store does not answer.",
}
JSON_ONLY = ("/api", "/webhooks")

# Answers an error as a page; problem documents are for programs.
ErrorPage = Callable[[HTTPException], Response]


class Problem(HTTPException):
    """An error that says what was wrong, where, and what would be right."""

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
    """flask-smorest's API with our errors."""

    described: dict[str, Any] | None = None
    complete: Callable[[dict[str, Any]], dict[str, Any]]

    def __init__(self, app: Flask) -> None:
        self._openapi_texts: dict[str, str] = {}
        self._openapi_lock = threading.Lock()
        super().__init__(app)

    def handle_http_exception(self, error: HTTPException) -> Response:
        return answer(error)

    def description(self) -> dict[str, Any]:
        """The whole API as OpenAPI says it, finished once all resources are there."""
        if self.described is None:
            self.described = self.complete(self.spec.to_dict())
        return self.described

    def _openapi_json(self) -> Response:
        with self._openapi_lock:  # anybody may ask for it, many at once: it is written once
            prefix = request.script_root
            text = self._openapi_texts.get(prefix)
            if text is None:
                if len(self._openapi_texts) >= PREFIXES_MAX:
                    self._openapi_texts.clear()
                servers = {"servers": [{"url": prefix}]} if prefix else {}  # without: the root of the host
                text = self._openapi_texts[prefix] = json.dumps(self.description() | servers)
        return Response(text, mimetype="application/json")


def answer(error: HTTPException) -> Response:
    """An error as its answer."""
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
    """Whether the request prefers a page to JSON; `otherwise` decides when it takes either alike."""
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
    """Answer every error of the app: as a page to a browser when there is one, else as a problem document."""

    def respond(error: HTTPException) -> Response:
        return error_page(error) if error_page is not None and wants_page() else answer(error)

    app.register_error_handler(HTTPException, respond)

    def store_is_away(error: Exception) -> Response:
        return respond(Problem(503, DESCRIPTIONS[503]))

    def store_failed(error: Exception) -> Response:
        if is_store_unavailable(error):
            return store_is_away(error)
        raise error

    import redis

    app.register_error_handler(StoreUnavailableError, store_is_away)
    app.register_error_handler(redis.RedisError, store_failed)


def _by_field(messages: Any) -> dict[str, Any] | None:
    if not isinstance(messages, dict):
        return None
    fields: dict[str, Any] = {}
    for where, found in messages.items():
        if where in ("json", "query", "path", "headers") and isinstance(found, dict):
            fields.update(found)
        else:
            fields[str(where)] = found
    return {name: translate_all(found) for name, found in fields.items()}
