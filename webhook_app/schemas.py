"""The webhook's door: what an authentic body must look like to be read; what does not is kept as unreadable."""

from dataclasses import dataclass
from typing import Any

import msgspec
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from webhook_app.domain.events import room_of
from webhook_app.nesting import NESTING_MAX, too_deep

ID_MAX_CHARS = 200
UNREADABLE = "unreadable"

_a_type = validate.Regexp(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z", error="not a webhook type")
_an_id = validate.Length(min=1, max=ID_MAX_CHARS)


class NamesSchema(Schema):
    """The names in a webhook's data that we go by; everything else passes."""

    class Meta:
        unknown = INCLUDE

    meetingId = fields.String(validate=_an_id)  # noqa: N815
    roomId = fields.String(validate=_an_id)  # noqa: N815
    sessionId = fields.String(validate=_an_id, allow_none=True)  # noqa: N815
    participantId = fields.String(validate=_an_id, allow_none=True)  # noqa: N815


class EnvelopeSchema(Schema):
    """`{"webhookType": …, "data": {…}}`."""

    class Meta:
        unknown = INCLUDE

    webhookType = fields.String(required=True, validate=_a_type)  # noqa: N815
    data = fields.Nested(NamesSchema, required=True)


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as the journal wants it: its type, its room if it names one, and why it could not be read."""

    type: str
    room_id: str | None
    why: str | None = None


_envelope = EnvelopeSchema()


def parse(body: bytes) -> Received:
    """Read an authentic body. Never raises: what cannot be read is kept as it came."""
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Received(UNREADABLE, None, f"not JSON: {error}"[:300])
    if body.count(b"[") + body.count(b"{") > NESTING_MAX and too_deep(content):
        return Received(UNREADABLE, None, f"nested more than {NESTING_MAX} levels deep")
    try:
        envelope = _envelope.load(content)
    except ValidationError as error:
        return Received(UNREADABLE, None, str(error.messages)[:300])
    return Received(envelope["webhookType"], room_of(envelope["data"]))
