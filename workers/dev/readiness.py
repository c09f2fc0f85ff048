"""Wait for the product's `/readyz` and report the result once."""

import json
import time
from collections.abc import Callable

from workers.dev.web_probe import get

WARN_AFTER_S = 30.0
POLL_EVERY_S = 0.2
POLL_SELDOM_S = 2.0
_TIMEOUT_S = 1.0
_READY_VALUES = (True, "ok", "ready", "up")


class Readiness:
    """Polls `/readyz` until it returns 200; reports that, or after a while the parts that are not ready."""

    def __init__(self, host: str, port: int, *, print_line: Callable[[str], None]) -> None:
        self._host, self._port, self._print_line = host, port, print_line
        self._started_at = time.monotonic()
        self._poll_at = self._started_at
        self._is_ready = False
        self._is_warned = False

    def poll(self) -> float | None:
        """Poll if due. Returns the seconds until the next poll, or None once the product is ready."""
        now = time.monotonic()
        if self._is_ready:
            return None
        if now >= self._poll_at:
            status, body = get(self._host, self._port, "/readyz", timeout_s=_TIMEOUT_S)
            if status == 200:
                self._is_ready = True
                self._print_line(f"ready after {time.monotonic() - self._started_at:.1f} s")
                return None
            if now - self._started_at > WARN_AFTER_S and not self._is_warned:
                self._is_warned = True
                self._print_line(f"not ready after {WARN_AFTER_S:.0f} s: {_unready(status, body)}")
            self._poll_at = time.monotonic() + (POLL_SELDOM_S if self._is_warned else POLL_EVERY_S)
        return max(0.0, self._poll_at - time.monotonic())


def _unready(status: int, body: bytes) -> str:
    """Return the names of the parts that are not ready."""
    if status == 0:
        return "web does not answer"
    try:
        report = json.loads(body)
    except ValueError:
        report = None
    parts = report.get("checks", report) if isinstance(report, dict) else {}
    names = [name for name, value in parts.items() if not _is_ready_value(value)] if isinstance(parts, dict) else []
    return ", ".join(names) or f"GET /readyz returned {status}"


def _is_ready_value(value: object) -> bool:
    if isinstance(value, dict):
        return any(value.get(key) in _READY_VALUES for key in ("ok", "ready", "status"))
    return value in _READY_VALUES
