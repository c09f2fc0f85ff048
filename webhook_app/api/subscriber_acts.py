"""What can be done with a subscriber besides changing it: test, enable, rotate its secret, recover what it missed."""

from dataclasses import replace
from typing import Any

from flask import Response

from webhook_app.api.bodies import Blueprint
from webhook_app.api.context import Context, accepted
from webhook_app.api.shapes import AcceptedSchema, NewSubscriberSchema, ProblemSchema, SubscriberSchema
from webhook_app.api.subscriber_schema import EnableSchema, RecoverSchema
from webhook_app.api.subscriber_views import kept_subscriber, not_of_the_file, subscriber_view
from webhook_app.domain.events import Source
from webhook_app.domain.subscribers import rotated
from webhook_app.problems import Problem
from webhook_app.subscriber_secrets import PREFIX, new_secret


def add_acts(blp: Blueprint, context: Context) -> None:
    """Add these to the resource."""

    @blp.route("/<subscriber_id>/test", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def test_subscriber(subscriber_id: str) -> Response:
        """Send a `subscriber.test` notice to this subscriber alone, whatever types it asked for."""
        if not kept_subscriber(context, subscriber_id).enabled:
            raise Problem(409, "the subscriber is disabled: enable it first")
        return _ordered(context, "subscriber-test", {"subscriber_id": subscriber_id})

    @blp.route("/<subscriber_id>/enable", methods=["POST"])
    @blp.arguments(EnableSchema)
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def enable_subscriber(asked: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """Tell it again, and forget that it has failed; with `recover_from`, what it missed since then too."""
        known = kept_subscriber(context, subscriber_id)
        if not known.url:
            raise Problem(409, f"it cannot be enabled: {known.disabled_because}")
        enabled = replace(known, enabled=True, disabled_because=None)
        context.subscribers.forgive(subscriber_id)
        if enabled != known:
            context.subscribers.put(enabled)
        if asked["recover_from"] is not None:
            _ordered(context, "subscriber-recover", {"subscriber_id": subscriber_id, "from": asked["recover_from"]})
        return subscriber_view(enabled)

    @blp.route("/<subscriber_id>/rotate-secret", methods=["POST"])
    @blp.response(200, NewSubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def rotate_secret(subscriber_id: str) -> dict[str, Any]:
        """A new secret, shown this once; the old one signs beside it for 24 hours."""
        known = not_of_the_file(kept_subscriber(context, subscriber_id))
        if not known.speaks_http:
            raise Problem(409, "only subscribers at http:// and https:// have a secret")
        secret = new_secret()
        changed = rotated(known, secret, now=context.now())
        context.subscribers.put(changed)
        return subscriber_view(changed) | {"secret": PREFIX + secret}

    @blp.route("/<subscriber_id>/recover", methods=["POST"])
    @blp.arguments(RecoverSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def recover(asked: dict[str, Any], subscriber_id: str) -> Response:
        """Put in line again what is dead, and what was told while it was disabled, from then until then."""
        if not kept_subscriber(context, subscriber_id).enabled:
            raise Problem(409, "the subscriber is disabled: enable it, with recover_from")
        if asked["to"] is not None and asked["to"] < asked["from_"]:
            raise Problem(422, "the stretch ends before it begins", errors={"to": ["write a time after `from`"]})
        data = {"subscriber_id": subscriber_id, "from": asked["from_"], "to": asked["to"]}
        return _ordered(context, "subscriber-recover", data)


def _ordered(context: Context, kind: str, data: dict[str, Any]) -> Response:
    return accepted(context.append(Source.OPERATOR, kind, None, data))
