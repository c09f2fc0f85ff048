"""Minimal RESP client for the embedded store's socket: ping, load progress and shutdown."""

import contextlib
import socket
from enum import Enum
from pathlib import Path

_TIMEOUT_S = 1.0
_ANSWER_MAX_BYTES = 65536


class Answer(Enum):
    """State of the server according to its answer to PING."""

    NONE = "no answer"
    LOADING = "reading its data"
    READY = "ready"


def ping(path: Path) -> Answer:
    """Return the server's state."""
    answer = request(path, "PING")
    if answer.startswith(b"+PONG"):
        return Answer.READY
    return Answer.LOADING if answer.startswith((b"-LOADING", b"-BUSY")) else Answer.NONE


def loaded_percent(path: Path) -> str:
    """Return how much of its data the server has loaded, as text."""
    for line in request(path, "INFO persistence").splitlines():
        if line.startswith(b"loading_loaded_perc:"):
            return line.partition(b":")[2].decode() + " %"
    return "some of it"


def shut_down(path: Path) -> bool:
    """Send SHUTDOWN; False if the server does not answer."""
    if ping(path) is Answer.NONE:
        return False
    request(path, "SHUTDOWN")
    return True


def request(path: Path, command: str) -> bytes:
    """Send a command and return the start of the answer; empty if none arrives in time."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_TIMEOUT_S)
        line.connect(str(path))
        line.sendall(command.encode() + b"\r\n")
        return line.recv(_ANSWER_MAX_BYTES)
    return b""
