"""Schemas of an operator's override: how long a room is kept on or off air, and how its stream starts."""

from marshmallow import fields

from webhook_app.providers.registry import PROVIDER
from webhook_app.schemas.fields import Moment, RequestSchema, is_in_the_future


class OverrideSchema(RequestSchema):
    """An override; without `until` it lasts until released or until the next scheduled change."""

    until = Moment(load_default=None, validate=is_in_the_future)


class StartOverrideSchema(OverrideSchema):
    """An override to start, with options of the stream."""

    start = fields.Nested(PROVIDER.start_schema(), load_default=None)
