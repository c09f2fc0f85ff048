"""isolation: the cost of hanging endpoints and long backlogs for others, of due deliveries in memory, and of a claim.

One process creates the notices and serves all endpoints, so that both use one clock; the deliver worker and the store
are separate processes.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import children, product
from bench.http_client import percentile
from bench.results import Goal, Result
from bench.scale import Scale
from bench.sink import ANSWER, SinkProtocol
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.subscriber_secrets import new_secret
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, connect, connect_async
from webhook_app.store.deliveries.outbox import Expansion, Outbox, OutboxEntry
from webhook_app.store.deliveries.queue import Deliveries
from webhook_app.store.journal.wakeups import Wakeups
from webhook_app.store.subscribers import Subscribers
from workers.deliver.transitions import new_delivery

SECRETS_KEY = "the-key-of-this-bench"
WELL = 10
OTHERS = 1_000
PER_S = 5.0
WARM_UP_S = 5.0
LATE_S = 10.0
BACKLOG = 100_000
FRESH_PER_S = 20.0
AT_ONCE = 500
CLAIMS = 100
CLAIM_TURNS = 10
DAY_S = 24 * 3600
WORSE_AT_MOST = Goal(1.10, at_most=True)
LOWER_AT_MOST = Goal(0.90)
MEMORY_AT_MOST = Goal(1.2 * 1024, absolute=True, at_most=True)


class Endpoints(SinkProtocol):
    """All endpoints, by path: `/hang…` never answers, the others answer at once."""

    arrivals: dict[str, list[tuple[str, float]]] = defaultdict(list)  # noqa: RUF012 - one set of endpoints per process

    def __init__(self) -> None:
        super().__init__(lambda head, body: None)

    def _answer(self, head: bytes, body: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/hang"):
            return b""
        if not path.startswith("/quick"):
            at = head.lower().index(b"webhook-id: ") + 12
            self.arrivals[path].append((head[at : at + 24].decode(), time.monotonic()))
        return ANSWER


@dataclass(frozen=True, slots=True)
class Latencies:
    """How fast healthy endpoints were notified: latencies in seconds, and deliveries per second."""

    lags: Sequence[float]
    per_s: float


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure hanging endpoints, a backlog, the memory of a million due deliveries, and the cost of a claim."""
    seconds = 20.0 if scale.rounds == 1 else 60.0
    backlog = BACKLOG // 10 if scale.rounds == 1 else BACKLOG
    million = 1_000_000 // (50 if scale.rounds == 1 else 1)
    quick = asyncio.run(_beside(directory / "quick", "quick", seconds))
    hang = asyncio.run(_beside(directory / "hang", "hang", seconds))
    baseline_name = f"next to {OTHERS:,} that answer at once"
    for percent in (50, 99):
        yield _lag(f"lag of {WELL} next to {OTHERS:,} that hang, p{percent}", hang, quick, percent, baseline_name)
    what = f"deliveries/s to {WELL} next to {OTHERS:,} that hang"
    per_s = hang.per_s / quick.per_s
    yield Result("isolation", what, "/s", hang.per_s, quick.per_s, baseline_name, per_s, LOWER_AT_MOST)
    alone, behind = _by_turns(directory, backlog, seconds / 2, scale.rounds)
    for percent in (50, 99):
        what = f"lag next to a subscriber with a backlog of {backlog:,}, p{percent}"
        yield _lag(what, behind, alone, percent, "without a backlog")
    yield from _weight(directory / "weight", million)
    yield from _claims(directory / "claims", backlog)


def _by_turns(directory: Path, backlog: int, seconds: float, rounds: int) -> tuple[Latencies, Latencies]:
    """Alternate between no backlog and this backlog, so that noise of the machine affects both."""
    lags: dict[int, list[float]] = {0: [], backlog: []}
    for number in range(rounds):
        for behind, measured in lags.items():
            measured += asyncio.run(_beside_backlog(directory / f"{behind}-{number}", behind, seconds)).lags
    return Latencies(lags[0], FRESH_PER_S), Latencies(lags[backlog], FRESH_PER_S)


def _lag(what: str, measured: Latencies, baseline: Latencies, percent: int, baseline_name: str) -> Result:
    measured_ms, baseline_ms = (percentile(pace.lags, percent) * 1000 for pace in (measured, baseline))
    detail = {"notices": len(measured.lags), "beside": len(baseline.lags)}
    return Result(
        "isolation",
        what,
        "ms",
        measured_ms,
        baseline_ms,
        baseline_name,
        measured_ms / baseline_ms,
        WORSE_AT_MOST,
        detail,
    )


async def _beside(directory: Path, others: str, seconds: float) -> Latencies:
    """Measure healthy endpoints next to many of another kind."""
    with _delivering(directory) as client:
        async with _endpoints() as base:
            names = [f"well/{at}" for at in range(WELL)] + [f"{others}/{at}" for at in range(OTHERS)]
            _subscribe(client, base, names)
            return await _send_notices(client, seconds, PER_S, [f"/well/{at}" for at in range(WELL)])


async def _beside_backlog(directory: Path, backlog: int, seconds: float) -> Latencies:
    """Measure a subscriber without backlog next to one with this backlog, whose endpoint has just recovered."""
    with _delivering(directory) as client:
        async with _endpoints() as base:
            _subscribe(client, base, ["fresh/0", "quick/behind"], rooms=["fresh", "behind"])
            if backlog:
                await _fall_behind(client, "sub_quick/behind", backlog)
                _settled(client)
            return await _send_notices(client, seconds, FRESH_PER_S, ["/fresh/0"], room="fresh", warm_up_s=0.5)


async def _send_notices(
    client: Client,
    seconds: float,
    per_s: float,
    paths: Sequence[str],
    *,
    room: str = "room",
    warm_up_s: float = WARM_UP_S,
) -> Latencies:
    """Create notices at this rate, then wait for late deliveries; missing ones count as delivered at the end."""
    Endpoints.arrivals.clear()
    wakeups = Wakeups(client)
    sent_at: dict[str, float] = {}
    started_at = time.monotonic()
    for number in range(int((warm_up_s + seconds) * per_s)):
        await asyncio.sleep(max(0.0, started_at + number / per_s - time.monotonic()))
        notice = _notice(number, room)
        sent_at[notice.notice_id] = time.monotonic()
        await asyncio.to_thread(client.xadd, keys.OUTBOX, {"n": codec.encode(notice)})
        await asyncio.to_thread(wakeups.wake_unless_pending, "deliver")
    until = time.monotonic() + LATE_S
    while any(len(Endpoints.arrivals[path]) < len(sent_at) for path in paths) and time.monotonic() < until:
        await asyncio.sleep(children.POLL_S)
    end = time.monotonic()
    counted = list(sent_at)[int(warm_up_s * per_s) :]
    lags: list[float] = []
    last = started_at
    for path in paths:
        arrivals = dict(reversed(Endpoints.arrivals[path]))
        lags += [arrivals.get(notice_id, end) - sent_at[notice_id] for notice_id in counted]
        last = max([last, *arrivals.values()])
    return Latencies(lags, len(lags) / (last - sent_at[counted[0]]))


@contextmanager
def _delivering(directory: Path) -> Iterator[Client]:
    directory.mkdir(parents=True)
    with (
        product.store(directory) as store,
        product.worker_process(
            "deliver", directory, store.url, more={"SECRETS_KEY": SECRETS_KEY, "ALLOW_NETWORKS": "127.0.0.0/8"}
        ),
    ):
        client = connect(store.url)
        children.wait_for(lambda: bool(client.zcard(keys.PROCESSES)), "the deliver worker")
        yield client
        client.close()


class _endpoints:  # noqa: N801 - used as a context, by its verb
    async def __aenter__(self) -> str:
        port = children.free_port()
        self._server = await asyncio.get_running_loop().create_server(Endpoints, "127.0.0.1", port, backlog=4_096)
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()


def _subscribe(client: Client, base: str, names: Sequence[str], rooms: Sequence[str] | None = None) -> None:
    kept = Subscribers(client, SecretBox(SECRETS_KEY))
    for at, name in enumerate(names):
        notice_filter = Filter(types=("stream.*",), rooms=(rooms[at],) if rooms else ("*",))
        kept.put(Subscriber(f"sub_{name}", name, f"{base}/{name}", 0, notice_filter, secret=new_secret()))


def _notice(number: int, room: str) -> Notice:
    stream = {
        "stream_id": f"st_{number}",
        "room_id": room,
        "state": "playable",
        "playback_url": "https://cdn.example/x",
    }
    now = int(time.time() * 1000)
    data = {"stream": stream, "previous_state": "started"}
    return make_notice(
        f"{number}-0", NoticeType.STREAM_PLAYABLE, now, room_id=room, sequence=number, because=None, data=data
    )


def _settled(client: Client) -> None:
    """Wait until the store has finished rewriting its log, so that this is not measured."""
    children.wait_for(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "the rewriting")


async def _fall_behind(client: Client, subscriber_id: str, count: int) -> None:
    """Create this many due deliveries of one subscriber."""
    own = connect_async(f"unix://{client.connection_pool.connection_kwargs['path']}")
    outbox = Outbox(own)
    who = Subscriber(subscriber_id, "", "", 0)
    before = await outbox.cursor()
    for first in range(0, count, AT_ONCE):
        notices = [_notice(10_000_000 + first + at, "behind") for at in range(AT_ONCE)]
        with client.pipeline(transaction=True) as pipe:
            for notice in notices:
                pipe.xadd(keys.OUTBOX, {"n": codec.encode(notice)})
            places = [place.decode() for place in pipe.execute()]
        outbox_entries = [OutboxEntry(place, notice) for place, notice in zip(places, notices, strict=True)]
        what = Expansion(
            before=before,
            after=places[-1],
            latest={},
            recoveries={},
            free_slots={subscriber_id: 0},
            deliveries=[new_delivery(who, entry) for entry in outbox_entries],
        )
        if await outbox.expand(what) is None:
            raise children.NotReadyError("another process expands the outbox")
        before = places[-1]
    await own.aclose()


def _weight(directory: Path, count: int) -> Iterator[Result]:
    """Measure the memory of a million due deliveries: ten subscribers per notice, and one."""
    for subscribers in (10, 1):
        with product.store(directory / str(subscribers)) as store:
            client = connect(store.url)
            empty = int(client.info("memory")["used_memory"])
            asyncio.run(_all_due(client, [f"sub_{at:020d}" for at in range(subscribers)], count // subscribers))
            due = sum(client.zcard(keys.subscriber_due(f"sub_{at:020d}")) for at in range(subscribers))
            used_mib = (int(client.info("memory")["used_memory"]) - empty) / due * 1_000_000 / 2**20
            what = f"store memory of 1,000,000 due, {subscribers} per notice"
            yield Result("isolation", what, "MiB", used_mib, goal=MEMORY_AT_MOST, detail={"measured": due})
            client.close()


async def _all_due(client: Client, names: Sequence[str], notices: int) -> None:
    own = connect_async(f"unix://{client.connection_pool.connection_kwargs['path']}")
    outbox, before = Outbox(own), "0-0"
    who = [Subscriber(name, "", "", 0) for name in names]
    for first in range(0, notices, AT_ONCE):
        batch = [_notice(first + at, f"room-{at % 100}") for at in range(min(AT_ONCE, notices - first))]
        with client.pipeline(transaction=True) as pipe:
            for notice in batch:
                pipe.xadd(keys.OUTBOX, {"n": codec.encode(notice)})
            places = [place.decode() for place in pipe.execute()]
        outbox_entries = [OutboxEntry(place, notice) for place, notice in zip(places, batch, strict=True)]
        deliveries = [new_delivery(subscriber, entry) for entry in outbox_entries for subscriber in who]
        free_slots = dict.fromkeys(names, 0)
        await outbox.expand(Expansion(before, places[-1], {}, {}, free_slots, deliveries))
        before = places[-1]
    await own.aclose()


def _claims(directory: Path, backlog: int) -> Iterator[Result]:
    """Compare a claim of 32 among many due deliveries with one among a hundredth of them, alternating on two stores.

    The store's own time shows what grows (sorted sets, uncached memory); the total shows how much that matters.
    """
    counts = (backlog // 100, backlog)
    whole: dict[int, list[float]] = {count: [] for count in counts}
    store_us: dict[int, list[float]] = {count: [] for count in counts}
    with ExitStack() as stack:
        stores = {count: stack.enter_context(product.store(directory / str(count))) for count in counts}
        for count, store in stores.items():
            client = connect(store.url)
            asyncio.run(_all_due(client, ["sub_x"], count))
            _settled(client)
            client.close()
        for _ in range(CLAIM_TURNS):
            for count, store in stores.items():
                took, of_store = asyncio.run(_claim_often(store.url))
                whole[count] += [seconds * 1e6 for seconds in took]
                store_us[count].append(of_store)
    baseline_name = f"among {backlog // 100:,}"
    for what, figures, goal in (("", whole, WORSE_AT_MOST), (", store's time", store_us, None)):
        few, many = (percentile(figures[count], 50) for count in counts)
        named = f"a claim of 32 among {backlog:,} due{what}"
        yield Result("isolation", named, "us", many, few, baseline_name, many / few, goal)


async def _claim_often(url: str) -> tuple[list[float], float]:
    """Return the seconds that each claim took, and the store's mean per claim in microseconds."""
    own = connect_async(url)
    deliveries_store, took = Deliveries(own, retention_s=DAY_S), []
    await own.config_resetstat()
    for _ in range(CLAIMS):
        started_at = time.perf_counter()
        claimed = await deliveries_store.claim(
            32, healthy_limit=32, failing_limit=32, backlogged={"sub_x": 32}, limits={}
        )
        took.append(time.perf_counter() - started_at)
        await own.zadd(keys.subscriber_due("sub_x"), {claim.delivery.delivery_id: 1 for claim in claimed.claims})
    store_us = (await own.info("commandstats"))["cmdstat_evalsha"]["usec_per_call"]
    await own.aclose()
    return took, float(store_us)
