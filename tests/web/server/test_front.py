"""The ASGI front: which app a request goes to, and what is refused before it gets there."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

import pytest

from tests.support.polling import wait_until_async
from webhook_app.server.front import Front, FrontLimits, RefusalError, WebhookApp
from webhook_app.server.handoff import StreamResponse

LIMIT_S = 60.0
LIMITS = FrontLimits(webhook_body_max_bytes=10, request_body_max_bytes=20, body_timeout_s=0.05, waiting_requests=2)

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read()]


class Answer:
    """What came back from the front."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


async def ask(
    front: Front,
    method: str = "POST",
    path: str = "/x",
    parts: Iterable[bytes] = (b"",),
    *,
    ends: bool = True,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> Answer:
    """Send a request; after its parts the peer goes on, or stays silent."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or not ends}

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", "8000"),
        "client": ("127.0.0.1", "4711"),
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers or [],
    }
    answer = Answer()
    async with asyncio.timeout(LIMIT_S):
        await front(scope, receive, answer.send)
    return answer


def webhook_app(counted: list[str]) -> WebhookApp:
    def refuse_head(path: str, headers: object) -> RefusalError | None:
        return RefusalError(404, "nothing here") if path.endswith("/wrong") else None

    return WebhookApp(echo, lambda path: path.startswith("/webhooks"), refuse_head, counted.append)


def test_a_request_reaches_its_app_with_its_whole_body() -> None:
    front = Front(echo, webhook_app([]), threads=2, limits=LIMITS)
    assert asyncio.run(ask(front, parts=[b"ab", b"c"])).body == b"POST abc"
    assert asyncio.run(ask(front, path="/webhooks/videosdk", parts=[b"ab", b"c"])).body == b"POST abc"


@pytest.mark.parametrize(("path", "most"), [("/x", 20), ("/webhooks/videosdk", 10)])
def test_a_body_that_is_too_large_is_refused_announced_or_not(path: str, most: int) -> None:
    counted: list[str] = []
    front = Front(echo, webhook_app(counted), threads=2, limits=LIMITS)
    assert asyncio.run(ask(front, path=path, parts=[b"x" * most])).status == 200
    assert asyncio.run(ask(front, path=path, parts=[b"x" * most, b"x"])).status == 413
    announced = [(b"content-length", str(most + 1).encode())]
    assert asyncio.run(ask(front, path=path, parts=[], headers=announced)).status == 413
    assert counted == (["too-large"] * 2 if path != "/x" else [])


@pytest.mark.parametrize("path", ["/x", "/webhooks/videosdk"])
def test_a_body_that_does_not_come_is_refused(path: str) -> None:
    counted: list[str] = []
    front = Front(echo, webhook_app(counted), threads=2, limits=LIMITS)
    answer = asyncio.run(ask(front, path=path, parts=[b"x"], ends=False))
    assert (answer.status, answer.headers[b"connection"]) == (408, b"close")
    assert counted == (["too-slow"] if path != "/x" else [])


def test_what_the_head_alone_decides_is_refused_before_the_body_comes() -> None:
    front = Front(echo, webhook_app([]), threads=2)
    assert asyncio.run(ask(front, path="/webhooks/wrong", parts=[], ends=False)).status == 404


def test_an_app_that_raises_answers_500_and_the_next_request_works() -> None:
    def broken(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise ValueError("a fault of ours")
        return echo(environ, start_response)

    front = Front(broken, None, threads=1)
    assert asyncio.run(ask(front, path="/broken")).status == 500
    assert asyncio.run(ask(front)).status == 200


def test_so_many_requests_wait_and_no_more_but_health_checks_are_answered() -> None:
    let_go = threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            let_go.wait(LIMIT_S)
        return echo(environ, start_response)

    async def scenario() -> None:
        front = Front(slow, webhook_app([]), threads=1, limits=LIMITS)
        waiting = [asyncio.create_task(ask(front)) for _ in range(LIMITS.waiting_requests)]
        await asyncio.sleep(0)
        refused = await ask(front)
        assert (refused.status, refused.headers[b"retry-after"]) == (503, b"2")
        assert (await ask(front, "GET", "/healthz")).status == 200
        assert (await ask(front, path="/webhooks/videosdk")).status == 200
        let_go.set()
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [200, 200]

    asyncio.run(scenario())


class Stream:
    """An endless stream, and how often it was ended."""

    def __init__(self) -> None:
        self.begun = False
        self.ended = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        self.begun = True
        while True:
            yield b"tick"
            await asyncio.sleep(0)

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return StreamResponse(self.chunks(), end_stream=self.end)(environ, start_response)

    def end(self) -> None:
        self.ended += 1


def test_asking_for_the_head_of_a_stream_opens_none() -> None:
    stream = Stream()
    answer = asyncio.run(ask(Front(stream.app, None, threads=1), "HEAD"))
    assert (answer.status, answer.body) == (200, b"")
    assert stream.ended


def test_streams_end_when_the_process_is_about_to_end() -> None:
    async def scenario() -> None:
        stream = Stream()
        front = Front(stream.app, None, threads=1)
        request = asyncio.create_task(ask(front, "GET"))
        await wait_until_async(lambda: stream.begun, what="the stream to begin")
        assert not request.done()
        front.drain()
        assert (await request).body.startswith(b"tick")
        assert stream.ended

    asyncio.run(scenario())
