"""Actions on a subscriber: test, enable, rotate its secret, resend what it missed."""

from typing import Any

from flask import Response

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.responses import accepted
from webhook_app.api.schemas import AcceptedSchema, ProblemSchema
from webhook_app.api.subscriber_schemas import NewSubscriberSchema, RetriedSchema, SubscriberSchema
from webhook_app.schemas.subscriber import EnableSchema, RecoverSchema
from webhook_app.secrets.subscriber_secrets import PREFIX
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.subscriber_actions import enable, request_recovery, request_test, retry_all_dead, rotate
from webhook_app.usecases.subscriber_views import subscriber_view


def register_actions(blp: Blueprint, context: AppContext) -> None:
    """Add the actions to the subscribers blueprint."""

    @blp.route("/<subscriber_id>/test", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def test_subscriber(subscriber_id: str) -> Response:
        """Send a `subscriber.test` notice to this subscriber, whatever types it selects."""
        return accepted(request_test(context, subscriber_id))

    @blp.route("/<subscriber_id>/enable", methods=["POST"])
    @blp.arguments(EnableSchema)
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def enable_subscriber(body: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """Enable a subscriber; `recover_from` also resends what it missed."""
        return subscriber_view(enable(context, subscriber_id, body["recover_from"]))

    @blp.route("/<subscriber_id>/rotate-secret", methods=["POST"])
    @blp.response(200, NewSubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def rotate_secret(subscriber_id: str) -> dict[str, Any]:
        """Rotate the signing secret. The response shows the new one, once; the old one stays valid for 24 hours."""
        subscriber, secret = rotate(context, subscriber_id)
        return subscriber_view(subscriber) | {"secret": PREFIX + secret}

    @blp.route("/<subscriber_id>/recover", methods=["POST"])
    @blp.arguments(RecoverSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def recover(body: dict[str, Any], subscriber_id: str) -> Response:
        """Resend dead and missed notices in a time range."""
        return accepted(request_recovery(context, subscriber_id, body["from_"], body["to"]))

    @blp.route("/<subscriber_id>/retry-dead", methods=["POST"])
    @blp.response(200, RetriedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def retry_dead(subscriber_id: str) -> dict[str, Any]:
        """Retry all dead deliveries of this subscriber now, except those whose notice was removed by retention."""
        return {"retried": retry_all_dead(context, subscriber_id)}
