"""Builds a deliverer from what its process has."""

from webhook_app.secrets.encryption import SecretBox
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.outbox import Outbox
from webhook_app.store.deliveries.queue import Deliveries
from workers.channels.registry import ChannelRegistry
from workers.deliver.deliverer import Deliverer
from workers.deliver.escalations import Escalations
from workers.deliver.limits import DeliveryLimits
from workers.deliver.subscriber_cache import SubscriberCache


def build_deliverer(
    client: Client,
    channels: ChannelRegistry,
    *,
    secret_box: SecretBox,
    retention_s: int,
    escalations: Escalations,
    outbox: Outbox | None = None,
    is_observing: bool = False,
    limits: DeliveryLimits = DeliveryLimits(),  # noqa: B008 - frozen
) -> Deliverer:
    """A deliverer on an event loop's client of the store. `retention_s` is how long settled deliveries are kept."""
    return Deliverer(
        client,
        channels,
        outbox=outbox or Outbox(client),
        deliveries=Deliveries(client, retention_s=retention_s),
        subscribers=SubscriberCache(client, secret_box),
        escalations=escalations,
        is_observing=is_observing,
        limits=limits,
    )
