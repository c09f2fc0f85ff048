"""A swarm of peers that misbehave does not keep an honest webhook, or a health check, from being answered."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.polling import scaled_limit
from tests.support.product import ask, signature, webhook
from tests.support.web_process import ADMIN_TOKEN, VIEWER_TOKEN, Misbehave, Swarm, serving
from webhook_app.domain.events import Source
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal

pytestmark = pytest.mark.process

PEERS = 800
HONEST = 25
ANSWERED_WITHIN_S = scaled_limit(60)
TOKEN = "the-webhook-token-of-the-swarm"


def sends(*parts: bytes) -> Misbehave:
    def misbehave(peer: socket.socket) -> None:
        for part in parts:
            peer.sendall(part)

    return misbehave


def post(path: str, *headers: str, length: int = 200_000) -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {length}", *headers]
    return "\r\n".join([*head, "", ""]).encode()


def get(path: str, token: str, *headers: str) -> bytes:
    head = [f"GET {path} HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {token}", *headers]
    return "\r\n".join([*head, "", ""]).encode()


SIGNED = "videosdk-signature: " + "A" * 344
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"

KINDS: dict[str, Misbehave] = {
    "connections that stay silent": sends(),
    "half a head": sends(b"POST /webhooks/videosdk HTTP/1.1\r\nhost: x\r\n"),
    "webhook bodies that stop after a byte": sends(post("/webhooks/videosdk", SIGNED), b"{"),
    "webhook bodies that stop short of their end": sends(post("/webhooks/videosdk", SIGNED), b"x" * 100_000),
    "webhooks without a signature or body": sends(post("/webhooks/videosdk")),
    "chunks without an end": sends(
        b"POST /webhooks/videosdk HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n",
        SIGNED.encode() + b'\r\n\r\n5\r\n{"a":',
    ),
    "log-in forms that never come": sends(post("/login", "content-type: application/x-www-form-urlencoded")),
    "API bodies that never come": sends(
        post("/api/v1/rules/backtest", f"authorization: Bearer {ADMIN_TOKEN}", "content-type: application/json"), b"{"
    ),
    "answers that nobody reads": sends(get("/openapi.json", VIEWER_TOKEN) * 4),
    "event streams that nobody reads": sends(get("/api/v1/events/stream", VIEWER_TOKEN, "last-event-id: 0-0")),
    "HTTP/2 that breaks off": sends(HTTP2),
}


@pytest.fixture(scope="module", params=[None, TOKEN], ids=["without a token", "with a token"])
def inbox(request: pytest.FixtureRequest, store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address for webhooks of a web process, with and without a token in it."""
    environ = {} if request.param is None else {"WEBHOOK_TOKEN": request.param}
    with serving(store_url, tmp_path_factory.mktemp("web"), **environ) as port:
        yield f"http://127.0.0.1:{port}/webhooks/videosdk" + ("" if request.param is None else f"/{request.param}")


@pytest.mark.parametrize("kind", KINDS)
def test_honest_webhooks_are_answered_beside_a_swarm(client: Client, inbox: str, kind: str) -> None:
    large = webhook("participant-joined", "room-a", participantId="p1", participantName="x" * 20_000)
    Journal(client).append([Entry(Source.VIDEOSDK, "participant-joined", "room-a", large)] * 300)
    port = int(inbox.split(":")[2].partition("/")[0])
    token = inbox.removeprefix(f"http://127.0.0.1:{port}/webhooks/videosdk")
    misbehave = KINDS[kind]

    def to_the_inbox(peer: socket.socket) -> None:
        relay = _Rewriter(peer, token)
        misbehave(relay)  # type: ignore[arg-type]  # sends and receives as a socket does

    with Swarm(port, PEERS, to_the_inbox) as swarm:
        for number in range(HONEST):
            body = webhook("hls-started", f"room-{number}")
            headers = {"videosdk-signature": signature(body)}
            assert ask("POST", inbox, body, headers, limit_s=ANSWERED_WITHIN_S).status == 200
        assert ask("GET", f"http://127.0.0.1:{port}/readyz", limit_s=ANSWERED_WITHIN_S).status in (200, 503)
        assert swarm.size > PEERS // 2


class _Rewriter:
    """Sends to a peer's connection with the webhook token put into the path."""

    def __init__(self, peer: socket.socket, token: str) -> None:
        self._peer = peer
        self._token = token.encode()

    def sendall(self, part: bytes) -> None:
        self._peer.sendall(part.replace(b"/webhooks/videosdk HTTP", b"/webhooks/videosdk" + self._token + b" HTTP"))
