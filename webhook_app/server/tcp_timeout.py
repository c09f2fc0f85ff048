"""TCP time-out for clients that stop reading or vanish: the kernel closes the connection, which frees its thread."""

import os
import socket
import sys
import threading
from pathlib import Path
from time import monotonic, sleep

SILENT_MAX_MS = 20_000
LISTENING_WITHIN_S = 30.0
LISTENING_LOOK_S = 0.1


def watch() -> None:
    """Set the limit as soon as the server listens, on a separate thread; Linux only."""
    if sys.platform == "linux":
        threading.Thread(target=_set_once_listening, name="silent-peers", daemon=True).start()


def set_limit(limit_ms: int = SILENT_MAX_MS) -> bool:
    """Limit how long what was sent on a TCP connection may stay unread; return whether a listening socket was found.

    The server does not expose its socket, so all file descriptors are searched. Accepted connections inherit the limit.
    """
    is_set = False
    for path in Path("/proc/self/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(path.name))) as listener:
                if listener.family != socket.AF_UNIX and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
                    is_set = True
        except OSError:
            continue  # no socket, or closed meanwhile
    return is_set


def _set_once_listening() -> None:
    until = monotonic() + LISTENING_WITHIN_S
    while not set_limit() and monotonic() < until:
        sleep(LISTENING_LOOK_S)
