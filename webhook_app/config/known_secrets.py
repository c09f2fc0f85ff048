"""The secrets in the settings, which the log masks in every line."""

from dataclasses import dataclass, fields

from webhook_app.config.settings import Settings
from webhook_app.masking.masking import masked, without_values

PUBLIC = frozenset({"videosdk_public_key"})  # long, and no secret
VALUE_MIN_CHARS = 6  # a shorter credential is no secret, and may be any word of the log


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """Secret values, and URLs with secret parts."""

    values: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def masked(self, text: str) -> str:
        """Mask the secrets in a text, and those of any other URL that it quotes."""
        return without_values(masked(text, *self.addresses), self.values)


def known_secrets(settings: Settings) -> KnownSecrets:
    """Collect the secrets of settings: the fields that are left out of their `repr`."""
    hidden = [
        getattr(settings, field.name) for field in fields(settings) if not field.repr and field.name not in PUBLIC
    ]
    texts = [value for value in hidden if isinstance(value, str) and len(value) >= VALUE_MIN_CHARS]
    return KnownSecrets(
        values=tuple(text for text in texts if "://" not in text),
        addresses=tuple(text for text in texts if "://" in text),
    )
