"""Deliverers on the tests' store, with everything they are built from."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.support.polling import scaled_limit
from tests.support.web_client import SECRETS_KEY, NullWake
from webhook_app.config.values import networks
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.runtime.loops import Loops
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, connect_async
from webhook_app.store.deliveries.outbox import Outbox
from webhook_app.store.journal.journal import Journal
from webhook_app.store.subscribers import Subscribers
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.registry import ChannelRegistry
from workers.channels.settings import ChannelSettings
from workers.deliver.deliverer import Deliverer
from workers.deliver.escalations import Escalations
from workers.deliver.factory import build_deliverer
from workers.deliver.limits import DeliveryLimits

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
    client: Client,
    store_url: str,
    *,
    base_url: str | None = None,
    observing: bool = False,
    outbox_type: Callable[[Client], Outbox] = Outbox,
    limits: DeliveryLimits = DeliveryLimits(),  # noqa: B008 - frozen
    apprise: AppriseLimits = AppriseLimits(),  # noqa: B008 - frozen
) -> AsyncIterator[Deliverer]:
    """A deliverer; its escalations are written when the context ends."""
    own = connect_async(store_url)
    channels = ChannelRegistry(ChannelSettings(client=own, allowed=LOOPBACK, public_url=base_url, apprise=apprise))
    escalations = Escalations(client, subscribers_of(client), Journal(client), NullWake(), Loops())
    try:
        yield build_deliverer(
            own,
            channels,
            secret_box=SEAL,
            retention_s=RETENTION_S,
            escalations=escalations,
            outbox=outbox_type(own),
            is_observing=observing,
            limits=limits,
        )
    finally:
        await channels.close()
        await own.aclose()
        assert escalations.flush(REPORTED_WITHIN_S)


def put_delivery(client: Client, delivery: Delivery) -> None:
    """Store a delivery in whatever state it is."""
    client.set(keys.delivery(delivery.delivery_id), codec.encode(delivery))
    client.zadd(keys.DELIVERIES, {delivery.delivery_id: delivery.created_at})
    if delivery.state in ("pending", "dead"):
        index = keys.DELIVERIES_DEAD if delivery.state == "dead" else keys.DELIVERIES_PENDING
        client.zadd(index, {delivery.delivery_id: delivery.created_at})


def signing_secret_of(subscriber: Subscriber) -> str:
    """The secret as the API shows it to the subscriber."""
    return "whsec_" + subscriber.secret
