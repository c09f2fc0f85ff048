"""Deletes what is past its retention: notices, deliveries, calls and streams."""

from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua

RECORDS_AT_ONCE = 1_000
DELIVERIES_MAX = 200_000  # looked at in one index


class Retention:
    """Deletes old records, a bounded piece at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client
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
            ids = self._client.zrangebyscore(index, "-inf", before, start=0, num=RECORDS_AT_ONCE)
            if ids:
                names = [raw.decode() for raw in ids]
                self._client.delete(*(record(name) for name in names))
                self._client.zrem(index, *names)

    def _drop_deliveries(self, index: str | bytes, before: int) -> None:
        """A delivery may be settled days after it was made; its record expires by itself, counted from then."""
        skipped = 0
        for _ in range(DELIVERIES_MAX // RECORDS_AT_ONCE):
            looked_at, kept = self._forget_deliveries(
                keys=[index, keys.delivery("")], args=[before, skipped, RECORDS_AT_ONCE]
            )
            skipped += kept
            if looked_at < RECORDS_AT_ONCE:
                return
