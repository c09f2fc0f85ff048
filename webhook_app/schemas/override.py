"""Schemas of an operator's override: how long an output is kept on or off, and how it starts."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load, validates_schema

from webhook_app.domain.outputs import Output
from webhook_app.schemas.fields import Moment, RequestSchema, is_in_the_future
from webhook_app.schemas.outputs import BODY_FIELDS, body_errors, body_fields, is_output


class ReleaseSchema(RequestSchema):
    """A release of an output, by default of HLS."""

    output = fields.String(validate=is_output)


class OverrideSchema(ReleaseSchema):
    """An override; without `until` it lasts until released or until the next scheduled change."""

    until = Moment(load_default=None, validate=is_in_the_future)


class StartOverrideSchema(OverrideSchema):
    """An override to start, with the body of the output's start."""

    class Meta(RequestSchema.Meta):
        include: ClassVar = body_fields()

    @validates_schema(skip_on_field_errors=True)
    def _fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        errors = body_errors(data, [_output(data)])
        if errors:
            raise ValidationError(errors)

    @post_load
    def _body(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Leave one body, `start`, whatever the output."""
        body = data.get(BODY_FIELDS[_output(data)])
        return {name: value for name, value in data.items() if name not in BODY_FIELDS.values()} | {"start": body}


def _output(data: Mapping[str, Any]) -> Output:
    return Output(data.get("output", Output.HLS))
