"""Schemas of the API's responses and queries, for marshmallow and OpenAPI."""

from functools import cache
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from webhook_app.domain.outputs import Output
from webhook_app.error_reasons import ErrorReason

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
TIME = {"format": "date-time", "examples": ["2026-11-22T10:00:07.120Z"]}


def text(*, null: bool = False, **metadata: Any) -> fields.String:
    """A string of a response."""
    return fields.String(allow_none=null, metadata=metadata)


def moment(*, null: bool = False) -> fields.String:
    """A time of a response, already in RFC 3339."""
    return fields.String(allow_none=null, metadata=TIME)


def output_name() -> fields.String:
    """The name of an output."""
    return text(enum=[output.value for output in Output])


class PageQuery(Schema):
    """The page of a list."""

    class Meta:
        unknown = EXCLUDE

    limit = fields.Integer(load_default=LIMIT_DEFAULT, validate=validate.Range(1, LIMIT_MAX))
    cursor = fields.String(load_default=None, validate=validate.Length(max=1_000))


class SnapshotSchema(Schema):
    """A snapshot of a stream; `url` is at VideoSDK."""

    url = text()
    taken_at = moment()
    width = fields.Integer(allow_none=True)
    height = fields.Integer(allow_none=True)


class FileSchema(Schema):
    """A file of a recording, or the MP4 of an HLS stream. `url` is null when it lies in the customer's own storage."""

    path = text(null=True)
    url = text(null=True)


class DestinationSchema(Schema):
    """Where an RTMP stream is sent: the masked URL, and whether VideoSDK's reason for a failure names it."""

    url = text()
    failed = fields.Boolean()


class StreamSchema(Schema):
    """A stream: one run of HLS, of a recording or of RTMP. Only HLS has `playable`, only RTMP has `destinations`.

    `files` are those of a recording, or the MP4 that a rule with `mp4: true` wants of an HLS stream; `mp4` is how far
    that has got, and is left out where no rule wants one.
    """

    stream_id = text()
    videosdk_id = text(null=True)
    room_id = text()
    room_name = text(null=True)
    output = output_name()
    session_id = text(null=True)
    state = text(enum=["starting", "started", "playable", "stopping", "stopped", "failed"])
    playback_url = text(null=True)
    livestream_url = text(null=True)
    starting_at = moment(null=True)
    started_at = moment(null=True)
    playable_at = moment(null=True)
    stopping_at = moment(null=True)
    ended_at = moment(null=True)
    duration_s = fields.Float(allow_none=True)
    ended_by = text(null=True)
    known_by = text(null=True, enum=["webhook", "probe", "inferred", None])
    stopped_because = text(null=True)
    failure = text(null=True)
    snapshot = fields.Nested(SnapshotSchema, allow_none=True)
    files = fields.List(fields.Nested(FileSchema))
    mp4 = text(enum=["wanted", "requested", "ready", "failed", "unknown"])
    destinations = fields.List(fields.Nested(DestinationSchema))


class ParticipantSchema(Schema):
    """A participant of a session."""

    participant_id = text()
    name = text(null=True)
    mode = text(null=True)


class SessionSchema(Schema):
    """The most recent session of a room."""

    session_id = text()
    live = fields.Boolean()
    participant_count = fields.Integer(allow_none=True)
    host_count = fields.Integer(allow_none=True)
    participants = fields.List(fields.Nested(ParticipantSchema))
    ended_reason = text(null=True)
    ended_error = text(null=True)


class DesiredSchema(Schema):
    """The target state of a room, and what set it."""

    on_air = fields.Boolean()
    because = text()
    since = moment()
    until = moment(null=True)


class OutputSchema(Schema):
    """What an output of a room is, and should be."""

    state = text(enum=["idle", "starting", "started", "playable", "stopping", "stopped", "failed"])
    live = fields.Boolean()
    stream = fields.Nested(StreamSchema, allow_none=True)
    desired = fields.Nested(DesiredSchema, allow_none=True)
    armed = fields.Boolean()
    late_since = moment(null=True)
    next_window = fields.Dict(allow_none=True)


class OutputsSchema(Schema):
    """The outputs of a room."""

    hls = fields.Nested(OutputSchema)
    recording = fields.Nested(OutputSchema)
    rtmp = fields.Nested(OutputSchema)


class RoomSchema(Schema):
    """A room. Its own `on_air`, `state`, `stream`, `desired`, `armed`, `late_since` and `next_window` are those of HLS.

    `live`: HLS or RTMP is on. `outputs` tells the same of each output.
    """

    room_id = text()
    name = text(null=True)
    groups = fields.List(fields.String())
    on_air = fields.Boolean()
    watchable = fields.Boolean()
    live = fields.Boolean()
    recording = fields.Boolean()
    state = text(enum=["idle", "starting", "started", "playable", "stopping", "stopped", "failed"])
    stream = fields.Nested(StreamSchema, allow_none=True)
    session = fields.Nested(SessionSchema, allow_none=True)
    desired = fields.Nested(DesiredSchema, allow_none=True)
    armed = fields.Boolean()
    late_since = moment(null=True)
    next_window = fields.Dict(allow_none=True)
    outputs = fields.Nested(OutputsSchema)
    sequence = fields.Integer()
    updated_at = moment()


class EventSchema(Schema):
    """An event in the journal. `effect` is null until it is processed; `reasons` are the codes of its effects."""

    id = text()
    source = text(enum=["videosdk", "operator", "clock", "call", "probe", "config", "system"])
    type = text()
    room_id = text(null=True)
    room_name = text(null=True)
    at = moment()
    data = fields.Dict()
    effect = text(null=True)
    reason = text(null=True)
    reasons = fields.List(text())
    unchanged = fields.Boolean(
        metadata={
            "description": "True for a timer or probe that changed nothing visible: it confirmed the current state."
        }
    )


class DecisionSchema(Schema):
    """What a rule or the controller did, or why it did nothing."""

    rule = text(null=True)
    did = text()
    reason = text(null=True)
    call_id = text(null=True)
    notice_id = text(null=True)


class NoticeReferenceSchema(Schema):
    """A notice that an event caused; its deliveries are at `/deliveries?notice_id`."""

    id = text()
    type = text()


class RepeatedChecksSchema(Schema):
    """Consecutive checks with the same result that changed nothing: their number, their start and their events."""

    checks = fields.Integer()
    events = fields.Integer()
    since = moment()
    first_id = text()
    last_id = text()


class TimelineItemSchema(EventSchema):
    """An event on a timeline. With `collapse`, `run` describes the checks that this last one stands for."""

    decisions = fields.List(fields.Nested(DecisionSchema))
    notices = fields.List(fields.Nested(NoticeReferenceSchema))
    run = fields.Nested(RepeatedChecksSchema, allow_none=True)


class CallAttemptSchema(Schema):
    """A request sent for a call, and its response."""

    at = moment()
    status = fields.Integer(allow_none=True)
    message = text(null=True)


class CallSchema(Schema):
    """A call of VideoSDK's API."""

    id = text()
    room_id = text()
    room_name = text(null=True)
    kind = text(enum=["start", "end", "probe", "capture", "transcode", "transcode-check"])
    output = output_name()
    because = text()
    state = text(enum=["waiting", "sent", "succeeded", "refused", "unknown", "given-up"])
    event_id = text(null=True)
    created_at = moment()
    answered_at = moment(null=True)
    message = text(null=True)
    attempts = fields.List(fields.Nested(CallAttemptSchema))


class AlarmSchema(Schema):
    """An alarm: `name` is its kind, `id` this occurrence, `reason` a code; and what it concerns."""

    id = text()
    name = text()
    severity = text(enum=["warning", "critical"])
    summary = text()
    reason = text(null=True)
    room_id = text(null=True)
    room_name = text(null=True)
    rule = text(null=True)
    subscriber_id = text(null=True)
    since = moment()
    cleared_at = moment(null=True)
    acknowledged_by = text(null=True)
    acknowledged_at = moment(null=True)
    muted_until = moment(null=True)


class AcceptedSchema(Schema):
    """The event id of a command. Its effect can be read at the `Location`."""

    id = text()


class ProblemSchema(Schema):
    """A problem document (RFC 9457)."""

    type = text()
    title = text()
    status = fields.Integer()
    reason = text(enum=[reason.value for reason in ErrorReason])
    detail = text()
    errors = fields.Dict()


@cache
def page_of(item: type[Schema]) -> type[Schema]:
    """Build the schema of a page of items."""
    return Schema.from_dict(
        {"items": fields.List(fields.Nested(item)), "next": fields.String(allow_none=True)},
        name=item.__name__.removesuffix("Schema") + "PageSchema",
    )
