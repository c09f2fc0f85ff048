"""Seal destinations of RTMP before anything is journaled, and put stored ones in the place of masked ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.masking.url_masking import MASK, shown_url
from webhook_app.secrets.encryption import SecretBox, WrongKeyError
from webhook_app.secrets.stream_keys import Destination, open_destination, seal_destination


def sealed_rule(rule: Mapping[str, Any], box: SecretBox) -> dict[str, Any]:
    """A validated rule as it is journaled."""
    return {**rule, "rtmp": _sealed_body(rule["rtmp"], box)} if rule.get("rtmp") else dict(rule)


def sealed_override(override: Mapping[str, Any], box: SecretBox) -> dict[str, Any]:
    """A validated override as it is journaled."""
    if override.get("output") != Output.RTMP or not override.get("start"):
        return dict(override)
    return {**override, "start": _sealed_body(override["start"], box)}


def restored_rtmp(sent: Any, stored: Mapping[str, Any], box: SecretBox) -> Any:
    """A body of RTMP as it was sent, with the stored destinations that its masked ones stand for.

    A destination whose stream key is masked stands for the stored one at its place with the same URL, masked or not;
    otherwise for the only one with that URL. One that stands for none is left as it is.
    """
    streams = sent.get("streams") if isinstance(sent, Mapping) else None
    if not isinstance(streams, list) or not any(_is_masked(stream) for stream in streams):
        return sent
    destinations = [_opened(stream, box) for stream in stored.get("streams") or ()]
    return {**sent, "streams": [_restored(stream, at, destinations) for at, stream in enumerate(streams)]}


def _restored(sent: Any, at: int, destinations: Sequence[Destination | None]) -> Any:
    if not _is_masked(sent):
        return sent
    url = sent.get("url")
    matching = [
        (place, destination)
        for place, destination in enumerate(destinations)
        if destination is not None and url in (destination.url, shown_url(destination.url))
    ]
    same_place = [destination for place, destination in matching if place == at]
    if not same_place and len(matching) != 1:
        return sent
    destination = same_place[0] if same_place else matching[0][1]
    return {**sent, "url": destination.url, "stream_key": destination.stream_key}


def _opened(stream: Mapping[str, Any], box: SecretBox) -> Destination | None:
    try:
        return open_destination(stream.get("stream_key"), box)
    except WrongKeyError:
        return None


def _is_masked(stream: Any) -> bool:
    return isinstance(stream, Mapping) and stream.get("stream_key") == MASK


def _sealed_body(body: Mapping[str, Any], box: SecretBox) -> dict[str, Any]:
    return {
        **body,
        "streams": [
            {
                "url": shown_url(stream["url"]),
                "stream_key": seal_destination(Destination(stream["url"], stream["stream_key"]), box),
            }
            for stream in body.get("streams") or ()
        ],
    }
