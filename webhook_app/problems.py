"""Errors as `application/problem+json` (RFC 9457), mapped in one place."""

import json
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook_app.store.clients import StoreUnavailable
from webhook_app.store.refusals import is_away
from webhook_app.wording import plain

CONTENT_TYPE = "application/problem+json"
DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "A token is needed: Authorization: Bearer <token>.",
    403: "The viewer token may only read.",
    404: "There is no such thing.",
    405: "That cannot be done here.",
    409: "That does not go together with how things are.",
    412: "It is no longer as the request believes: read it again.",
    413: "The request is too large.",
    422: "Something in the request is wrong; `errors` says what, by field.",
    429: "Too many requests; Retry-After says when to go on.",
    500: "Something went wrong on our side; the log says what.",
    503: "The store does not answer.",
}


class Problem(HTTPException):
    """An error that says what was wrong, where, and what would be right."""

    def __init__(
        self, status: int, detail: str, *, errors: dict[str, Any] | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(description=detail)
        self.code = status
        self.errors = errors
        self.retry_after_s = retry_after_s


class ProblemApi(Api):
    """flask-smorest's API with our errors."""

    described: dict[str, Any] | None = None
    _openapi_text: str | None = None
    _openapi_lock = threading.Lock()
    finish: Callable[[dict[str, Any]], dict[str, Any]]

    def handle_http_exception(self, error: HTTPException) -> Response:
        return answer(error)

    def description(self) -> dict[str, Any]:
        """The whole API as OpenAPI says it, finished once all resources are there."""
        if self.described is None:
            self.described = self.finish(self.spec.to_dict())
        return self.described

    def _openapi_json(self) -> Response:
        with self._openapi_lock:  # anybody may ask for it, many at once: it is written once
            if self._openapi_text is None:
                self._openapi_text = json.dumps(self.description())
        return Response(self._openapi_text, mimetype="application/json")


def answer(error: HTTPException) -> Response:
    """An error as its answer."""
    status = error.code or 500
    errors = getattr(error, "errors", None)
    data = getattr(error, "data", None)
    if errors is None and isinstance(data, dict):
        errors = _by_field(data.get("messages"))
    detail = error.description if isinstance(error, Problem) else DESCRIPTIONS.get(status, error.description)
    body: dict[str, Any] = {"type": "about:blank", "title": error.name, "status": status, "detail": detail}
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


def install(app: Flask) -> None:
    """Answer every error of the app this way."""
    app.register_error_handler(HTTPException, answer)

    def store_is_away(error: Exception) -> Response:
        return answer(Problem(503, DESCRIPTIONS[503]))

    def store_failed(error: Exception) -> Response:
        if is_away(error):
            return store_is_away(error)
        raise error

    import redis

    app.register_error_handler(StoreUnavailable, store_is_away)
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
    return {name: plain(found) for name, found in fields.items()}
