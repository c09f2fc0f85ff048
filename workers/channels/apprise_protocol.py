"""The messages between the deliver worker and its Apprise process: one JSON object a line, over a socket pair."""

from collections.abc import Iterator

import msgspec

from webhook_app.domain.delivery.delivery import AttemptError

LINE_MAX_BYTES = 1_048_576


class SendRequest(msgspec.Struct, frozen=True, tag="send"):
    """To the process: send this text to an Apprise URL. `allowed` lists the private networks that may be reached."""

    number: int
    url: str
    title: str
    body: str
    allowed: tuple[str, ...] = ()


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From the process: Apprise is loaded."""


class SendResult(msgspec.Struct, frozen=True, tag="result"):
    """From the process: how an attempt ended; the secrets of its URL are masked in `response`."""

    number: int
    status: int | None
    error: AttemptError | None
    duration_ms: int
    response: str = ""


class Released(msgspec.Struct, frozen=True, tag="released"):
    """From the process: the thread of an attempt is free again. After a time-out that is later than its result."""

    number: int


FromProcess = Ready | SendResult | Released

_encoder = msgspec.json.Encoder()
decode_request = msgspec.json.Decoder(SendRequest).decode
decode_from_process = msgspec.json.Decoder(FromProcess).decode


def encode_line(message: SendRequest | FromProcess) -> bytes:
    """A message as one line."""
    return _encoder.encode(message) + b"\n"


class LineBuffer:
    """Splits what was received into whole lines. ValueError when a line grows beyond `LINE_MAX_BYTES`."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete with this data."""
        *lines, partial = (self._partial + data).split(b"\n")
        if len(partial) > LINE_MAX_BYTES:
            raise ValueError("a message is too long")
        self._partial = partial
        yield from lines
