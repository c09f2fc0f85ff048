"""Process heartbeats: which processes live, by the store's own time, and which of their loops fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua

ALIVE_FOR_MS = 10_000
FORGET_AFTER_MS = 24 * 3600 * 1000

_failing_of = codec.decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class LiveProcesses:
    """The processes that were seen within 10 s: how many of each name, and the loops that fail, with their reason."""

    alive: Mapping[str, int]
    failing: Mapping[str, str]  # by "<process>: <loop>"

    def failing_in(self, *names: str) -> dict[str, str]:
        """The failing loops of the processes of these names."""
        return {loop: problem for loop, problem in self.failing.items() if loop.partition(":")[0] in names}


@dataclass(frozen=True, slots=True)
class SeenProcess:
    """A process of a name, where it runs (host and process id), and when it was seen last, in ms."""

    name: str
    where: str
    seen_at: float


class Processes:
    """Records the heartbeat of a process, and lists the live ones."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._record_heartbeat = client.register_script(lua("record_heartbeat"))

    def record(self, name: str, where: str, failing: Mapping[str, str] | None = None) -> None:
        """Record a heartbeat; `where` (host and process id) distinguishes processes of one name."""
        text = codec.encode(failing) if failing else ""
        self._record_heartbeat(
            keys=[keys.PROCESSES, keys.FAILING_LOOPS], args=[f"{name}|{where}", FORGET_AFTER_MS, text]
        )

    def remove(self, name: str, where: str) -> None:
        """Remove a process that stops."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zrem(keys.PROCESSES, f"{name}|{where}")
            pipe.hdel(keys.FAILING_LOOPS, f"{name}|{where}")
            pipe.execute()

    def live(self) -> LiveProcesses:
        """The processes that were seen within 10 s."""
        return live_processes_of(queue_live_processes(self._client))

    def alive(self) -> Mapping[str, int]:
        """How many processes of each name were seen within 10 s."""
        return self.live().alive


def processes_seen(client: Client) -> list[SeenProcess]:
    """The processes that were seen within a day, those seen last at the end."""
    processes = []
    for member, seen_at in client.zrange(keys.PROCESSES, 0, -1, withscores=True):
        name, _, where = member.decode().partition("|")
        processes.append(SeenProcess(name, where, seen_at))
    return processes


def queue_live_processes(pipe: Client) -> Any:
    """Queue listing the live processes on a pipeline; `live_processes_of` decodes the answer."""
    return pipe.eval(lua("list_live_processes"), 2, keys.PROCESSES, keys.FAILING_LOOPS, ALIVE_FOR_MS)


def live_processes_of(answer: Any) -> LiveProcesses:
    """The live processes out of the script's answer."""
    alive: dict[str, int] = {}
    failing: dict[str, str] = {}
    for member, text in zip(answer[::2], answer[1::2], strict=True):
        name = member.decode().partition("|")[0]
        alive[name] = alive.get(name, 0) + 1
        if text:
            failing |= {f"{name}: {loop}": problem for loop, problem in _failing_of(text).items()}
    return LiveProcesses(alive, failing)
