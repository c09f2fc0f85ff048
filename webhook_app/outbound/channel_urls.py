"""URLs of channels that people read: whether Apprise knows them, and how they are shown without their secrets."""

import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TITLE = "Tallylight"
_OF_FILES = ("file", "template", "pgp")


def apprise_plugin(url: str) -> Any:
    """Apprise's object for a URL; ValueError says what would be right.

    Only services that are spoken to by HTTP or SMTP: their connections are checked as they are made.
    """
    import apprise

    scheme = urlsplit(url).scheme
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if any(word in name.lower() for word in _OF_FILES) or value.startswith(("/", "~", ".", "file:")):
            raise ValueError(f"?{name}= names a file; a channel may not read files of this machine")
    asset = apprise.AppriseAsset(app_id=TITLE, app_desc=TITLE, app_url="", image_url_mask="", image_url_logo="")
    asset.async_mode = False
    made = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if made is None:
        raise ValueError(
            f"{scheme}:// is nothing that can be told: write https://host/path, or a URL of Apprise such as "
            "slack://TokenA/TokenB/TokenC/#channel or mailto://user:password@example.com"
        )
    module = sys.modules[type(made).__module__]
    if not (hasattr(module, "requests") or hasattr(module, "smtplib")):
        raise ValueError(f"{scheme}:// is told neither by HTTP nor by mail: such channels are not supported")
    return made


def shown(url: str) -> str:
    """A channel's URL with its secrets masked by Apprise."""
    masked: str = apprise_plugin(url).url(privacy=True)
    return masked.partition("?")[0]
