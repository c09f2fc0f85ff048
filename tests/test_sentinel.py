"""A store with a replica and sentinels: its primary is killed, and the product goes on by itself."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from product import Answer, free_ports, product, wait_until, webhook
from support.waiting import patient

pytestmark = pytest.mark.process
ROOM = "abcd-efgh-ijkl"
PASSWORD = "the:pass/word@of%the-stores"
FAILOVER_LIMIT_S = 60.0
STORE = f"""
bind 127.0.0.1
appendonly yes
appendfsync always
save ""
maxmemory 256mb
maxmemory-policy noeviction
requirepass {PASSWORD}
masterauth {PASSWORD}
"""
SENTINEL = """
bind 127.0.0.1
sentinel monitor tally 127.0.0.1 {primary} 2
sentinel auth-pass tally {password}
sentinel down-after-milliseconds tally 3000
sentinel failover-timeout tally 10000
"""


class Stores:
    """A primary, a replica and three sentinels."""

    def __init__(self, home: Path, running: ExitStack) -> None:
        server, sentinel = (shutil.which(name) for name in ("redis-server", "redis-sentinel"))
        if server is None or sentinel is None:
            pytest.skip("redis-server and redis-sentinel are not installed: a failover was not tried")
        self.primary, self.replica, *self.sentinels = free_ports(5)
        self.process = _run(running, home, server, self.primary, STORE)
        _run(running, home, server, self.replica, f"{STORE}replicaof 127.0.0.1 {self.primary}\n")
        for port in self.sentinels:
            _run(running, home, sentinel, port, SENTINEL.format(primary=self.primary, password=PASSWORD))
        wait_until(self._whole, 30, "the sentinels knowing each other")

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://:{quote(PASSWORD, safe='')}@{hosts}/tally/0"

    def chosen(self) -> int:
        """The port of the primary, as the first sentinel says."""
        with redis.Redis(port=self.sentinels[0]) as sentinel:
            found = sentinel.execute_command("SENTINEL", "get-master-addr-by-name", "tally")
        return int(found[1])

    def _whole(self) -> bool:
        try:
            for port in self.sentinels:
                with redis.Redis(port=port) as sentinel:
                    known = sentinel.execute_command("SENTINEL", "master", "tally")
                facts = known if isinstance(known, dict) else dict(zip(known[::2], known[1::2], strict=True))
                said = {_text(name): _text(value) for name, value in facts.items()}
                if (int(said["num-other-sentinels"]), int(said["num-slaves"])) != (2, 1):
                    return False
        except redis.ConnectionError:
            return False
        return True


@contextmanager
def stores(home: Path) -> Iterator[Stores]:
    with ExitStack() as running:
        yield Stores(home, running)


def test_a_failover_is_lived_through(tmp_path: Path) -> None:
    with (
        stores(tmp_path) as made,
        product(tmp_path, pinned=True, REDIS_URL=made.url) as one,
    ):
        assert one.sandbox is not None
        one.sandbox.join(ROOM)
        assert one.api("POST", f"/rooms/{ROOM}/start").status == 202
        one.wait_state(ROOM, "playable")
        _settled(made)
        made.process.send_signal(signal.SIGKILL)
        wait_until(lambda: made.chosen() == made.replica, FAILOVER_LIMIT_S, "the replica being chosen")
        body = webhook("participant-joined", ROOM, participantId="late", participantName="Late")
        kept = wait_until(lambda: _kept(one.post_webhook(body)), FAILOVER_LIMIT_S, "a webhook being kept")
        wait_until(lambda: one.get(f"/events/{kept}")["effect"], 20, "its being folded")
        room = one.room(ROOM)
        assert room is not None and room["on_air"] and room["desired"]["because"] == "operator"
        assert one.api("POST", f"/rooms/{ROOM}/end").status == 202
        one.wait_state(ROOM, "stopped")
        assert len(one.sandbox.starts(ROOM)) == 1
        assert one.stop() == 0
        assert "killing" not in one.output()


def _kept(answer: Answer) -> str | None:
    """The id of a webhook that was kept; None while the store is away."""
    assert answer.status in (200, 503), answer.body
    return answer.json["id"] if answer.status == 200 else None


def _settled(made: Stores) -> None:
    """Wait until the replica has all that the primary has: it is not the failover's loss that is tried here."""
    with (
        redis.Redis(port=made.primary, password=PASSWORD) as primary,
        redis.Redis(port=made.replica, password=PASSWORD) as replica,
    ):
        wait_until(
            lambda: (
                primary.info("replication")["master_repl_offset"] <= replica.info("replication")["slave_repl_offset"]
            ),
            20,
            "the replica having everything",
        )


def _run(running: ExitStack, home: Path, program: str, port: int, configuration: str) -> "subprocess.Popen[bytes]":
    """A server on a directory of its own, ended with the test."""
    directory = home / f"store-{port}"
    directory.mkdir()
    (directory / "server.conf").write_text(f"port {port}\ndir {directory}\n{configuration}")
    log = running.enter_context((directory / "log").open("wb"))
    process = subprocess.Popen([program, str(directory / "server.conf")], stdout=log, stderr=subprocess.STDOUT)

    def end() -> None:
        process.kill()
        process.wait(patient(20))

    running.callback(end)
    return process


def _text(value: bytes | str | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
