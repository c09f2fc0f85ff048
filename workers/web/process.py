"""The web process: a Granian HTTP/1.1 server that runs the ASGI app in its own worker process."""

import multiprocessing
import os
from collections.abc import Mapping
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from webhook_app.config.loading import environ_of
from webhook_app.config.settings import Settings
from webhook_app.runtime.loops import Loops
from webhook_app.server.drain import DRAIN_SIGNAL
from webhook_app.store.operations.processes import Processes
from workers.fd_limit import raise_fd_limit
from workers.process_heartbeat import process_heartbeat
from workers.store_access import open_store

BACKLOG = 2_048
CONNECTIONS_MAX = 4_096
FILES_RESERVED = 256  # file descriptors other than connections
HEAD_TIMEOUT_MS = 30_000  # also the keep-alive timeout of idle connections
KILL_AFTER_S = 8


class WebServer(Server):  # type: ignore[misc, valid-type]
    """A Granian server that lets open event streams end before it stops its workers."""

    def shutdown(self, exit_code: int = 0) -> None:
        """Ask the workers to drain, then stop."""
        for child in multiprocessing.active_children():
            if child.pid is not None:
                os.kill(child.pid, DRAIN_SIGNAL)
        super().shutdown(exit_code)


def run(settings: Settings, *, overrides: Mapping[str, Any] | None = None) -> int:
    """Serve until stopped; `overrides` replace options of the server.

    HTTP/1.1 only: webhooks gain nothing from HTTP/2, and its streams would need limits of their own.
    """
    assert settings.redis_url is not None
    os.environ.update(environ_of(settings))
    options: dict[str, Any] = {
        "target": "webhook_app.asgi:create",
        "factory": True,
        "address": settings.host,
        "port": settings.port,
        "interface": Interfaces.ASGI,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_MS),
        "workers": 1,
        "backlog": BACKLOG,
        "backpressure": max(FILES_RESERVED, min(CONNECTIONS_MAX, raise_fd_limit() - FILES_RESERVED)),
        "websockets": False,
        "log_level": LogLevels.error,
        "respawn_failed_workers": True,
        "respawn_interval": 0.1,
        "workers_kill_timeout": KILL_AFTER_S,
    }
    server = WebServer(**(options | dict(overrides or {})))
    with process_heartbeat("web", Processes(open_store(settings).client), Loops()):
        server.serve()
    return 0
