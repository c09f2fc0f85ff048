"""Sends one text with Apprise, within the egress guard. Runs in the Apprise process only."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES, AttemptError
from webhook_app.masking.masked_excerpt import masked_excerpt
from webhook_app.outbound.apprise_urls import apprise_plugin
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_protocol import SendRequest, SendResult
from workers.channels.egress_guard import EgressGuard, guarded

PLUGINS_CACHED = 1_000
_STATUS = re.compile(r"error=(\d{3})\b")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


class AppriseSender:
    """Calls Apprise's plugins; safe to use from many threads."""

    def __init__(self, limits: AppriseLimits) -> None:
        apprise_plugin("json://localhost")  # loads all of Apprise before the first request, as that takes seconds
        self._limits = limits
        self._log_capture = _LogCapture()
        self._plugins: dict[str, Any] = {}

    def send(self, request: SendRequest, guard: EgressGuard) -> SendResult:
        """Send a text; no service makes it raise."""
        started = perf_counter()
        with guarded(guard), self._log_capture.on_this_thread() as lines:
            try:
                succeeded = bool(self._plugin(request.url).notify(body=request.body, title=request.title))
            except Exception as raised:  # whatever a service's code raises is that service's failure
                succeeded = False
                lines.append(type(raised).__name__)
        duration_ms = round((perf_counter() - started) * 1000)
        lines = [guard.blocked, *lines] if guard.blocked else lines
        text = _URL.sub("…", "; ".join(lines)).encode("utf-8", "replace").decode()[:RESPONSE_KEPT_BYTES]
        response = masked_excerpt(text, request.url) if text else ""
        if succeeded:
            return SendResult(request.number, None, None, duration_ms, response)
        status = _STATUS.search(text)
        error = _error(guard, has_status=status is not None)
        return SendResult(request.number, int(status[1]) if status else None, error, duration_ms, response)

    def _plugin(self, url: str) -> Any:
        plugin = self._plugins.get(url)
        if plugin is None:
            plugin = apprise_plugin(url)
            plugin.notify_format = "text"  # as it is: a name with markup in it stays a name
            plugin.request_rate_per_sec = 0  # the subscriber's own rate limit applies
            plugin.socket_connect_timeout = min(plugin.socket_connect_timeout, self._limits.connect_timeout_s)
            plugin.socket_read_timeout = min(plugin.socket_read_timeout, self._limits.read_timeout_s)
            if len(self._plugins) >= PLUGINS_CACHED:
                self._plugins.clear()
            self._plugins[url] = plugin
        return plugin


def _error(guard: EgressGuard, *, has_status: bool) -> AttemptError:
    if guard.blocked:
        return AttemptError.BLOCKED
    if guard.unresolved:
        return AttemptError.DNS
    return AttemptError.STATUS if has_status else AttemptError.REFUSED


class _LogCapture(logging.Handler):
    """Collects what Apprise logs on a thread while it sends: its only explanation of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._local = threading.local()
        logger = logging.getLogger("apprise")
        logger.addHandler(self)
        logger.propagate = False

    @contextmanager
    def on_this_thread(self) -> Iterator[list[str]]:
        """The lines that are logged on this thread while the body runs."""
        lines: list[str] = []
        self._local.lines = lines
        try:
            yield lines
        finally:
            del self._local.lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        lines: list[str] | None = getattr(self._local, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())
