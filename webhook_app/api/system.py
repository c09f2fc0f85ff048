"""The running product: its version, settings, public key and refused webhooks."""

from importlib.metadata import version
from typing import Any

from marshmallow import Schema, fields

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import moment, text
from webhook_app.config.loading import shown_settings
from webhook_app.config.settings import Settings
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.system import public_key_view, refused_webhooks


class PublicKeySchema(Schema):
    """VideoSDK's public key. Without it, webhooks get 503."""

    known = fields.Boolean()
    pinned = fields.Boolean()
    fingerprint = text(null=True)


class RefusedWebhooksSchema(Schema):
    """Webhooks that were not stored, by outcome: how many, when the last one arrived, and why."""

    outcome = text()
    count = fields.Integer()
    last_at = moment(null=True)
    detail = text(null=True)


class SystemSchema(Schema):
    """The running product. Secrets among the settings are shown as `(set)`."""

    version = text()
    observing = fields.Boolean()
    sandbox_url = text(null=True)
    settings = fields.Dict(keys=fields.String(), values=fields.String())
    public_key = fields.Nested(PublicKeySchema)
    refused_webhooks = fields.List(fields.Nested(RefusedWebhooksSchema))


def system(context: AppContext, settings: Settings) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("system", __name__, url_prefix="/api/v1/system", description=__doc__)

    @blp.route("")
    @blp.response(200, SystemSchema)
    def get_system() -> dict[str, Any]:
        """Get the version, the settings in force, VideoSDK's public key, and the refused webhooks."""
        return {
            "version": version("tallylight"),
            "observing": settings.observe,
            "sandbox_url": settings.sandbox_url,
            "settings": shown_settings(settings),
            "public_key": public_key_view(context.client, settings),
            "refused_webhooks": refused_webhooks(context.client),
        }

    return blp
