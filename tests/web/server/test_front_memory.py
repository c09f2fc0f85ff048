"""The ASGI front: what one kind of request can and cannot take from another."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from webhook_app.server.body import Receive
from webhook_app.server.front import Front, FrontLimits, WebhookApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONG_S = 60.0
LARGE = b"x" * 90


def length_app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answers how long the body is."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [str(len(body)).encode()]


def front_of(limits: FrontLimits, app: "WSGIApplication" = length_app) -> Front:
    webhooks = WebhookApp(
        app,
        handles_path=lambda path: path.startswith("/webhooks"),
        refuse_head=lambda path, headers: None,
        count=lambda outcome: None,
    )
    return Front(app, webhooks, threads=1, limits=limits)


def receive_of(body: bytes, *, more: bool) -> Receive:
    """A peer that sends this, then nothing more."""
    messages = [{"type": "http.request", "body": body, "more_body": more}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    return receive


async def post(front: Front, path: str, body: bytes, *, more: bool = False) -> tuple[int, bytes]:
    """The status and body of the response."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "headers": [],
    }
    await front(scope, receive_of(body, more=more), send)
    return sent[0]["status"], sent[1]["body"]


def test_large_bodies_elsewhere_keep_no_webhook_waiting() -> None:
    async def scenario() -> None:
        limits = FrontLimits(free_body_bytes=10, shared_body_bytes=100, body_timeout_s=LONG_S)
        front = front_of(limits)
        unfinished = asyncio.create_task(post(front, "/login", LARGE, more=True))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(post(front, "/login", LARGE))
        assert await asyncio.wait_for(post(front, "/webhooks/videosdk", LARGE), LONG_S) == (200, b"90")
        assert not waiting.done()
        unfinished.cancel()
        assert await waiting == (200, b"90")

    asyncio.run(scenario())


def test_a_request_that_found_no_memory_in_its_time_is_to_come_again() -> None:
    async def scenario() -> None:
        front = front_of(FrontLimits(free_body_bytes=10, shared_body_bytes=100, body_timeout_s=0.01))
        for path in ("/login", "/webhooks/videosdk"):
            status, _ = await post(front, path, b"x" * 200)
            assert status == 503

    asyncio.run(scenario())


def test_a_request_counts_as_being_answered_from_its_last_byte_to_its_response() -> None:
    async def scenario() -> None:
        is_responding: list[bool] = []

        def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            is_responding.append(front.is_responding)
            return length_app(environ, start_response)

        front = front_of(FrontLimits(), app)
        unfinished = asyncio.create_task(post(front, "/login", LARGE, more=True))
        await asyncio.sleep(0)
        assert not front.is_responding
        for path in ("/login", "/webhooks/videosdk"):
            assert (await post(front, path, LARGE))[0] == 200
        assert is_responding == [True, True]
        assert not front.is_responding
        unfinished.cancel()

    asyncio.run(scenario())
