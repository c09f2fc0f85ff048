"""The receiver: verifies, parses and appends VideoSDK's webhooks. One round trip to the store, answered when durable.

A Flask view does what takes no time (signature, parsing); the response then waits for the append on the event loop.
"""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

from flask import Flask, Request, Response, request
from werkzeug.routing import MapAdapter

from webhook_app.domain.globs import any_glob_matches
from webhook_app.error_reasons import ErrorReason
from webhook_app.middleware import REQUEST_ID, request_id_of
from webhook_app.problems import problems
from webhook_app.problems.reasons import reason_of
from webhook_app.providers.port import MalformedSignatureError, SignatureCheck, WebhookReader, WebhookVerifier
from webhook_app.runtime.logs import logger
from webhook_app.server.front import RETRY_AFTER_S, WEBHOOK_BODY_MAX_BYTES, RefusalError, WebhookApp
from webhook_app.server.handoff import HANDOFF, Exchange, HandedOffResponse, Headers, send_response
from webhook_app.store.connection.clients import StoreUnavailableError
from webhook_app.store.journal.journal import Entry

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/webhooks"
INBOX = "/webhooks/videosdk"
JSON = "application/json"
PROBLEM = "application/problem+json"
_SLASHES = re.compile(r"/{2,}")
log = logger()

Append = Callable[[Entry], Awaitable[str]]
AppendNow = Callable[[Entry], str]


class Count(Protocol):
    """Counts a webhook by type and outcome; `detail` says why it was not stored."""

    def __call__(self, kind: str, outcome: str, detail: str = "") -> None:
        """Count one webhook by its type and outcome."""


class WrongAddress(StrEnum):
    """How the path of a webhook differs from the expected one."""

    TOKEN_MISSING = "token-missing"
    TOKEN_WRONG = "token-wrong"
    TOKEN_UNKNOWN = "token-unknown"  # none is expected
    OTHER_PATH = "other-path"


class ReceiverFlask(Flask):
    """A Flask app whose routes depend on path and method only.

    Flask reads the host of each request to find its routes, which takes longer than the rest of the routing.
    """

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the routes to a request without looking at its host."""
        if request is None:
            return super().create_url_adapter(request)
        return MapAdapter(self.url_map, "", "/", "", "http", request.environ["PATH_INFO"], request.method)


class Receiver:
    """Receives webhooks; `webhook_app` is its part of the ASGI front."""

    def __init__(
        self,
        *,
        reader: WebhookReader,
        verifier: WebhookVerifier,
        append: Append,
        append_now: AppendNow,
        count: Count,
        token: str | None,
        rooms: tuple[str, ...],
    ) -> None:
        self.append = append
        self.append_now = append_now
        self.count = count
        self._reader = reader
        self._verifier = verifier
        self._signature_header = reader.signature_header.encode()
        self._signature_variable = "HTTP_" + reader.signature_header.upper().replace("-", "_")
        self._token = token
        self._is_ours = _room_matcher(rooms)
        self._wrong_address_logged = False
        self.log = log.bind()  # bound once: the module's logger looks its configuration up at each line
        self.app = ReceiverFlask("receiver", static_folder=None)
        problems.install(self.app)
        self.app.add_url_rule(INBOX, "take", self._take, methods=["POST"])

    @property
    def webhook_app(self) -> WebhookApp:
        """The receiver for the ASGI front."""
        return WebhookApp(
            self.wsgi_app, handles_path, self._refuse_head, lambda outcome: self.count("unknown", outcome)
        )

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """The receiver's Flask app, in which the inbox has one path, whatever token and slashes were sent."""
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        if self._is_inbox(path):
            environ["PATH_INFO"] = INBOX
        elif environ["REQUEST_METHOD"] == "POST":
            refusal = self._wrong_address(path)
            return refuse(refusal.status, refusal.title)(environ, start_response)
        else:
            environ["PATH_INFO"] = PREFIX  # there is nothing here
        return self.app.wsgi_app(environ, start_response)

    def _refuse_head(self, path: str, headers: Headers) -> RefusalError | None:
        """Refuse what is wrong before the body is read: an unknown path, a missing signature."""
        if not self._is_inbox(path):
            return self._wrong_address(path)
        if not any(name == self._signature_header for name, _ in headers):
            self.count("unknown", "unsigned", "header-missing")
            return RefusalError(401, f"the header {self._reader.signature_header} is missing")
        return None

    def _wrong_address(self, path: str) -> RefusalError:
        self.count("unknown", "wrong-address", wrong_address_of(path, self._token).value)
        if not self._wrong_address_logged:
            self._wrong_address_logged = True
            log.warning("webhook received at an unknown path; compare the URL set at VideoSDK with PUBLIC_URL")
        if self._token is not None:
            return RefusalError(404, "Unknown path. Use the webhook URL that includes the token.")
        return RefusalError(404, f"Unknown path. Webhooks are accepted at {INBOX}.")

    def _is_inbox(self, path: str) -> bool:
        """Whether webhooks are accepted at this path; extra slashes are tolerated."""
        plain = _SLASHES.sub("/", path).rstrip("/")
        head, _, sent_token = plain.removeprefix(INBOX).partition("/")
        if head or not plain.startswith(INBOX):
            return False
        if self._token is None:
            return not sent_token
        return hmac.compare_digest(sent_token.encode("utf-8", "replace"), self._token.encode())

    def _take(self) -> Response:
        body = _body()
        if body is None:
            self.count("unknown", "too-large")
            return refuse(413, f"a webhook is at most {WEBHOOK_BODY_MAX_BYTES} bytes")
        try:
            check = self._verifier.check(request.environ.get(self._signature_variable), body)
        except MalformedSignatureError as error:
            self.count("unknown", "unsigned", "malformed")
            return refuse(401, str(error))
        if check is SignatureCheck.INVALID:
            self.count("unknown", "wrong-signature")
            return refuse(401, "Invalid signature under VideoSDK's newest key.")
        if check is SignatureCheck.UNDECIDED:
            self.count("unknown", "no-key")
            return refuse(503, "VideoSDK's newest public key is not known yet. Retry.")
        received = self._reader.receive(body)
        if received.room_id is not None and not self._is_ours(received.room_id):
            self.count(received.type, "not-ours", received.room_id)
            return Response(b'{"id":null}', 200, content_type=JSON)
        entry = Entry(self._reader.source, received.type, received.room_id, self._reader.journaled(body))
        return AppendResponse(self, entry, request_id_of(request.environ.get("HTTP_X_REQUEST_ID", "")))


def wrong_address_of(path: str, token: str | None) -> WrongAddress:
    """Return how a path under /webhooks differs from the webhook path."""
    plain = _SLASHES.sub("/", path).rstrip("/")
    head, _, sent_token = plain.removeprefix(INBOX).partition("/")
    if head or not plain.startswith(INBOX):
        return WrongAddress.OTHER_PATH
    if token is None:
        return WrongAddress.TOKEN_UNKNOWN
    return WrongAddress.TOKEN_WRONG if sent_token else WrongAddress.TOKEN_MISSING


class AppendResponse(HandedOffResponse):
    """The response to an authentic webhook: 200 with its id once it is durable, 503 when the store is unavailable."""

    def __init__(self, receiver: Receiver, entry: Entry, request_id: str | None) -> None:
        super().__init__(status=503, content_type=JSON)
        self._receiver = receiver
        self._entry = entry
        self._request_id = request_id

    def complete_in_thread(self) -> None:
        """Wait for the append on the calling thread, then build the response."""
        try:
            self._count_stored(self._receiver.append_now(self._entry))
        except StoreUnavailableError:
            self._not_kept()

    async def respond(self, exchange: Exchange) -> None:
        """Wait for the append on the event loop, then send the response."""
        try:
            event_id = await self._receiver.append(self._entry)
        except StoreUnavailableError:
            self._not_kept()
            await send_response(exchange.send, self.status_code, self.asgi_headers(), self.get_data())
            return
        self._count_kept(event_id)
        body = _kept_body(event_id)
        # Built without this response's own headers, which would cost each webhook several times as much.
        headers = [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))]
        if self._request_id is not None:
            headers.append((REQUEST_ID.lower().encode(), self._request_id.encode()))
        await send_response(exchange.send, 200, headers, body)

    def _count_stored(self, event_id: str) -> None:
        self._count_kept(event_id)
        self.status_code = 200
        self.set_data(_kept_body(event_id))
        if self._request_id is not None:
            self.headers[REQUEST_ID] = self._request_id

    def _count_kept(self, event_id: str) -> None:
        entry = self._entry
        self._receiver.count(entry.type, "kept")
        self._receiver.log.debug(
            "webhook kept", event_id=event_id, type=entry.type, room_id=entry.room_id, request_id=self._request_id
        )

    def _not_kept(self) -> None:
        self._receiver.count(self._entry.type, "store-unavailable")
        self.status_code = 503
        self.content_type = PROBLEM
        self.headers["Retry-After"] = str(RETRY_AFTER_S)
        self.set_data(_problem(503, "The store is unavailable."))


def _kept_body(event_id: str) -> bytes:
    return b'{"id":"' + event_id.encode() + b'"}'


def handles_path(path: str) -> bool:
    """Whether a path belongs to the receiver's Flask app."""
    stripped = path.lstrip("/")
    return stripped == "webhooks" or stripped.startswith("webhooks/")


def _body() -> bytes | None:
    """Return the body, None when it is too large. The front has already read it; a plain WSGI server has not."""
    stream = request.environ["wsgi.input"]
    if isinstance(stream, BytesIO) and request.environ.get(HANDOFF) is not None:
        return stream.getvalue()
    if (request.content_length or 0) > WEBHOOK_BODY_MAX_BYTES:
        return None
    request.max_content_length = None
    body: bytes = request.stream.read(WEBHOOK_BODY_MAX_BYTES + 1)
    return None if len(body) > WEBHOOK_BODY_MAX_BYTES else body


def refuse(status: int, title: str) -> Response:
    """Build a refusal as an RFC 9457 problem document."""
    log.debug("webhook refused", status=status, why=title)
    response = Response(_problem(status, title), status, content_type=PROBLEM)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _problem(status: int, title: str) -> bytes:
    return json.dumps({"title": title, "status": status, "reason": _reason(status)}, separators=(",", ":")).encode()


def _reason(status: int) -> ErrorReason:
    return ErrorReason.SIGNATURE_INVALID if status == 401 else reason_of(status)  # webhooks carry no token


def _room_matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    if "*" in globs:
        return lambda room_id: True
    return lambda room_id: any_glob_matches(room_id, globs)
