"""Group append: many coroutines share appends, each gets the id of its own entry, and none waits without end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.circuit_breaker import CircuitBreaker, probe_with
from webhook_app.store.connection.clients import Client, StoreSilentError, StoreUnavailableError, connect_async
from webhook_app.store.journal.group_append import AppendLimits, GroupAppender, journal_append
from webhook_app.store.journal.journal import Entry, Wake


class CountingWake(Wake):
    def __init__(self) -> None:
        self.queues: list[str] = []

    def wake(self, queue: str) -> None:
        self.queues.append(queue)


def entry(body: bytes) -> Entry:
    return Entry(Source.VIDEOSDK, "x", "room-a", body)


@contextlib.asynccontextmanager
async def appending(store_url: str, wake: Wake | None = None) -> AsyncIterator[GroupAppender]:
    """A group appender on the tests' store."""
    client = connect_async(store_url)
    yield GroupAppender(journal_append(client), wake or CountingWake(), CircuitBreaker(probe_with(client)))
    await client.aclose()


@contextlib.asynccontextmanager
async def hanging(store_url: str, limits: AppendLimits) -> AsyncIterator[tuple[GroupAppender, asyncio.Event]]:
    """A group appender whose store answers once the event is set."""
    client = connect_async(store_url)
    append_now, answers = journal_append(client), asyncio.Event()

    async def append(entries: Sequence[Entry]) -> tuple[list[str], bool]:
        await answers.wait()
        return await append_now(entries)

    yield GroupAppender(append, CountingWake(), CircuitBreaker(probe_with(client)), limits), answers
    answers.set()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})  # an append may be under way
    await client.aclose()


def test_each_of_many_gets_the_id_of_its_own_body_in_the_order_they_came(client: Client, store_url: str) -> None:
    bodies = [f'{{"data": {{"n": {number}}}}}'.encode() for number in range(2_000)]
    wake = CountingWake()

    async def scenario() -> list[str]:
        async with appending(store_url, wake) as appender:
            return list(await asyncio.gather(*(appender.append(entry(body)) for body in bodies)))

    ids = asyncio.run(scenario())
    stored = {entry_id.decode(): fields[b"d"] for entry_id, fields in client.xrange(keys.JOURNAL)}
    assert [stored[event_id] for event_id in ids] == bodies
    assert list(stored) == ids
    assert wake.queues == ["process"]


def test_while_the_store_hangs_each_is_refused_in_time_and_what_was_not_sent_is_never_appended(
    client: Client, store_url: str
) -> None:
    async def scenario() -> None:
        async with hanging(store_url, AppendLimits(wait_s=0.05)) as (appender, answers):
            first = asyncio.create_task(appender.append(entry(b'{"n": 1}')))
            await asyncio.sleep(0)
            later = [asyncio.create_task(appender.append(entry(b'{"n": 2}'))) for _ in range(10)]
            for result in await asyncio.gather(first, *later, return_exceptions=True):
                assert isinstance(result, StoreUnavailableError)
            answers.set()
        async with appending(store_url) as appender:
            assert await appender.append(entry(b'{"n": 3}'))

    asyncio.run(scenario())
    kept = [fields[b"d"] for _, fields in client.xrange(keys.JOURNAL)]
    assert b'{"n": 2}' not in kept  # refused while it waited here, so it is not appended behind the sender's back
    assert b'{"n": 3}' in kept


def test_so_much_may_wait_and_no_more(store_url: str) -> None:
    async def scenario() -> list[str | BaseException]:
        async with hanging(store_url, AppendLimits(waiting_entries=5)) as (appender, answers):
            waiting = [asyncio.create_task(appender.append(entry(b"{}"))) for _ in range(9)]
            await asyncio.sleep(0)
            answers.set()
            return list(await asyncio.gather(*waiting, return_exceptions=True))

    results = asyncio.run(scenario())
    assert any(isinstance(result, StoreUnavailableError) for result in results)
    assert any(isinstance(result, str) for result in results)


def test_an_error_of_the_store_reaches_everybody_and_the_next_append_works(client: Client, store_url: str) -> None:
    async def scenario() -> None:
        client.set(keys.JOURNAL, "not a stream")
        async with appending(store_url) as appender:
            results = await asyncio.gather(*(appender.append(entry(b"{}")) for _ in range(3)), return_exceptions=True)
            assert all(isinstance(result, StoreUnavailableError) for result in results)
            client.delete(keys.JOURNAL)
            assert await appender.append(entry(b"{}"))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "error", [StoreSilentError("no answer"), StoreUnavailableError("refused"), ValueError("a fault")]
)
def test_every_waiting_request_is_answered_after_any_exception_of_the_append(store_url: str, error: Exception) -> None:
    async def scenario() -> None:
        client, call_count, let_go = connect_async(store_url), 0, asyncio.Event()

        async def append(entries: Sequence[Entry]) -> tuple[list[str], bool]:
            nonlocal call_count
            call_count += 1
            await let_go.wait()
            raise error

        appender = GroupAppender(append, CountingWake(), CircuitBreaker(probe_with(client), now=lambda: 0.0))
        first = asyncio.create_task(appender.append(entry(b"{}")))
        await asyncio.sleep(0)
        later = [asyncio.create_task(appender.append(entry(b"{}"))) for _ in range(10)]
        await asyncio.sleep(0)
        let_go.set()
        for result in await asyncio.gather(first, *later, return_exceptions=True):
            assert isinstance(result, StoreUnavailableError)
        assert call_count == (1 if isinstance(error, StoreSilentError) else 2)
        if isinstance(error, StoreSilentError):  # later comers are refused without asking a store that is silent
            with pytest.raises(StoreUnavailableError):
                await appender.append(entry(b"{}"))
            assert call_count == 1
        await client.aclose()

    asyncio.run(scenario())
