"""The receiver: verify, read, append, answer. One round trip to the store, answered only when durable."""

import hmac
from collections.abc import Callable

from flask import Blueprint, Response, request

from webhook_app.domain.events import Source
from webhook_app.domain.globs import any_glob_matches
from webhook_app.logs import logger
from webhook_app.manners import REQUEST_ID, request_id_of
from webhook_app.public_key import Check, KeyRing
from webhook_app.schemas import parse
from webhook_app.signature import HEADER, MalformedSignatureError
from webhook_app.store.clients import StoreUnavailable
from webhook_app.store.journal import Entry

BODY_MAX_BYTES = 256 * 1024
RETRY_AFTER_S = 2
PREFIX = "/webhooks/"
_REQUEST_ID = "HTTP_X_REQUEST_ID"
log = logger()
_SIGNATURE = "HTTP_" + HEADER.upper().replace("-", "_")

Append = Callable[[Entry], str]
Count = Callable[[str, str], None]


def receiver(*, keyring: KeyRing, append: Append, count: Count, token: str | None, rooms: tuple[str, ...]) -> Blueprint:
    """The blueprint that takes VideoSDK's webhooks; with a token it is part of the path and nothing else is taken."""
    blueprint = Blueprint("receiver", __name__)
    ours = _matcher(rooms)

    def take() -> Response:
        body = _body()
        if body is None:
            count("unknown", "too-large")
            return _refuse(413, f"a webhook is at most {BODY_MAX_BYTES} bytes")
        try:
            check = keyring.check(request.environ.get(_SIGNATURE), body)
        except MalformedSignatureError as error:
            count("unknown", "unsigned")
            return _refuse(401, str(error))
        if check is Check.WRONG:
            count("unknown", "wrong-signature")
            return _refuse(401, "the signature is wrong under VideoSDK's newest key")
        if check is Check.UNDECIDED:
            count("unknown", "no-key")
            return _refuse(503, "VideoSDK's public key is being asked for")
        received = parse(body)
        if received.room_id is not None and not ours(received.room_id):
            count(received.type, "not-ours")
            return _answer(b'{"id":null}')
        try:
            event_id = append(Entry(Source.VIDEOSDK, received.type, received.room_id, body))
        except StoreUnavailable:
            count(received.type, "store-unavailable")
            return _refuse(503, "the store cannot keep it now")
        count(received.type, "kept")
        answer = _answer(b'{"id":"' + event_id.encode() + b'"}')
        asked_as = request_id_of(request.environ.get(_REQUEST_ID, ""))
        if asked_as is not None:
            answer.headers[REQUEST_ID] = asked_as
        about = {"type": received.type, "room_id": received.room_id, "request_id": asked_as}
        log.debug("webhook kept", event_id=event_id, **about)
        return answer

    def take_with_token(given: str) -> Response:
        if token is None or not hmac.compare_digest(given.encode(), token.encode()):
            return _refuse(404, "there is nothing here")
        return take()

    def nothing_here() -> Response:
        return _refuse(404, "webhooks are taken at the address with the token only")

    blueprint.add_url_rule("/webhooks/videosdk", "take", take if token is None else nothing_here, methods=["POST"])
    blueprint.add_url_rule("/webhooks/videosdk/<given>", "take_with_token", take_with_token, methods=["POST"])
    return blueprint


def _body() -> bytes | None:
    announced = request.environ.get("CONTENT_LENGTH", "")
    if announced.isdecimal() and 0 < int(announced) <= BODY_MAX_BYTES:
        # Straight from the server: a limited stream would make room for the most there may be, at every request.
        whole: bytes = request.environ["wsgi.input"].read(int(announced))
        return whole
    if announced.isdecimal() and int(announced) > BODY_MAX_BYTES:
        return None
    request.max_content_length = None
    body: bytes = request.stream.read(BODY_MAX_BYTES + 1)
    return None if len(body) > BODY_MAX_BYTES else body


def _matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    if "*" in globs:
        return lambda room_id: True
    return lambda room_id: any_glob_matches(room_id, globs)


def _answer(body: bytes) -> Response:
    return Response(body, 200, content_type="application/json")


def _refuse(status: int, why: str) -> Response:
    log.debug("webhook refused", status=status, why=why)
    body = '{"title":"' + why + '","status":' + str(status) + "}"
    answer = Response(body, status, content_type="application/problem+json")
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer
