"""Schemas of REST request bodies and queries, validated as VideoSDK documents them."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from sandbox.entities import RefusedError

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$", max_length=512)]
RoomId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Form = TypeVar("Form")

PER_PAGE = 20
PER_PAGE_MAX = 100


class WebhookForm(msgspec.Struct, frozen=True, rename="camel"):
    """The webhook registration of a room; no events means all."""

    end_point: Url
    events: tuple[str, ...] = ()


class AutoStart(msgspec.Struct, frozen=True):
    """What VideoSDK starts by itself when a session opens; the sandbox supports `hls`."""

    hls: dict[str, Any] | bool | None = None
    recording: dict[str, Any] | bool | None = None
    composite: dict[str, Any] | bool | None = None


class RoomForm(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `POST /v2/rooms`."""

    custom_room_id: RoomId | None = None
    webhook: WebhookForm | None = None
    auto_start_config: AutoStart | None = None


class Layout(msgspec.Struct, frozen=True, rename="camel"):
    """The layout of a stream."""

    priority: Literal["SPEAKER", "PIN"]
    type: Literal["GRID", "SPOTLIGHT", "SIDEBAR"] = "GRID"
    grid_size: Annotated[int, msgspec.Meta(ge=0, le=25)] = 25


class Recording(msgspec.Struct, frozen=True):
    """Whether the stream is recorded."""

    enabled: bool = False


class Config(msgspec.Struct, frozen=True):
    """The `config` of a start."""

    layout: Layout
    theme: Literal["DARK", "LIGHT", "DEFAULT"] = "DEFAULT"
    mode: Literal["video-and-audio", "audio"] = "video-and-audio"
    quality: Literal["low", "med", "high", "ultra"] = "med"
    orientation: Literal["landscape", "portrait"] = "landscape"
    recording: Recording = Recording()


class Summary(msgspec.Struct, frozen=True):
    """Options of a transcription's summary."""

    enabled: bool = False
    prompt: str = ""


class Transcription(msgspec.Struct, frozen=True):
    """Options of transcription."""

    enabled: bool = False
    summary: Summary = Summary()


class StartForm(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `POST /v2/hls/start`.

    `config` is validated by `read_config`: an empty one is allowed although a layout is required otherwise. `summary`
    and `recording` are accepted here and, as in VideoSDK's SDKs and documentation, in `transcription` and `config`.
    """

    room_id: RoomId
    template_url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$", max_length=2048)] | None = None
    config: dict[str, Any] | None = None
    transcription: Transcription | None = None
    summary: Summary | None = None
    recording: Recording | None = None
    webhook_url: Url | None = None
    resource_id: str | None = None


class EndForm(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `POST /v2/hls/end` and `POST /v2/sessions/end`."""

    room_id: RoomId
    id: str | None = None


class CaptureForm(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `POST /v2/hls/capture`."""

    room_id: RoomId
    time: float | None = None
    width: Annotated[int, msgspec.Meta(ge=1, le=7680)] = 1280
    height: Annotated[int, msgspec.Meta(ge=1, le=4320)] = 720
    format: Literal["jpg", "jpeg", "png", "webp"] = "jpg"


def read_form(body: bytes, form: type[Form]) -> Form:
    """Decode and validate a body. Raises `RefusedError` 400 with a message that names the field."""
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.MsgspecError as error:
        raise RefusedError(400, str(error)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "the body is not UTF-8, or nested too deeply") from error


def read_config(config: dict[str, Any] | None) -> Config | None:
    """Validate the `config` of a start; None if empty.

    Raises `RefusedError`: 406 without a layout and its priority, otherwise 400 as `read_form` does.
    """
    if config and not (isinstance(layout := config.get("layout"), dict) and layout.get("priority")):
        raise RefusedError(406, "config.layout with a priority is required")
    try:
        return msgspec.convert(config, Config) if config else None
    except msgspec.MsgspecError as error:
        raise RefusedError(400, f"config: {error}") from error


def page_number(text: str, name: str, most: int) -> int:
    """Read a number of the query. Raises `RefusedError` 400 unless it is from 1 to `most`."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= most):
        raise RefusedError(400, f"{name} must be a whole number from 1 to {most}")
    return int(text)
