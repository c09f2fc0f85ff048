"""A status line settles a delivery, whatever follows it: answers as found in the wild, their mixtures and mutations."""

import asyncio
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_app.config.values import networks
from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES
from workers.channels.http.client import HttpClient
from workers.channels.http.limits import HttpLimits
from workers.channels.http.response import HEAD_MAX_BYTES, ResponseReader
from workers.channels.webhook import WebhookChannel, parse_retry_after

LOOPBACK = networks("127.0.0.0/8")
MIB = 1024 * 1024

# What follows "HTTP/1.1 <status>", by name. Each is read in one piece and in many.
ODD_RESTS = {
    "bare line feeds": b" OK\nServer: esp\nContent-Length: 3\n\nok\n",
    "mixed line ends": b" OK\nServer: GoAhead\r\nPragma: no-cache\nContent-Type: text/html\n\n<html></html>",
    "bare carriage returns": b" OK\rContent-Length: 2\r\rok",
    "length twice": b" OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "two lengths": b" OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
    "negative length": b" OK\r\nContent-Length: -1\r\n\r\nok",
    "length in words": b" OK\r\nContent-Length: two\r\n\r\nok",
    "huge length": b" OK\r\nContent-Length: 99999999999999999999999999\r\n\r\nok",
    "encoding and length": b" OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "encoding identity": b" OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    "encoding unknown": b" OK\r\nTransfer-Encoding: brainwave\r\n\r\nok",
    "encoding chunked twice": b" OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "space before colon": b" OK\r\nContent-Length : 2\r\n\r\nok",
    "folded field": b" OK\r\nX-A: b\r\n  c\r\nContent-Length: 2\r\n\r\nok",
    "fold before any field": b" OK\r\n  folded\r\nContent-Length: 2\r\n\r\nok",
    "line without colon": b" OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok",
    "field without name": b" OK\r\n: nothing\r\nContent-Length: 2\r\n\r\nok",
    "zero byte in a name": b" OK\r\nX\x00Y: b\r\nContent-Length: 2\r\n\r\nok",
    "zero byte in a value": b" OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
    "bytes beyond ASCII": b" \xc3\x96K \xff\r\nX-\xe4: \xff\xfe\r\nContent-Length: 2\r\n\r\nok",
    "no reason": b"\r\nContent-Length: 2\r\n\r\nok",
    "space but no reason": b" \r\nContent-Length: 2\r\n\r\nok",
    "chunk size that is none": b" OK\r\nTransfer-Encoding: chunked\r\n\r\nlots\r\nok\r\n0\r\n\r\n",
    "chunk with stray line ends": b" OK\r\nTransfer-Encoding: chunked\r\n\r\n   2\r\r\nok\r\n0\r\n\r\n",
    "chunk longer than said": b" OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": b" OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok",
    "body longer than said": b" OK\r\nContent-Length: 0\r\n\r\nok",
    "second answer": b" OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "cut off after the line": b" OK\r\n",
    "cut off in a field": b" OK\r\nContent-Le",
    "cut off in the body": b" OK\r\nContent-Length: 100\r\n\r\nok",
    "head of 1 MiB": b" OK\r\n" + b"X-Filler: aaaaaaaa\r\n" * (MIB // 20) + b"\r\nok",
    "one field of 1 MiB": b" OK\r\nX: " + b"a" * MIB + b"\r\n\r\nok",
    "junk after the line": b" OK\r\n" + bytes(range(256)) * 8,
}
STATUSES = {200: None, 204: None, 299: None, 308: "status", 410: "status", 429: "status", 503: "status"}


@asynccontextmanager
async def endpoint(*pieces: Any, reset: bool = False, stay_open: bool = False) -> AsyncIterator[Any]:
    """A server that reads a head, writes these pieces, then hangs up, resets or does nothing; its URL and its count."""
    connections = []
    done = asyncio.Event()

    async def answer(reader: Any, writer: Any) -> None:
        connections.append(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if stay_open:
                await done.wait()
            if reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", connections
        done.set()


def replies_of(*pieces: Any, times: int = 2, body: bytes = b"{}", limits: Any = HttpLimits(), **more: Any) -> Any:  # noqa: B008 - frozen
    """What posts to such an endpoint come to, one after the other, and how many connections they took."""

    async def go() -> Any:
        webhook_channel = WebhookChannel(HttpClient(allowed=LOOPBACK, limits=limits))
        try:
            async with endpoint(*pieces, **more) as (url, connections):
                replies = [await webhook_channel.post(url, body, {"webhook-id": "msg_1"}) for _ in range(times)]
                return replies, len(connections)
        finally:
            await webhook_channel.close()

    return asyncio.run(go())


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("rest", ODD_RESTS)
def test_a_status_line_settles_an_attempt_with_any_body(rest: Any, status: Any) -> None:
    for version in (b"HTTP/1.1", b"HTTP/1.0"):
        replies, connections = replies_of(b"%s %d" % (version, status) + ODD_RESTS[rest])
        assert [(reply.status, reply.error) for reply in replies] == [(status, STATUSES[status])] * 2
        assert connections == 2


@pytest.mark.parametrize("rest", [name for name, rest in ODD_RESTS.items() if len(rest) < 1_000])
def test_a_status_line_settles_an_answer_that_comes_byte_by_byte(rest: Any) -> None:
    answer = b"HTTP/1.1 200" + ODD_RESTS[rest]
    replies, _ = replies_of(*(answer[at : at + 1] for at in range(len(answer))), times=1)
    assert [(reply.status, reply.error) for reply in replies] == [(200, None)]


@pytest.mark.parametrize("pieces", [[b"HTTP/1.1 200 OK\r\n\r\n"], [b"HTTP/1.1 200 OK\r\nX: y"], [b"HTTP/1.0 200 \n\n"]])
def test_a_status_line_settles_although_the_connection_is_reset(pieces: Any) -> None:
    replies, _ = replies_of(*pieces, reset=True)
    assert [(reply.status, reply.error) for reply in replies] == [(200, None)] * 2


def test_an_answer_that_comes_before_the_body_was_read_settles() -> None:
    replies, _ = replies_of(b"HTTP/1.1 413 No\r\nConnection: close\r\n\r\ntoo long", reset=True, body=b"x" * 8 * MIB)
    assert [(reply.status, reply.error) for reply in replies] == [(413, "status")] * 2


@pytest.mark.parametrize("rest", [b" OK\r\nX: y\r\n", b" OK\r\n", b" OK\r\nContent-Length: 5\r\n\r\nok"])
def test_a_status_line_settles_although_the_rest_never_comes(rest: bytes) -> None:
    limits = HttpLimits(body_timeout_s=0.1)
    replies, connections = replies_of(b"HTTP/1.1 200" + rest, limits=limits, stay_open=True)
    assert [(reply.status, reply.error) for reply in replies] == [(200, None)] * 2
    assert connections == 2


def test_a_success_is_not_waited_for_beyond_an_odd_head() -> None:
    replies, _ = replies_of(b"HTTP/1.0 200 OK\nServer: esp\n\n", stay_open=True, times=1)
    assert [(reply.status, reply.error) for reply in replies] == [(200, None)]


INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 \nX: y\n\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n folded\r\nnonsense\r\nRetry-After: 9\r\n\r\n",
    b"HTTP/1.0 199\r\n",
]


@pytest.mark.parametrize("interim", [*INTERIM, b"".join(INTERIM)])
@pytest.mark.parametrize("rest", ["bare line feeds", "two lengths", "line without colon", "no reason"])
def test_an_interim_answer_is_passed_over_however_it_is_written(interim: Any, rest: str) -> None:
    replies, _ = replies_of(interim + b"HTTP/1.1 503" + ODD_RESTS[rest])
    assert [(reply.status, reply.error, reply.retry_after_ms) for reply in replies] == [(503, "status", None)] * 2


def test_an_interim_answer_alone_settles_nothing() -> None:
    replies, _ = replies_of(INTERIM[0])
    assert [(reply.status, reply.error) for reply in replies] == [(None, "not-http")] * 2


def test_an_answer_that_switches_protocols_is_a_failure_with_that_status() -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00"
    replies, connections = replies_of(answer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert [(reply.status, reply.error) for reply in replies] == [(101, "status")] * 2
    assert connections == 2


@pytest.mark.parametrize(
    "status_line",
    [b"HTTP/1.1  200  OK", b"HTTP/1.1\t200\tOK", b"\r\nHTTP/1.1 200 OK", b"  HTTP/1.1 200", b"HTTP/1.7 200 OK"],
)
def test_a_status_line_may_be_split_at_any_white_space(status_line: bytes) -> None:
    replies, _ = replies_of(status_line + b"\r\nContent-Length: 2\r\n\r\nok")
    assert [(reply.status, reply.error) for reply in replies] == [(200, None)] * 2


@pytest.mark.parametrize(
    "status_line",
    [
        *(b"HTTP/1.1 2000 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 0200", b"HTTP/1.1 -200", b"HTTP/1.1 099 OK"),
        *(b"HTTP/1.1200 OK", b"HTTP/2 200 OK", b"HTTP/11 200 OK", b"HTTP/1. 200 OK", b"http/1.1 200 OK"),
        *(b"HTTP/1.1 2\xb20 OK", b"xHTTP/1.1 200 OK", b"ICY 200 OK", b"220 mail ESMTP", b"hello\r\nHTTP/1.1 200 OK"),
        b"HTTP/1.1 \r\n200 OK",
    ],
)
def test_a_line_that_is_no_status_line_is_not_http(status_line: Any) -> None:
    replies, _ = replies_of(status_line + b"\r\nContent-Length: 2\r\n\r\nok", stay_open=True)
    assert [(reply.status, reply.error) for reply in replies] == [(None, "not-http")] * 2
    assert replies[0].response.startswith(status_line.decode("utf-8", "replace")[:5])


@pytest.mark.parametrize("piece", [b"HTTP/1.1 20", b"HTTP/1.1 200", b"HTTP/1.1 200 O", b"HTTP/1.1 " + b" " * 100_000])
def test_a_status_line_that_never_ends_settles_nothing(piece: bytes) -> None:
    replies, _ = replies_of(piece)
    assert [(reply.status, reply.error) for reply in replies] == [(None, "not-http")] * 2


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    ("head", "ms"),
    [
        ([b"Retry-After: 60"], 60_000),
        ([b"Retry-After : 60"], 60_000),
        ([b"nonsense", b"RETRY-AFTER:60", b"X\x00: y"], 60_000),
        ([b"Content-Length: 1", b"Content-Length: 2", b"retry-after: 60"], 60_000),
        ([b"Retry-After:", b" 60"], 60_000),
        ([b"Retry-After: 60", b" and more"], None),
        ([b"Retry-After: soon"], None),
        ([b"Retry-After"], None),
        ([b"X-Retry-After: 60"], None),
        ([b"X: y"], None),
    ],
)
def test_retry_after_is_read_from_an_odd_head(line_end: bytes, head: Any, ms: int | None) -> None:
    head_lines = [b"HTTP/1.1 429 Slow down", *head, b"odd", b"", b"Retry-After: 7"]
    replies, _ = replies_of(line_end.join(head_lines))
    assert [(reply.status, reply.retry_after_ms) for reply in replies] == [(429, ms)] * 2


def test_a_retry_after_that_was_cut_off_is_not_believed() -> None:
    replies, _ = replies_of(b"HTTP/1.1 429 Slow down\nRetry-After: 6")
    assert [(reply.status, reply.retry_after_ms) for reply in replies] == [(429, None)] * 2


def test_the_body_of_an_odd_failure_is_kept() -> None:
    replies, _ = replies_of(b"HTTP/1.0 500 No\n", b"Server: esp\n\n", b"out of ", b"memory", times=1)
    assert replies[0].response == "out of memory"
    replies, _ = replies_of(b"HTTP/1.0 500 No\nServer: esp\n\n" + b"x" * 100_000, stay_open=True, times=1)
    assert replies[0].response == "x" * RESPONSE_KEPT_BYTES


def test_every_mixture_of_two_oddities_settles_alike() -> None:
    fields = [b"Content-Length: 2", b"Content-Length : 2", b"Content-Length: 3", b"Transfer-Encoding: chunked"]
    fields += [b"Transfer-Encoding: gzip", b" folded", b"nonsense", b": x", b"X: \x00", b"Connection: keep-alive", b""]
    endings = [b"\r\n", b"\n"]
    for first, second, ending in itertools.product(fields, fields, endings):
        for line_end in endings:
            raw = b"HTTP/1.1 202 Fine" + ending + first + line_end + second + ending + line_end + b"ok"
            assert read(raw, len(raw)).status == 202, raw
            assert read(raw, 1).status == 202, raw


def read(raw: Any, size: Any) -> Any:
    reader = ResponseReader(kept_bytes=RESPONSE_KEPT_BYTES)
    for at in range(0, len(raw), size):
        if not reader.done:
            reader.feed(raw[at : at + size])
    reader.close()
    return reader


WELL_FORMED = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nDate: Sat, 28 Nov 2026 15:00:00 GMT\r\n\r\n",
    b"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno",
]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 2_000),
        st.integers(0, 8),
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([b"\r", b"\n", b"\r\n\r\n", b"\x00", b":", b" ", b"\r\n ", b"HTTP/1.1 599 Other\r\n\r\n"]),
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=1_500)
@given(answer=st.sampled_from(WELL_FORMED), edits=EDITS, size=st.sampled_from([1, 3, 7, 64, 10_000]))
def test_no_change_after_the_status_line_changes_the_status(answer: Any, edits: Any, size: Any) -> None:
    status = b"HTTP/1.1 500" if b" 500 " in answer else answer[:12]
    kept = answer.index(status) + answer[answer.index(status) :].index(b"\r\n") + 2
    rest = answer[kept:]
    for at, removed, inserted in edits:
        at = min(at, len(rest))
        rest = rest[:at] + inserted + rest[at + removed :]
    reader = read(answer[:kept] + rest, size)
    assert reader.status == int(status[-3:])
    assert len(reader.body()) <= RESPONSE_KEPT_BYTES
    parse_retry_after(reader.retry_after(), time())


@settings(deadline=None, max_examples=500)
@given(raw=st.binary(max_size=200), size=st.integers(1, 50))
def test_any_bytes_are_read_without_an_error_and_alike_however_they_are_cut(raw: Any, size: Any) -> None:
    whole, cut = read(raw, len(raw) or 1), read(raw, size)
    assert whole.status == cut.status
    raw = b"HTTP/1.1 " + raw
    assert read(raw, len(raw)).status == read(raw, size).status


@settings(deadline=None, max_examples=500)
@given(value=st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,9} .{0,12}"))
def test_any_retry_after_is_read_without_an_error(value: Any) -> None:
    wait_ms = parse_retry_after(value, time())
    assert wait_ms is None or wait_ms >= 0


@pytest.mark.parametrize("raw", WELL_FORMED)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_only_an_answer_that_was_well_formed_to_its_end_leaves_the_connection_usable(raw: Any, size: int) -> None:
    assert read(raw, size).clean
    for shorter in range(1, len(raw)):
        assert not read(raw[:shorter], size).clean
    for after in (b"HTTP/1.1 200 OK\r\n", b"H", b"junk"):
        whole = ResponseReader(kept_bytes=RESPONSE_KEPT_BYTES)
        whole.feed(raw + after)
        assert not whole.clean


def test_what_is_kept_of_an_answer_is_bounded() -> None:
    for start in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 ", b"HTTP/1.1 100 C\r\n", b" "):
        reader = ResponseReader(kept_bytes=RESPONSE_KEPT_BYTES)
        reader.feed(start)
        fed = 0
        while not reader.done:
            reader.feed(b" " * 8_000)
            fed += 8_000
            assert fed <= HEAD_MAX_BYTES + 8_000
        assert reader.head_bytes <= HEAD_MAX_BYTES
