"""The secrets of the settings, for the log's last line of defence: none of them is written, whatever quotes it."""

from dataclasses import dataclass, fields

from webhook_app.config.settings import Settings
from webhook_app.text.masking import masked, without_values

PUBLIC = frozenset({"videosdk_public_key"})  # long, and no secret
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
    """What these settings keep secret: every text whose field is left out of their `repr`."""
    hidden = [
        getattr(settings, field.name) for field in fields(settings) if not field.repr and field.name not in PUBLIC
    ]
    texts = [value for value in hidden if isinstance(value, str) and len(value) >= VALUE_MIN_CHARS]
    return KnownSecrets(
        values=tuple(text for text in texts if "://" not in text),
        addresses=tuple(text for text in texts if "://" in text),
    )
