"""A bounded log of what happened in the sandbox, for tests and for people."""

from collections import deque
from itertools import count
from typing import Any, Literal

ITEMS_MAX = 50_000

Kind = Literal["call", "webhook", "run", "inbox"]


class Log:
    """Keeps the newest items: dicts with `n` (increasing), `kind` and `at` (ISO 8601, UTC, milliseconds)."""

    def __init__(self) -> None:
        self._items: deque[dict[str, Any]] = deque(maxlen=ITEMS_MAX)
        self._numbers = count(1)

    def add(self, kind: Kind, at: str, **more: Any) -> dict[str, Any]:
        """Add an item and return it; the caller may update it later."""
        item = {"n": next(self._numbers), "kind": kind, "at": at, **more}
        self._items.append(item)
        return item

    def items(self, *, kind: str | None = None, room: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """Return items, oldest first, filtered by kind and room, and newer than item number `after`."""
        return [
            item
            for item in self._items
            if item["n"] > after and kind in (None, item["kind"]) and room in (None, item.get("room"))
        ]
