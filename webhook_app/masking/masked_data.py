"""Masks URLs in data (rules, events, notices), and restores stored URLs where masked ones are sent back."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from webhook_app.masking.masking import masked
from webhook_app.masking.stream_keys import is_stream_key, masked_value, without_stream_keys
from webhook_app.masking.url_masking import MASK, shown_url

_RTMP_ADDRESS = re.compile(r"rtmps?://[^\s\"'<>`\\]+", re.IGNORECASE)
_OUR_WEBHOOKS = re.compile(r"(/webhooks/+videosdk/+)[^/\s\"'?#&]+", re.IGNORECASE)


def shown_data(data: Any) -> Any:
    """Mask the secrets of all URLs in data, and stream keys."""
    if isinstance(data, str):
        return masked(data)
    if isinstance(data, Mapping):
        return {name: masked_value(value) if is_stream_key(name) else shown_data(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [shown_data(value) for value in data]
    return data


def shown_provider_data(data: Any) -> Any:
    """Mask the token of our webhook URL and destinations of RTMP in VideoSDK's data; its own URLs stay."""
    return masked_destinations(_without_webhook_token(data))


def masked_destinations(data: Any) -> Any:
    """Mask stream keys in VideoSDK's data, and the secrets of the URLs of RTMP; everything else stays."""
    if isinstance(data, str):
        return without_stream_keys(_RTMP_ADDRESS.sub(lambda address: shown_url(address[0]), data))
    if isinstance(data, Mapping):
        return {
            name: masked_value(value) if is_stream_key(name) else masked_destinations(value)
            for name, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [masked_destinations(value) for value in data]
    return data


def _without_webhook_token(data: Any) -> Any:
    if isinstance(data, str):
        return _OUR_WEBHOOKS.sub(rf"\1{MASK}", data)
    if isinstance(data, Mapping):
        return {name: _without_webhook_token(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_webhook_token(value) for value in data]
    return data


def restored_data(sent: Any, stored: Any) -> Any:
    """Return the data that was sent, with each masked text replaced by the stored text that it stands for.

    A stored text at the same place is preferred; otherwise the only one with that masked form, as list items move.
    """
    by_shown: dict[str, set[str]] = defaultdict(set)
    for text in _texts(stored):
        if (masked_text := masked(text)) != text:
            by_shown[masked_text].add(text)
    return _restored(sent, stored, by_shown) if by_shown else sent


def has_masked_address(data: Any) -> bool:
    """Whether data contains a masked URL, which cannot be used."""
    return any("://" in text and MASK in text for text in _texts(data))


def _restored(sent: Any, stored: Any, by_shown: Mapping[str, set[str]]) -> Any:
    if isinstance(sent, str):
        if isinstance(stored, str) and masked(stored) == sent:
            return stored
        candidates = by_shown.get(sent, ())
        return next(iter(candidates)) if len(candidates) == 1 else sent
    if isinstance(sent, Mapping):
        stored_fields = stored if isinstance(stored, Mapping) else {}
        return {name: _restored(value, stored_fields.get(name), by_shown) for name, value in sent.items()}
    if isinstance(sent, list):
        items = list(stored) if isinstance(stored, list | tuple) else []
        return [_restored(value, items[at] if at < len(items) else None, by_shown) for at, value in enumerate(sent)]
    return sent


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _texts(value)
