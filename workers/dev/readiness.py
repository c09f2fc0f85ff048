"""Wait for the product's `/readyz` and report the result once."""

import json
import time
from collections.abc import Callable

from workers.dev.web_probe import get

WARN_AFTER_S = 30.0
ASK_EVERY_S = 0.2
ASK_SELDOM_S = 2.0
_ANSWER_S = 1.0
_WELL = (True, "ok", "ready", "up")


class Readiness:
    """Polls `/readyz` until it returns 200; reports that, or after a while the parts that are not ready."""

    def __init__(self, host: str, port: int, *, say: Callable[[str], None]) -> None:
        self._host, self._port, self._say = host, port, say
        self._began = time.monotonic()
        self._ask_at = self._began
        self._ready = False
        self._complained = False

    def look(self) -> float | None:
        """Poll if due. Returns the seconds until the next poll, or None once the product is ready."""
        now = time.monotonic()
        if self._ready:
            return None
        if now >= self._ask_at:
            status, body = get(self._host, self._port, "/readyz", timeout_s=_ANSWER_S)
            if status == 200:
                self._ready = True
                self._say(f"ready after {time.monotonic() - self._began:.1f} s")
                return None
            if now - self._began > WARN_AFTER_S and not self._complained:
                self._complained = True
                self._say(f"not ready after {WARN_AFTER_S:.0f} s: {_unready(status, body)}")
            self._ask_at = time.monotonic() + (ASK_SELDOM_S if self._complained else ASK_EVERY_S)
        return max(0.0, self._ask_at - time.monotonic())


def _unready(status: int, body: bytes) -> str:
    """Return the names of the parts that are not ready."""
    if status == 0:
        return "web does not answer"
    try:
        report = json.loads(body)
    except ValueError:
        report = None
    parts = report.get("checks", report) if isinstance(report, dict) else {}
    names = [name for name, value in parts.items() if not _is_well(value)] if isinstance(parts, dict) else []
    return ", ".join(names) or f"GET /readyz returned {status}"


def _is_well(value: object) -> bool:
    if isinstance(value, dict):
        return any(value.get(key) in _WELL for key in ("ok", "ready", "status"))
    return value in _WELL
