"""Rules: read, put, delete, pause and resume."""

from typing import Any

from flask import Response, jsonify, request
from flask_smorest import Blueprint
from marshmallow import INCLUDE, Schema, ValidationError, fields

from webhook_app.api.context import Context, accepted
from webhook_app.api.rule_schema import RuleSchema
from webhook_app.api.shapes import AcceptedSchema, PageQuery, ProblemSchema, page_of, text
from webhook_app.domain.events import Source
from webhook_app.domain.rules import Rule, RuleMemory
from webhook_app.domain.times import format_duration, maybe_rfc3339
from webhook_app.problems import Problem
from webhook_app.store import codec, keys
from webhook_app.store.listing import decode_cursor, encode_cursor


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
    start = fields.Dict()
    timezone = text()
    paused = fields.Boolean()
    from_file = fields.Boolean()
    next = fields.Dict(allow_none=True)
    last_fired_at = text(null=True)
    last_error = text(null=True)


RuleViewSchema._declared_fields["if"] = text()
RuleViewSchema._declared_fields["for"] = text()


def rules(context: Context) -> Blueprint:
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
        return {"items": _views(context, page), "next": encode_cursor(page[-1].name) if more else None}

    @blp.route("/<name>")
    @blp.response(200, RuleViewSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_rule(name: str) -> dict[str, Any]:
        """One rule."""
        return _views(context, [_known(context, name)])[0]

    @blp.route("/<name>", methods=["PUT"])
    @blp.doc(
        requestBody={
            "required": True,
            "content": {"application/json": {"schema": {"type": "object", "description": "a rule, see docs/rules.md"}}},
        }
    )
    @blp.alt_response(200, schema=RuleViewSchema)
    @blp.alt_response(201, schema=RuleViewSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def put_rule(name: str) -> Response:
        """Add or change a rule; answers when it is in force, or 202 after 2 s."""
        rule = _load(name)
        known = context.state.rule(name)
        _not_of_the_file(known)
        event_id = context.append(Source.CONFIG, "rule-put", None, {"rule": rule})
        if not context.folded(event_id):
            return accepted(event_id)
        response = jsonify(_views(context, [_known(context, name)])[0])
        response.status_code = 200 if known else 201
        return response

    @blp.route("/<name>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def delete_rule(name: str) -> Response:
        """Delete a rule: its wish is dropped, a stream that it started is left alone."""
        _not_of_the_file(_known(context, name))
        event_id = context.append(Source.CONFIG, "rule-deleted", None, {"name": name})
        return Response(status=204) if context.folded(event_id) else accepted(event_id)

    @blp.route("/<name>/pause", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def pause_rule(name: str) -> Response:
        """Pause a rule: its wish is dropped."""
        _known(context, name)
        return accepted(context.append(Source.OPERATOR, "rule-paused", None, {"name": name}))

    @blp.route("/<name>/resume", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def resume_rule(name: str) -> Response:
        """Let a paused rule work again."""
        _known(context, name)
        return accepted(context.append(Source.OPERATOR, "rule-resumed", None, {"name": name}))

    return blp


def rule_view(rule: Rule, memory: RuleMemory) -> dict[str, Any]:
    """A rule in the form it is put in, with what it has done."""
    view: dict[str, Any] = {"name": rule.name, "rooms": list(rule.rooms)}
    given = {"on": rule.on, "if": rule.if_, "when": rule.when}
    view |= {name: value for name, value in given.items() if value is not None}
    if rule.when is not None:
        view["for"] = format_duration(rule.for_s)
    view["do"] = rule.do
    if rule.message is not None:
        view["message"] = rule.message
    if rule.start:
        view["start"] = dict(rule.start)
    return view | {
        "cooldown": format_duration(rule.cooldown_s),
        "timezone": rule.timezone,
        "paused": rule.paused,
        "from_file": rule.from_file,
        "next": None,
        "last_fired_at": maybe_rfc3339(memory.last_fired_at),
        "last_error": memory.last_error,
    }


def _views(context: Context, found: list[Rule]) -> list[dict[str, Any]]:
    if not found:
        return []
    memories = context.client.hmget(keys.RULE_MEMORY, [rule.name for rule in found])
    return [
        rule_view(rule, codec.rule_memory_of(raw) if raw else RuleMemory())
        for rule, raw in zip(found, memories, strict=True)
    ]


def _known(context: Context, name: str) -> Rule:
    rule = context.state.rule(name)
    if rule is None:
        raise Problem(404, f"there is no rule {name}")
    return rule


def _not_of_the_file(rule: Rule | None) -> None:
    if rule is not None and rule.from_file:
        raise Problem(409, f"rule {rule.name} belongs to the configuration file: change it there")


def _load(name: str) -> dict[str, Any]:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise Problem(422, "a rule is a JSON object", errors={"_schema": ["a rule is a JSON object"]})
    if body.setdefault("name", name) != name:
        raise Problem(422, "the names differ", errors={"name": [f"the address names {name!r}; leave it out here"]})
    try:
        loaded: dict[str, Any] = RuleSchema().load(body)
    except ValidationError as error:
        raise Problem(422, "the rule is not right", errors=dict(error.messages_dict)) from None
    return loaded
