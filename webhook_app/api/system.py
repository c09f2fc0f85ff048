"""The running product about itself: its version, the settings in force, VideoSDK's key, webhooks that were refused."""

from importlib.metadata import version
from typing import Any

from marshmallow import Schema, fields

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import moment, text
from webhook_app.config.settings import Settings, shown_settings
from webhook_app.domain.times import rfc3339
from webhook_app.providers.videosdk.signature import fingerprint
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.text.masking import masked
from webhook_app.usecases.context import AppContext


class PublicKeySchema(Schema):
    """VideoSDK's public key: without one every webhook is answered 503."""

    known = fields.Boolean()
    pinned = fields.Boolean()
    fingerprint = text(null=True)


class RefusedWebhooksSchema(Schema):
    """Webhooks that were not kept, by outcome: how many, when the last came, and what was wrong with it."""

    outcome = text()
    count = fields.Integer()
    last_at = moment(null=True)
    detail = text(null=True)


class SystemSchema(Schema):
    """The running product; secrets among the settings are shown as `(set)`."""

    version = text()
    observing = fields.Boolean()
    sandbox_url = text(null=True)
    settings = fields.Dict(keys=fields.String(), values=fields.String())
    public_key = fields.Nested(PublicKeySchema)
    refused_webhooks = fields.List(fields.Nested(RefusedWebhooksSchema))


def system(context: AppContext, settings: Settings) -> Blueprint:
    """The resource."""
    blp = Blueprint("system", __name__, url_prefix="/api/v1/system", description="The running product about itself.")

    @blp.route("")
    @blp.response(200, SystemSchema)
    def get_system() -> dict[str, Any]:
        """The settings in force, VideoSDK's public key, and which webhooks were refused."""
        return {
            "version": version("tallylight"),
            "observing": settings.observe,
            "sandbox_url": settings.sandbox_url,
            "settings": shown_settings(settings),
            "public_key": public_key_view(context.client, settings),
            "refused_webhooks": refused_webhooks(context.client),
        }

    return blp


def public_key_view(client: Client, settings: Settings) -> dict[str, Any]:
    """The key that webhooks are checked with: the pinned one, else the one that was fetched last."""
    pinned = settings.videosdk_public_key
    remembered = client.get(keys.PUBLIC_KEY)
    pem = pinned or (remembered.decode() if remembered else None)
    return {
        "known": pem is not None,
        "pinned": pinned is not None,
        "fingerprint": None if pem is None else fingerprint(pem),
    }


def refused_webhooks(client: Client) -> list[dict[str, Any]]:
    """What was refused or passed over, the outcome with the newest webhook first."""
    counts: dict[str, int] = {}
    for label, count in client.hgetall(keys.COUNTS).items():
        outcome = label.decode().partition("|")[2]
        counts[outcome] = counts.get(outcome, 0) + int(count)
    views = []
    for raw_outcome, raw in client.hgetall(keys.REFUSED_WEBHOOKS).items():
        outcome, (at_s, _, detail) = raw_outcome.decode(), raw.decode("utf-8", "replace").partition("|")
        views.append(
            {
                "outcome": outcome,
                "count": counts.get(outcome, 1),
                "last_at": rfc3339(int(float(at_s) * 1000)),
                "detail": masked(detail) or None,
            }
        )
    return sorted(views, key=lambda view: str(view["last_at"]), reverse=True)
