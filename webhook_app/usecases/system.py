"""Facts about the running product: VideoSDK's public key, and the webhooks that were refused."""

from typing import Any

from webhook_app.config.settings import Settings
from webhook_app.domain.times import rfc3339
from webhook_app.providers.videosdk.signature import fingerprint
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.text.masking import masked


def public_key_view(client: Client, settings: Settings) -> dict[str, Any]:
    """Render the key that verifies webhooks: the pinned one, else the one fetched last."""
    pinned = settings.videosdk_public_key
    cached = client.get(keys.PUBLIC_KEY)
    pem = pinned or (cached.decode() if cached else None)
    return {
        "known": pem is not None,
        "pinned": pinned is not None,
        "fingerprint": None if pem is None else fingerprint(pem),
    }


def refused_webhooks(client: Client) -> list[dict[str, Any]]:
    """Render the webhooks that were refused or skipped by outcome, the outcome with the newest webhook first."""
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
