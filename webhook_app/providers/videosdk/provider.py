"""VideoSDK as a provider of video rooms."""

from dataclasses import dataclass, field

from webhook_app.domain.events import Source
from webhook_app.providers.port import ReceivedWebhook
from webhook_app.providers.videosdk.signature import HEADER
from webhook_app.providers.videosdk.translation import VideoSDKTranslator
from webhook_app.providers.videosdk.webhook_schema import parse


@dataclass(frozen=True, slots=True)
class VideoSDKProvider:
    """VideoSDK: signed webhooks, HLS streams, sessions and participants."""

    source: Source = Source.VIDEOSDK
    signature_header: str = HEADER
    translator: VideoSDKTranslator = field(default_factory=VideoSDKTranslator)

    def receive(self, body: bytes) -> ReceivedWebhook:
        """Read an authentic body for the journal. Never raises."""
        return parse(body)


VIDEOSDK = VideoSDKProvider()
