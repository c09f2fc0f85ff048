"""Finds the channel for a subscriber's URL by its scheme.

To add a channel, write one module with a class that has `Channel`'s methods, add a line to `FACTORIES`, and have
`webhook_app.usecases.subscriber_urls` accept its URLs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from webhook_app.outbound.addresses import Network
from webhook_app.store.connection.clients import Client
from workers.channels.apprise import AppriseChannel
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.http.client import HttpClient
from workers.channels.http.limits import HttpLimits
from workers.channels.port import Channel
from workers.channels.webhook import WebhookChannel

ANY_OTHER_SCHEME = "*"


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


def _webhook(settings: ChannelSettings) -> Channel:
    return WebhookChannel(HttpClient(allowed=settings.allowed, exempt_url=settings.sandbox_url, limits=settings.http))


def _apprise(settings: ChannelSettings) -> Channel:
    return AppriseChannel(
        settings.client,
        allowed=settings.allowed,
        base_url=settings.public_url,
        limits=settings.apprise,
    )


FACTORIES: Mapping[str, Callable[[ChannelSettings], Channel]] = {
    "http": _webhook,
    "https": _webhook,
    ANY_OTHER_SCHEME: _apprise,
}


class ChannelRegistry:
    """The channels of one event loop; each is built when a URL first needs it."""

    def __init__(
        self,
        settings: ChannelSettings,
        factories: Mapping[str, Callable[[ChannelSettings], Channel]] = FACTORIES,
    ) -> None:
        self._settings = settings
        self._factories = factories
        self._built: dict[Callable[[ChannelSettings], Channel], Channel] = {}

    def for_url(self, url: str) -> Channel:
        """The channel that sends to a URL."""
        scheme = url.partition(":")[0].lower()
        factory = self._factories.get(scheme) or self._factories[ANY_OTHER_SCHEME]
        channel = self._built.get(factory)
        if channel is None:
            channel = self._built[factory] = factory(self._settings)
        return channel

    async def close(self) -> None:
        """Close the channels that were built."""
        for channel in self._built.values():
            await channel.close()
        self._built = {}
