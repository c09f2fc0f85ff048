"""What the web server imports: the app of one worker process, built from the environment."""

import ctypes
import os
import signal
import sys

from webhook_app import secrets_file
from webhook_app.app import build
from webhook_app.settings import load

_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    # The server's own process may be killed; its worker must not go on holding the port alone.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)


_end_with_parent()
_web = build(secrets_file.resolve(load(os.environ)))
_web.start()
application = _web.app
