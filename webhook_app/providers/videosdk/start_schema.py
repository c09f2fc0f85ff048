"""Schemas of start options: the bodies of VideoSDK's `POST /v2/hls/start` and of the other outputs, without `roomId`.

Rejects what VideoSDK would reject, with a message that says what to add. Everything else is passed on unchanged, also
options unknown to this version, except for two mistakes that VideoSDK silently ignores: a misspelt option, and an
option in the wrong place.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from webhook_app.domain.outputs import Output
from webhook_app.masking.url_masking import MASK, RTMP_SCHEMES
from webhook_app.providers.videosdk.facts import WEBHOOK_URL_MAX_CHARS
from webhook_app.text.json_depth import JSON_DEPTH_MAX, exceeds_json_depth

GRID_MAX = 25
URL_MAX_CHARS = 2_048
NAME_MAX_CHARS = 100  # of an option unknown to this version
WAIT_TIME_MAX_S = 150
RTMP_STREAMS_MAX = 10
STREAM_KEY_MAX_CHARS = 2_048
SIMILARITY_MIN = 0.85  # above it, an unknown name is taken for a misspelt option
LAYOUT_HINT = (
    "VideoSDK answers 406 to a config without a layout, also beside a templateUrl: "
    'add a "layout" with "type": "GRID" and "priority": "SPEAKER"'
)
PRIORITY_HINT = 'VideoSDK answers 406 to a layout without a priority: add "priority": "SPEAKER" (or "PIN")'
MISPLACED = {
    "roomId": "the room is not part of the start options",
    "preSignedUrl": "`preSignedUrl` belongs to recordings; not to HLS streams",
    "layout": "`layout` belongs in `config`",
    "gridSize": "`gridSize` belongs in `config.layout`",
    "priority": "`priority` belongs in `config.layout`",
    "mode": "`mode` belongs in `config`",
    "quality": "`quality` belongs in `config`",
    "orientation": "`orientation` belongs in `config`",
}


class OptionsSchema(Schema):
    """VideoSDK options: unknown ones are passed on, misspelt and misplaced ones are rejected."""

    class Meta:
        unknown = INCLUDE

    misplaced: ClassVar[Mapping[str, str]] = {}

    @pre_load
    def _check_names(self, data: Any, **kwargs: Any) -> Any:
        """Runs before the fields are loaded, so that each name gets one error."""
        if isinstance(data, Mapping):
            errors = {
                str(name)[:NAME_MAX_CHARS]: [fault] for name in data if (fault := self._name_fault(name)) is not None
            }
            if errors:
                raise ValidationError(errors)
        return data

    def _name_fault(self, name: Any) -> str | None:
        if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX_CHARS:
            return f"a name is a string of at most {NAME_MAX_CHARS} characters"
        if name in self.fields:
            return None
        if name in self.misplaced:
            return self.misplaced[name]
        by_normalized = {_normalized(option): option for option in (*self.fields, *self.misplaced)}
        similar = get_close_matches(_normalized(name), by_normalized, 1, SIMILARITY_MIN)
        return f"unknown field; did you mean `{by_normalized[similar[0]]}`?" if similar else None


class LayoutSchema(OptionsSchema):
    """The layout of the composed picture."""

    type = fields.String(validate=validate.OneOf(["GRID", "SPOTLIGHT", "SIDEBAR"]))
    priority = fields.String(
        required=True,
        validate=validate.OneOf(["SPEAKER", "PIN"]),
        error_messages={"required": PRIORITY_HINT, "null": PRIORITY_HINT},
    )
    gridSize = fields.Integer(strict=True, validate=validate.Range(0, GRID_MAX))  # noqa: N815


class SwitchSchema(OptionsSchema):
    """A feature that can be enabled, such as a recording of the HLS stream."""

    enabled = fields.Boolean(truthy={True}, falsy={False})


class SummarySchema(SwitchSchema):
    """A summary of the session."""

    prompt = fields.String()


class TranscriptionSchema(SwitchSchema):
    """A transcript. VideoSDK's SDKs nest the summary in here, its documentation puts it next to it."""

    summary = fields.Nested(SummarySchema)


class ConfigSchema(OptionsSchema):
    """The stream configuration. VideoSDK requires a layout when it is not empty."""

    misplaced: ClassVar[Mapping[str, str]] = {name: MISPLACED[name] for name in ("gridSize", "priority", "roomId")}

    layout = fields.Nested(LayoutSchema, error_messages={"null": LAYOUT_HINT})
    theme = fields.String(validate=validate.OneOf(["DARK", "LIGHT", "DEFAULT"]))
    mode = fields.String(validate=validate.OneOf(["video-and-audio", "audio"]))
    quality = fields.String(validate=validate.OneOf(["low", "med", "high", "ultra"]))
    orientation = fields.String(validate=validate.OneOf(["landscape", "portrait"]))
    recording = fields.Nested(SwitchSchema)

    @validates_schema
    def _layout_when_not_empty(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data and "layout" not in data:
            raise ValidationError(LAYOUT_HINT, "layout")


class OutputSchema(OptionsSchema):
    """The options that the starts of all outputs share."""

    config = fields.Nested(ConfigSchema)
    templateUrl = fields.Url(  # noqa: N815
        schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=URL_MAX_CHARS)
    )
    webhookUrl = fields.Url(  # noqa: N815
        schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=WEBHOOK_URL_MAX_CHARS)
    )

    @pre_load
    def _not_too_deep(self, data: Any, **kwargs: Any) -> Any:
        if exceeds_json_depth(data):
            raise ValidationError(f"nested more than {JSON_DEPTH_MAX} levels deep")
        return data


class StartSchema(OutputSchema):
    """The options of a start of HLS."""

    misplaced: ClassVar[Mapping[str, str]] = MISPLACED

    transcription = fields.Nested(TranscriptionSchema)
    summary = fields.Nested(SummarySchema)
    recording = fields.Nested(SwitchSchema)
    theme = fields.String(validate=validate.OneOf(["DARK", "LIGHT", "DEFAULT"]))
    resourceId = fields.String(validate=validate.Length(max=200))  # noqa: N815


class OnFailureSchema(OptionsSchema):
    """What VideoSDK does when the recording fails."""

    action = fields.String(required=True, validate=validate.OneOf(["close-room"]))
    waitTime = fields.Integer(strict=True, validate=validate.Range(0, WAIT_TIME_MAX_S))  # noqa: N815


class RecordingSchema(OutputSchema):
    """The options of a recording."""

    misplaced: ClassVar[Mapping[str, str]] = {
        name: fault for name, fault in MISPLACED.items() if name != "preSignedUrl"
    } | {"recording": "this is the recording itself", "streams": "`streams` belongs to `rtmp`"}

    transcription = fields.Nested(TranscriptionSchema)
    dirPath = fields.String(validate=validate.Length(max=URL_MAX_CHARS))  # noqa: N815
    awsDirPath = fields.String(validate=validate.Length(max=URL_MAX_CHARS))  # noqa: N815
    preSignedUrl = fields.Url(schemes={"https"}, validate=validate.Length(max=URL_MAX_CHARS))  # noqa: N815
    fileFormat = fields.String(validate=validate.OneOf(["mp4", "webm"]))  # noqa: N815
    onFailure = fields.Nested(OnFailureSchema)  # noqa: N815


def _is_not_masked(text: str) -> None:
    """A masked destination that stands for a stored one was replaced by it before."""
    if MASK in text:
        raise ValidationError("is masked, and no stored destination with this URL is known: give it in full")


class RtmpStreamSchema(Schema):
    """One destination of an RTMP stream."""

    class Meta:
        unknown = RAISE

    url = fields.Url(
        required=True,
        schemes=set(RTMP_SCHEMES),
        require_tld=False,
        validate=[validate.Length(max=URL_MAX_CHARS), _is_not_masked],
        error_messages={"invalid": "must be an rtmp:// or rtmps:// URL, without the stream key"},
    )
    stream_key = fields.String(
        required=True,
        validate=[validate.Length(1, STREAM_KEY_MAX_CHARS), _is_not_masked],
        error_messages={"required": "is missing: give the key that the platform shows for this stream"},
    )


class RtmpSchema(OutputSchema):
    """The options of an RTMP stream: where it is sent, and what it shows."""

    misplaced: ClassVar[Mapping[str, str]] = MISPLACED | {
        "outputs": 'VideoSDK\'s `outputs` are `streams` here, with "url" and "stream_key"',
        "streamKey": "`stream_key` belongs into each entry of `streams`",
    }

    streams = fields.List(
        fields.Nested(RtmpStreamSchema),
        validate=validate.Length(1, RTMP_STREAMS_MAX, error=f"name 1 to {RTMP_STREAMS_MAX} destinations"),
    )


START_SCHEMAS: Mapping[Output, type[Schema]] = {
    Output.HLS: StartSchema,
    Output.RECORDING: RecordingSchema,
    Output.RTMP: RtmpSchema,
}


def _normalized(name: str) -> str:
    """Normalize a name: lower case, without `_` and `-`."""
    return name.lower().replace("_", "").replace("-", "")
