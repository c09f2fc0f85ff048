"""The provider that this installation uses, and the translators of its events. No other module names a vendor.

Webhooks, calls and probes go to one provider. The results of calls and probes have sources of their own in the journal
and quote that provider's answers.
"""

from collections.abc import Mapping

from webhook_app.domain.events import Source
from webhook_app.providers.port import Provider, Translator
from webhook_app.providers.videosdk.provider import VIDEOSDK

PROVIDER: Provider = VIDEOSDK
TRANSLATORS: Mapping[Source, Translator] = {Source.VIDEOSDK: VIDEOSDK.translator}
CALLED: Translator = PROVIDER.translator


def translator_of(source: Source) -> Translator:
    """The translator for events of a source."""
    return TRANSLATORS.get(source, CALLED)
