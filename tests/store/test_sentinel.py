"""A store with replicas and sentinels: failovers are lived through, logins and addresses are the right ones."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.polling import wait_until
from tests.support.product import Answer, product, webhook
from tests.support.store_servers import Server, running
from webhook_app.config.sentinel_url import Login
from webhook_app.config.settings import Settings
from webhook_app.store.connection.clients import Client, connect, connect_async
from webhook_app.store.connection.sentinels import NoPrimaryError, SentinelFailure
from workers.doctor.finding import Level
from workers.doctor.store import check_store

pytestmark = pytest.mark.process
ROOM = "abcd-efgh-ijkl"
PASSWORD = "the:pass/word@of%the-stores"
SENTINEL_PASSWORD = "the:pass/word@of%the-sentinels"
FAILOVER_LIMIT_S = 60.0
STORE = f"""
appendonly yes
appendfsync always
maxmemory 256mb
maxmemory-policy noeviction
requirepass {PASSWORD}
masterauth {PASSWORD}
"""


class Stores:
    """A primary, its replicas and three sentinels that ask for a password of their own."""

    def __init__(self, running: ExitStack, home: Path, *, replicas: int = 1) -> None:
        self.primary = Server(running, home, STORE)
        self.replicas = [
            Server(running, home, f"{STORE}replicaof 127.0.0.1 {self.primary.port}\n") for _ in range(replicas)
        ]
        configuration = (
            f"requirepass {SENTINEL_PASSWORD}\nsentinel sentinel-pass {SENTINEL_PASSWORD}\n"
            f"sentinel monitor tally 127.0.0.1 {self.primary.port} 2\nsentinel auth-pass tally {PASSWORD}\n"
            "sentinel down-after-milliseconds tally 1000\nsentinel failover-timeout tally 10000\n"
        )
        self.sentinels = [Server(running, home, configuration, sentinel=True) for _ in range(3)]
        wait_until(self._whole, 30, "the sentinels knowing each other")

    def url(self, host: str = "127.0.0.1", service: str = "tally") -> str:
        hosts = ",".join(f"{host}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{quote(PASSWORD, safe='')}@{hosts}/{service}/0"

    def chosen(self) -> int:
        """The port of the primary, as the first sentinel says."""
        address = self.sentinels[0].ask("SENTINEL", "get-master-addr-by-name", "tally")
        assert isinstance(address, (list, tuple))
        return int(address[1])

    def wait_for_failover(self) -> None:
        ports = [replica.port for replica in self.replicas]
        wait_until(lambda: self.chosen() in ports, FAILOVER_LIMIT_S, "a replica being chosen")

    def wait_replicated(self) -> None:
        """Wait until every replica has all that the primary has: no loss by a failover is tried here."""
        wait_until(
            lambda: all(replica.offset() >= self.primary.offset() for replica in self.replicas),
            20,
            "the replicas having everything",
        )

    def _whole(self) -> bool:
        for sentinel in self.sentinels:
            reply = sentinel.ask("SENTINEL", "master", "tally")
            assert isinstance(reply, (dict, list))
            facts = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
            numbers = {_text(name): _text(value) for name, value in facts.items()}
            if (int(numbers["num-other-sentinels"]), int(numbers["num-slaves"])) != (2, len(self.replicas)):
                return False
        return True


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with running() as stack:
        yield Stores(stack, tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Stores that no test harms."""
    with running() as stack:
        yield Stores(stack, tmp_path_factory.mktemp("stores"))


def test_a_primary_that_dies_is_replaced(stores: Stores, tmp_path: Path) -> None:
    environ: dict[str, Any] = {"REDIS_URL": stores.url(), "SENTINEL_PASSWORD": SENTINEL_PASSWORD}
    with product(tmp_path, pinned=True, **environ) as tally:
        assert tally.sandbox is not None
        tally.add_room(ROOM)
        tally.sandbox.join(ROOM)
        assert tally.api("POST", f"/rooms/{ROOM}/start").status == 202
        tally.wait_state(ROOM, "playable")
        stores.wait_replicated()
        stores.primary.process.send_signal(signal.SIGKILL)
        stores.wait_for_failover()
        body = webhook("participant-joined", ROOM, participantId="late", participantName="Late")
        event_id = wait_until(lambda: _kept(tally.post_webhook(body)), FAILOVER_LIMIT_S, "a webhook being kept")
        wait_until(lambda: tally.get(f"/events/{event_id}")["effect"], 20, "its being folded")
        room = tally.room(ROOM)
        assert room is not None and room["on_air"] and room["desired"]["because"] == "operator"
        assert tally.api("POST", f"/rooms/{ROOM}/end").status == 202
        tally.wait_state(ROOM, "stopped")
        assert len(tally.sandbox.starts(ROOM)) == 1
        assert tally.stop() == 0
        assert "killing" not in tally.output()


def test_a_primary_that_hangs_is_replaced_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with running() as stack:
        stores = Stores(stack, tmp_path, replicas=2)
        environ: dict[str, Any] = {
            "REDIS_URL": stores.url(),
            "SENTINEL_PASSWORD": SENTINEL_PASSWORD,
            "ACK_REPLICAS": "1",
        }
        with product(tmp_path, pinned=True, **environ) as tally:
            numbers = iter(range(1_000_000))
            kept: list[str] = []
            statuses: list[int] = []

            def post() -> str | None:
                who = f"p{next(numbers)}"
                answer = tally.post_webhook(webhook("participant-joined", ROOM, participantId=who, participantName="P"))
                event_id = _kept(answer)
                statuses.append(answer.status)
                if event_id is not None:
                    kept.append(event_id)
                return event_id

            def folded(event_id: str) -> bool:
                answer = tally.api("GET", f"/events/{event_id}")  # 404 while a reader is still with the old primary
                return answer.status == 200 and bool(answer.json["effect"])

            wait_until(post, 20, "a webhook being kept")
            stores.primary.suspend()
            statuses.clear()
            wait_until(post, FAILOVER_LIMIT_S, "a webhook being kept by the new primary")
            assert statuses.count(503) >= 4, "webhooks were not refused quickly while the primary hung"
            stores.primary.resume()
            for _ in range(20):
                post()
            tally.wait_ready(FAILOVER_LIMIT_S)
            for event_id in kept:
                wait_until(partial(folded, event_id), 30, "the fold")
            assert tally.stop() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_sentinels_are_reached_by_any_address_with_their_own_password(shared: Stores, host: str) -> None:
    login = Login(None, SENTINEL_PASSWORD)
    with closing(connect(shared.url(host), sentinel_login=login)) as client:
        assert client.set("a", 1)


@pytest.mark.parametrize(
    ("password", "service", "host", "reason", "hint"),
    [
        (None, "tally", "127.0.0.1", SentinelFailure.LOGIN, "set SENTINEL_PASSWORD"),
        ("wrong", "tally", "127.0.0.1", SentinelFailure.LOGIN, "check SENTINEL_PASSWORD"),
        (SENTINEL_PASSWORD, "other", "127.0.0.1", SentinelFailure.UNKNOWN_SERVICE, "service name"),
        (SENTINEL_PASSWORD, "tally", "127.0.0.2", SentinelFailure.UNREACHABLE, "hosts and ports"),
    ],
)
def test_doctor_names_the_cause(
    shared: Stores, password: str | None, service: str, host: str, reason: SentinelFailure, hint: str
) -> None:
    settings = Settings(redis_url=shared.url(host, service), sentinel_password=password)
    with closing(_client(settings)) as client:
        with pytest.raises(NoPrimaryError) as raised:
            client.ping()
        (finding,) = check_store(client, settings)
    assert raised.value.has(reason)
    assert finding.level is Level.FAILED
    assert hint in (finding.hint or "")
    assert "<" not in finding.message
    assert "\n" not in finding.message
    for secret in (PASSWORD, SENTINEL_PASSWORD, "wrong"):
        assert secret not in finding.message


def test_doctor_distinguishes_the_stores_password_from_the_sentinels(shared: Stores) -> None:
    url = shared.url().replace(quote(PASSWORD, safe=""), "wrong")
    settings = Settings(redis_url=url, sentinel_password=SENTINEL_PASSWORD)
    with closing(_client(settings)) as client:
        (finding,) = check_store(client, settings)
    assert finding.hint == "check the user and password in REDIS_URL"


@pytest.mark.parametrize(("ack_replicas", "level"), [(0, Level.WARNING), (1, Level.OK)])
def test_doctor_warns_of_a_failover_that_may_lose_webhooks(shared: Stores, ack_replicas: int, level: Level) -> None:
    settings = Settings(redis_url=shared.url(), sentinel_password=SENTINEL_PASSWORD, ack_replicas=ack_replicas)
    with closing(_client(settings)) as client:
        findings = {finding.name: finding for finding in check_store(client, settings)}
    assert findings["failover"].level is level


async def _ping(url: str, login: Login) -> bool:
    client = connect_async(url, sentinel_login=login)
    try:
        return bool(await client.ping())
    finally:
        await client.aclose()


def test_an_event_loops_client_goes_through_sentinels_too(shared: Stores) -> None:

    assert asyncio.run(_ping(shared.url("[::1]"), Login(None, SENTINEL_PASSWORD)))
    with pytest.raises(NoPrimaryError):
        asyncio.run(_ping(shared.url(), Login(None, "wrong")))


def _client(settings: Settings) -> Client:
    assert settings.redis_url is not None
    return connect(settings.redis_url, sentinel_login=settings.sentinel_login)


def _kept(answer: Answer) -> str | None:
    """The id of a webhook that was kept; None while the store is away."""
    assert answer.status in (200, 503), answer.body
    return answer.json["id"] if answer.status == 200 else None


def _text(value: bytes | str | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
