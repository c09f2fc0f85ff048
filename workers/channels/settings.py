"""What channels are built from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from webhook_app.outbound.addresses import Network
from webhook_app.store.connection.clients import Client
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.http.limits import HttpLimits


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What channels are built from.

    `client` is the store's client of the event loop that sends. `allowed` lists the private networks that may be
    reached. `sandbox_url` is exempt from that check. `public_url` is our address as browsers see it, for links.
    """

    client: Client
    allowed: Sequence[Network] = ()
    sandbox_url: str | None = None
    public_url: str | None = None
    http: HttpLimits = field(default_factory=HttpLimits)
    apprise: AppriseLimits = field(default_factory=AppriseLimits)
