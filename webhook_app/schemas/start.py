"""The body of a start: VideoSDK's `POST /v2/hls/start` without `roomId`.

What VideoSDK would refuse is refused here, with words that say what to add. Everything else is passed on unchanged,
options that this version does not know too, but for two kinds that VideoSDK would silently ignore: a known option
under a slightly other name, and one that stands in another place than it belongs to.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from marshmallow import INCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from webhook_app.text.json_depth import JSON_DEPTH_MAX, exceeds_json_depth

GRID_MAX = 25
URL_MAX_CHARS = 2_048
WEBHOOK_URL_MAX_CHARS = 512
NAME_MAX_CHARS = 100  # of an option that this version does not know
LIKENESS_MIN = 0.85  # of two names, from which on one is taken for a slip of the other
LAYOUT_HINT = (
    "VideoSDK answers 406 to a config without a layout, also beside a templateUrl: "
    'add a "layout" with "type": "GRID" and "priority": "SPEAKER"'
)
PRIORITY_HINT = 'VideoSDK answers 406 to a layout without a priority: add "priority": "SPEAKER" (or "PIN")'
ELSEWHERE = {
    "roomId": "the room is named outside of the start body",
    "preSignedUrl": "`preSignedUrl` belongs to recordings; VideoSDK's HLS knows none",
    "layout": "`layout` belongs into `config`",
    "gridSize": "`gridSize` belongs into `config.layout`",
    "priority": "`priority` belongs into `config.layout`",
    "mode": "`mode` belongs into `config`",
    "quality": "`quality` belongs into `config`",
    "orientation": "`orientation` belongs into `config`",
}


class OptionsSchema(Schema):
    """Options of VideoSDK's: unknown ones are passed on, slips of known ones are refused."""

    class Meta:
        unknown = INCLUDE

    elsewhere: ClassVar[Mapping[str, str]] = {}

    @pre_load
    def _no_slips(self, data: Any, **kwargs: Any) -> Any:
        """Runs before the fields are read, so that one error says all that is known about a name."""
        if isinstance(data, Mapping):
            errors = {str(name)[:NAME_MAX_CHARS]: [wrong] for name in data if (wrong := self._slip(name)) is not None}
            if errors:
                raise ValidationError(errors)
        return data

    def _slip(self, name: Any) -> str | None:
        if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX_CHARS:
            return f"a name is a text of at most {NAME_MAX_CHARS} characters"
        if name in self.fields:
            return None
        if name in self.elsewhere:
            return self.elsewhere[name]
        plain = {_plain(known): known for known in (*self.fields, *self.elsewhere)}
        alike = get_close_matches(_plain(name), plain, 1, LIKENESS_MIN)
        return f"unknown field; did you mean `{plain[alike[0]]}`?" if alike else None


class LayoutSchema(OptionsSchema):
    """How the composed picture is laid out."""

    type = fields.String(validate=validate.OneOf(["GRID", "SPOTLIGHT", "SIDEBAR"]))
    priority = fields.String(
        required=True,
        validate=validate.OneOf(["SPEAKER", "PIN"]),
        error_messages={"required": PRIORITY_HINT, "null": PRIORITY_HINT},
    )
    gridSize = fields.Integer(strict=True, validate=validate.Range(0, GRID_MAX))  # noqa: N815


class SwitchSchema(OptionsSchema):
    """Something that can be switched on: a recording of the HLS stream, say."""

    enabled = fields.Boolean(truthy={True}, falsy={False})


class SummarySchema(SwitchSchema):
    """A summary of what was said."""

    prompt = fields.String()


class TranscriptionSchema(SwitchSchema):
    """A transcript of what is said; VideoSDK's SDKs put the summary in here, its page beside it."""

    summary = fields.Nested(SummarySchema)


class ConfigSchema(OptionsSchema):
    """The stream's configuration; when it is not empty VideoSDK wants a layout."""

    elsewhere: ClassVar[Mapping[str, str]] = {name: ELSEWHERE[name] for name in ("gridSize", "priority", "roomId")}

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


class StartSchema(OptionsSchema):
    """What a start carries."""

    elsewhere: ClassVar[Mapping[str, str]] = ELSEWHERE

    config = fields.Nested(ConfigSchema)
    templateUrl = fields.Url(  # noqa: N815
        schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=URL_MAX_CHARS)
    )
    transcription = fields.Nested(TranscriptionSchema)
    summary = fields.Nested(SummarySchema)
    recording = fields.Nested(SwitchSchema)
    theme = fields.String(validate=validate.OneOf(["DARK", "LIGHT", "DEFAULT"]))
    webhookUrl = fields.Url(  # noqa: N815
        schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=WEBHOOK_URL_MAX_CHARS)
    )
    resourceId = fields.String(validate=validate.Length(max=200))  # noqa: N815

    @pre_load
    def _not_too_deep(self, data: Any, **kwargs: Any) -> Any:
        if exceeds_json_depth(data):
            raise ValidationError(f"nested more than {JSON_DEPTH_MAX} levels deep")
        return data


def _plain(name: str) -> str:
    """A name without what people mix up: capitals, `_` and `-`."""
    return name.lower().replace("_", "").replace("-", "")
