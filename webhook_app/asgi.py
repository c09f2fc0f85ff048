"""The ASGI app that the web server runs in its worker process, built from the environment by `create`."""

import asyncio
import ctypes
import os
import signal
import sys

from webhook_app.app import Web, build
from webhook_app.config import secrets_file
from webhook_app.config.known_secrets import known_secrets
from webhook_app.config.loading import load
from webhook_app.config.time_zone_data import use_newest
from webhook_app.outbound.tls import use_ca_file
from webhook_app.runtime.logs import configure
from webhook_app.server import tcp_timeout
from webhook_app.server.drain import DRAIN_SIGNAL, DrainLimits
from webhook_app.server.front import Front

SWITCH_INTERVAL_S = 0.0005
_PR_SET_PDEATHSIG = 1


def create() -> Front:
    """Build the web of this process; it starts its background work once its event loop runs."""
    parent = os.getppid()
    _end_with_parent()
    settings = secrets_file.resolve(load(os.environ))
    use_ca_file(settings.ca_file)
    use_newest()
    configure("web", settings.log_format, settings.log_level, secrets=known_secrets(settings))
    # Webhooks run on the event loop beside the API's threads: a short interval lets the loop run soon.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    web = build(settings)
    web.front.on_start = lambda: _start(web, parent)
    return web.front


def _start(web: Web, parent: int, limits: DrainLimits = DrainLimits()) -> None:  # noqa: B008 - frozen
    loop = asyncio.get_running_loop()

    async def end_when_drained() -> None:
        # By default the server waits without limit for an unfinished request and for a peer that reads nothing.
        await asyncio.sleep(limits.wait_s)
        while web.front.is_responding:
            await asyncio.sleep(limits.check_s)
        os._exit(0)

    def drain() -> None:
        web.stop()
        web.front.drain()
        web.front.background.add(loop.create_task(end_when_drained()))

    async def drain_when_orphaned() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(limits.parent_check_s)
        drain()

    # The server waits for open responses before it exits, so event streams must be ended first.
    loop.add_signal_handler(DRAIN_SIGNAL, drain)
    web.front.background.add(loop.create_task(drain_when_orphaned()))
    web.start()
    tcp_timeout.watch()


def _end_with_parent() -> None:
    # The server's main process may be killed; its worker must not keep the port.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
