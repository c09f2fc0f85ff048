"""Figures for the pages: counted in the store, and read once."""

from tests.support.web_client import append, fold_all
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.deliveries.queue import hour_number
from webhook_app.store.journal.journal import Entry
from webhook_app.store.queries.subscriber_health import HOURS, read_subscriber_health
from webhook_app.store.queries.system import attempts_by_hour, read_journal_figures

WEBHOOK = Entry(Source.VIDEOSDK, "session-started", "room-a", b'{"webhookType":"session-started","data":{}}')


def test_the_journal_is_counted_behind_the_cursor_up_to_a_limit(client: Client) -> None:
    assert read_journal_figures(client, behind_max=5).length == 0
    append(client, WEBHOOK)
    fold_all(client)
    figures = read_journal_figures(client, behind_max=5)
    assert (figures.length, figures.behind, figures.oldest_behind_at) == (1, 0, None)
    ids = append(client, *[WEBHOOK] * 7)
    client.set(keys.LAST_WEBHOOK, "12.345")
    figures = read_journal_figures(client, behind_max=5)
    assert (figures.length, figures.behind, figures.last_webhook_at) == (8, 5, 12_345)
    assert figures.oldest_at is not None and figures.oldest_at <= int(ids[0].partition("-")[0])
    assert figures.oldest_behind_at == int(client.xrange(keys.JOURNAL, min=ids[0], count=1)[0][1][b"a"])
    assert read_journal_figures(client, behind_max=100).behind == 7


def test_a_subscribers_health_has_its_attempts_by_hour(client: Client) -> None:
    hour = hour_number(now_ms(client))
    client.hset(keys.subscriber_hour("sub_1", hour), mapping={"answered": 3, "failed": 1, "lag": 30})
    client.hset(keys.subscriber_hour("sub_1", hour - HOURS + 1), mapping={"answered": 2})
    client.hset(keys.subscriber_hour("sub_1", hour - HOURS), mapping={"answered": 9, "failed": 9})
    health, other = read_subscriber_health(client, ["sub_1", "sub_2"])
    by_hour = [list(health.answered_by_hour), list(health.failed_by_hour)]
    assert by_hour == [[2, *[0] * (HOURS - 2), 3], [*[0] * (HOURS - 1), 1]]
    assert by_hour == list(attempts_by_hour(client, ["sub_1"], now_ms(client)))
    assert (health.answered, health.failed, health.lag_ms, health.mean_lag_ms) == (5, 1, 30, 6)
    assert (other.answered, other.failed, other.success_rate) == (0, 0, None)
