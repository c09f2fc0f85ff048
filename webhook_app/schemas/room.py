"""Schemas of rooms to add and change."""

from marshmallow import ValidationError, fields, validate

from webhook_app.domain.globs import name_fault
from webhook_app.providers.registry import PROVIDER
from webhook_app.schemas.fields import RequestSchema, is_name

GROUPS_MAX = 50
ID_MAX_CHARS = PROVIDER.facts.id_max_chars
ROOM_ID_RULE = f"must have 1 to {ID_MAX_CHARS} characters"


def _is_room_id(room_id: str) -> None:
    fault = name_fault(room_id)
    if fault is not None:
        raise ValidationError(fault)


class RoomChangeSchema(RequestSchema):
    """The name and groups of a room; omitted fields keep their values."""

    name = fields.String(allow_none=True, validate=is_name)
    groups = fields.List(fields.String(validate=is_name), validate=validate.Length(max=GROUPS_MAX))


class NewRoomSchema(RoomChangeSchema):
    """A room to add."""

    room_id = fields.String(required=True, validate=[validate.Length(1, ID_MAX_CHARS, error=ROOM_ID_RULE), _is_room_id])
