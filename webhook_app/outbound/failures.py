"""Explains why a request of a blocking client (`requests`) got no response."""

import re
import ssl
from collections.abc import Iterator

import requests
import urllib3

from webhook_app.text.error_messages import os_error_text

DEPTH_MAX = 12  # wrapped errors that are looked into
_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})\b")


def failure_text(error: BaseException) -> str:
    """Why there is no response, without the address and without the text of library errors.

    Libraries wrap errors several times; the innermost one is the most specific.
    """
    chain = list(_unwrapped(error))
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return "the address cannot be read"
    text = _innermost(chain)
    if not any(isinstance(item, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError) for item in chain):
        return text
    for item in chain:
        refused = _TUNNEL_REFUSED.search(str(item))
        if refused is not None:
            return f"the proxy answers {refused[1]}"
    return f"the connection to the proxy could not be made: {text}"


def _innermost(chain: list[BaseException]) -> str:
    libraries = (requests.RequestException, urllib3.exceptions.HTTPError)
    causes = [item for item in chain if isinstance(item, OSError) and not isinstance(item, libraries)]
    telling = [cause for cause in causes if cause.errno is not None or isinstance(cause, ssl.SSLError | TimeoutError)]
    if telling:
        return os_error_text(telling[-1])
    if any(isinstance(item, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError) for item in chain):
        return "the host did not answer in time"
    if any(isinstance(item, requests.exceptions.SSLError | urllib3.exceptions.SSLError) for item in chain):
        return os_error_text(ssl.SSLError())
    if any(isinstance(item, urllib3.exceptions.ProtocolError) for item in chain):
        return "the connection was closed before the answer was complete"
    return "the connection failed"


def _unwrapped(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first."""
    item: BaseException | None = error
    for _ in range(DEPTH_MAX):
        if item is None:
            return
        yield item
        wrapped = [item.__cause__, getattr(item, "reason", None), getattr(item, "original_error", None)]
        wrapped += [*reversed(item.args), item.__context__]
        item = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
