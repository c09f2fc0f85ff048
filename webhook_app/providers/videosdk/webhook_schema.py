"""The shape of a webhook that Tallylight can process; a body of any other shape is kept as unreadable."""

from marshmallow import Schema, ValidationError, fields, validate

from webhook_app.providers.port import UNREADABLE, ReceivedWebhook
from webhook_app.providers.videosdk.webhook_body import ID_MAX_CHARS, IDS, WEBHOOK_TYPE, read_body
from webhook_app.text.validation_messages import flatten_errors

_a_type = validate.Regexp(WEBHOOK_TYPE, error="not a webhook type")
_an_id = validate.Length(min=1, max=ID_MAX_CHARS)


class WebhookSchema(Schema):
    """A webhook's type, and the ids in its data that decide what it is about.

    The rest of the data is no part of it: marshmallow would copy it field by field, for each webhook.
    """

    webhookType = fields.String(required=True, validate=_a_type)  # noqa: N815
    meetingId = fields.String(validate=_an_id, allow_none=True)  # noqa: N815
    roomId = fields.String(validate=_an_id, allow_none=True)  # noqa: N815
    sessionId = fields.String(validate=_an_id, allow_none=True)  # noqa: N815
    participantId = fields.String(validate=_an_id, allow_none=True)  # noqa: N815


_schema = WebhookSchema()


def parse(raw: bytes) -> ReceivedWebhook:
    """Read an authentic body for the journal. Never raises: what cannot be read is kept unchanged."""
    body = read_body(raw)
    if body.reason is not None:
        return ReceivedWebhook(UNREADABLE, None, body.reason)
    try:
        _schema.load({"webhookType": body.type} | {name: body.data[name] for name in IDS if name in body.data})
    except ValidationError as error:
        errors = "; ".join(f"{field}: {message}" for field, message in flatten_errors(error.messages_dict))
        return ReceivedWebhook(UNREADABLE, None, errors[:300])
    return ReceivedWebhook(body.type, body.room_id)
