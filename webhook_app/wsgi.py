"""What the web server imports: the app of one worker process, built from the environment."""

import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from webhook_app import secrets_file
from webhook_app.app import build
from webhook_app.settings import load

SILENT_MAX_MS = 20_000
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    # The server's own process may be killed; its worker must not go on holding the port alone.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def _on_stop(stop: Callable[[], None]) -> None:
    """Call this when the process is asked to end: the server's own handlers only wait for answers to be over."""
    hears, tells = socket.socketpair()
    tells.setblocking(False)
    signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while number := hears.recv(1):
            if number[0] in (signal.SIGTERM, signal.SIGINT):
                stop()
        tells.close()

    threading.Thread(target=listen, name="stop", daemon=True).start()


def _give_up_on_silent_peers() -> None:
    """A client that stops reading, or vanishes, is cut off in a while: each thread it blocks is one fewer."""
    if sys.platform != "linux":
        return
    for path in Path("/proc/self/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(path.name))) as one:
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.family != socket.AF_UNIX:
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_MAX_MS)  # inherited by accept
        except OSError:
            continue  # no socket, or closed meanwhile


_end_with_parent()
_give_up_on_silent_peers()
_web = build(secrets_file.resolve(load(os.environ)))
_web.start()
_on_stop(_web.stop)
application = _web.app
