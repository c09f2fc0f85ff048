"""The heartbeat of a process: a record in the store that expires, with the names of the process's failing loops."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from webhook_app.runtime.loops import Loops
from webhook_app.store.operations.processes import Processes

BEAT_EVERY_S = 2.0
JOIN_TIMEOUT_S = 1.0


@contextmanager
def process_heartbeat(
    name: str, processes: Processes, loops: Loops, *, every_s: float = BEAT_EVERY_S
) -> Iterator[None]:
    """Send heartbeats on a thread while the body runs, then remove the process from the store."""
    where = f"{socket.gethostname()}:{os.getpid()}"
    stop = threading.Event()

    def beat() -> None:
        processes.record(name, where, loops.failing())

    thread = loops.start("beat", beat, every_s=every_s, stop=stop)
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=JOIN_TIMEOUT_S)
        try:
            processes.remove(name, where)
        except redis.RedisError:
            pass
