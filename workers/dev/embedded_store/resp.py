"""The few words we say to the embedded store over its socket, without a client library."""

import contextlib
import socket
from enum import Enum
from pathlib import Path

_ANSWER_S = 1.0
_ANSWER_MAX_BYTES = 65536


class Answer(Enum):
    NONE = "no answer"
    LOADING = "reading its data"
    READY = "ready"


def ping(path: Path) -> Answer:
    said = ask(path, "PING")
    if said.startswith(b"+PONG"):
        return Answer.READY
    return Answer.LOADING if said.startswith((b"-LOADING", b"-BUSY")) else Answer.NONE


def loaded_percent(path: Path) -> str:
    """How much of its data it has read, as it says itself."""
    for line in ask(path, "INFO persistence").splitlines():
        if line.startswith(b"loading_loaded_perc:"):
            return line.partition(b":")[2].decode() + " %"
    return "a part"


def shut_down(path: Path) -> bool:
    """Ask it to end; False when it does not listen yet, or no more."""
    if ping(path) is Answer.NONE:
        return False
    ask(path, "SHUTDOWN")
    return True


def ask(path: Path, command: str) -> bytes:
    """The beginning of its answer; empty when there is none in time."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_ANSWER_S)
        line.connect(str(path))
        line.sendall(command.encode() + b"\r\n")
        return line.recv(_ANSWER_MAX_BYTES)
    return b""
