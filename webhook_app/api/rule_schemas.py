"""Schemas of the API's requests and responses about rules."""

from marshmallow import EXCLUDE, INCLUDE, Schema, fields, validate

from webhook_app.api.schemas import output_name, text
from webhook_app.domain.schedules.occurrences import COUNT_MAX
from webhook_app.schemas.fields import Moment, RequestSchema
from webhook_app.usecases.rule_warnings import WarningReason


class OccurrencesQuery(Schema):
    """How many windows to list."""

    class Meta:
        unknown = EXCLUDE

    count = fields.Integer(load_default=10, validate=validate.Range(1, COUNT_MAX))


class OccurrenceSchema(Schema):
    """An upcoming window of a room."""

    rules = fields.List(fields.String())
    room_id = text()
    room_name = text(null=True)
    opens_at = text()
    closes_at = text()
    skipped = fields.Boolean()
    warning = text(null=True)


class RuleOccurrenceSchema(OccurrenceSchema):
    """An upcoming window of one output of a rule in a room. `openings` are the occurrences in it that can be skipped.

    A skip is for all outputs of the rule. `closes_at` is null when consecutive windows leave no gap within the computed
    range.
    """

    output = output_name()
    closes_at = text(null=True)
    openings = fields.List(text())


class BacktestSchema(RequestSchema):
    """Draft rules, and the period of recorded events to run them against."""

    rules = fields.List(fields.Dict(), required=True, validate=validate.Length(1, 200))
    from_ = Moment(required=True, data_key="from")
    to = Moment(required=True)


class BacktestActionSchema(Schema):
    """An action of a rule: `kind` is start, end, or a notice type; `output` is the one that it is about."""

    at = text()
    room_id = text()
    room_name = text(null=True)
    output = output_name()
    kind = text()
    because = text()


class ComparisonSchema(Schema):
    """Actions that the drafts would have taken, and actions that were taken."""

    would = fields.List(fields.Nested(BacktestActionSchema))
    did = fields.List(fields.Nested(BacktestActionSchema))
    only_would = fields.List(fields.Nested(BacktestActionSchema))
    only_did = fields.List(fields.Nested(BacktestActionSchema))


class RuleWarningSchema(Schema):
    """Something valid in a rule that is probably a mistake."""

    field = text()
    reason = text(enum=[reason.value for reason in WarningReason])
    message = text()


class RuleViewSchema(Schema):
    """A rule as it was put, with its next window and its last run."""

    class Meta:
        unknown = INCLUDE

    name = text()
    rooms = fields.List(fields.String())
    on = text()
    if_ = fields.String(data_key="if", attribute="if")
    when = text()
    for_ = fields.String(data_key="for", attribute="for")
    do = text(enum=["start", "end", "notify"])
    output = output_name()
    message = text()
    cooldown = text()
    schedule = fields.Dict()
    late_after = text()
    remind = text()
    end_when_empty = text()
    overrun = text()
    max_run = text()
    restart = text()
    empty_means = text(enum=["nobody", "no-hosts"])
    outputs = fields.List(output_name())
    start = fields.Dict()
    recording = fields.Dict()
    rtmp = fields.Dict()
    mp4 = fields.Boolean()
    timezone = text()
    paused = fields.Boolean()
    from_file = fields.Boolean()
    next = fields.Dict(allow_none=True)
    last_fired_at = text(null=True)
    last_error = text(null=True)
    warnings = fields.List(
        fields.Nested(RuleWarningSchema),
        metadata={"description": "Only in responses to `PUT`: things that are valid but probably a mistake."},
    )
