"""What is fixed about VideoSDK: its limits, and the types of its webhooks."""

from webhook_app.providers.port import ProviderFacts
from webhook_app.providers.videosdk.objects import STREAM_WEBHOOKS
from webhook_app.providers.videosdk.types import DOCUMENTED_TYPES, FOLLOWED_TYPES, PARTICIPANT_TYPES
from webhook_app.providers.videosdk.webhook_body import ID_MAX_CHARS

STREAM_MAX_S = 7_200
WEBHOOK_URL_MAX_CHARS = 512

VIDEOSDK_FACTS = ProviderFacts(
    id_max_chars=ID_MAX_CHARS,
    stream_max_s=STREAM_MAX_S,
    webhook_url_max_chars=WEBHOOK_URL_MAX_CHARS,
    stream_types=tuple(STREAM_WEBHOOKS),
    participant_types=PARTICIPANT_TYPES,
    followed_types=FOLLOWED_TYPES,
    documented_types=DOCUMENTED_TYPES,
)
