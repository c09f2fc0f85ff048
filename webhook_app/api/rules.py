"""Rules: read, put, delete, pause and resume."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request
from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, validate

from webhook_app.api.conditional import check_conditions, rule_etag, rule_lock
from webhook_app.api.occurrence_skips import register_skips
from webhook_app.api.request_parsing import Blueprint, read_body
from webhook_app.api.schemas import AcceptedSchema, Moment, PageQuery, ProblemSchema, RequestSchema, page_of, text
from webhook_app.domain.configuration.changes import calendar_sources, decode_rule
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import text_of
from webhook_app.domain.rules.backtest import BacktestTooLargeError
from webhook_app.domain.rules.rule import Config, Rule, RuleState
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import COUNT_MAX, Occurrence, occurrences, over_quota
from webhook_app.domain.times import format_duration, maybe_rfc3339
from webhook_app.domain.views import occurrence_view
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.schemas.rule import RuleSchema
from webhook_app.schemas.validation_messages import explained
from webhook_app.store import codec, keys
from webhook_app.store.queries.paging import decode_cursor, encode_cursor
from webhook_app.text.masked_data import has_masked_address, restored_data, shown_data
from webhook_app.usecases.backtests import comparison_view, replay
from webhook_app.usecases.context import AppContext, accepted
from webhook_app.usecases.rule_rooms import rooms_of, rooms_of_rules, rooms_with_windows, warning_views, warnings_of
from webhook_app.usecases.rule_warnings import WarningReason

URL_FIELDS = ("schedule", "start")  # fields of a rule


class OccurrencesQuery(Schema):
    """How many windows."""

    class Meta:
        unknown = EXCLUDE

    count = fields.Integer(load_default=10, validate=validate.Range(1, COUNT_MAX))


class OccurrenceSchema(Schema):
    """A window of a room that is to come."""

    rules = fields.List(fields.String())
    room_id = text()
    room_name = text(null=True)
    opens_at = text()
    closes_at = text()
    skipped = fields.Boolean()
    warning = text(null=True)


class RuleOccurrenceSchema(OccurrenceSchema):
    """A window of a room that a rule asks for; `openings` are the rule's own in it, which can be skipped one by one.

    `closes_at` is null when its windows follow one another as far as they were looked at.
    """

    closes_at = text(null=True)
    openings = fields.List(text())


class BacktestSchema(RequestSchema):
    """Draft rules, and the span of recorded events to try them on."""

    rules = fields.List(fields.Dict(), required=True, validate=validate.Length(1, 200))
    from_ = Moment(required=True, data_key="from")
    to = Moment(required=True)


class BacktestActionSchema(Schema):
    """Something done because of a rule: `kind` is start, end, or the type of a notice."""

    at = text()
    room_id = text()
    room_name = text(null=True)
    kind = text()
    because = text()


class ComparisonSchema(Schema):
    """What would have been done beside what was."""

    would = fields.List(fields.Nested(BacktestActionSchema))
    did = fields.List(fields.Nested(BacktestActionSchema))
    only_would = fields.List(fields.Nested(BacktestActionSchema))
    only_did = fields.List(fields.Nested(BacktestActionSchema))


class RuleWarningSchema(Schema):
    """What is valid in a rule and probably not meant."""

    field = text()
    reason = text(enum=[reason.value for reason in WarningReason])
    message = text()


class RuleViewSchema(Schema):
    """A rule as it was put, and what it has done."""

    class Meta:
        unknown = INCLUDE

    name = text()
    rooms = fields.List(fields.String())
    on = text()
    when = text()
    do = text(enum=["start", "end", "notify"])
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
    start = fields.Dict()
    timezone = text()
    paused = fields.Boolean()
    from_file = fields.Boolean()
    next = fields.Dict(allow_none=True)
    last_fired_at = text(null=True)
    last_error = text(null=True)
    warnings = fields.List(
        fields.Nested(RuleWarningSchema),
        metadata={"description": "In the answer to `PUT`: what is valid and probably not meant."},
    )


RuleViewSchema._declared_fields["if"] = text()
RuleViewSchema._declared_fields["for"] = text()


def rules(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("rules", __name__, url_prefix="/api/v1/rules", description=__doc__)

    @blp.route("")
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(RuleViewSchema))
    def list_rules(query: dict[str, Any]) -> dict[str, Any]:
        """Rules by name."""
        found = sorted(context.state.config().rules.items())
        after = decode_cursor(query["cursor"])
        rest = [rule for name, rule in found if after is None or name > after]
        page = rest[: query["limit"]]
        more = len(rest) > len(page)
        return {"items": rule_views(context, page), "next": encode_cursor(page[-1].name) if more else None}

    @blp.route("/backtest", methods=["POST"])
    @blp.arguments(BacktestSchema)
    @blp.response(200, ComparisonSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def run_backtest(asked: dict[str, Any]) -> dict[str, Any]:
        """Fold recorded events through draft rules: nothing is called and nobody is told."""
        if asked["to"] <= asked["from_"]:
            raise Problem(422, "the span is empty", errors={"to": ["`to` is not after `from`"]})
        drafts = [decode_rule(validate_rule(context, rule, f"rules.{at}")) for at, rule in enumerate(asked["rules"])]
        try:
            found = replay(context.client, drafts, since=asked["from_"], until=asked["to"])
        except BacktestTooLargeError as error:
            raise Problem(422, "the backtest is too large", errors={"from": [str(error)]}) from None
        return comparison_view(found, context.state.names())

    @blp.route("/<name>")
    @blp.response(200, RuleViewSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_rule(name: str) -> tuple[dict[str, Any], dict[str, str]]:
        """One rule. Its ETag is good for `If-Match`: it matches as long as the rule says the same."""
        view = rule_views(context, [require_rule(context, name)])[0]
        return view, {"ETag": rule_etag(context, name, view)}

    @blp.route("/<name>", methods=["PUT"])
    @blp.doc(requestBody={"required": True, "content": {"application/json": {"schema": RuleSchema(partial=("name",))}}})
    @blp.alt_response(200, schema=RuleViewSchema)
    @blp.alt_response(201, schema=RuleViewSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def put_rule(name: str) -> Response:
        """Add or change a rule; answers when it is in force, or 202 after 2 s."""
        rule = _load(context, name)
        with rule_lock(context, name):
            check_conditions(context, name, request.headers)
            known = context.state.rule(name)
            require_editable(known)
            # Before the rule is in force: a room that it names has a state from then on, and counts as seen.
            warnings = warnings_of(context, decode_rule(rule), context.state.config())
            event_id = context.append(Source.CONFIG, "rule-put", None, {"rule": rule})
            if not context.wait_until_processed(event_id):
                return accepted(event_id)
            view = rule_views(context, [require_rule(context, name)])[0]
            response = jsonify(view | {"warnings": warning_views(warnings)})
            response.headers["ETag"] = rule_etag(context, name, view)
            response.status_code = 200 if known else 201
            return response

    @blp.route("/<name>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def delete_rule(name: str) -> Response:
        """Delete a rule: its wish is dropped, a stream that it started is left alone."""
        with rule_lock(context, name):
            check_conditions(context, name, request.headers)
            require_editable(require_rule(context, name))
            event_id = context.append(Source.CONFIG, "rule-deleted", None, {"name": name})
            return Response(status=204) if context.wait_until_processed(event_id) else accepted(event_id)

    @blp.route("/<name>/pause", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def pause_rule(name: str) -> Response:
        """Pause a rule: its wish is dropped."""
        require_rule(context, name)
        return accepted(context.append(Source.OPERATOR, "rule-paused", None, {"name": name}))

    @blp.route("/<name>/resume", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def resume_rule(name: str) -> Response:
        """Let a paused rule work again."""
        require_rule(context, name)
        return accepted(context.append(Source.OPERATOR, "rule-resumed", None, {"name": name}))

    @blp.route("/<name>/skip-next", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def skip_next(name: str) -> Response:
        """Pass over the next opening of a schedule."""
        if require_rule(context, name).schedule is None:
            raise Problem(409, f"rule {name} has no schedule", reason=ErrorReason.NO_SCHEDULE)
        return accepted(context.append(Source.OPERATOR, "rule-skip-next", None, {"name": name}))

    @blp.route("/<name>/occurrences")
    @blp.arguments(OccurrencesQuery, location="query")
    @blp.response(200, page_of(RuleOccurrenceSchema))
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def list_occurrences(query: dict[str, Any], name: str) -> dict[str, Any]:
        """The next windows, soonest first: exceptions taken out, merged with other rules' windows of the room."""
        config = context.state.config()
        rule = config.rules.get(name)
        if rule is None:
            raise Problem(404, f"there is no rule {name}")
        if rule.schedule is None:
            raise Problem(409, f"rule {name} has no schedule", reason=ErrorReason.NO_SCHEDULE)
        rooms = rooms_of(context, config, rule)
        try:
            found = occurrences(config, rule, rooms, at=context.now(), count=query["count"])
        except ScheduleError as error:
            detail = f"the schedule of rule {name} cannot be computed: {error}"
            raise Problem(409, detail, reason=ErrorReason.SCHEDULE_NOT_COMPUTABLE) from None
        crowded = _crowded(context, config) if context.max_streams is not None else []
        return {
            "items": [
                occurrence_view(
                    one.room_id,
                    one.window,
                    skipped=one.skipped,
                    warning=_warning(one, crowded, context.max_streams),
                    openings=one.openings,
                    endless=one.endless,
                    room_name=config.room_name(one.room_id),
                )
                for one in found
            ],
            "next": None,
        }

    register_skips(blp, context)
    return blp


def _crowded(context: AppContext, config: Config) -> list[tuple[int, int]]:
    try:
        return over_quota(config, rooms_with_windows(context, config), at=context.now(), limit=context.max_streams or 0)
    except ScheduleError:
        return []  # too many to count: no window carries a warning


def _warning(one: Occurrence, crowded: list[tuple[int, int]], limit: int | None) -> str | None:
    """How many windows are open at once at most while this one is, where MAX_STREAMS is exceeded."""
    counts = [count for moment, count in crowded if one.window.opens_at <= moment < one.window.closes_at]
    return f"{max(counts)} windows are open at once then, and MAX_STREAMS is {limit}" if counts else None


def rule_view(rule: Rule, memory: RuleState, coming: dict[str, Any] | None = None) -> dict[str, Any]:
    """A rule in the form it is put in, with what it has done."""
    view: dict[str, Any] = {"name": rule.name, "rooms": list(rule.rooms)}
    if rule.schedule is not None:
        view["schedule"] = shown_data(dict(rule.given))
        seconds = {
            "late_after": rule.late_after_s,
            "remind": rule.remind_s,
            "end_when_empty": rule.end_when_empty_s,
            "overrun": rule.overrun_s,
            "max_run": rule.max_run_s,
        }
        view |= {name: format_duration(value) for name, value in seconds.items() if value is not None}
        view["restart"] = rule.restart
        if rule.end_when_empty_s is not None or rule.overrun_s is not None:
            view["empty_means"] = rule.empty_means.value
    given = {"on": rule.on, "if": rule.if_, "when": rule.when}
    view |= {name: value for name, value in given.items() if value is not None}
    if rule.when is not None:
        view["for"] = format_duration(rule.for_s)
    if rule.schedule is None:
        view["do"] = rule.do
    if rule.message is not None:
        view["message"] = rule.message
    if rule.start:
        view["start"] = shown_data(dict(rule.start))
    return view | {
        "cooldown": format_duration(rule.cooldown_s),
        "timezone": rule.timezone,
        "paused": rule.paused,
        "from_file": rule.from_file,
        "next": coming,
        "last_fired_at": maybe_rfc3339(memory.last_fired_at),
        "last_error": text_of(memory.last_error),
    }


def rule_views(context: AppContext, found: list[Rule]) -> list[dict[str, Any]]:
    """Rules with what they have done and when they are next due."""
    if not found:
        return []
    memories = context.client.hmget(keys.RULE_MEMORY, [rule.name for rule in found])
    config = context.state.names()
    ahead = [rule for rule in found if rule.schedule is not None and not rule.paused]
    rooms = rooms_of_rules(context, config, ahead)
    config = replace(
        config, calendars=context.state.calendars({name for rule in ahead for name in calendar_sources(rule)})
    )
    coming = {rule.name: _next(config, rule, rooms[rule.name], at=context.now()) for rule in ahead}
    return [
        rule_view(rule, codec.rule_state_of(raw) if raw else RuleState(), coming.get(rule.name))
        for rule, raw in zip(found, memories, strict=True)
    ]


def _next(config: Config, rule: Rule, room_ids: Sequence[str], *, at: int) -> dict[str, Any] | None:
    config = config.with_rule(rule)
    room_id = next(iter(room_ids), "")
    try:
        found = occurrences(config, rule, [room_id], at=at, count=5)
    except ScheduleError:
        return None  # `last_error` says why
    coming = next((one for one in found if not one.skipped), None)
    if coming is None:
        return None
    room_name = config.room_name(coming.room_id)
    return occurrence_view(coming.room_id, coming.window, endless=coming.endless, room_name=room_name)


def require_rule(context: AppContext, name: str) -> Rule:
    """A rule by its name, or 404."""
    rule = context.state.rule(name)
    if rule is None:
        raise Problem(404, f"there is no rule {name}")
    return rule


def require_editable(rule: Rule | None) -> None:
    """409 when it belongs to the configuration file."""
    if rule is not None and rule.from_file:
        detail = f"rule {rule.name} belongs to the configuration file: change it there"
        raise Problem(409, detail, reason=ErrorReason.FROM_FILE)


def _load(context: AppContext, name: str) -> dict[str, Any]:
    body = read_body(request.get_data())
    if not isinstance(body, dict):
        raise Problem(422, "a rule is a JSON object", errors={"_schema": ["a rule is a JSON object"]})
    if body.setdefault("name", name) != name:
        raise Problem(422, "the names differ", errors={"name": [f"the address names {name!r}; leave it out here"]})
    return validate_rule(context, body, "")


def _restored(context: AppContext, body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a rule whose addresses are masked, with the stored ones in their place."""
    name, given = body.get("name"), {field: body[field] for field in URL_FIELDS if field in body}
    known = context.state.rule(name) if isinstance(name, str) and has_masked_address(given) else None
    if known is None:
        return {}
    restored: dict[str, Any] = restored_data(given, {"schedule": dict(known.given), "start": dict(known.start)})
    return restored


def validate_rule(context: AppContext, body: dict[str, Any], where: str) -> dict[str, Any]:
    """A rule in the form that is journaled, or 422 with its mistakes by field, beneath `where`.

    An address that is masked as the API shows it stands for the stored one of the rule of that name.
    """
    body = body | _restored(context, body)
    schema = RuleSchema()
    masked_fields = [field for field in URL_FIELDS if has_masked_address(body.get(field))]
    try:
        if masked_fields:
            raise ValidationError({field: ["an address in it is masked: write it in full"] for field in masked_fields})
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        errors = explained(error.messages_dict, schema)
        raise Problem(422, "the rule is not right", errors={where: errors} if where else errors) from None
    return loaded
