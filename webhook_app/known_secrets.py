"""The secrets of the settings, for the log's last line of defence: none of them is written, whatever quotes it."""

from dataclasses import dataclass

from webhook_app.masking import masked, without_values
from webhook_app.settings import Settings

VALUE_MIN_CHARS = 6  # a shorter credential is no secret, and may be any word of the log


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """Values that are never shown, and addresses whose secret parts are not."""

    values: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def masked(self, text: str) -> str:
        """The text without them, and without the secrets of any other address it quotes."""
        return without_values(masked(text, *self.addresses), self.values)


def known_secrets(settings: Settings) -> KnownSecrets:
    """What these settings keep secret."""
    values = (
        settings.admin_token,
        settings.viewer_token,
        settings.webhook_token,
        settings.videosdk_api_key,
        settings.videosdk_secret,
        settings.secrets_key,
    )
    addresses = (settings.redis_url, settings.heartbeat_url)
    long_enough = tuple(value for value in values if value is not None and len(value) >= VALUE_MIN_CHARS)
    return KnownSecrets(long_enough, tuple(filter(None, addresses)))
