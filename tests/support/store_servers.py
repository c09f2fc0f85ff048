"""Stores of the tests' own on TCP ports: primaries, replicas, sentinels, and a fixed address before two of them."""

import contextlib
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.polling import wait_until
from tests.support.ports import free_ports
from webhook_app.store.connection.clients import Client, connect
from workers.dev.embedded_store.server import EmbeddedStore

START_LIMIT_S = 30.0
STORE = """
bind 127.0.0.1 ::1
save ""
appendonly no
repl-diskless-sync-delay 0
"""


class Server:
    """One Valkey server; stopped with the test."""

    def __init__(self, running: ExitStack, home: Path, configuration: str = "", *, sentinel: bool = False) -> None:
        self._running = running
        self._sentinel = sentinel
        (self.port,) = free_ports(1)
        self.home = home / f"store-{self.port}"
        self.home.mkdir()
        text = f"port {self.port}\ndir {self.home}\n" + ("bind 127.0.0.1 ::1\n" if sentinel else STORE) + configuration
        (self.home / "server.conf").write_text(text)
        self.password = (re.findall(r"^requirepass (\S+)$", configuration, re.M) or [None])[0]
        self._log = running.enter_context((self.home / "log").open("ab"))
        self.start()
        running.callback(self.kill)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *, wait: bool = True) -> None:
        """Start it, again too."""
        program = EmbeddedStore(self.home).command[0]
        command = [program, str(self.home / "server.conf"), *(["--sentinel"] if self._sentinel else [])]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        if wait:
            wait_until(self.answers, START_LIMIT_S, f"the server on port {self.port} answering")

    def kill(self) -> None:
        """kill -9, suspended or not."""
        self.process.kill()
        self.process.wait(START_LIMIT_S)

    def suspend(self) -> None:
        """Have it hang: connections stay open, nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except redis.ConnectionError:
            return False

    def ask(self, *command: str | int) -> object:
        """One command on a connection of its own."""
        with redis.Redis(
            port=self.port, password=self.password, socket_timeout=10, retry=Retry(NoBackoff(), 0)
        ) as client:
            return client.execute_command(*command)

    def client(self) -> Client:
        """A client as the product makes it; closed with the test."""
        return self._running.enter_context(contextlib.closing(connect(self.url)))

    def replicate(self, primary: "Server") -> None:
        """Become a replica, and wait until everything is here."""
        self.ask("REPLICAOF", "127.0.0.1", primary.port)
        wait_until(lambda: self.linked() == "up", START_LIMIT_S, "the replica being linked")

    def linked(self) -> str:
        info = self.ask("INFO", "replication")
        assert isinstance(info, dict)
        return str(info.get("master_link_status"))

    def offset(self) -> int:
        info = self.ask("INFO", "replication")
        assert isinstance(info, dict)
        return int(info["master_repl_offset"])


class FixedAddress:
    """A TCP port that leads to one of several servers; connections that are open stay where they are."""

    def __init__(self, running: ExitStack, targets: Sequence[int]) -> None:
        self.target = targets[0]
        self._listener = running.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        running.callback(self._close)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._sockets += (near, far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def _close(self) -> None:
        for open_socket in self._sockets:
            open_socket.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Pair:
    """A primary and its replica behind one address."""

    def __init__(self, running: ExitStack, home: Path, configuration: str = "") -> None:
        self.primary = Server(running, home, configuration)
        self.replica = Server(running, home, configuration)
        self.replica.replicate(self.primary)
        self.address = FixedAddress(running, [self.primary.port])

    def switch(self) -> None:
        """A planned failover: the replica takes over, the former primary follows it and keeps its clients."""
        self.primary.ask("CLIENT", "PAUSE", 10_000, "WRITE")
        wait_until(lambda: self.replica.offset() >= self.primary.offset(), START_LIMIT_S, "the replica having all")
        self.replica.ask("REPLICAOF", "NO", "ONE")
        self.address.target = self.replica.port
        self.primary.ask("REPLICAOF", "127.0.0.1", self.replica.port)
        self.primary.ask("CLIENT", "UNPAUSE")
        self.primary, self.replica = self.replica, self.primary
        wait_until(lambda: self.replica.linked() == "up", START_LIMIT_S, "the former primary being a replica")


@contextlib.contextmanager
def running() -> Iterator[ExitStack]:
    """Whatever is started on it ends with it."""
    with ExitStack() as stack:
        yield stack
