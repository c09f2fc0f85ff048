"""The clock process: timers, sweeps, retention, calendars, the configuration file and the uptime ping."""

import signal
import threading
from types import FrameType

from webhook_app.config.settings import Settings
from webhook_app.runtime.loops import Loops
from webhook_app.store.operations.processes import Processes
from workers.clock.calendars import calendar_refresher
from workers.clock.clock import Clock
from workers.clock.retention import RetentionJob
from workers.clock.uptime_ping import uptime_pings
from workers.config_file.watcher import config_watcher
from workers.process_heartbeat import process_heartbeat
from workers.store_access import open_store


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    store, loops, stop = open_store(settings), Loops(), threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    with (
        process_heartbeat("clock", Processes(store.client), loops),
        config_watcher(settings, store, loops, stop),
        calendar_refresher(settings, store, loops, stop),
    ):
        retention = RetentionJob(store.client, settings.retention_days)
        clock = Clock(store.client, store.wakeups, loops, retention=retention, max_streams=settings.max_streams)
        with uptime_pings(
            None if settings.observe else settings.heartbeat_url,
            store.client,
            loops,
            last_tick_at=lambda: clock.last_tick_at,
            proxies=settings.proxies,
        ):
            clock.run(stop)
    return 0
