"""The web process: Granian reads HTTP/1.1 and runs the ASGI front in a worker process of its own."""

import multiprocessing
import os

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from webhook_app.config.settings import Settings, environ_of
from webhook_app.server.drain import DRAIN_SIGNAL
from workers.container import WorkerContainer, process_heartbeat
from workers.fd_limit import raise_fd_limit

BACKLOG = 2_048
CONNECTIONS_MAX = 4_096
FILES_BESIDE_CONNECTIONS = 256
HEAD_TIMEOUT_MS = 30_000  # also how long an idle connection is kept
KILL_AFTER_S = 8


class WebServer(Server):  # type: ignore[misc, valid-type]
    """Granian's server, which lets open streams end before it stops its workers."""

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop."""
        for child in multiprocessing.active_children():
            if child.pid is not None:
                os.kill(child.pid, DRAIN_SIGNAL)
        super().shutdown(exit_code)


def run(settings: Settings) -> int:
    """Serve until asked to stop.

    HTTP/1.1 only: HTTP/2 would bring nothing to webhooks, and its streams would need limits of their own.
    """
    assert settings.redis_url is not None
    os.environ.update(environ_of(settings))
    server = WebServer(
        target="webhook_app.asgi:create",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_MS),
        workers=1,
        backlog=BACKLOG,
        backpressure=max(FILES_BESIDE_CONNECTIONS, min(CONNECTIONS_MAX, raise_fd_limit() - FILES_BESIDE_CONNECTIONS)),
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=KILL_AFTER_S,
    )
    container = WorkerContainer(settings)
    with process_heartbeat("web", container.client, container.loops):
        server.serve()
    return 0
