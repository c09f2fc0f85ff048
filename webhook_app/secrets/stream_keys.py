"""Destinations of RTMP streams as they are journaled and stored: the address masked, the rest sealed.

A stream key is all that is needed to send to a destination, and its URL may hold a key or a password. So the journal,
rules, desires and calls hold `{"url": <masked>, "stream_key": "sealed:…"}`, in which URL and key are sealed together.
Equal destinations give equal texts: the reducer compares bodies. A sealed text is of no use beside another address.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook_app.secrets.encryption import SecretBox, WrongKeyError

SEALED_PREFIX = "sealed:"
_NAME = "rtmp-destination"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an RTMP stream is sent."""

    url: str = field(repr=False)
    stream_key: str = field(repr=False)


def seal_destination(destination: Destination, box: SecretBox) -> str:
    """The sealed text of a destination."""
    plain = json.dumps([destination.url, destination.stream_key]).encode("ascii")
    return SEALED_PREFIX + box.seal_comparable(plain, _NAME)


def open_destination(sealed: object, box: SecretBox) -> Destination:
    """The destination in a sealed text; WrongKeyError when it was sealed under another key, or is not sealed."""
    if not isinstance(sealed, str) or not sealed.startswith(SEALED_PREFIX):
        raise WrongKeyError(_NAME)
    url, stream_key = json.loads(box.open_comparable(sealed.removeprefix(SEALED_PREFIX), _NAME))
    return Destination(url, stream_key)


def open_destinations(options: Mapping[str, Any], box: SecretBox) -> list[Destination]:
    """The destinations in the stored body of a start of RTMP; WrongKeyError when one cannot be opened."""
    return [open_destination(stream.get("stream_key"), box) for stream in options.get("streams") or ()]


def with_destinations(options: Mapping[str, Any], destinations: list[Destination]) -> dict[str, Any]:
    """The body with its destinations in plain text, as they are sent."""
    streams = [{"url": destination.url, "stream_key": destination.stream_key} for destination in destinations]
    return {**options, "streams": streams} if "streams" in options else dict(options)
