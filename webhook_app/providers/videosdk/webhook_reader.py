"""Reads VideoSDK's webhooks for the journal."""

from dataclasses import dataclass

from webhook_app.domain.events import Source
from webhook_app.providers.port import ReceivedWebhook
from webhook_app.providers.videosdk.journaled_body import journaled_body
from webhook_app.providers.videosdk.signature import HEADER
from webhook_app.providers.videosdk.webhook_schema import parse


@dataclass(frozen=True, slots=True)
class VideoSDKWebhookReader:
    """Webhooks with a signature header and a JSON body."""

    source: Source = Source.VIDEOSDK
    signature_header: str = HEADER

    def receive(self, body: bytes) -> ReceivedWebhook:
        """Read an authentic body for the journal. Never raises."""
        return parse(body)

    def journaled(self, body: bytes) -> bytes:
        """The bytes that the journal keeps, without stream keys."""
        return journaled_body(body)
