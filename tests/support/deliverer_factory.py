"""Deliver hands on the tests' store, with all that they are made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.polling import scaled_limit
from tests.support.web_client import SECRETS_KEY, NullWake
from webhook_app.access.encryption import SecretBox
from webhook_app.config.values import networks
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.ops.loops import Loops
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, connect_async
from webhook_app.store.journal.journal import Journal
from webhook_app.store.subscribers import Subscribers
from workers.channels.apprise import AppriseChannel
from workers.channels.http.client import HttpClient
from workers.channels.webhook import WebhookChannel
from workers.deliver.deliverer import Deliverer
from workers.deliver.escalations import Escalations

SEAL = SecretBox(SECRETS_KEY)
RETENTION_S = 3_600
REPORTED_WITHIN_S = scaled_limit(10.0)
LOOPBACK = networks("127.0.0.0/8")
SECRET = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"


def subscribers_of(client: Client) -> Subscribers:
    """The subscribers, as the product keeps them."""
    return Subscribers(client, SEAL)


@asynccontextmanager
async def deliverer(
    client: Client, store_url: str, *, base_url: str | None = None, observing: bool = False
) -> AsyncIterator[Deliverer]:
    """A deliver hand; what it reported is written when it is left."""
    line, webhook_channel = connect_async(store_url), WebhookChannel(HttpClient(allowed=LOOPBACK))
    apprise_channel = AppriseChannel(line, allowed=LOOPBACK, base_url=base_url)
    reports = Escalations(client, subscribers_of(client), Journal(client), NullWake(), Loops())
    try:
        yield Deliverer(
            line,
            webhook_channel,
            apprise_channel,
            seal=SEAL,
            retention_s=RETENTION_S,
            reports=reports,
            observing=observing,
        )
    finally:
        apprise_channel.close()
        await webhook_channel.close()
        await line.aclose()
        assert reports.flush(REPORTED_WITHIN_S)


def put_delivery(client: Client, one: Delivery) -> None:
    """A delivery as it is kept, in whatever state."""
    client.set(keys.delivery(one.delivery_id), codec.encode(one))
    client.zadd(keys.DELIVERIES, {one.delivery_id: one.created_at})
    if one.state in ("pending", "dead"):
        index = keys.DELIVERIES_DEAD if one.state == "dead" else keys.DELIVERIES_PENDING
        client.zadd(index, {one.delivery_id: one.created_at})


def told_as(subscriber: Subscriber) -> str:
    """Its secret as it is shown to who subscribes."""
    return "whsec_" + subscriber.secret
