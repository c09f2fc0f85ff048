"""Rules: read, put, delete, pause, resume and backtest them."""

from typing import Any

from flask import Response, jsonify, request

from webhook_app.api.conditional import check_conditions, rule_etag
from webhook_app.api.request_parsing import Blueprint, read_body
from webhook_app.api.responses import accepted
from webhook_app.api.rule_occurrences import register_occurrences
from webhook_app.api.rule_schemas import BacktestSchema, ComparisonSchema, RuleViewSchema
from webhook_app.api.schemas import AcceptedSchema, PageQuery, ProblemSchema, page_of
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store.queries.paging import decode_cursor, encode_cursor
from webhook_app.usecases import rules as use_cases
from webhook_app.usecases.backtests import comparison_view, load_drafts, run_backtest
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.rule_lock import rule_lock
from webhook_app.usecases.rule_rooms import warning_views
from webhook_app.usecases.rule_views import rule_views
from webhook_app.usecases.rules import RuleCommand, command_rule, require_rule, validate_rule


def rules(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("rules", __name__, url_prefix="/api/v1/rules", description=__doc__)

    @blp.route("")
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(RuleViewSchema))
    def list_rules(query: dict[str, Any]) -> dict[str, Any]:
        """List rules by name."""
        by_name = sorted(context.state.config().rules.items())
        after = decode_cursor(query["cursor"])
        rest = [rule for name, rule in by_name if after is None or name > after]
        page = rest[: query["limit"]]
        more = len(rest) > len(page)
        return {"items": rule_views(context, page), "next": encode_cursor(page[-1].name) if more else None}

    @blp.route("/backtest", methods=["POST"])
    @blp.arguments(BacktestSchema)
    @blp.response(200, ComparisonSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def backtest(body: dict[str, Any]) -> dict[str, Any]:
        """Run draft rules against recorded events. Nothing is started and no one is notified."""
        since, until = body["from_"], body["to"]
        if until <= since:  # refused before the drafts are validated
            raise InvalidInputError("The period is empty.", errors={"to": ["must be after `from`"]})
        drafts = load_drafts(context, body["rules"], [f"rules.{at}" for at in range(len(body["rules"]))])
        comparison = run_backtest(context, drafts, since=since, until=until)
        return comparison_view(comparison, context.state.names())

    @blp.route("/<name>")
    @blp.response(200, RuleViewSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_rule(name: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Get a rule. Its ETag works with `If-Match`, which holds as long as the rule's definition is unchanged."""
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
        """Create or replace a rule. Responds when it is in force, or with 202 after 2 s."""
        rule = _load(context, name)
        with rule_lock(context, name):
            check_conditions(context, name, request.headers)
            change = use_cases.put_rule(context, rule)
            if not change.in_force:
                return accepted(change.event_id)
            view = rule_views(context, [require_rule(context, name)])[0]
            response = jsonify(view | {"warnings": warning_views(change.warnings)})
            response.headers["ETag"] = rule_etag(context, name, view)
            response.status_code = 201 if change.is_new else 200
            return response

    @blp.route("/<name>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def delete_rule(name: str) -> Response:
        """Delete a rule. Running streams are not affected."""
        with rule_lock(context, name):
            check_conditions(context, name, request.headers)
            change = use_cases.delete_rule(context, name)
            return Response(status=204) if change.in_force else accepted(change.event_id)

    @blp.route("/<name>/pause", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def pause_rule(name: str) -> Response:
        """Pause a rule. Running streams are not affected."""
        return accepted(command_rule(context, name, RuleCommand.PAUSE))

    @blp.route("/<name>/resume", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def resume_rule(name: str) -> Response:
        """Resume a paused rule."""
        return accepted(command_rule(context, name, RuleCommand.RESUME))

    @blp.route("/<name>/skip-next", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def skip_next(name: str) -> Response:
        """Skip the next occurrence."""
        return accepted(command_rule(context, name, RuleCommand.SKIP_NEXT))

    register_occurrences(blp, context)
    return blp


def _load(context: AppContext, name: str) -> dict[str, Any]:
    body = read_body(request.get_data())
    if not isinstance(body, dict):
        raise InvalidInputError("Invalid rule.", errors={"_schema": ["must be a JSON object"]})
    if body.setdefault("name", name) != name:
        raise InvalidInputError(
            "The names differ.", errors={"name": [f"the address names {name!r}; omit the name here"]}
        )
    return validate_rule(context, body)
