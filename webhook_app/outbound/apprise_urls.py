"""Apprise URLs (chat, mail, push): whether they can be sent to, and how they are shown without their secrets."""

import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TITLE = "Tallylight"
_FILE_ARGUMENTS = ("file", "template", "pgp")


def apprise_plugin(url: str) -> Any:
    """Apprise's plugin for a URL; ValueError says what would be right.

    Only services that are reached by HTTP or SMTP are accepted, as the egress guard checks their connections.
    """
    import apprise  # here, as it takes seconds to load and most processes never need it

    scheme = urlsplit(url).scheme
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if any(word in name.lower() for word in _FILE_ARGUMENTS) or value.startswith(("/", "~", ".", "file:")):
            raise ValueError(f"?{name}= names a file: a channel must not read files of this machine")
    asset = apprise.AppriseAsset(app_id=TITLE, app_desc=TITLE, app_url="", image_url_mask="", image_url_logo="")
    asset.async_mode = False
    plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is None:
        raise ValueError(
            f"{scheme}:// cannot be sent to like this: write https://host/path, or an Apprise URL such as "
            "slack://TokenA/TokenB/TokenC/#channel or mailto://user:password@example.com"
        )
    module = sys.modules[type(plugin).__module__]
    if not (hasattr(module, "requests") or hasattr(module, "smtplib")):
        raise ValueError(f"{scheme}:// is reached neither by HTTP nor by mail: such channels are not supported")
    return plugin


def masked_channel_url(url: str) -> str:
    """An Apprise URL with its secrets masked by Apprise."""
    masked: str = apprise_plugin(url).url(privacy=True)
    return masked.partition("?")[0]


class AppriseUrls:
    """URLs in the forms of Apprise's services, of which only Apprise knows what is secret."""

    def host(self, url: str) -> str:
        """The host that a notice would be sent to, where the URL names one; ValueError says what would be right."""
        plugin = apprise_plugin(url)
        return str(getattr(plugin, "smtp_host", None) or getattr(plugin, "host", None) or "")

    def masked(self, url: str) -> str:
        """The URL with its secrets masked by Apprise. Whatever the plugin of the service raises."""
        return masked_channel_url(url)
