"""The invariants on a real store: what is stored is what folding gives, and nothing is lost, doubled or out of turn."""

import asyncio
import queue
import random
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
from structlog.testing import capture_logs

from tests.support.deliverer_factory import SEAL, SECRET, deliverer, subscribers_of
from tests.support.journal_generator import JournalGenerator
from tests.support.polling import scaled_limit, wait_until, wait_until_async
from tests.support.product import Sink, webhook
from tests.support.replay import differences, outbox, refold
from webhook_app.app import build
from webhook_app.config.settings import Settings
from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.ids import order
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.providers.videosdk.room_client import VideoSDKRoomClient
from webhook_app.providers.videosdk.webhook_schema import parse
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, StoreUnavailableError, connect, connect_async
from webhook_app.store.deliveries.outbox import ExpandResult, Expansion, Outbox, OutboxEntry
from webhook_app.store.deliveries.queue import LEASE_MS, Deliveries
from webhook_app.store.deliveries.records import DeliveryRecords
from webhook_app.store.journal.journal import Entry, Journal, Wake, entry
from webhook_app.store.journal.timers import Timers
from webhook_app.store.state import outline
from webhook_app.store.state.store import StateStore
from workers.calls.caller import Caller, CallLimits, StartOptions
from workers.clock.retention import RetentionJob
from workers.deliver.limits import DeliveryLimits
from workers.deliver.transitions import new_delivery
from workers.reduce.reducer import ReduceLimits, Reducer, ReducingHaltedError

BATCH_MAX_BYTES = ReduceLimits().batch_max_bytes

T = TypeVar("T")
ROOM = "hall"
LIMIT_S = scaled_limit(10.0)
DAY_S = 24 * 3600
ANY_TEN: dict[str, Any] = {"healthy_limit": 10, "failing_limit": 10, "backlogged": {}, "limits": {}}
THREADS = CallLimits().threads
TOKEN = "a-token-of-the-invariants"


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, object]]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as captured:
        yield captured


class WakeRecorder(Wake):
    """Takes wake-ups as the queues would."""

    def __init__(self) -> None:
        self.queues: queue.SimpleQueue[str] = queue.SimpleQueue()

    def wake(self, queue: str) -> None:
        self.queues.put(queue)


def reducer(client: Client) -> Reducer:
    return Reducer(client, WakeRecorder())


def fold_all(client: Client) -> None:
    worker = reducer(client)
    while worker.reduce():
        pass


def journal_webhook(client: Client, kind: str, **more: str) -> str:
    body = webhook(kind, ROOM, **more)
    return Journal(client).append([Entry(Source.VIDEOSDK, kind, ROOM, body)])[0][0]


def put_rule(client: Client, rule: Mapping[str, object]) -> str:
    return Journal(client).append([entry(Source.CONFIG, "rule-put", None, {"rule": rule})])[0][0]


@pytest.mark.parametrize("seed", range(4))
def test_folding_the_journal_from_its_start_gives_exactly_what_is_stored(client: Client, seed: int) -> None:
    draw, history, worker = random.Random(seed), JournalGenerator(client, seed), reducer(client)
    for _ in range(40):
        history.go_on(draw.randint(1, 60))
        for _ in range(draw.randint(0, 3)):
            worker.reduce()
    fold_all(client)
    folded = refold(client)
    assert len(folded.events) == client.xlen(keys.JOURNAL)
    assert differences(client, folded) == []
    assert outbox(client) == [notice for _, notice in folded.notices]


def test_a_rule_leaves_no_memory_when_it_is_deleted_in_the_batch_in_which_it_acted(client: Client) -> None:
    rule = {"name": "host", "rooms": ["*"], "on": "participant-joined", "do": "notify"}
    put_rule(client, rule)
    fold_all(client)
    journal_webhook(client, "participant-joined", participantId="ada")
    Journal(client).append([entry(Source.CONFIG, "rule-deleted", None, {"name": "host"})])
    fold_all(client)
    assert differences(client, refold(client)) == []
    put_rule(client, rule)
    fold_all(client)
    assert StateStore(client).load_state().memory == {}


def test_a_rule_that_is_deleted_and_put_again_in_one_batch_begins_anew(client: Client) -> None:
    rule = {"name": "host", "rooms": ["*"], "on": "participant-joined", "do": "notify"}
    put_rule(client, rule)
    journal_webhook(client, "participant-joined", participantId="ada")
    fold_all(client)
    Journal(client).append([entry(Source.CONFIG, "rule-deleted", None, {"name": "host"})])
    put_rule(client, rule)
    fold_all(client)
    assert differences(client, refold(client)) == []


def test_a_batch_is_bounded_in_bytes_and_the_largest_webhooks_are_all_folded(client: Client) -> None:
    large = webhook("transcription-text", ROOM, text="x" * 250_000)
    small = webhook("participant-joined", ROOM, participantId="ada")
    bodies = [small] * 10 + [large] * 3 * (BATCH_MAX_BYTES // len(large)) + [small] * 10
    Journal(client).append([Entry(Source.VIDEOSDK, "any", ROOM, body) for body in bodies])
    worker, counts, first = reducer(client), [], "0-0"
    while count := worker.reduce():
        counts.append(count)
        batch = Journal(client).get([event.id for event in Journal(client).read(first, count)])
        assert sum(len(codec.encode(event.data)) for event in batch if event) <= BATCH_MAX_BYTES
        first = StateStore(client).cursor()
    assert sum(counts) == len(bodies)
    assert len(counts) >= 3
    assert differences(client, refold(client)) == []


def test_an_event_that_is_larger_than_a_batch_may_be_is_a_batch_of_its_own(client: Client) -> None:
    for text in ("x" * (BATCH_MAX_BYTES + 1), "y", "z" * (BATCH_MAX_BYTES + 1)):
        Journal(client).append([Entry(Source.VIDEOSDK, "any", ROOM, webhook("any", ROOM, text=text))])
    worker = reducer(client)
    assert [worker.reduce() for _ in range(4)] == [1, 1, 1, 0]


def test_two_reducers_on_one_journal_apply_each_event_once(client: Client, store_url: str) -> None:
    history = JournalGenerator(client, 7)
    end, applied = threading.Event(), Counter[str]()

    def work(name: str) -> None:
        own = connect(store_url)
        worker = reducer(own)
        while (count := worker.reduce()) or not end.is_set():
            applied[name] += count
        own.close()

    with ThreadPoolExecutor(2) as pool:
        reducing = [pool.submit(work, name) for name in ("one", "two")]
        for _ in range(60):
            history.go_on(25)
        for _ in range(600):  # whoever was behind gets its turn as it goes on
            if all(applied[name] for name in ("one", "two")):
                break
            history.go_on(5)
            end.wait(0.01)
        wait_until(lambda: StateStore(client).cursor() == Journal(client).last_id(), LIMIT_S, "the folding")
        end.set()
        for future in reducing:
            future.result(LIMIT_S)
    assert applied.total() == client.xlen(keys.JOURNAL)
    assert all(applied[name] for name in ("one", "two"))
    assert differences(client, refold(client)) == []


def test_two_clocks_journal_each_timer_once(client: Client, store_url: str) -> None:
    due = {f"room-{number % 40}|ask:{number}": 1_000 + number for number in range(2_000)}
    client.zadd(keys.TIMERS, due)

    def work() -> None:
        own = connect(store_url)
        timers = Timers(own)
        for _ in range(len(due)):
            if timers.pop()[0] == 0:
                break
        own.close()

    with ThreadPoolExecutor(2) as pool:
        for clock in [pool.submit(work) for _ in range(2)]:
            clock.result(LIMIT_S)
    journaled_timers = Counter(
        (f"{event.room_id}|{event.data['timer']}", event.data["due"]) for event in Journal(client).scan()
    )
    assert journaled_timers == Counter(due.items())
    assert client.zcard(keys.TIMERS) == 0


def test_an_event_whose_fold_raises_changes_nothing_raises_an_alarm_and_is_passed(client: Client) -> None:
    journal_webhook(client, "hls-started")
    fold_all(client)
    before = StateStore(client).room(ROOM)
    bad = put_rule(client, {"name": "no-rooms", "do": "start"})
    journal_webhook(client, "hls-playable")
    fold_all(client)
    after = StateStore(client).room(ROOM)
    assert before is not None and after is not None
    assert (before.streams[0].state, after.streams[0].state) == ("started", "playable")
    assert StateStore(client).config().rules == {}
    alarm = StateStore(client).load_state().alarms["poisoned-event"]
    assert alarm.severity == "critical"
    assert bad in alarm.summary_text
    assert outline.effect_text(client.xrange(keys.timeline(""), bad, bad)[0][1]).startswith("Error: KeyError")
    assert [notice.type for notice in outbox(client)].count("alarm.raised") == 1
    assert differences(client, refold(client)) == []


def test_a_body_nested_as_deep_as_the_receiver_accepts_does_not_stop_the_reducer(client: Client) -> None:
    def deep(levels: int) -> bytes:
        return webhook("hls-started", ROOM).replace(
            b'"sessionId"', b'"x": ' + b"[" * levels + b"]" * levels + b', "sessionId"'
        )

    deepest = max(levels for levels in range(1_000) if parse(deep(levels)).type == "hls-started")
    read = parse(deep(deepest))
    Journal(client).append([Entry(Source.VIDEOSDK, read.type, read.room_id, deep(deepest))])
    last = journal_webhook(client, "hls-playable")

    def reduce_at(frames: int) -> None:
        if frames:
            reduce_at(frames - 1)
        else:
            fold_all(client)

    reduce_at(100)
    assert StateStore(client).cursor() == last


def test_a_transaction_applied_in_part_halts_the_folding_and_says_so(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web = build(Settings(redis_url=store_url, admin_token=TOKEN, data_dir=tmp_path)).app.test_client()
    client.set(keys.ROOMS, "of a wrong type")
    acknowledged = [journal_webhook(client, "hls-started"), journal_webhook(client, "hls-playable")]
    with pytest.raises(ReducingHaltedError):
        reducer(client).reduce()
    with pytest.raises(ReducingHaltedError):
        reducer(client).reduce()
    acknowledged.append(journal_webhook(client, "hls-stopped"))
    assert [event.id for event in Journal(client).scan()] == acknowledged
    ready = web.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["checks"]["workers"]["halted"] is True
    shown = web.get("/api/v1/alarms?active=true", headers={"Authorization": f"Bearer {TOKEN}"})
    assert ("reducing-halted", "critical") in [
        (alarm["name"], alarm["severity"]) for alarm in shown.get_json()["items"]
    ]


def test_a_full_store_refuses_what_it_cannot_keep_and_goes_on_when_there_is_room(client: Client) -> None:
    kept = journal_webhook(client, "hls-started")
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailableError):
            journal_webhook(client, "hls-playable")
        with pytest.raises(StoreUnavailableError):
            reducer(client).reduce()
    finally:
        client.config_set("maxmemory", 0)
    assert Journal(client).last_id() == kept
    last = journal_webhook(client, "hls-playable")
    fold_all(client)
    assert StateStore(client).cursor() == last
    assert differences(client, refold(client)) == []


def test_trimming_never_passes_the_cursor_and_the_snapshot_folds_to_the_same(client: Client) -> None:
    history, worker, retention = JournalGenerator(client, 11), reducer(client), RetentionJob(client, 0)
    trimmed = 0
    for _ in range(12):
        history.go_on(90)
        worker.reduce()
        before = [event.id for event in Journal(client).scan()]
        cursor = StateStore(client).cursor()
        retention()
        after = [event.id for event in Journal(client).scan()]
        assert after == before[len(before) - len(after) :]
        assert [entry_id for entry_id in before if order(entry_id) > order(cursor)] == [
            entry_id for entry_id in after if order(entry_id) > order(cursor)
        ]
        trimmed += len(before) - len(after)
        assert differences(client, refold(client)) == []
    assert trimmed > 500
    fold_all(client)
    assert differences(client, refold(client)) == []


def test_trimming_leaves_out_nothing_when_the_clock_was_set_back(client: Client) -> None:
    now = int(client.time()[0]) * 1000
    long_ago, lately = now - 10 * DAY_S * 1000, now - 1_000
    for who, at in (("ada", long_ago), ("grace", lately), ("alan", long_ago + 1)):
        body = webhook("participant-joined", ROOM, participantId=who)
        client.xadd(keys.JOURNAL, {"s": "videosdk", "t": "participant-joined", "r": ROOM, "a": at, "d": body})
    fold_all(client)
    RetentionJob(client, 1)()
    assert differences(client, refold(client)) == []


class Interrupted(redis.Redis):
    """A client that lets something happen just before its `nth` command, once."""

    def interrupt(self, nth: int, action: Callable[[], object]) -> None:
        self.left, self.action = nth, action

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.action()
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped


def interrupted_client(url: str) -> Interrupted:
    client = Interrupted.from_url(url)
    assert isinstance(client, Interrupted)
    return client


def test_an_event_appended_while_a_worker_ends_is_reduced_or_wakes_the_next_worker(
    client: Client, store_url: str
) -> None:
    entries = [Entry(Source.VIDEOSDK, "x", ROOM, b'{"data": {}}')]
    nth = 0

    def append_into(results: list[tuple[list[str], bool]]) -> None:
        results.append(Journal(client).append(entries))

    with closing(interrupted_client(store_url)) as interrupted:
        while nth < 100:
            nth += 1
            appended: list[tuple[list[str], bool]] = []
            Journal(client).append(entries)
            wake_recorder = WakeRecorder()
            interrupted.interrupt(nth, partial(append_into, appended))
            Reducer(interrupted, wake_recorder).run()
            if not appended:
                break  # there was no such command any more
            ids, woken = appended[0]
            folded = order(StateStore(client).cursor()) >= order(ids[0])
            assert folded or woken or not wake_recorder.queues.empty(), f"before command {nth}"
            fold_all(client)
    assert nth > 5


def test_a_call_decided_just_after_the_caller_ended_wakes_it_again(client: Client) -> None:
    wake_recorder = WakeRecorder()
    worker, caller = (
        Reducer(client, wake_recorder),
        Caller(client, None, wake_recorder, options=StartOptions(), secret_box=SEAL),
    )
    Journal(client).append([entry(Source.SYSTEM, "settings", None, {"calls": True})])
    for room in ("hall", "studio", "lobby"):
        body = webhook("session-started", room)
        joined = Entry(Source.VIDEOSDK, "session-started", room, body)
        Journal(client).append([joined, entry(Source.OPERATOR, "start", room, {})])
        worker.reduce()
        assert "call" in woken(wake_recorder), room
        assert caller.run() == 1


def test_no_more_calls_are_claimed_than_there_are_threads_to_make_them(client: Client) -> None:
    for number in range(3 * THREADS):
        call = Call(f"call_{number}", f"r{number}", CallKind.START, "operator", CallState.WAITING, 1, "1-0")
        client.set(keys.call(call.call_id), codec.encode(call))
        client.zadd(keys.CALLS_DUE, {call.call_id: call.created_at})
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=THREADS) as silent, ThreadPoolExecutor(1) as pool:
        videosdk = VideoSDK(
            f"http://127.0.0.1:{silent.getsockname()[1]}", Token("key", "a secret of 32 bytes or more .....")
        )
        caller = Caller(
            client, partial(VideoSDKRoomClient, videosdk), WakeRecorder(), options=StartOptions(), secret_box=SEAL
        )
        work = pool.submit(caller.run, stopping=over.is_set)
        wait_until(lambda: leased(client) >= THREADS, LIMIT_S, "every thread having a call")
        over.wait(0.3)  # a dozen further looks
        claimed = leased(client)
        over.set()
        silent.close()
        work.result(4 * LIMIT_S)
    assert claimed == THREADS


def leased(client: Client) -> int:
    """How many calls are leased."""
    return int(client.zcount(keys.CALLS_DUE, 2, "+inf"))


def woken(wake_recorder: WakeRecorder) -> list[str]:
    """The queues that were woken since the last look."""
    return [wake_recorder.queues.get() for _ in range(wake_recorder.queues.qsize())]


def notices_in_the_outbox(client: Client, count: int, *, first: int = 1) -> list[Notice]:
    notices = [
        make_notice(
            f"{number}-0", NoticeType.STREAM_STARTED, number, room_id=ROOM, sequence=number, because=None, data={}
        )
        for number in range(first, first + count)
    ]
    for notice in notices:
        client.xadd(keys.OUTBOX, {"n": codec.encode(notice)})
    return notices


def put_subscriber(client: Client, name: str, url: str = "https://example.com/") -> Subscriber:
    subscriber = Subscriber(f"sub_{name}", name, url, created_at=1, secret=SECRET)
    subscribers_of(client).put(subscriber)
    return subscriber


def expansion(entries: Sequence[OutboxEntry], subscribers: Sequence[Subscriber]) -> Expansion:
    """All of these notices to all of these subscribers, none of them leased at once."""
    return Expansion(
        before="0-0",
        after=entries[-1].entry,
        latest={},
        recoveries={},
        free_slots={subscriber.subscriber_id: 0 for subscriber in subscribers},
        deliveries=[new_delivery(subscriber, each) for each in entries for subscriber in subscribers],
    )


def with_async_client(store_url: str, scenario: Callable[[Client], Awaitable[T]]) -> T:
    async def run() -> T:
        client = connect_async(store_url)
        try:
            return await scenario(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def test_notices_that_are_expanded_twice_make_each_delivery_once(client: Client, store_url: str) -> None:
    notices_in_the_outbox(client, 30)
    subscribers = [put_subscriber(client, "one"), put_subscriber(client, "two")]

    async def scenario(async_client: Client) -> list[list[ExpandResult] | None]:
        outbox = Outbox(async_client)
        what = expansion((await outbox.read("0-0", 100))[0], subscribers)
        first = await outbox.expand(what)
        beaten = await outbox.expand(what)
        client.delete(keys.OUTBOX_CURSOR)  # as a restored copy of the store might have it
        return [first, beaten, await outbox.expand(what)]

    assert with_async_client(store_url, scenario) == [[1] * 60, None, [0] * 60]
    for subscriber in subscribers:
        assert client.zcard(keys.subscriber_due(subscriber.subscriber_id)) == 30


def test_a_claim_whose_worker_died_comes_back_after_its_lease_and_not_before(client: Client, store_url: str) -> None:
    notices = notices_in_the_outbox(client, 3)
    subscriber = put_subscriber(client, "one")

    async def scenario(async_client: Client) -> list[list[str]]:
        outbox, deliveries = Outbox(async_client), Deliveries(async_client, retention_s=DAY_S)
        await outbox.expand(expansion((await outbox.read("0-0", 100))[0], [subscriber]))
        claimed = []
        for passing_ms in (0, LEASE_MS - 2_000, 2_000):
            let_time_pass(client, subscriber, passing_ms)
            claims = (await deliveries.claim(10, **ANY_TEN)).claims
            claimed.append(sorted(claim.delivery.notice_id for claim in claims))
        settled = [replace(claim.delivery, state=DeliveryState.DELIVERED) for claim in claims]
        await deliveries.settle(settled, {})
        let_time_pass(client, subscriber, 2 * LEASE_MS)
        claimed.append([claim.delivery.notice_id for claim in (await deliveries.claim(10, **ANY_TEN)).claims])
        return claimed

    every = sorted(notice.notice_id for notice in notices)
    assert with_async_client(store_url, scenario) == [every, [], every, []]


def let_time_pass(client: Client, subscriber: Subscriber, ms: int) -> None:
    """Every due moment of a subscriber comes nearer, as it would by waiting."""
    for key in (keys.subscriber_due(subscriber.subscriber_id), keys.SUBSCRIBERS_DUE):
        for member in client.zrange(key, 0, -1):
            client.zincrby(key, -ms, member)


def test_an_endpoint_that_hangs_delays_no_other_however_long_the_worker_runs(client: Client, store_url: str) -> None:
    hanging, well = Sink(), Sink()
    hanging.answer_s = 3 * LIMIT_S
    put_subscriber(client, "hanging", hanging.url)
    put_subscriber(client, "well", well.url)
    over = threading.Event()

    async def scenario() -> None:
        async with deliverer(client, store_url, limits=DeliveryLimits(run_max_s=0.1)) as worker:
            work = asyncio.create_task(worker.run(stopping=over.is_set))
            try:
                for count in range(1, 11):
                    notices_in_the_outbox(client, 1, first=count)
                    async with asyncio.timeout(LIMIT_S):
                        await wait_until_async(lambda: len(well.requests) >= count)  # noqa: B023 - awaited at once
            finally:
                over.set()
                hanging.hurry()
                await work

    try:
        asyncio.run(scenario())
        assert len(hanging.requests) > 1
    finally:
        hanging.stop()
        well.stop()


def test_two_deliverers_deliver_each_notice_once(client: Client, store_url: str) -> None:
    sink = Sink()
    try:
        notices = notices_in_the_outbox(client, 300)
        put_subscriber(client, "one", sink.url)

        async def work() -> None:
            async with deliverer(client, store_url) as own:
                await own.run()

        async def both() -> None:
            await asyncio.gather(work(), work())

        asyncio.run(both())
        assert Counter(received.id for received in sink.requests) == Counter(notice.notice_id for notice in notices)
        assert DeliveryRecords(client).counts() == {"pending": 0, "delivered": 300, "dead": 0}
    finally:
        sink.stop()


def test_an_entry_that_cannot_be_read_is_passed_with_an_alarm(client: Client) -> None:
    client.xadd(keys.JOURNAL, {"s": "future", "t": "x", "r": "", "a": "1", "d": "{}"})
    journal = Journal(client)
    journal.append([entry(Source.SYSTEM, "settings", None, {"calls": True})])
    reducer = Reducer(client, WakeRecorder())
    while reducer.reduce():
        pass
    assert StateStore(client).cursor() == journal.last_id()
    assert StateStore(client).names().settings.calls
    assert client.hexists(keys.ALARMS, "poisoned-event")
