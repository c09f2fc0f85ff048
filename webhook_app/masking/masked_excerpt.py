"""Masks truncated texts: their end may contain the beginning of a secret, which no longer looks like one."""

from collections.abc import Sequence

from webhook_app.masking.masking import masked, replacements, spellings_of, without_values

BEGINNING_MIN_CHARS = 4
ELLIPSIS = "…"


def masked_excerpt(text: str, *addresses: str, secrets: Sequence[str] = ()) -> str:
    """Mask the secrets of these URLs and these secrets in a text, including one that is cut off at the end."""
    spelled = spellings_of(secrets)
    text = without_values(masked(text, *addresses), spelled)
    spellings = [*spelled, *(spelling for address in addresses for spelling, _ in replacements(address))]
    cut = max((_overlap(text, spelling) for spelling in spellings), default=0)
    return text[:-cut] + ELLIPSIS if cut else text


def _overlap(text: str, spelling: str) -> int:
    """How many characters at the end of the text are the beginning of a spelling; 0 when too few to matter."""
    for length in range(min(len(text), len(spelling) - 1), BEGINNING_MIN_CHARS - 1, -1):
        if text.endswith(spelling[:length]):
            return length
    return 0
