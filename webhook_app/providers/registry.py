"""The translators of the providers that this installation knows, by the source of their events."""

from collections.abc import Mapping

from webhook_app.domain.events import Source
from webhook_app.providers.port import Translator
from webhook_app.providers.videosdk.translation import VideoSDKTranslator

TRANSLATORS: Mapping[Source, Translator] = {Source.VIDEOSDK: VideoSDKTranslator()}
# Calls and probes go to one provider. Their results have sources of their own and quote that provider's answers.
CALLED: Translator = TRANSLATORS[Source.VIDEOSDK]


def translator_of(source: Source) -> Translator:
    """The translator for events of a source."""
    return TRANSLATORS.get(source, CALLED)
