"""Request bodies: complete, too large, too slow, broken off, and within the memory that all of them share."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from webhook_app.server.body import (
    BodyBrokenError,
    BodyMemory,
    BodyMemoryFullError,
    BodyTimeoutError,
    BodyTooLargeError,
    Receive,
    announced_length,
    read_body,
)

LONG_S = 60.0


def receive_of(*messages: dict[str, Any] | Exception) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A server that gives these messages, then nothing any more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        message = left.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    return receive


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def read_from(
    receive: Receive, memory: BodyMemory, *, max_bytes: int = 1_000, timeout_s: float = LONG_S
) -> bytes:
    async with read_body(receive, memory, max_bytes=max_bytes, timeout_s=timeout_s) as body:
        return body


def read(*messages: dict[str, Any] | Exception, max_bytes: int = 100, timeout_s: float = LONG_S) -> bytes:
    memory = BodyMemory(free_bytes=1_000, shared_bytes=1_000)
    return asyncio.run(read_from(receive_of(*messages), memory, max_bytes=max_bytes, timeout_s=timeout_s))


def test_a_body_in_parts_is_put_together() -> None:
    assert read(part(b"ab", more=True), part(b"", more=True), part(b"c")) == b"abc"
    assert read(part(b"")) == b""


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert read(part(b"x" * 100)) == b"x" * 100
    with pytest.raises(BodyTooLargeError):
        read(part(b"x" * 60, more=True), part(b"x" * 41, more=True))


def test_a_body_that_does_not_come_to_its_end_times_out() -> None:
    with pytest.raises(BodyTimeoutError):
        read(timeout_s=0.01)
    with pytest.raises(BodyTimeoutError):
        read(part(b"x", more=True), timeout_s=0.01)


@pytest.mark.parametrize("broken", [{"type": "http.disconnect"}, RuntimeError("framing")])
def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one(broken: Any) -> None:
    with pytest.raises(BodyBrokenError):
        read(part(b"x", more=True), broken)


def test_large_bodies_wait_for_the_shared_memory_and_small_ones_do_not() -> None:
    async def scenario() -> None:
        memory = BodyMemory(free_bytes=10, shared_bytes=100)
        stalled = [asyncio.create_task(read_from(receive_of(part(b"x" * 60, more=True)), memory)) for _ in range(2)]
        await asyncio.sleep(0)  # the first of them now holds 50 of the 100 bytes, the second the other 50
        small = receive_of(part(b"x" * 10))
        assert len(await read_from(small, memory)) == 10
        large = asyncio.create_task(read_from(receive_of(part(b"x" * 60)), memory))
        await asyncio.sleep(0)
        assert not large.done()
        stalled[0].cancel()
        assert len(await large) == 60
        stalled[1].cancel()

    asyncio.run(scenario())


def test_a_complete_body_holds_its_memory_until_it_is_processed() -> None:
    async def scenario() -> None:
        memory = BodyMemory(free_bytes=10, shared_bytes=100)
        async with read_body(receive_of(part(b"x" * 90)), memory, max_bytes=1_000, timeout_s=LONG_S):
            waiting = asyncio.create_task(read_from(receive_of(part(b"y" * 90)), memory))
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting == b"y" * 90

    asyncio.run(scenario())


def test_a_body_that_waits_for_memory_for_all_its_time_is_not_blamed_on_the_peer() -> None:
    async def scenario() -> None:
        memory = BodyMemory(free_bytes=10, shared_bytes=100)
        async with read_body(receive_of(part(b"x" * 90)), memory, max_bytes=1_000, timeout_s=LONG_S):
            with pytest.raises(BodyMemoryFullError):
                await read_from(receive_of(part(b"y" * 90)), memory, timeout_s=0.01)

    asyncio.run(scenario())


def test_tiny_chunks_take_little_more_memory_than_their_bytes() -> None:
    chunks_left = 50_000

    async def receive() -> dict[str, Any]:
        nonlocal chunks_left
        chunks_left -= 1
        return part(chunks_left.to_bytes(2), more=chunks_left > 0)

    memory = BodyMemory(free_bytes=10**6, shared_bytes=0)
    tracemalloc.start()
    try:
        body = asyncio.run(read_from(receive, memory, max_bytes=10**6))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(body) == 100_000
    assert peak_bytes < 1_000_000


def test_memory_is_released_after_every_outcome_of_a_body() -> None:
    async def scenario() -> None:
        memory = BodyMemory(free_bytes=0, shared_bytes=100)
        for ending in (part(b""), {"type": "http.disconnect"}, part(b"x" * 200), RuntimeError()):
            try:
                receive = receive_of(part(b"x" * 90, more=True), ending)
                await read_from(receive, memory, max_bytes=150)
            except (BodyBrokenError, BodyTooLargeError):
                pass
            async with asyncio.timeout(LONG_S):
                await memory.take(100)
            memory.release(100)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("value", "length"), [(b"0", 0), (b"17", 17), (b"-1", None), (b"1e3", None), (b"9" * 30, None), (b"", None)]
)
def test_a_content_length_that_is_no_number_announces_nothing(value: bytes, length: int | None) -> None:
    assert announced_length([(b"host", b"x"), (b"content-length", value)]) == length
    assert announced_length([]) is None
