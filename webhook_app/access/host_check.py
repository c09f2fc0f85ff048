"""Whether a request names this product as its host.

Where no log-in is needed, this keeps out other sites whose name has been pointed at this machine (DNS rebinding): their
pages could otherwise read from a visitor's browser what only this machine may read.
"""

import re
from urllib.parse import urlsplit

from webhook_app.outbound.addresses import is_loopback

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::\d{0,5})?")


class HostCheck:
    """Checks for our own host names: loopback, and the host of PUBLIC_URL, with any port."""

    def __init__(self, public_url: str | None) -> None:
        self._public_host = (urlsplit(public_url).hostname or "") if public_url else ""

    def is_ours(self, host: str | None) -> bool:
        """Whether a Host header names this product. A request without one (HTTP/1.0) was not sent by a browser."""
        if not host:
            return True
        read = _HOST.fullmatch(host)
        if read is None:
            return False
        name = (read["v6"] or read["name"]).lower()
        return name == self._public_host or is_loopback(name)

    @staticmethod
    def advice(host: str | None, remedy: str) -> str:
        """Return the error for another host, with a remedy."""
        printable_host = "".join(letter if letter.isprintable() else "?" for letter in (host or "")[:100])
        subject = f"“{printable_host}” is not its name"
        return f"Without log-in this page is only available on this machine; {subject}. {remedy}"
