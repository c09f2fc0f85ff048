"""VideoSDK as a provider of video rooms.

What only some processes need (signatures, validation, the HTTP client) is imported when it is used.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from webhook_app.domain.outputs import Output
from webhook_app.providers.client_port import ConnectClient
from webhook_app.providers.port import KeyedVerifier, KeyStorage, ProviderFacts, Translator, WebhookReader
from webhook_app.providers.videosdk.facts import VIDEOSDK_FACTS
from webhook_app.providers.videosdk.translation import VideoSDKTranslator

if TYPE_CHECKING:
    from marshmallow import Schema

    from webhook_app.config.settings import Settings


@dataclass(frozen=True, slots=True)
class VideoSDKProvider:
    """VideoSDK: signed webhooks, HLS streams, sessions and participants."""

    facts: ProviderFacts = VIDEOSDK_FACTS
    translator: Translator = field(default_factory=VideoSDKTranslator)

    def webhook_reader(self) -> WebhookReader:
        """Reads its webhooks for the journal."""
        from webhook_app.providers.videosdk.webhook_reader import VideoSDKWebhookReader

        return VideoSDKWebhookReader()

    def webhook_verifier(self, settings: "Settings", keys: KeyStorage) -> KeyedVerifier:
        """Verifies its webhooks with the pinned key, or with the one that its REST API publishes."""
        from webhook_app.providers.videosdk.public_key import KeyRing, fetch_from

        return KeyRing(
            pinned=settings.videosdk_public_key,
            fetch=fetch_from(settings.videosdk_api_url, settings.proxies),
            remembered=keys.load,
            remember=keys.save,
        )

    def key_fingerprint(self, key: str) -> str:
        """The fingerprint of a public key; ValueError when it is no key that we would trust."""
        from webhook_app.providers.videosdk.signature import fingerprint

        return fingerprint(key)

    def start_schema(self, output: Output) -> "type[Schema]":
        """Validates the options of a start."""
        from webhook_app.providers.videosdk.start_schema import START_SCHEMAS

        return START_SCHEMAS[output]

    def client(self, settings: "Settings") -> ConnectClient | None:
        """Makes clients with the settings' credentials; None without any."""
        if settings.videosdk_api_key is None or settings.videosdk_secret is None:
            return None
        from webhook_app.providers.videosdk.client import Token, VideoSDK
        from webhook_app.providers.videosdk.room_client import VideoSDKRoomClient

        token = Token(settings.videosdk_api_key, settings.videosdk_secret)
        return partial(VideoSDKRoomClient, VideoSDK(settings.videosdk_api_url, token, settings.proxies))


VIDEOSDK = VideoSDKProvider()
