"""Connections to endpoints: kept, used again, given up; and answers that try to be more than one answer."""

import asyncio
import base64
import gc
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import certified
from tests.support.pauses import slow_answer_async
from tests.support.polling import scaled_limit, wait_until_async
from webhook_app.config.values import networks
from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES
from workers.channels.http.client import HttpClient
from workers.channels.http.connection import HttpConnection
from workers.channels.http.connector import Connector
from workers.channels.http.limits import HttpLimits
from workers.channels.http.resolver import Resolver
from workers.channels.http.target import parse_target
from workers.channels.webhook import WebhookChannel

HERE = networks("127.0.0.0/8,::1/128")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Reads requests whole, and answers each as `answers` says: the bytes, or None to hang up."""

    def __init__(self, *answers: Any, after: bytes = b"", hang_up_after: bool = False) -> None:
        self.answers = list(answers)
        self.after = after
        self.hang_up_after = hang_up_after
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.gone = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def talk(self, reader: Any, writer: Any) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append((head, await reader.readexactly(length)))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if self.after:
                    await slow_answer_async(0.02)
                    writer.write(self.after)
                    await writer.drain()
                if self.hang_up_after:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.gone.set()


@asynccontextmanager
async def serving(*answers: Any, tls: Any = None, **more: Any) -> AsyncIterator[Any]:
    """Such a server and its address."""
    server = Server(*answers, **more)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield server, f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
        for writer in server.writers:
            writer.close()


@asynccontextmanager
async def posting(*, lookup: Any = None, connector: Any = None, **limits: Any) -> AsyncIterator[Any]:
    client = HttpClient(
        allowed=HERE, limits=HttpLimits(**limits), resolver=Resolver(lookup=lookup), connector=connector
    )
    webhook_channel = WebhookChannel(client)
    try:
        yield webhook_channel
    finally:
        await webhook_channel.close()


def posted(times: Any, *answers: Any, until_gone: bool = False, limits: Any = None, **more: Any) -> Any:
    """What so many posts one after the other came to, and the server that answered them."""

    async def go() -> Any:
        async with serving(*answers, **more) as (server, url), posting(**(limits or {})) as webhook_channel:
            replies = []
            for _ in range(times):
                replies.append(await webhook_channel.post(url, b"{}", {"webhook-id": "msg_1"}))
                if until_gone:
                    await asyncio.wait_for(server.gone.wait(), scaled_limit(5))
                    server.gone.clear()
            return replies, server

    return asyncio.run(go())


def outcomes(replies: Any) -> Any:
    return [(reply.status, reply.error) for reply in replies]


def test_a_connection_is_used_again() -> None:
    replies, server = posted(5, OK)
    assert outcomes(replies) == [(200, None)] * 5
    assert (server.connections, len(server.requests)) == (1, 5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_is_to_end_is_not_used_again(answer: bytes) -> None:
    replies, server = posted(3, answer)
    assert outcomes(replies) == [(200, None)] * 3
    assert server.connections == 3


def test_an_answer_that_ends_with_its_connection_is_kept_whole() -> None:
    replies, server = posted(2, b"HTTP/1.1 500 No\r\n\r\nbecause", hang_up_after=True)
    assert [(reply.status, reply.response) for reply in replies] == [(500, "because")] * 2
    assert server.connections == 2


class LostAtOnce(Connector):
    """Connects, and loses each connection before it is used."""

    async def connect(self, target: Any, new_connection: Any) -> Any:
        connection = await super().connect(target, new_connection)
        connection.abort()
        while connection.is_open:
            await asyncio.sleep(0)
        return connection


def test_a_connection_that_ended_before_it_was_used_has_refused() -> None:
    async def go() -> Any:
        connector = LostAtOnce(allowed=HERE, exempt_url=None)
        async with serving(OK) as (server, url), posting(connector=connector) as webhook_channel:
            return await webhook_channel.post(url, b"{}", {}), server

    reply, server = asyncio.run(go())
    assert (reply.status, reply.error, server.requests) == (None, "refused", [])


@pytest.mark.parametrize("until_gone", [True, False])
def test_a_connection_that_was_closed_while_idle_costs_no_attempt(until_gone: bool) -> None:
    replies, server = posted(3, OK, hang_up_after=True, until_gone=until_gone)
    assert outcomes(replies) == [(200, None)] * 3
    assert (server.connections, len(server.requests)) == (3, 3)


def test_a_request_that_was_never_answered_goes_out_once_more_on_a_new_connection_only() -> None:
    replies, server = posted(2, OK, None)
    assert outcomes(replies) == [(200, None), (None, "not-http")]
    assert (server.connections, len(server.requests)) == (2, 3)
    assert len({head for head, _ in server.requests}) == 1


def test_a_server_that_closes_a_new_connection_gets_no_second_request() -> None:
    replies, server = posted(1, None)
    assert outcomes(replies) == [(None, "not-http")]
    assert len(server.requests) == 1


PLANTED = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(("with_it", "after"), [(PLANTED, b""), (b"", PLANTED), (PLANTED[:20], PLANTED[20:])])
def test_an_unsolicited_response_is_not_taken_for_the_next(with_it: Any, after: Any) -> None:
    replies, server = posted(3, OK + with_it, after=after, until_gone=True)
    assert outcomes(replies) == [(200, None)] * 3
    assert server.connections == 3


def test_what_announces_an_answer_is_passed_over() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\nLink: </x>\r\n\r\n"
    replies, server = posted(2, early + b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    assert [(reply.status, reply.retry_after_ms) for reply in replies] == [(503, None)] * 2
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
        b"HTTP/3.7 200 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
    ],
)
def test_an_answer_without_a_status_line_is_not_http_and_its_beginning_is_kept(answer: bytes) -> None:
    replies, _ = posted(1, answer, hang_up_after=True)
    assert outcomes(replies) == [(None, "not-http")]
    assert replies[0].response == answer[:RESPONSE_KEPT_BYTES].decode("utf-8", "replace")


def test_an_answer_in_chunks_is_kept_and_its_trailers_mean_nothing() -> None:
    chunked = b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n0\r\nRetry-After: 77\r\n\r\n"
    replies, server = posted(2, chunked)
    assert [(reply.status, reply.response, reply.retry_after_ms) for reply in replies] == [(429, "slow", None)] * 2
    assert server.connections == 1


@pytest.mark.parametrize("endless", [b"X: " + b"a" * 100_000, b"b" * 100_000, b"a: b\r\n" * 20_000])
def test_trailers_that_never_end_are_cut_by_their_size_and_the_status_counts(endless: bytes) -> None:
    limits = {"body_timeout_s": scaled_limit(60), "total_timeout_s": scaled_limit(60)}
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    replies, server = posted(2, head + endless, limits=limits)
    assert [(reply.status, reply.response) for reply in replies] == [(200, "ok")] * 2
    assert server.connections == 2


def test_connections_that_have_ended_leave_nothing_for_the_collector() -> None:
    async def go() -> None:
        async with serving(OK, hang_up_after=True) as (server, url), posting() as webhook_channel:
            for _ in range(20):
                await webhook_channel.post(url, b"{}", {})
                await asyncio.wait_for(server.gone.wait(), scaled_limit(5))
                server.gone.clear()
            await wait_until_async(
                lambda: sum(isinstance(candidate, HttpConnection) for candidate in gc.get_objects()) <= 1,
                what="closed connections to be freed",
            )

    gc.collect()
    gc.disable()
    try:
        asyncio.run(go())
    finally:
        gc.enable()


def test_a_long_answer_is_cut_and_its_connection_with_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"
    replies, server = posted(2, head + b"x" * 100_000)
    assert [(reply.status, len(reply.response)) for reply in replies] == [(200, RESPONSE_KEPT_BYTES)] * 2
    assert server.connections == 2


def test_an_answer_that_drips_is_cut_when_its_time_is_over() -> None:
    async def go() -> Any:
        async def drip(reader: Any, writer: Any) -> None:
            await reader.readuntil(b"\r\n\r\n")
            try:
                for letter in b"HTTP/1.1 200 OK" + b" " * 1_000:
                    writer.write(bytes([letter]))
                    await writer.drain()
                    await slow_answer_async(0.05)
            except ConnectionError:
                ended.set()
            finally:
                writer.close()

        ended = asyncio.Event()
        listening = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with listening, posting(total_timeout_s=0.3) as webhook_channel:
            reply = await webhook_channel.post(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/", b"{}", {})
            await asyncio.wait_for(ended.wait(), scaled_limit(5))
            return reply

    assert asyncio.run(go()).error == "timeout"


def test_hundreds_that_hang_time_out_together_and_another_is_sent_meanwhile() -> None:
    async def go() -> Any:
        async with (
            serving(b"") as (_, hanging),
            serving(OK) as (_, well),
            posting(total_timeout_s=1.0) as webhook_channel,
        ):
            hang = [asyncio.create_task(webhook_channel.post(hanging, b"{}", {})) for _ in range(300)]
            await asyncio.sleep(0)
            reply = await webhook_channel.post(well, b"{}", {})
            assert not any(first_server.done() for first_server in hang)
            return reply, {reply.error for reply in await asyncio.gather(*hang)}

    reply, errors = asyncio.run(go())
    assert (reply.status, errors) == (200, {"timeout"})


def test_a_post_that_is_given_up_from_outside_leaves_no_connection_for_others() -> None:
    async def go() -> Any:
        async with serving(b"", OK) as (server, url), posting() as webhook_channel:
            task = asyncio.create_task(webhook_channel.post(url, b"{}", {}))
            await wait_until_async(lambda: server.requests, what="the request")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            reply = await webhook_channel.post(url, b"{}", {})
            await asyncio.wait_for(server.gone.wait(), scaled_limit(5))
            return reply, server.connections

    reply, connections = asyncio.run(go())
    assert (reply.status, connections) == (200, 2)


def test_idle_connections_are_closed_after_a_while() -> None:
    async def go() -> Any:
        async with serving(OK) as (server, url), posting(keep_alive_s=0.1) as webhook_channel:
            await webhook_channel.post(url, b"{}", {})
            await asyncio.wait_for(server.gone.wait(), scaled_limit(5))
            return (await webhook_channel.post(url, b"{}", {})).status, server.connections

    assert asyncio.run(go()) == (200, 2)


def test_no_more_than_so_many_connections_are_kept_idle() -> None:
    async def go() -> Any:
        async with serving(OK) as (server, url), posting(idle_connections_max=3) as webhook_channel:
            for _ in range(2):
                await asyncio.gather(*(webhook_channel.post(url, b"{}", {}) for _ in range(10)))
            return server.connections

    assert asyncio.run(go()) == 10 + 7


def test_a_connection_serves_its_own_endpoint_only() -> None:
    async def go() -> Any:
        async with serving(OK) as (first_server, first), serving(OK) as (other, second), posting() as webhook_channel:
            for url in (first, second, first, second.replace("127.0.0.1", "localhost"), first):
                assert (await webhook_channel.post(url, b"{}", {})).status == 200
            return first_server, other

    first_server, other = asyncio.run(go())
    assert (first_server.connections, len(first_server.requests)) == (1, 3)
    assert (other.connections, len(other.requests)) == (2, 2)
    assert b"\r\nhost: localhost:" in other.requests[1][0]


@pytest.mark.parametrize("value", ["a\r\nx-planted: 1", "a\nb", "a\x00", "ä", "a\x7f"])
def test_a_field_that_would_be_two_is_not_sent(value: str) -> None:
    async def go() -> Any:
        async with serving(OK) as (server, url), posting() as webhook_channel:
            return await webhook_channel.post(url, b"{}", {"webhook-id": value}), server

    reply, server = asyncio.run(go())
    assert (reply.status, reply.error, server.requests) == (None, "refused", [])


@pytest.mark.parametrize("rest", [" HTTP/1.1\r\nx: y", "\r\n\r\nPOST /other", "\tx", "\x00"])
def test_an_address_that_would_end_its_line_is_not_sent_so(rest: str) -> None:
    async def go() -> Any:
        async with serving(OK) as (server, url), posting() as webhook_channel:
            return await webhook_channel.post(url + rest, b"{}", {}), server

    _, server = asyncio.run(go())
    for head, _ in server.requests:
        assert head.count(b"\r\nx") == 0
        assert head.count(b"POST") == 1


def test_the_users_name_in_an_address_is_sent_as_basic_and_nothing_of_it_in_the_line() -> None:
    async def go() -> Any:
        async with serving(OK) as (server, url), posting() as webhook_channel:
            await webhook_channel.post(url.replace("http://", "http://ops:s%2Fecret@"), b"{}", {})
            return server.requests[0][0]

    head = asyncio.run(go()).decode()
    assert f"authorization: Basic {base64.b64encode(b'ops:s/ecret').decode()}\r\n" in head
    assert "secret" not in head


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("http://a.example", "POST / HTTP/1.1", "a.example"),
        ("https://a.example:443/x?y=%2F&z", "POST /x?y=%2F&z HTTP/1.1", "a.example"),
        ("https://a.example:8443/x#part", "POST /x HTTP/1.1", "a.example:8443"),
        ("http://[2001:db8::1]:8080/", "POST / HTTP/1.1", "[2001:db8::1]:8080"),
        ("http://bücher.example/ü", "POST /%C3%BC HTTP/1.1", "xn--bcher-kva.example"),
        ("http://a.example./", "POST / HTTP/1.1", "a.example"),
    ],
)
def test_how_a_request_begins(url: str, line: str, host: str) -> None:
    head = parse_target(url).head.split("\r\n")
    assert head[:2] == [line, f"host: {host}"]


def test_a_name_whose_server_is_silent_is_timed_out_with_the_rest() -> None:
    end = threading.Event()

    def silent(host: Any, port: Any) -> Any:
        end.wait(scaled_limit(30))
        return []

    async def go() -> Any:
        async with posting(lookup=silent, total_timeout_s=0.2) as webhook_channel:
            reply = await asyncio.wait_for(webhook_channel.post("http://silent.example/", b"{}", {}), scaled_limit(5))
            end.set()
            return reply

    assert asyncio.run(go()).error == "timeout"


def test_concurrent_requests_share_one_name_lookup() -> None:
    hosts = []

    def look_up(host: Any, port: Any) -> Any:
        hosts.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async def go() -> Any:
        async with serving(OK) as (_, url), posting(lookup=look_up) as webhook_channel:
            named = url.replace("127.0.0.1", "well.example")
            replies = await asyncio.gather(*(webhook_channel.post(named, b"{}", {}) for _ in range(50)))
            return {reply.status for reply in replies}

    assert (asyncio.run(go()), len(hosts)) == ({200}, 1)


def test_who_takes_no_connection_is_timed_out() -> None:
    async def go() -> Any:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
            for _ in range(3):  # more than its queue holds: from then on nobody's connection is taken
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            async with posting(connect_timeout_s=0.2) as webhook_channel:
                url = f"http://127.0.0.1:{full.getsockname()[1]}/"
                return await asyncio.wait_for(webhook_channel.post(url, b"{}", {}), scaled_limit(5))

    assert asyncio.run(go()).error == "timeout"


def test_tls_that_is_vouched_for_is_spoken_and_its_connection_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, path = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    async def go() -> Any:
        async with serving(OK, tls=tls) as (server, url), posting() as webhook_channel:
            replies = [await webhook_channel.post(url, b"{}" * 50_000, {}) for _ in range(3)]
            misnamed = await webhook_channel.post(url.replace("127.0.0.1", "localhost"), b"{}", {})
            return outcomes(replies), misnamed.error, server

    replies, misnamed, server = asyncio.run(go())
    assert replies == [(200, None)] * 3
    assert misnamed == "tls"
    assert len(server.requests) == 3
    assert len(server.requests[0][1]) == 100_000
