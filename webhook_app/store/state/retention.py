"""Deletes what is past its retention: notices, deliveries, calls and streams."""

from dataclasses import dataclass

from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How many records are looked at in one command, and how many deliveries of one index in one run."""

    at_once: int = 1_000
    deliveries: int = 200_000


class Retention:
    """Deletes old records, a bounded piece at a time."""

    def __init__(self, client: Client, limits: RetentionLimits = RetentionLimits()) -> None:
        self._client = client
        self._limits = limits
        self._forget_deliveries = client.register_script(lua("forget_old_deliveries"))

    def trim_outbox(self, before: int) -> None:
        """Drop notices older than a time in ms, but none that is not expanded yet."""
        expanded = (self._client.get(keys.OUTBOX_CURSOR) or b"0-0").decode()
        self._client.xtrim(keys.OUTBOX, minid=min(expanded, f"{before}-0", key=order), approximate=False)

    def drop_records(self, before: int) -> None:
        """Drop deliveries from their indexes, calls and streams with their records, older than a time in ms."""
        for key in (keys.DELIVERIES, keys.DELIVERIES_DEAD):
            self._drop_deliveries(key, before)
        for key in self._client.scan_iter(match=keys.subscriber_deliveries("*"), count=500):
            self._drop_deliveries(key, before)
        for index, record in ((keys.CALLS, keys.call), (keys.STREAMS, keys.stream)):
            ids = self._client.zrangebyscore(index, "-inf", before, start=0, num=self._limits.at_once)
            if ids:
                names = [raw.decode() for raw in ids]
                self._client.delete(*(record(name) for name in names))
                self._client.zrem(index, *names)

    def _drop_deliveries(self, index: str | bytes, before: int) -> None:
        """A delivery may be settled days after it was made; its record expires by itself, counted from then."""
        skipped, at_once = 0, self._limits.at_once
        for _ in range(self._limits.deliveries // at_once):
            looked_at, kept_count = self._forget_deliveries(
                keys=[index, keys.delivery("")], args=[before, skipped, at_once]
            )
            skipped += kept_count
            if looked_at < at_once:
                return
