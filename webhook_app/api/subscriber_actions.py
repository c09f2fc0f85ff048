"""What can be done with a subscriber besides changing it: test, enable, rotate its secret, recover what it missed."""

from dataclasses import replace
from typing import Any

from flask import Response

from webhook_app.access.subscriber_secrets import PREFIX, new_secret
from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import AcceptedSchema, NewSubscriberSchema, ProblemSchema, RetriedSchema, SubscriberSchema
from webhook_app.domain.delivery.subscriber import Subscriber, with_new_secret
from webhook_app.domain.events import Source
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.schemas.subscriber import EnableSchema, RecoverSchema
from webhook_app.usecases.context import AppContext, accepted
from webhook_app.usecases.subscriber_views import apply_change, require_editable, require_subscriber, subscriber_view


def register_actions(blp: Blueprint, context: AppContext) -> None:
    """Add these to the resource."""

    @blp.route("/<subscriber_id>/test", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def test_subscriber(subscriber_id: str) -> Response:
        """Send a `subscriber.test` notice to this subscriber alone, whatever types it asked for."""
        return accepted(request_test(context, subscriber_id))

    @blp.route("/<subscriber_id>/enable", methods=["POST"])
    @blp.arguments(EnableSchema)
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def enable_subscriber(asked: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """Tell it again, and forget that it has failed; with `recover_from`, what it missed since then too."""
        return subscriber_view(enable(context, subscriber_id, asked["recover_from"]))

    @blp.route("/<subscriber_id>/rotate-secret", methods=["POST"])
    @blp.response(200, NewSubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def rotate_secret(subscriber_id: str) -> dict[str, Any]:
        """A new secret, shown this once; the old one signs beside it for 24 hours."""
        changed, secret = rotate(context, subscriber_id)
        return subscriber_view(changed) | {"secret": PREFIX + secret}

    @blp.route("/<subscriber_id>/recover", methods=["POST"])
    @blp.arguments(RecoverSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def recover(asked: dict[str, Any], subscriber_id: str) -> Response:
        """Put in line again what is dead, and what was told while it was disabled, from then until then."""
        return accepted(request_recovery(context, subscriber_id, asked["from_"], asked["to"]))

    @blp.route("/<subscriber_id>/retry-dead", methods=["POST"])
    @blp.response(200, RetriedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def retry_dead(subscriber_id: str) -> dict[str, Any]:
        """Put all dead deliveries of this subscriber back in line, now; those whose notice is still kept."""
        return {"retried": retry_all_dead(context, subscriber_id)}


def retry_all_dead(context: AppContext, subscriber_id: str) -> int:
    """Put all dead deliveries of a subscriber back in line; how many."""
    context.refuse_when_observing()
    if not require_subscriber(context, subscriber_id).enabled:
        detail = "the subscriber is disabled: enable it first"
        raise Problem(409, detail, reason=ErrorReason.SUBSCRIBER_DISABLED)
    return context.deliveries.retry_dead(subscriber_id, now=context.now())


def request_test(context: AppContext, subscriber_id: str) -> str:
    """Journal a test; the event's id."""
    context.refuse_when_observing()
    if not require_subscriber(context, subscriber_id).enabled:
        detail = "the subscriber is disabled: enable it first"
        raise Problem(409, detail, reason=ErrorReason.SUBSCRIBER_DISABLED)
    return _ordered(context, "subscriber-test", {"subscriber_id": subscriber_id})


def enable(context: AppContext, subscriber_id: str, recover_from: int | None) -> Subscriber:
    """Tell it again, from a moment in ms on if that is given."""
    if recover_from is not None:
        context.refuse_when_observing()

    def enabling(known: Subscriber) -> Subscriber:
        if not known.url:
            raise Problem(409, f"it cannot be enabled: {known.disabled_because}")
        return replace(known, enabled=True, disabled_because=None)

    enabled = apply_change(context, subscriber_id, enabling)
    context.subscribers.reset_health(subscriber_id)
    if recover_from is not None:
        _ordered(context, "subscriber-recover", {"subscriber_id": subscriber_id, "from": recover_from})
    return enabled


def rotate(context: AppContext, subscriber_id: str) -> tuple[Subscriber, str]:
    """Give it a new secret; that comes without its prefix."""
    secret, now = new_secret(), context.now()

    def rotating(known: Subscriber) -> Subscriber:
        if not require_editable(known).uses_webhooks:
            raise Problem(409, "only subscribers at http:// and https:// have a secret")
        return with_new_secret(known, secret, now=now)

    changed = apply_change(context, subscriber_id, rotating)
    return changed, secret


def request_recovery(context: AppContext, subscriber_id: str, since: int, until: int | None) -> str:
    """Journal a recovery of what was told in a stretch of time, in ms; the event's id."""
    context.refuse_when_observing()
    if not require_subscriber(context, subscriber_id).enabled:
        detail = "the subscriber is disabled: enable it, with recover_from"
        raise Problem(409, detail, reason=ErrorReason.SUBSCRIBER_DISABLED)
    if until is not None and until < since:
        raise Problem(422, "the stretch ends before it begins", errors={"to": ["write a time after `from`"]})
    data = {"subscriber_id": subscriber_id, "from": since, "to": until}
    return _ordered(context, "subscriber-recover", data)


def _ordered(context: AppContext, kind: str, data: dict[str, Any]) -> str:
    return context.append(Source.OPERATOR, kind, None, data)
