"""Finds the channel for a subscriber's URL by its scheme.

`webhook_app/outbound/channel_kinds.py` lists the channels. Each names a module in this package, whose function
`open_channel` builds the channel; the module is imported when a URL first needs it.
"""

from importlib import import_module

from webhook_app.outbound.channel_kinds import ChannelKind, channel_kind_of
from workers.channels.port import Channel
from workers.channels.settings import ChannelSettings


class ChannelRegistry:
    """The channels of one event loop; each is built when a URL first needs it."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._built: dict[str, Channel] = {}

    def for_url(self, url: str) -> Channel:
        """The channel that sends to a URL."""
        kind = channel_kind_of(url)
        channel = self._built.get(kind.module)
        if channel is None:
            channel = self._built[kind.module] = open_channel(kind, self._settings)
        return channel

    async def close(self) -> None:
        """Close the channels that were built."""
        for channel in self._built.values():
            await channel.close()
        self._built = {}


def open_channel(kind: ChannelKind, settings: ChannelSettings) -> Channel:
    """Import the module of a channel and build the channel."""
    module = import_module(f"workers.channels.{kind.module}")
    channel: Channel = module.open_channel(settings)
    return channel
