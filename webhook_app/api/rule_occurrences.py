"""The occurrences of a rule: list them, skip and unskip single ones."""

from typing import Any

from flask import Response

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.responses import accepted
from webhook_app.api.rule_schemas import OccurrencesQuery, RuleOccurrenceSchema
from webhook_app.api.schemas import AcceptedSchema, ProblemSchema, page_of
from webhook_app.usecases import occurrences
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.occurrences import OccurrenceChange, change_occurrence


def register_occurrences(blp: Blueprint, context: AppContext) -> None:
    """Add the occurrences to the rules blueprint."""

    @blp.route("/<name>/occurrences")
    @blp.arguments(OccurrencesQuery, location="query")
    @blp.response(200, page_of(RuleOccurrenceSchema))
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def list_occurrences(query: dict[str, Any], name: str) -> dict[str, Any]:
        """List upcoming windows, soonest first, without exceptions and merged with windows of other rules.

        A rule with several outputs has a window for each, with the same openings.
        """
        return {"items": occurrences.list_occurrences(context, name, query["count"]), "next": None}

    @blp.route("/<name>/occurrences/<opens_at>/skip", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def skip_occurrence(name: str, opens_at: str) -> Response:
        """Skip the occurrence that opens at this time, one of the `openings`. Idempotent.

        The skip is dropped when the schedule no longer has that occurrence.
        """
        return accepted(change_occurrence(context, name, opens_at, OccurrenceChange.SKIP))

    @blp.route("/<name>/occurrences/<opens_at>/unskip", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    @blp.alt_response(422, schema=ProblemSchema)
    def unskip_occurrence(name: str, opens_at: str) -> Response:
        """Unskip an occurrence; it opens immediately if its time has already begun. Idempotent."""
        return accepted(change_occurrence(context, name, opens_at, OccurrenceChange.UNSKIP))
