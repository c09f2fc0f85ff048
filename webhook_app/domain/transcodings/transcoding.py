"""The transcoding of one stream: how far it has got, while it is under way."""

from dataclasses import dataclass

from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.streams.stream import Stream


@dataclass(frozen=True)
class Transcoding:
    """The MP4 of one ended stream, from its end until VideoSDK has finished or it is given up. Moments are in ms.

    `stream` is the stream as it was last seen: the room may have dropped it meanwhile. `call` is the call under way,
    `request` the one that requests the MP4, once it is sent, and `provider_id` VideoSDK's id of the transcoding.
    `due_at`: when the next call is sent, or the one under way is overdue. `give_up_at`: until when it is waited for.
    `requests` and `checks` count the calls so far. `is_unknown`: VideoSDK may or may not have accepted the request.
    """

    stream: Stream
    because: str
    due_at: int
    give_up_at: int
    call: Call | None = None
    request: Call | None = None
    provider_id: str | None = None
    requests: int = 0
    checks: int = 0
    is_unknown: bool = False

    @property
    def is_requested(self) -> bool:
        """Whether VideoSDK has accepted the request, or may have."""
        return self.provider_id is not None or self.is_unknown


def open_call(transcodings: tuple[Transcoding, ...]) -> Call | None:
    """The call that is under way for one of a room's transcodings; there is one at a time."""
    return next((transcoding.call for transcoding in transcodings if transcoding.call is not None), None)


def current_transcode(transcodings: tuple[Transcoding, ...]) -> Call | None:
    """The request for an MP4 that is under way in a room."""
    call = open_call(transcodings)
    return call if call is not None and call.kind is CallKind.TRANSCODE else None
