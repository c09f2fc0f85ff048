"""Opens the destinations of an RTMP stream right before its start is sent, and masks them in VideoSDK's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webhook_app.domain.control.call import Call, StartStream
from webhook_app.domain.outputs import Output
from webhook_app.masking.masked_excerpt import masked_excerpt
from webhook_app.providers.client_port import CallAnswer
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.stream_keys import Destination, open_destinations, with_destinations


def opened_start(call: Call, request: StartStream, box: SecretBox) -> tuple[StartStream, list[Destination]]:
    """The start with its destinations in plain text, and these; WrongKeyError when one cannot be opened."""
    if call.output is not Output.RTMP:
        return request, []
    destinations = open_destinations(request.options, box)
    return StartStream(with_destinations(request.options, destinations)), destinations


def without_destinations(answer: CallAnswer, destinations: Sequence[Destination]) -> CallAnswer:
    """The answer with these destinations masked, wherever it quotes them."""
    if not destinations:
        return answer
    message = None if answer.message is None else _masked(answer.message, destinations)
    return replace(answer, data=_masked(answer.data, destinations), message=message)


def _masked(data: Any, destinations: Sequence[Destination]) -> Any:
    if isinstance(data, str):
        keys = [destination.stream_key for destination in destinations]
        return masked_excerpt(data, *(destination.url for destination in destinations), secrets=keys)
    if isinstance(data, Mapping):
        return {name: _masked(value, destinations) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_masked(value, destinations) for value in data]
    return data
