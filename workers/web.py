"""The web process: Granian serves the app; requests wait on its threads, so slow ones stall nobody else."""

import os

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from webhook_app.settings import Settings, environ_of
from workers.wiring import Wiring, beating

BACKLOG = 1024
BACKPRESSURE = 512
KILL_AFTER_S = 8


def run(settings: Settings) -> int:
    """Serve until asked to stop."""
    assert settings.redis_url is not None
    os.environ.update(environ_of(settings))
    server = Server(
        target="webhook_app.wsgi:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.web_threads + settings.viewers_held,
        backlog=BACKLOG,
        backpressure=BACKPRESSURE + settings.viewers_held,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=KILL_AFTER_S,
    )
    wiring = Wiring(settings)
    with beating("web", wiring.client, wiring.loops):
        server.serve()
    return 0
