"""Schemas of REST request bodies and queries, validated as VideoSDK documents them."""

from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from sandbox.entities import Destination, RefusedError, StartOptions
from sandbox.outputs import Output

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$", max_length=512)]
RoomId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Form = TypeVar("Form")

PER_PAGE = 20
PER_PAGE_MAX = 100
OUTPUTS_MAX = 20  # RTMP destinations of one stream


class WebhookForm(msgspec.Struct, frozen=True, rename="camel"):
    """The webhook registration of a room; no events means all."""

    end_point: Url
    events: tuple[str, ...] = ()


class AutoStart(msgspec.Struct, frozen=True):
    """What VideoSDK starts by itself when a session opens; the sandbox supports `hls` and `recording`."""

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
    """What the bodies of all starts have in common.

    `config` is validated by `read_config`: an empty one is allowed although a layout is required otherwise. `summary`
    is accepted here and, as in VideoSDK's SDKs, in `transcription`.
    """

    room_id: RoomId
    template_url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$", max_length=2048)] | None = None
    config: dict[str, Any] | None = None
    transcription: Transcription | None = None
    summary: Summary | None = None
    webhook_url: Url | None = None
    resource_id: str | None = None


class HlsStartForm(StartForm, frozen=True, rename="camel"):
    """Body of `POST /v2/hls/start`; `recording` is accepted here, as in the SDKs, and in `config`."""

    recording: Recording | None = None


class OnFailure(msgspec.Struct, frozen=True, rename="camel"):
    """What VideoSDK does when a recording fails; the sandbox does nothing."""

    action: Literal["close-room"]
    wait_time: Annotated[int, msgspec.Meta(ge=0, le=150)] = 150


class RecordingStartForm(StartForm, frozen=True, rename="camel"):
    """Body of `POST /v2/recordings/start`. The SDK sends `dirPath` as `awsDirPath`."""

    dir_path: Path | None = None
    aws_dir_path: Path | None = None
    pre_signed_url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$", max_length=8192)] | None = None
    file_format: Literal["mp4", "webm"] = "mp4"
    on_failure: OnFailure | None = None


class OutputForm(msgspec.Struct, frozen=True, rename="camel"):
    """A destination of an RTMP stream."""

    url: Annotated[str, msgspec.Meta(pattern=r"^rtmps?://\S+$", max_length=2048)]
    stream_key: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class LivestreamStartForm(StartForm, frozen=True, rename="camel", kw_only=True):
    """Body of `POST /v2/livestreams/start`."""

    outputs: Annotated[tuple[OutputForm, ...], msgspec.Meta(min_length=1, max_length=OUTPUTS_MAX)]


START_FORMS: dict[Output, type[StartForm]] = {
    Output.HLS: HlsStartForm,
    Output.RECORDING: RecordingStartForm,
    Output.RTMP: LivestreamStartForm,
}


class StorageForm(msgspec.Struct, frozen=True, rename="camel"):
    """The customer's storage to which an MP4 goes."""

    type: Literal["s3", "blob", "gcp"]
    bucket: str | None = None
    container: str | None = None
    dir_path: Path | None = None


class TranscodeForm(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `POST /v2/transcodings/hls-to-mp4`; it needs one of the ids."""

    room_id: RoomId | None = None
    session_id: str | None = None
    hls_id: str | None = None
    webhook_url: Url | None = None
    storage: StorageForm | None = None


class EndForm(msgspec.Struct, frozen=True, rename="camel"):
    """Body of the ends of outputs and of `POST /v2/sessions/end`."""

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


def read_start(body: bytes, output: Output) -> tuple[str, StartOptions]:
    """Read the start of an output: the room's id, and the options. Raises `RefusedError` 400 or 406."""
    form = read_form(body, START_FORMS[output])
    config = read_config(form.config, is_required=output is Output.RTMP) or Config(Layout("SPEAKER"))
    options = StartOptions(form.webhook_url, config.mode, config.quality)
    match form:
        case RecordingStartForm():
            return form.room_id, replace(
                options,
                file_format=form.file_format,
                directory=form.dir_path or form.aws_dir_path,
                own_storage=form.pre_signed_url is not None,
            )
        case LivestreamStartForm():
            destinations = tuple(Destination(entry.url, entry.stream_key) for entry in form.outputs)
            return form.room_id, replace(options, destinations=destinations)
        case _:
            return form.room_id, options


def read_config(config: dict[str, Any] | None, *, is_required: bool = False) -> Config | None:
    """Validate the `config` of a start; None if empty.

    Raises `RefusedError`: 406 without a layout and its priority, otherwise 400 as `read_form` does.
    """
    if (config or is_required) and not _has_layout(config or {}):
        raise RefusedError(406, "config.layout with a priority is required")
    try:
        return msgspec.convert(config, Config) if config else None
    except msgspec.MsgspecError as error:
        raise RefusedError(400, f"config: {error}") from error


def _has_layout(config: dict[str, Any]) -> bool:
    layout = config.get("layout")
    return isinstance(layout, dict) and bool(layout.get("priority"))


def page_number(text: str, name: str, most: int) -> int:
    """Read a number of the query. Raises `RefusedError` 400 unless it is from 1 to `most`."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= most):
        raise RefusedError(400, f"{name} must be a whole number from 1 to {most}")
    return int(text)
