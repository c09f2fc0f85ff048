"""The body of a start: VideoSDK's `POST /v2/hls/start` without `roomId`."""

from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from webhook_app.nesting import NESTING_MAX, too_deep

GRID_MAX = 25
URL_MAX_CHARS = 2_048


class LayoutSchema(Schema):
    """How the composed picture is laid out."""

    class Meta:
        unknown = RAISE

    type = fields.String(validate=validate.OneOf(["GRID", "SPOTLIGHT", "SIDEBAR"]))
    priority = fields.String(required=True, validate=validate.OneOf(["SPEAKER", "PIN"]))
    gridSize = fields.Integer(strict=True, validate=validate.Range(1, GRID_MAX))  # noqa: N815


class ConfigSchema(Schema):
    """The stream's configuration; when it is not empty VideoSDK wants a layout."""

    class Meta:
        unknown = INCLUDE

    layout = fields.Nested(LayoutSchema)
    theme = fields.String(validate=validate.OneOf(["DARK", "LIGHT", "DEFAULT"]))
    mode = fields.String(validate=validate.OneOf(["video-and-audio", "audio"]))
    quality = fields.String(validate=validate.OneOf(["low", "med", "high"]))
    orientation = fields.String(validate=validate.OneOf(["landscape", "portrait"]))
    recording = fields.Dict()

    @validates_schema
    def _layout_when_not_empty(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data and "layout" not in data:
            raise ValidationError("a config that is not empty needs a layout with a priority", "layout")


class StartSchema(Schema):
    """What a start carries."""

    class Meta:
        unknown = RAISE

    config = fields.Nested(ConfigSchema)
    templateUrl = fields.Url(schemes={"http", "https"}, validate=validate.Length(max=URL_MAX_CHARS))  # noqa: N815
    transcription = fields.Dict()
    webhookUrl = fields.Url(schemes={"http", "https"}, validate=validate.Length(max=512))  # noqa: N815
    resourceId = fields.String(validate=validate.Length(max=200))  # noqa: N815

    @pre_load
    def _not_too_deep(self, data: Any, **kwargs: Any) -> Any:
        if too_deep(data):
            raise ValidationError(f"nested more than {NESTING_MAX} levels deep")
        return data
