"""Injectable faults and their JSON form."""

from typing import Annotated, Literal, TypeVar

import msgspec

from sandbox.open_points import Forms

FAULTS_MAX = 1_000  # REST faults at a time
REPEATS_MAX = 100

Body = TypeVar("Body")
Spoils = TypeVar("Spoils", bound="RoomFaults")
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Copies = Annotated[float, msgspec.Meta(ge=0, le=REPEATS_MAX)]
PathName = Literal[
    "*",
    "start",
    "end",
    "active",
    "list",
    "get",
    "delete",
    "capture",
    "recording-start",
    "recording-end",
    "recording-list",
    "recording-get",
    "recording-delete",
    "rtmp-start",
    "rtmp-end",
    "rtmp-list",
    "rtmp-get",
    "transcode",
    "transcodings",
    "transcoding",
    "cancel-transcoding",
    "sessions",
    "session",
    "participants",
    "all-participants",
    "participant",
    "end-session",
    "rooms",
    "list-rooms",
    "room",
    "validate-room",
    "deactivate-room",
    "public-key",
]
FaultName = Literal[
    "hang",
    "400",
    "401",
    "402",
    "403",
    "404",
    "406",
    "409",
    "4020",
    "4021",
    "4029",
    "429",
    "500",
    "502",
    "503",
    "answer-lost",
    "no-effect",
    "late",
    "slow",
]


class Drop(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which webhooks are dropped: these types (wildcards allowed), with this probability."""

    probability: Probability = 1.0
    types: tuple[str, ...] = ("*",)


class Repeat(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which webhooks are repeated: these types (wildcards allowed), `copies` as `WebhookFaults.repeat` has them."""

    copies: Copies = 1
    types: tuple[str, ...] = ("*",)


class Late(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which webhooks are sent late: these types (wildcards allowed); those that follow overtake them."""

    by_s: Seconds
    types: tuple[str, ...] = ("*",)


class WebhookFaults(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Faults of webhook delivery.

    `repeat` below 1 is the probability of one extra copy; from 1 up, the number of extra copies. `reorder` is the
    probability that a webhook is held back until the room's next one has been sent. `late` sends some types later than
    those that follow; `delay_s` delays all and keeps their order. `stream_ids` adds the id of the stream, or of its
    composer, to `hls-*`, `recording-*` and `livestream-*`, which as documented name no stream. `urls` selects the keys
    of URLs: as documented, as in 2024 (`downstreamUrl`), only one of the two, or none. `viewers` enables webhooks about
    viewers who join and leave. Without `retries` each webhook is sent once.
    """

    repeat: Copies | Repeat = 0.0
    reorder: Probability | bool = 0.0
    drop: Probability | list[str] | Drop = 0.0
    late: Late | None = None
    delay_s: Seconds = 0.0
    stream_ids: bool | Literal["composer"] = False
    urls: Literal["documented", "2024", "playback", "livestream", "none"] = "documented"
    room_key: Literal["meetingId", "roomId"] = "meetingId"
    viewers: bool = True
    retries: bool = True

    def dropped(self) -> Drop:
        """Return `drop` in its full form."""
        match self.drop:
            case Drop():
                return self.drop
            case list():
                return Drop(types=tuple(self.drop))
            case probability:
                return Drop(probability=probability)

    def repeated(self) -> Repeat:
        """Return `repeat` in its full form."""
        return self.repeat if isinstance(self.repeat, Repeat) else Repeat(copies=self.repeat)


class RestFault(msgspec.Struct, forbid_unknown_fields=True):
    """One fault of REST calls. `times` counts down with each affected call; null means for ever."""

    path: PathName
    fault: FaultName
    times: Annotated[int, msgspec.Meta(ge=0)] | None = 1
    after_s: Seconds = 5.0  # `late`: when the call takes effect; `slow`: when the answer is sent


class RoomFaults(msgspec.Struct, forbid_unknown_fields=True):
    """Faults of one room.

    Its webhook faults and forms replace the general ones; its REST faults are tried before the general ones.
    """

    webhooks: WebhookFaults = WebhookFaults()
    rest: Annotated[list[RestFault], msgspec.Meta(max_length=FAULTS_MAX)] = []
    forms: Forms | None = None  # of open points; null: the general ones, or the defaults

    def take(self, path: str) -> RestFault | None:
        """Return the first fault for this call name that is not used up, and count it down."""
        for fault in self.rest:
            if fault.path in ("*", path) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


class Faults(RoomFaults, forbid_unknown_fields=True):
    """Faults of all rooms."""

    quota: Annotated[int, msgspec.Meta(ge=0)] | None = None


class PaceBody(msgspec.Struct, forbid_unknown_fields=True):
    """A change of pace; keys left out keep their value."""

    started_s: Seconds | None = None
    playable_s: Seconds | None = None
    stopped_s: Seconds | None = None
    max_duration_s: Seconds | None = None
    transcoded_s: Seconds | None = None
    answer_s: Seconds | None = None


def read_faults(body: bytes) -> Faults:
    """Read general faults from JSON. Raises `ValueError` with a message that names the field."""
    return _checked(_decode(body, Faults))


def read_room_faults(body: bytes) -> RoomFaults:
    """Read a room's faults from JSON. Raises `ValueError` with a message that names the field."""
    return _checked(_decode(body, RoomFaults))


def read_pace(body: bytes) -> PaceBody:
    """Read a change of pace from JSON. Raises `ValueError` with a message that names the field."""
    return _decode(body, PaceBody)


def _checked(faults: Spoils) -> Spoils:
    repeat = faults.webhooks.repeated().copies
    if repeat > 1 and repeat != int(repeat):
        raise ValueError("webhooks.repeat must be a probability below 1, or a whole number of extra copies")
    return faults


def _decode(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError("the body is not UTF-8, or nested too deeply") from error
