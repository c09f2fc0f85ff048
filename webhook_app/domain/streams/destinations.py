"""Which destinations of an RTMP stream a failure is about, as far as VideoSDK's reason names them."""

from urllib.parse import urlsplit

from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream


def failed_destinations(stream: Stream) -> frozenset[str]:
    """The destinations that failed.

    1. Those whose URL the reason names; of two that begin alike, the longer.
    2. Else the only one whose host it names.
    """
    if stream.state is not StreamState.FAILED or not stream.failure:
        return frozenset()
    named = {url for url in stream.destinations if url in stream.failure}
    named = {url for url in named if not any(other != url and other.startswith(url) for other in named)}
    if named:
        return frozenset(named)
    by_host = {url for url in stream.destinations if (host := _host(url)) and host in stream.failure}
    return frozenset(by_host) if len(by_host) == 1 else frozenset()


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
