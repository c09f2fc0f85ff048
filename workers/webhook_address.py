"""The address of the webhook receiver as VideoSDK sees it."""

from webhook_app.config.settings import Settings


def webhook_url(settings: Settings) -> str | None:
    """Return the URL to which VideoSDK sends webhooks; None without PUBLIC_URL."""
    if settings.public_url is None:
        return None
    token = f"/{settings.webhook_token}" if settings.webhook_token else ""
    return f"{settings.public_url.rstrip('/')}/webhooks/videosdk{token}"
