"""A store that answers but refuses: nothing is applied, connections are replaced, the reducer goes on by itself."""

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.polling import wait_until
from tests.support.product import webhook
from tests.support.store_servers import Pair, Server, running
from tests.support.web_client import WebClient, configure_room
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, StoreUnavailableError, connect, connect_async
from webhook_app.store.connection.reconnecting import Generation
from webhook_app.store.connection.refusals import Refusal, refusal_of
from webhook_app.store.connection.transactions import PartialCommitError, execute
from webhook_app.store.journal.journal import Entry, Journal, Wake
from webhook_app.store.state.store import StateStore
from workers.reduce.reducer import Reducer

ROOM = "abcd-efgh-ijkl"
NOBODY = 1  # a port at which no store listens
INCREMENT = "return redis.call('INCR', KEYS[1])"
Place = Callable[[Client], object]


class NullWake(Wake):
    """Sends no wake-ups."""

    def wake(self, queue: str) -> None:
        pass


class Refusing:
    """A server that can be made to refuse, and to take commands again."""

    def __init__(self, server: Server, begin: Callable[[], object], end: Callable[[], object]) -> None:
        self.server, self.begin, self.end = server, begin, end


def _out_of_memory(server: Server) -> Refusing:
    return Refusing(
        server,
        lambda: server.ask("CONFIG", "SET", "maxmemory", 1),
        lambda: server.ask("CONFIG", "SET", "maxmemory", 0),
    )


def _no_replicas(server: Server) -> Refusing:
    name = "min-replicas-to-write"
    return Refusing(server, lambda: server.ask("CONFIG", "SET", name, 1), lambda: server.ask("CONFIG", "SET", name, 0))


def _read_only(server: Server) -> Refusing:
    return Refusing(
        server,
        lambda: server.ask("REPLICAOF", "127.0.0.1", NOBODY),
        lambda: server.ask("REPLICAOF", "NO", "ONE"),
    )


def _master_down(server: Server) -> Refusing:
    server.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
    return _read_only(server)


def _disk_fails(server: Server) -> Refusing:
    def begin() -> None:
        server.ask("CONFIG", "SET", "save", "3600 1")
        server.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
        shutil.rmtree(server.home)
        server.ask("BGSAVE")
        wait_until(lambda: b"err" in _persistence(server), 20, "the save failing")

    return Refusing(server, begin, lambda: server.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"))


def _persistence(server: Server) -> bytes:
    info = server.ask("INFO", "persistence")
    assert isinstance(info, dict)
    return str(info["rdb_last_bgsave_status"]).encode()


def _busy(server: Server) -> Refusing:
    threads: list[threading.Thread] = []

    def spin() -> None:
        with contextlib.suppress(redis.RedisError):
            server.ask("EVAL", "while true do end", 0)

    def begin() -> None:
        server.ask("CONFIG", "SET", "busy-reply-threshold", 1)
        threads.append(threading.Thread(target=spin))
        threads[0].start()
        wait_until(lambda: _answer(server, "PING").startswith("BUSY"), 20, "the server being busy")

    def end() -> None:
        server.ask("SCRIPT", "KILL")
        threads[0].join(20)

    return Refusing(server, begin, end)


def _answer(server: Server, *command: str) -> str:
    try:
        return str(server.ask(*command))
    except redis.RedisError as error:
        return str(error)


REFUSALS: dict[Refusal, Callable[[Server], Refusing]] = {
    Refusal.OOM: _out_of_memory,
    Refusal.NOREPLICAS: _no_replicas,
    Refusal.READONLY: _read_only,
    Refusal.MASTERDOWN: _master_down,
    Refusal.MISCONF: _disk_fails,
    Refusal.BUSY: _busy,
}


def _command(client: Client) -> object:
    return client.incr("n")


def _script(client: Client) -> object:
    return client.eval(INCREMENT, 1, "n")


def _loaded_script(client: Client) -> object:
    return client.register_script(INCREMENT)(keys=["n"])


def _pipeline(client: Client) -> object:
    with client.pipeline(transaction=False) as pipe:
        pipe.incr("n").time()
        return pipe.execute()


def _transaction(client: Client) -> object:
    with client.pipeline(transaction=True) as pipe:
        pipe.incr("n").time()
        return pipe.execute()


def _transaction_of_scripts(client: Client) -> object:
    with client.pipeline(transaction=True) as pipe:
        pipe.eval(INCREMENT, 1, "n").time()
        return pipe.execute()


def _watched(client: Client) -> object:
    with client.pipeline(transaction=True) as pipe:
        pipe.watch("n")
        pipe.get("n")
        pipe.multi()
        pipe.eval(INCREMENT, 1, "n")
        pipe.set("other", 1)
        return execute(pipe)


def _watched_scripts_only(client: Client) -> object:
    with client.pipeline(transaction=True) as pipe:
        pipe.watch("n")
        pipe.multi()
        pipe.eval(INCREMENT, 1, "n")
        pipe.time()
        return execute(pipe)


PLACES: list[Place] = [
    _command,
    _script,
    _loaded_script,
    _pipeline,
    _transaction,
    _transaction_of_scripts,
    _watched,
    _watched_scripts_only,
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(params=list(REFUSALS), ids=str)
def refusing(request: pytest.FixtureRequest, home: Path) -> Iterator[Refusing]:
    with running() as stack:
        yield REFUSALS[request.param](Server(stack, home))


def test_a_refused_command_changes_nothing_and_its_connection_is_replaced(refusing: Refusing) -> None:
    clients = {place: refusing.server.client() for place in PLACES}
    before = {place: client.client_id() for place, client in clients.items()}
    for place, client in clients.items():
        place(client)
    refusing.begin()
    for place, client in clients.items():
        for _ in range(3):
            with pytest.raises((redis.RedisError, StoreUnavailableError)):
                place(client)
    refusing.end()
    assert int(clients[_command].get("n")) == len(PLACES)
    for place, client in clients.items():
        place(client)
        assert client.client_id() != before[place], place.__name__
    assert int(clients[_command].get("n")) == 2 * len(PLACES)


def test_the_reducer_waits_out_a_refusal_and_goes_on(refusing: Refusing) -> None:
    client = refusing.server.client()
    journal = Journal(client)
    reducer = Reducer(client, NullWake())
    journal.append([_join("first")])
    assert reducer.reduce() == 1
    journal.append([_join("second")])
    refusing.begin()
    for _ in range(3):
        with pytest.raises((redis.RedisError, StoreUnavailableError)):
            reducer.reduce()
        with pytest.raises(StoreUnavailableError):
            journal.append([_join("refused")])
    refusing.end()
    assert not client.exists(keys.HALTED)
    assert reducer.reduce() == 1
    assert StateStore(client).cursor() == journal.last_id()


def test_clients_of_an_event_loop_replace_their_connections_too(refusing: Refusing) -> None:
    async def through() -> None:
        client = connect_async(refusing.server.url)
        before = await client.client_id()
        await client.incr("n")
        await asyncio.to_thread(refusing.begin)
        for _ in range(2):
            with pytest.raises(redis.RedisError):
                await client.incr("n")
            async with client.pipeline(transaction=True) as pipe:
                pipe.eval(INCREMENT, 1, "n")
                with pytest.raises(redis.RedisError):
                    await pipe.execute()
        await asyncio.to_thread(refusing.end)
        assert await client.incr("n") == 2
        assert await client.client_id() != before
        await client.aclose()

    asyncio.run(through())


def test_the_web_process_answers_503_when_the_store_refuses_a_command(refusing: Refusing, tmp_path: Path) -> None:
    web_client = WebClient(refusing.server.url, tmp_path)
    configure_room(refusing.server.client())
    rule = {"rooms": ["*"], "on": "stream.failed", "do": "notify", "message": "look"}
    subscriber = {"url": "https://example.com/in", "types": ["*"]}

    def answers() -> dict[str, Any]:
        return {
            "webhook": web_client.webhook(webhook("participant-joined", ROOM, participantId="p", participantName="P")),
            "rule": web_client.api("PUT", "/rules/look", rule),
            "subscriber": web_client.api("POST", "/subscribers", subscriber),
            "start": web_client.api("POST", f"/rooms/{ROOM}/start"),
            "rooms": web_client.api("GET", "/rooms"),
            "readiness": web_client.http.get("/readyz"),
            "console": web_client.http.get("/rooms"),
        }

    refusing.begin()
    refused = answers()
    refusing.end()
    for name in ("webhook", "rule", "subscriber", "start"):
        assert refused[name].status_code == 503, name
        assert refused[name].headers["Retry-After"], name
    assert {answer.status_code for answer in refused.values()} <= {200, 302, 303, 404, 503}
    taken = {name: answer.status_code for name, answer in answers().items() if name in ("webhook", "subscriber")}
    assert taken == {"webhook": 200, "subscriber": 201}


def test_a_store_that_reads_its_data_is_waited_for(home: Path) -> None:
    slow = "key-load-delay 1000\nloading-process-events-interval-bytes 1024\n"
    with running() as stack:
        server = Server(stack, home, slow)
        client = server.client()
        client.mset({f"key-{number}": "x" * 100 for number in range(3_000)})
        client.save()
        journal, reducer = Journal(client), Reducer(client, NullWake())
        journal.append([_join("before")])
        client.save()
        reducer.reduce()
        server.kill()
        server.start(wait=False)
        refused = 0
        while True:
            try:
                reducer.reduce()
                client.incr("n")
                break
            except redis.BusyLoadingError as error:
                assert refusal_of(error) is Refusal.LOADING
                refused += 1
            except redis.ConnectionError:
                assert server.process.poll() is None
        assert refused
        assert StateStore(client).cursor() == journal.last_id()
        assert not client.exists(keys.HALTED)


@pytest.fixture
def pair(home: Path) -> Iterator[Pair]:
    with running() as stack:
        yield Pair(stack, home)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_new_primary_behind_the_same_address_is_found(pair: Pair, place: Place) -> None:
    client = connect(pair.address.url)
    place(client)
    for _ in range(2):
        pair.switch()
        with pytest.raises((redis.RedisError, StoreUnavailableError)):
            place(client)
        place(client)
    assert int(client.get("n")) == 3
    client.close()


def test_one_refusal_has_every_idle_connection_replaced(pair: Pair) -> None:
    client = connect(pair.address.url)
    barrier = threading.Barrier(8)
    failures: list[str] = []

    def hold() -> None:
        with client.pipeline() as pipe:
            pipe.watch("n")  # keeps its connection
            barrier.wait(20)

    def write() -> None:
        try:
            client.incr("n")
        except redis.RedisError as error:
            failures.append(str(error))

    _together(hold, 8)
    pair.switch()
    with pytest.raises(redis.ReadOnlyError):
        client.incr("n")
    _together(write, 8)
    assert failures == []
    client.close()


def test_clients_that_share_a_generation_learn_from_each_other(pair: Pair) -> None:
    generation = Generation()
    clients = [connect(pair.address.url, generation=generation) for _ in range(3)]
    for client in clients:
        client.incr("n")
    pair.switch()
    with pytest.raises(redis.ReadOnlyError):
        clients[0].incr("n")
    for client in clients:
        assert client.incr("n")
        client.close()


def test_a_silent_server_has_every_connection_replaced(pair: Pair) -> None:
    client = connect(pair.address.url, timeout_s=0.5)
    with client.pipeline() as first, client.pipeline() as second:
        first.watch("n")
        second.watch("n")  # two connections at once
    pair.primary.suspend()
    with pytest.raises(redis.TimeoutError):
        client.get("n")
    pair.replica.ask("REPLICAOF", "NO", "ONE")
    pair.address.target = pair.replica.port
    pair.primary.resume()
    assert client.incr("n") == 1
    with client.pipeline() as first, client.pipeline() as second:
        for pipe in (first, second):
            pipe.watch("n")
            assert pipe.get("n") == b"1"
    client.close()


def test_the_reducer_follows_a_switch_of_roles(pair: Pair) -> None:
    client = connect(pair.address.url)
    journal, reducer = Journal(client), Reducer(client, NullWake())
    for number in range(6):
        _until_taken(partial(journal.append, [_join(f"p{number}")]))
        if number % 2:
            pair.switch()
        assert _until_taken(reducer.reduce) == 1
        assert not client.exists(keys.HALTED)
    assert StateStore(client).cursor() == journal.last_id()
    client.close()


def test_a_blocking_read_ends_when_its_server_is_demoted(pair: Pair) -> None:
    client = connect(pair.address.url, timeout_s=20)
    answers: list[object] = []

    def wait() -> None:
        try:
            answers.append(client.blpop(["queue"], timeout=15))
        except redis.RedisError as error:
            answers.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: _blocked(pair.primary) == 1, 20, "the blocking read")
    pair.switch()
    thread.join(20)
    assert isinstance(answers[0], redis.RedisError)
    assert client.incr("n") == 1
    client.close()


def _blocked(server: Server) -> int:
    info = server.ask("INFO", "clients")
    assert isinstance(info, dict)
    return int(info["blocked_clients"])


def test_a_transaction_applied_in_part_is_no_refusal(home: Path) -> None:
    with running() as stack:
        client = Server(stack, home).client()
        client.set("text", "x")
        with client.pipeline(transaction=True) as pipe:
            pipe.watch("n")
            pipe.multi()
            pipe.incr("n")
            pipe.lpush("text", "y")
            with pytest.raises(PartialCommitError):
                execute(pipe)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MISCONF Errors writing to the AOF file: No space left on device", Refusal.MISCONF),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", Refusal.UNBLOCKED),
        (
            "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
            Refusal.OOM,
        ),
        (
            "ERR Error running script (call to f_0123): @user_script:5: @user_script: 5: -READONLY You can't write",
            Refusal.READONLY,
        ),
        ("CLUSTERDOWN Hash slot not served", Refusal.CLUSTERDOWN),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", None),
        ("ERR unknown command 'OOM'", None),
        ("OOMPH", None),
        ("EXECABORT Transaction discarded because of previous errors.", None),
        ("", None),
    ],
)
def test_refusals_are_recognised_by_their_code_wherever_the_server_puts_it(text: str, expected: Refusal | None) -> None:
    assert refusal_of(redis.ResponseError(text)) is expected


def _join(who: str) -> Entry:
    body = b'{"webhookType":"participant-joined","data":{"meetingId":"%s","sessionId":"s1","participantId":"%s"}}' % (
        ROOM.encode(),
        who.encode(),
    )
    return Entry(Source.VIDEOSDK, "participant-joined", ROOM, body)


def _until_taken(attempt: Callable[[], Any]) -> Any:
    """What an attempt returns once the store takes it; a refusal or two are expected."""
    for _ in range(4):
        try:
            return attempt()
        except (redis.RedisError, StoreUnavailableError):
            continue
    return attempt()


def _together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
