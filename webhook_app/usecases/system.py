"""Facts about the running product: VideoSDK's public key, and the webhooks that were refused."""

from typing import Any

from webhook_app.config.settings import Settings
from webhook_app.domain.times import rfc3339
from webhook_app.masking.masking import masked
from webhook_app.providers.registry import PROVIDER
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations import webhook_counts
from webhook_app.store.operations.public_key import load_public_key


def public_key_view(client: Client, settings: Settings) -> dict[str, Any]:
    """Render the key that verifies webhooks: the pinned one, else the one fetched last."""
    pinned = settings.videosdk_public_key
    pem = pinned or load_public_key(client)
    return {
        "known": pem is not None,
        "pinned": pinned is not None,
        "fingerprint": None if pem is None else PROVIDER.key_fingerprint(pem),
    }


def refused_webhooks(client: Client) -> list[dict[str, Any]]:
    """Render the webhooks that were refused or skipped by outcome, the outcome with the newest webhook first."""
    counts: dict[str, int] = {}
    for label, count in webhook_counts.webhook_counts(client).items():
        outcome = label.partition("|")[2]
        counts[outcome] = counts.get(outcome, 0) + count
    views = [
        {
            "outcome": refused.outcome,
            "count": counts.get(refused.outcome, 1),
            "last_at": rfc3339(refused.at),
            "detail": masked(refused.detail) or None,
        }
        for refused in webhook_counts.refused_webhooks(client)
    ]
    return sorted(views, key=lambda view: str(view["last_at"]), reverse=True)
