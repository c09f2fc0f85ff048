"""Schemas of the API's responses about subscribers and deliveries."""

from marshmallow import Schema, fields

from webhook_app.api.schemas import TIME, moment, text
from webhook_app.domain.delivery.waits import WaitingFor


class AttemptSchema(Schema):
    """One attempt of a delivery."""

    at = moment()
    status = fields.Integer(allow_none=True)
    error = text(null=True, enum=["dns", "refused", "tls", "timeout", "not-http", "status", "blocked", None])
    duration_ms = fields.Integer()
    response = text()


class DeliverySchema(Schema):
    """One notice to one subscriber."""

    id = text()
    subscriber_id = text()
    notice = fields.Dict()
    state = text(enum=["pending", "delivered", "dead"])
    attempts = fields.List(fields.Nested(AttemptSchema))
    next_attempt_at = fields.String(
        allow_none=True,
        metadata=TIME | {"description": "In the future. Null when settled, or when sent as soon as a slot is free."},
    )
    waiting_for = text(
        null=True,
        enum=[*(reason.value for reason in WaitingFor), None],
        description="Why it is not being sent right now; null when settled.",
    )


class RetriedSchema(Schema):
    """How many deliveries were queued again."""

    retried = fields.Integer()


class SubscriberHealthSchema(Schema):
    """Attempts of the last 24 hours. With an open breaker, the subscriber only gets occasional test attempts."""

    breaker = text(enum=["closed", "open"])
    tried_again_at = moment(null=True)
    failing_since = moment(null=True)
    last_answered_at = moment(null=True)
    last_error = text(null=True)
    answered = fields.Integer()
    failed = fields.Integer()
    success_rate = fields.Float(allow_none=True)
    mean_lag_ms = fields.Integer(allow_none=True)
    in_line = fields.Integer()
    oldest_due_at = moment(null=True)


class SubscriberSchema(Schema):
    """A subscriber."""

    id = text()
    name = text()
    url = text()
    types = fields.List(fields.String())
    rooms = fields.List(fields.String())
    because = fields.List(fields.String())
    ordering = text(enum=["none", "room"])
    max_in_flight = fields.Integer()
    rate_limit = fields.Integer(allow_none=True)
    enabled = fields.Boolean()
    disabled_because = text(null=True)
    created_at = moment()
    from_file = fields.Boolean()
    health = fields.Nested(SubscriberHealthSchema, metadata={"description": "Only for a single subscriber."})


class NewSubscriberSchema(SubscriberSchema):
    """A subscriber with its signing secret, which is shown only once."""

    secret = text()
