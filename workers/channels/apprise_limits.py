"""Limits of the Apprise process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppriseLimits:
    """Times in seconds.

    `concurrency` attempts run at once; a further one waits `wait_s` for its turn and for the process to load Apprise.
    An attempt takes `total_timeout_s` at most; `connect_timeout_s` and `read_timeout_s` bound its steps. A
    process that reports nothing `overdue_s` after that is killed.

    The process ends after `idle_s` without work. It may take `start_timeout_s` to load Apprise and `stop_timeout_s` to
    end; another is started at most once in `restart_delay_s`.
    """

    concurrency: int = 64
    wait_s: float = 5.0
    total_timeout_s: float = 15.0
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    overdue_s: float = 2.0
    idle_s: float = 60.0
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 2.0
    restart_delay_s: float = 1.0
