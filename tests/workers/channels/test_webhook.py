"""One attempt at a delivery, against a real server: what came of it, what was kept, and where it may not go."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.certificates import certified
from tests.support.pauses import send_in_pieces, slow_answer_async
from tests.support.polling import scaled_limit, wait_until_async
from webhook_app.config.values import networks
from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES
from webhook_app.secrets.subscriber_secrets import new_secret
from workers.channels.http.client import HttpClient
from workers.channels.http.limits import HttpLimits
from workers.channels.http.resolver import Resolver
from workers.channels.webhook import RETRY_AFTER_MAX_S, WebhookChannel, encode_body, signed_headers
from workers.cli.commands.deliveries import blocked_hints

HERE = networks("127.0.0.0/8,::1/128")
BODY = b'{"type":"stream.playable"}'


@asynccontextmanager
async def serving(handler: Any, *, tls: Any = None) -> AsyncIterator[Any]:
    """A server whose every path is answered by `handler`; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(talk: Any) -> AsyncIterator[Any]:
    """A server that answers every request with what `talk` writes; its port."""

    async def answer(reader: Any, writer: Any) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def posted(
    url: Any,
    *,
    allowed: Any = HERE,
    exempt_url: Any = None,
    resolver: Any = None,
    limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
    headers: Any = None,
    body: Any = BODY,
) -> Any:
    client = HttpClient(allowed=allowed, exempt_url=exempt_url, limits=limits, resolver=resolver)
    webhook_channel = WebhookChannel(client)
    try:
        return await webhook_channel.post(url, body, headers or {})
    finally:
        await webhook_channel.close()


def reply_to(handler: Any, path: str = "/hook", **more: Any) -> Any:
    """What a post to a server with this handler comes to."""

    async def attempt() -> Any:
        async with serving(handler) as url:
            return await posted(url + path, **more)

    return asyncio.run(attempt())


def answering(status: Any, body: bytes = b"", **headers: Any) -> Any:
    async def handler(request: Any) -> Any:
        await request.read()
        return web.Response(status=status, body=body, headers=headers)

    return handler


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    reply = reply_to(answering(status))
    assert (reply.status, reply.error) == (status, None)
    assert reply.duration_ms >= 0


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 502, 503])
def test_another_status_is_an_error_of_status(status: int) -> None:
    reply = reply_to(answering(status, b"why"))
    assert (reply.status, reply.error, reply.response) == (status, "status", "why")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    paths = []

    async def handler(request: Any) -> Any:
        paths.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    assert (reply_to(handler).status, paths) == (status, ["/hook"])
    assert reply_to(handler).error == "status"


def test_what_arrives_is_what_was_sent() -> None:
    requests = []

    async def handler(request: Any) -> Any:
        requests.append((request.method, request.path_qs, await request.read(), dict(request.headers)))
        return web.Response()

    body = encode_body({"ä": "🎥", "n": 1.5})
    headers = signed_headers("msg_1", 1_700_000_000, body, [new_secret()])
    assert reply_to(handler, "/hook?to=tv&x=%2F", body=body, headers=headers).error is None
    [(method, path, arrived, got)] = requests
    assert (method, path, arrived) == ("POST", "/hook?to=tv&x=%2F", body)
    assert json.loads(arrived) == {"ä": "🎥", "n": 1.5}
    headers_received = {name.lower(): value for name, value in got.items()}
    assert headers_received.items() >= headers.items()
    assert headers_received["content-type"] == "application/json"
    assert headers_received["user-agent"].startswith("Tallylight/")
    assert "cookie" not in headers_received


def test_cookies_are_not_kept() -> None:
    requests = []

    async def handler(request: Any) -> Any:
        requests.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async def twice() -> None:
        async with serving(handler) as url:
            webhook_channel = WebhookChannel(HttpClient(allowed=HERE))
            for _ in range(2):
                await webhook_channel.post(url, BODY, {})
            await webhook_channel.close()

    asyncio.run(twice())
    assert requests == [None, None]


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        ("7", 7_000),
        (" 120 ", 120_000),
        ("0", 0),
        ("9" * 30, RETRY_AFTER_MAX_S * 1_000),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_a_retry_after_in_seconds_is_read(value: str, ms: Any) -> None:
    async def talk(writer: Any) -> None:
        head = f"HTTP/1.1 429 Slow down\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()

    async def attempt() -> Any:
        async with listening(talk) as port:
            return await posted(f"http://127.0.0.1:{port}/")

    reply = asyncio.run(attempt())
    assert (reply.status, reply.retry_after_ms) == (429, ms)


def test_the_first_two_kibibytes_of_an_answer_are_kept() -> None:
    reply = reply_to(answering(500, b"x" * 100_000))
    assert reply.response == "x" * RESPONSE_KEPT_BYTES


def test_an_answer_in_pieces_is_kept_up_to_the_same_size() -> None:
    async def handler(request: Any) -> Any:
        answer = web.StreamResponse(status=500)
        await answer.prepare(request)
        await send_in_pieces(answer.write, (b"first ", b"second ", b"third"), 0.02)
        return answer

    assert reply_to(handler).response == "first second third"


def test_an_answer_that_is_no_text_is_kept_as_far_as_it_is() -> None:
    assert reply_to(answering(500, b"a\xff\xfe\x00b")).response == "a\ufffd\ufffd\x00b"


def test_an_answer_that_is_packed_is_not_unpacked() -> None:
    reply = reply_to(answering(200, b"\x1f\x8b junk", **{"Content-Encoding": "gzip"}))
    assert (reply.status, reply.error) == (200, None)


def test_who_does_not_answer_is_timed_out() -> None:
    async def handler(request: Any) -> Any:
        await slow_answer_async(scaled_limit(5))
        return web.Response()

    reply = reply_to(handler, limits=HttpLimits(total_timeout_s=0.2))
    assert (reply.status, reply.error) == (None, "timeout")
    assert reply.duration_ms >= 150


def test_a_status_that_has_come_counts_although_the_rest_never_does() -> None:
    async def talk(writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")
        await writer.drain()
        await slow_answer_async(5)

    async def attempt() -> Any:
        async with listening(talk) as port:
            return await posted(f"http://127.0.0.1:{port}/", limits=HttpLimits(body_timeout_s=0.2))

    reply = asyncio.run(attempt())
    assert (reply.status, reply.error, reply.response) == (200, None, "half of")


def test_a_status_that_has_come_counts_although_the_rest_is_cut_off() -> None:
    async def talk(writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")
        await writer.drain()

    async def attempt() -> Any:
        async with listening(talk) as port:
            return await posted(f"http://127.0.0.1:{port}/")

    reply = asyncio.run(attempt())
    assert (reply.status, reply.error) == (200, None)


@pytest.mark.parametrize(
    "answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 9999 What\r\n\r\n", b"HTTP/1.1 20", b"\x00" * 100, b"x" * 100_000]
)
def test_an_endpoint_that_speaks_no_http_is_not_http(answer: bytes) -> None:
    async def talk(writer: Any) -> None:
        writer.write(answer)
        await writer.drain()

    async def attempt() -> Any:
        async with listening(talk) as port:
            return await posted(f"http://127.0.0.1:{port}/")

    reply = asyncio.run(attempt())
    assert (reply.status, reply.error) == (None, "not-http")


def test_a_port_without_a_listener_is_a_refused_connection() -> None:
    async def attempt() -> Any:
        async with listening(None) as port:
            pass
        return await posted(f"http://127.0.0.1:{port}/")

    reply = asyncio.run(attempt())
    assert (reply.status, reply.error) == (None, "refused")


def test_an_unknown_host_name_is_a_dns_error() -> None:
    reply = asyncio.run(posted("http://nonexistent.invalid/"))
    assert (reply.status, reply.error) == (None, "dns")


def test_a_plain_port_is_no_end_of_tls() -> None:
    async def attempt() -> Any:
        async with serving(answering(200)) as url:
            return await posted(url.replace("http:", "https:"))

    assert asyncio.run(attempt()).error == "tls"


def test_an_untrusted_certificate_is_a_tls_error(tmp_path: Path) -> None:
    tls, _ = certified(tmp_path)
    requests = []

    async def handler(request: Any) -> Any:
        requests.append(request)
        return web.Response()

    async def attempt() -> Any:
        async with serving(handler, tls=tls) as url:
            return await posted(url)

    assert asyncio.run(attempt()).error == "tls"
    assert requests == []


INSIDE = {
    "blocked": "127.0.0.1 127.0.0.2 [::1] [::ffff:127.0.0.1] 0.0.0.0 localhost LOCALHOST 10.255.255.1 169.254.169.254 "
    "[fd00::1] [64:ff9b::7f00:1] 0x7f000001 0x7f.1",
    "not even tried": "0 2130706433 017700000001 127.1 localhost.",
}


@pytest.mark.parametrize(("host", "how"), [(host, how) for how, hosts in INSIDE.items() for host in hosts.split()])
def test_an_address_inside_is_not_reached_however_it_is_written(host: Any, how: Any) -> None:
    requests = []

    async def handler(request: Any) -> Any:
        requests.append(request)
        return web.Response()

    async def attempt() -> Any:
        async with serving(handler) as url:
            port = url.rpartition(":")[2]
            return await posted(f"http://{host}:{port}/", allowed=())

    reply = asyncio.run(attempt())
    assert reply.status is None
    assert requests == []
    assert reply.error == "blocked" or (how != "blocked" and reply.error in {"refused", "dns"})


def resolving(*addresses: Any) -> Any:
    """A resolver to which every name has these addresses, in this order."""

    def look_up(host: Any, port: Any) -> Any:
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]

    return Resolver(lookup=look_up)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1", "127.0.0.1"], ["127.0.0.1", "127.0.0.2", "::1", "10.0.0.1"], ["::ffff:127.0.0.1"]],
)
def test_a_name_that_resolves_to_the_inside_is_blocked(addresses: Any) -> None:
    reply = reply_to_name(allowed=(), resolver=resolving(*addresses))
    assert (reply.status, reply.error) == (None, "blocked")
    assert "ALLOW_NETWORKS" in reply.response
    assert all(address in reply.response for address in addresses)


def reply_to_name(**more: Any) -> Any:
    async def attempt() -> Any:
        async with serving(answering(200)) as url:
            return await posted(f"http://inside.example:{url.rpartition(':')[2]}/", **more)

    return asyncio.run(attempt())


def test_a_name_of_which_one_address_is_allowed_reaches_that_one() -> None:
    resolver = resolving("10.0.0.1", "127.0.0.1")
    assert reply_to_name(allowed=networks("127.0.0.0/8"), resolver=resolver).status == 200


def test_names_that_hang_hold_up_no_other() -> None:
    end = threading.Event()
    lookups: list[str] = []

    def hanging(host: Any, port: Any) -> Any:
        if str(host).startswith("silent"):
            lookups.append(host)
            end.wait(scaled_limit(20))
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answered")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async def attempt() -> Any:
        async with serving(answering(200)) as url:
            webhook_channel = WebhookChannel(
                HttpClient(allowed=networks("127.0.0.0/8"), resolver=Resolver(lookup=hanging))
            )
            silent = [
                asyncio.create_task(webhook_channel.post(f"http://silent-{at}.example/", b"{}", {})) for at in range(60)
            ]
            await wait_until_async(lambda: len(lookups) == 60, what="60 lookups that hang")
            reply = await webhook_channel.post(f"http://well.example:{url.rpartition(':')[2]}/", b"{}", {})
            waiting = [not task.done() for task in silent]
            end.set()
            failed = [result.error for result in await asyncio.gather(*silent)]
            await webhook_channel.close()
            return reply.status, all(waiting), set(failed)

    assert asyncio.run(attempt()) == (200, True, {"dns"})


def test_a_network_that_is_allowed_is_reached() -> None:
    assert reply_to(answering(200), allowed=networks("127.0.0.1/32")).status == 200
    assert reply_to(answering(200), allowed=networks("127.0.0.2/32")).error == "blocked"


def test_the_sandboxs_own_port_is_reached_and_no_other() -> None:
    async def attempt() -> Any:
        async with serving(answering(200)) as sandbox, serving(answering(200)) as other:
            own = await posted(f"{sandbox}/sandbox/inbox/x", allowed=(), exempt_url=sandbox)
            neighbour = await posted(f"{other}/", allowed=(), exempt_url=sandbox)
            return own, neighbour

    own, neighbour = asyncio.run(attempt())
    assert own.status == 200
    assert neighbour.error == "blocked"


@pytest.mark.parametrize(
    "url", ["", "http://", "nonsense", "http://[::1", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/"]
)
def test_what_is_no_address_never_raises(url: str) -> None:
    reply = asyncio.run(posted(url))
    assert reply.status is None
    assert reply.error in {"dns", "refused", "blocked"}


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert reply_to(answering(200)).status == 200


def test_hundreds_of_posts_at_once_are_all_answered() -> None:
    async def attempt() -> Any:
        async with serving(answering(200)) as url:
            webhook_channel = WebhookChannel(HttpClient(allowed=HERE))
            replies = await asyncio.gather(*(webhook_channel.post(url, BODY, {}) for _ in range(300)))
            await webhook_channel.close()
            return replies

    assert {reply.status for reply in asyncio.run(attempt())} == {200}


def test_a_notice_verifies_with_the_library_of_standard_webhooks() -> None:
    secret, at, body = new_secret(), int(time.time()), encode_body({"type": "stream.playable"})
    headers = signed_headers("msg_1", at, body, [secret])
    assert Webhook("whsec_" + secret).verify(body, headers) == {"type": "stream.playable"}
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + secret).verify(body, headers | {"webhook-id": "msg_2"})


def test_after_a_rotation_both_secrets_verify() -> None:
    old, new, at, body = new_secret(), new_secret(), int(time.time()), b"{}"
    headers = signed_headers("msg_1", at, body, [new, old])
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert Webhook("whsec_" + secret).verify(body, headers) == {}


def test_the_command_line_says_once_which_addresses_were_blocked_and_what_allows_them() -> None:
    reply = asyncio.run(posted("http://127.0.0.1:9/", allowed=()))
    blocked = {"attempts": [{"error": "refused", "response": ""}, {"error": reply.error, "response": reply.response}]}
    mended = {"attempts": [*blocked["attempts"], {"error": None, "response": "ok"}]}
    assert blocked_hints([blocked, blocked, mended, {"attempts": []}]) == [reply.response]
    assert reply.response.startswith("Not sent: 127.0.0.1 is private") and "ALLOW_NETWORKS" in reply.response
