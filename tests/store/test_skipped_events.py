"""Reports of folds that did not end, when other processes write at the same moment."""

import pytest
import redis

from tests.support.web_client import append
from webhook_app.domain.events import Source
from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal import skipped_events
from webhook_app.store.journal.journal import Entry
from webhook_app.store.journal.skipped_events import FoldReport, SkippedEventStore

WEBHOOK = Entry(Source.VIDEOSDK, "session-started", "room-a", b'{"webhookType":"session-started","data":{}}')


@pytest.mark.parametrize("conflicts", [3, 1_000])
def test_a_report_is_tried_again_after_a_conflict_but_not_for_ever(
    client: Client, store_url: str, monkeypatch: pytest.MonkeyPatch, conflicts: int
) -> None:
    (event_id,) = append(client, WEBHOOK)
    other, left = connect(store_url), conflicts

    def order_while_others_write(journal_id: str) -> tuple[int, int]:
        nonlocal left
        if left:  # each conflict is a write of another connection to a key that is watched
            left -= 1
            other.set(keys.FOLD_STRIKE, f"another|{left}")
        return order(journal_id)

    monkeypatch.setattr(skipped_events, "order", order_while_others_write)
    if conflicts < skipped_events.REPORT_TRIES:
        assert SkippedEventStore(client).report(event_id, "why") is FoldReport.COUNTED
    else:
        with pytest.raises(redis.WatchError):
            SkippedEventStore(client).report(event_id, "why")
        assert left > 0
    other.close()
