"""The whole product on a store whose roles are switched behind one address, and on one that refuses for a while."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.product import Product, product, webhook
from tests.support.store_servers import Pair, Server, running

pytestmark = pytest.mark.process
LIMIT_S = 60.0
DURABLE = "appendonly yes\nappendfsync always\n"


class Sender:
    """Sends webhooks of a room and keeps the ids of those that were acknowledged."""

    def __init__(self, tally: Product, room: str) -> None:
        self._tally, self._room = tally, room
        self._count = 0
        self.kept: list[str] = []

    def post(self) -> bool:
        """Whether one more was acknowledged; any other answer than 200 is 503."""
        self._count += 1
        body = webhook("participant-joined", self._room, participantId=f"p{self._count}", participantName="P")
        answer = self._tally.post_webhook(body)
        assert answer.status in (200, 503), answer.body
        if answer.status == 200:
            self.kept.append(answer.json["id"])
        else:
            assert answer.headers.get("retry-after")
        return answer.status == 200

    def wait_folded(self) -> None:
        """Wait until each that was acknowledged has had its effect."""
        for event_id in self.kept:
            wait_until(partial(self._tally.effect, event_id), LIMIT_S, event_id)


def goes_on(tally: Product, room: str) -> None:
    """Every process works: a room goes on air and off, and its subscriber is told."""
    assert tally.sandbox is not None
    tally.wait_ready(LIMIT_S)
    tally.sandbox.join(room)
    # The room is known once its webhook is processed.
    wait_until(lambda: tally.api("POST", f"/rooms/{room}/start").status == 202, LIMIT_S, "a start being taken")
    tally.wait_state(room, "playable", LIMIT_S)
    wait_until(lambda: "stream.playable" in tally.sink.types(room), LIMIT_S, "the subscriber being told")
    assert tally.api("POST", f"/rooms/{room}/end").status == 202
    tally.wait_state(room, "stopped", LIMIT_S)


def test_every_process_follows_a_switch_of_roles_behind_one_address(tmp_path: Path) -> None:
    with running() as stack:
        pair = Pair(stack, tmp_path, DURABLE)
        with product(tmp_path, pinned=True, REDIS_URL=pair.address.url) as tally:
            tally.subscribe()
            sender = Sender(tally, "aaaa-aaaa-aaaa")
            processes = tally.pids()
            for number in range(2):
                wait_until(sender.post, LIMIT_S, "a webhook being kept")
                pair.switch()
                wait_until(sender.post, LIMIT_S, "a webhook being kept by the new primary")
                sender.wait_folded()
                goes_on(tally, f"bbbb-bbbb-bbb{number}")
            assert tally.pids() == processes, "a process was restarted"
            assert tally.stop() == 0


@pytest.mark.parametrize(
    ("setting", "refusing", "taking"),
    [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")],
)
def test_a_store_that_refuses_for_a_while_is_waited_for(
    tmp_path: Path, setting: str, refusing: str, taking: str
) -> None:
    with running() as stack:
        server = Server(stack, tmp_path, DURABLE)
        with product(tmp_path, pinned=True, REDIS_URL=server.url) as tally:
            tally.subscribe()
            sender = Sender(tally, "aaaa-aaaa-aaaa")
            wait_until(sender.post, LIMIT_S, "a webhook being kept")
            server.ask("CONFIG", "SET", setting, refusing)
            for _ in range(50):
                assert not sender.post()
            wait_until(lambda: tally.output().count("the store is unavailable") >= 6, LIMIT_S, "the workers noticing")
            server.ask("CONFIG", "SET", setting, taking)
            wait_until(sender.post, LIMIT_S, "a webhook being kept again")
            sender.wait_folded()
            goes_on(tally, "bbbb-bbbb-bbbb")
            assert "halted" not in tally.output()
            assert tally.stop() == 0
