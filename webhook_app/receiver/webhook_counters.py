"""Counts webhooks by type and outcome, in memory, and writes the counts to the store periodically."""

import threading
from collections import Counter
from time import time

from webhook_app.providers.port import UNREADABLE
from webhook_app.providers.registry import PROVIDER
from webhook_app.runtime.loops import Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.webhook_counts import RefusedWebhook, add_webhook_counts

FLUSH_EVERY_S = 2.0
KEPT = "kept"
DETAIL_MAX_CHARS = 80
KNOWN_TYPES = frozenset({*PROVIDER.facts.followed_types, UNREADABLE, "unknown"})


class WebhookCounters:
    """Counts webhooks. Unknown types count as `other`, which keeps the number of labels bounded."""

    def __init__(self, client: Client, loops: Loops) -> None:
        self._client = client
        self._loops = loops
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last = 0.0
        self._refused: dict[str, RefusedWebhook] = {}

    def count(self, kind: str, outcome: str, detail: str = "") -> None:
        """Count a webhook; `detail` says why it was not stored."""
        label = f"{kind if kind in KNOWN_TYPES else 'other'}|{outcome}"
        with self._lock:
            self._counts[label] += 1
            if outcome == KEPT:
                self._last = time()
            else:
                self._refused[outcome] = RefusedWebhook(outcome, int(time() * 1000), detail[:DETAIL_MAX_CHARS])

    def start(self) -> None:
        """Start writing periodically, on a separate thread."""
        self._loops.start("counts", self.flush, every_s=FLUSH_EVERY_S, first_after_s=FLUSH_EVERY_S)

    def flush(self) -> None:
        """Write the counts; on failure they are kept for the next write."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            refused, self._refused = self._refused, {}
        if not counts:
            return
        try:
            add_webhook_counts(self._client, counts, refused=refused, last_kept_s=self._last)
        except BaseException:
            with self._lock:
                self._counts.update(counts)
                self._refused = refused | self._refused
            raise
