"""The faults that can be asked for, and how they are read from JSON."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from sandbox.open_points import Forms

FAULTS_MAX = 1_000  # REST faults at a time
REPEATS_MAX = 100

Body = TypeVar("Body")
Spoils = TypeVar("Spoils", bound="RoomFaults")
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
PathName = Literal[
    "*",
    "start",
    "end",
    "active",
    "list",
    "get",
    "delete",
    "capture",
    "sessions",
    "session",
    "participants",
    "all-participants",
    "end-session",
    "rooms",
    "room",
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
    "4029",
    "429",
    "500",
    "502",
    "503",
    "answer-lost",
    "late",
    "slow",
]


class Drop(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which webhooks are lost: of these types (wildcards allowed), with this probability."""

    probability: Probability = 1.0
    types: tuple[str, ...] = ("*",)


class WebhookFaults(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What goes wrong on the way to the receivers.

    `repeat` below 1 is the probability of one further copy; from 1 up, the number of further copies.
    `reorder` is the probability that a webhook is held back until the next of its room has been sent. `stream_ids`
    puts the stream's id, or its composer's, into `hls-*`, which as documented name no stream. `urls` says under which
    keys URLs stand: as documented, as in 2024 (`downstreamUrl`), one of the two alone, or none. `viewers` says whether
    the joining and leaving of viewers is told. Without `retries` each webhook is sent once.
    """

    repeat: Annotated[float, msgspec.Meta(ge=0, le=REPEATS_MAX)] = 0.0
    reorder: Probability | bool = 0.0
    drop: Probability | list[str] | Drop = 0.0
    delay_s: Seconds = 0.0
    stream_ids: bool | Literal["composer"] = False
    urls: Literal["documented", "2024", "playback", "livestream", "none"] = "documented"
    room_key: Literal["meetingId", "roomId"] = "meetingId"
    viewers: bool = True
    retries: bool = True

    def dropped(self) -> Drop:
        match self.drop:
            case Drop():
                return self.drop
            case list():
                return Drop(types=tuple(self.drop))
            case probability:
                return Drop(probability=probability)


class RestFault(msgspec.Struct, forbid_unknown_fields=True):
    """One fault of REST. `times` counts down with each call it spoils; null never ends."""

    path: PathName
    fault: FaultName
    times: Annotated[int, msgspec.Meta(ge=0)] | None = 1
    after_s: Seconds = 5.0  # for `late`: when the work is done; for `slow`: when the answer comes


class RoomFaults(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong in one room: its webhooks' faults and its forms replace the general ones, its REST faults come
    first.
    """

    webhooks: WebhookFaults = WebhookFaults()
    rest: Annotated[list[RestFault], msgspec.Meta(max_length=FAULTS_MAX)] = []
    forms: Forms | None = None  # of open points; null: those of the sandbox hold, or the defaults

    def take(self, path: str) -> RestFault | None:
        """The first fault for a call of this name that is not used up; using it counts it down."""
        for fault in self.rest:
            if fault.path in ("*", path) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


class Faults(RoomFaults, forbid_unknown_fields=True):
    """What goes wrong everywhere."""

    quota: Annotated[int, msgspec.Meta(ge=0)] | None = None


class PaceBody(msgspec.Struct, forbid_unknown_fields=True):
    """A key that is left out stays as it is."""

    started_s: Seconds | None = None
    playable_s: Seconds | None = None
    stopped_s: Seconds | None = None
    max_duration_s: Seconds | None = None
    answer_s: Seconds | None = None


def read_faults(body: bytes) -> Faults:
    """Raises `ValueError` with a message that names the field."""
    return _checked(_decode(body, Faults))


def read_room_faults(body: bytes) -> RoomFaults:
    """Raises `ValueError` with a message that names the field."""
    return _checked(_decode(body, RoomFaults))


def read_pace(body: bytes) -> PaceBody:
    """Raises `ValueError` with a message that names the field."""
    return _decode(body, PaceBody)


def _checked(faults: Spoils) -> Spoils:
    repeat = faults.webhooks.repeat
    if repeat > 1 and repeat != int(repeat):
        raise ValueError("webhooks.repeat is a probability below 1, or a whole number of further copies")
    return faults


def _decode(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError("the body is not UTF-8, or nested too deeply") from error
