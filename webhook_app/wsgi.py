"""What the web server imports: the app of one worker process, built from the environment."""

import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from webhook_app import secrets_file, silent_peers
from webhook_app.app import build
from webhook_app.known_secrets import known_secrets
from webhook_app.logs import configure
from webhook_app.settings import load

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


_end_with_parent()
_settings = load(os.environ)
_settings = secrets_file.resolve(_settings)
configure("web", _settings.log_format, _settings.log_level, secrets=known_secrets(_settings))
_web = build(_settings)
_web.start()
_on_stop(_web.stop)
silent_peers.watch()
application = _web.app
