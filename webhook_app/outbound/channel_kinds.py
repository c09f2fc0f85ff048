"""The channels: which URLs each has, and which module sends to them.

To add a channel, write one module in `workers/channels/` and add a line to `CHANNELS`. What is wrong with a URL and
which parts of it are secret has to be known where nothing is sent (in the API, the console and logs), so the line says
it: `PlainUrls` fits every URL whose parts mean what they mean in http's; others bring a class of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from webhook_app.outbound.apprise_urls import AppriseUrls
from webhook_app.outbound.native_chats import native_chat_hint
from webhook_app.outbound.url_checks import url_fault


class ChannelUrls(Protocol):
    """What is known of a channel's URLs."""

    def host(self, url: str) -> str:
        """The host that a notice would be sent to, empty where the URL names none; ValueError says what is wrong."""
        ...

    def masked(self, url: str) -> str:
        """The URL without its secrets. Raises whatever a URL may cause; then the scheme alone is shown."""
        ...


class PlainUrls:
    """URLs with a host, a path and a query, as http's have; `masking` hides what looks like a key in these."""

    def host(self, url: str) -> str:
        """The host; ValueError says what is wrong."""
        fault = url_fault(url)
        if fault is not None:
            raise ValueError(fault)
        return urlsplit(url).hostname or ""


class WebhookUrls(PlainUrls):
    """URLs of endpoints that understand our JSON."""

    def host(self, url: str) -> str:
        """The host; ValueError also names the Apprise URL to use for a chat service that refuses our JSON."""
        host = super().host(url)
        hint = native_chat_hint(url)
        if hint is not None:
            raise ValueError(hint)
        return host


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A channel: its module in `workers/channels/`, the schemes of its URLs, and what is known of these."""

    module: str
    schemes: tuple[str, ...]
    urls: ChannelUrls | PlainUrls


CHANNELS = (ChannelKind("webhook", ("http", "https"), WebhookUrls()),)
ANY_OTHER = ChannelKind("apprise", (), AppriseUrls())
_BY_SCHEME: Mapping[str, ChannelKind] = {scheme: kind for kind in CHANNELS for scheme in kind.schemes}


def url_masked_by_channel(url: str) -> str:
    """A URL as its channel masks it. Raises for one that is to be masked as http's are, and what the channel raises."""
    urls = channel_kind_of(url).urls
    if isinstance(urls, PlainUrls):
        raise ValueError("a plain URL")
    return urls.masked(url)


def plain_schemes() -> tuple[str, ...]:
    """The schemes of the channels with plain URLs."""
    return tuple(scheme for scheme, kind in _BY_SCHEME.items() if isinstance(kind.urls, PlainUrls))


def channel_kind_of(url: str) -> ChannelKind:
    """The channel of a URL, by its scheme."""
    return _BY_SCHEME.get(url.partition(":")[0].lower(), ANY_OTHER)
