"""Masks secrets in texts that quote URLs, such as errors of libraries, logs and alarms.

Mask a text before truncating it: half a secret at its end would not be recognised.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit

from webhook_app.masking.stream_keys import MAY_NAME_KEY, without_stream_keys
from webhook_app.masking.url_masking import MASK, PLAIN_SCHEMES, secret_parts, shown_url

ADDRESSES_CACHED = 2_048
_QUOTED_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s\"'<>`\\]+")
_QUOTED_PATH = re.compile(r"(?<=url: )/[^\s\"'<>\\]*")
_MAY_QUOTE = re.compile(r"://|url: /|bearer|basic|eyJ|" + MAY_NAME_KEY, re.IGNORECASE)
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_WEB_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}")  # also one that was cut off
_TRAILING = ".,;:!?)]}"
_WORD_MIN_CHARS = 6  # a shorter secret is replaced where it stands alone: it may be part of any word


def masked(text: str, *addresses: str) -> str:
    """Mask the secrets of these URLs in a text, in any spelling, and those of any other URL that it quotes."""
    for address in addresses:
        text = _without(text, replacements(address))
    if _MAY_QUOTE.search(text) is None:
        return text
    text = without_stream_keys(_QUOTED_ADDRESS.sub(_shown_quoted, text))
    text = _QUOTED_PATH.sub(lambda quoted: shown_url(f"http://host{quoted[0]}").removeprefix("http://host"), text)
    return _WEB_TOKEN.sub(MASK, _AUTHORIZATION.sub(rf"\1 {MASK}", text))


def without_values(text: str, values: Iterable[str]) -> str:
    """Replace these secrets in a text by `****`."""
    return _without(text, tuple((value, MASK) for value in sorted(values, key=len, reverse=True)))


def spellings_of(values: Iterable[str]) -> tuple[str, ...]:
    """These secrets in every spelling in which a text may quote them."""
    return tuple(dict.fromkeys(spelling for value in values for spelling in _spellings(value)))


@lru_cache(maxsize=ADDRESSES_CACHED)
def replacements(address: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of a spelling of a URL's secrets and its masked form, longest first."""
    masks: dict[str, str] = {}
    masked_form = shown_url(address)
    for spelling in _spellings(address):
        masks[spelling] = masked_form
    if address.partition(":")[0].lower() in PLAIN_SCHEMES and "://" in address:
        try:
            parts, masked_parts = urlsplit(address), urlsplit(masked_form)
        except ValueError:
            parts = masked_parts = urlsplit("")
        for whole, shown_part in (
            (_target(parts), _target(masked_parts)),
            (parts.path, masked_parts.path),
            (parts.query, masked_parts.query),
        ):
            if whole and whole != shown_part:
                masks.update((spelling, shown_part) for spelling in _spellings(whole) if spelling not in masks)
    for part in secret_parts(address):
        masks.update((spelling, MASK) for spelling in _spellings(part) if spelling not in masks)
    masks = {spelling: shown_part for spelling, shown_part in masks.items() if spelling != shown_part}
    return tuple(sorted(masks.items(), key=lambda pair: len(pair[0]), reverse=True))


def _target(parts: SplitResult) -> str:
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _spellings(part: str) -> Iterator[str]:
    """A part as libraries may quote it: percent-encoded or decoded, in HTML, JSON or a Python literal."""
    decoded, plus_decoded = unquote(part), unquote_plus(part)
    encoded = (part, decoded, plus_decoded, quote(decoded, safe=""), quote(decoded, safe="/:@!$&'()*+,;=~"))
    requoted = quote(part, safe="!#$%&'()*+,/:;=?@[]~")
    upper = re.sub(r"%[0-9a-fA-F]{2}", lambda octet: octet[0].upper(), requoted)
    lower = re.sub(r"%[0-9a-fA-F]{2}", lambda octet: octet[0].lower(), requoted)
    for text in dict.fromkeys((*encoded, requoted, upper, lower)):
        if text:
            yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1], html.escape(text), ascii(text)[1:-1])


def _without(text: str, replacements: tuple[tuple[str, str], ...]) -> str:
    for secret, masked_form in replacements:
        if not secret or secret not in text:
            continue
        if len(secret) >= _WORD_MIN_CHARS:
            text = text.replace(secret, masked_form)
        else:
            text = masked_form.join(re.split(rf"(?<![\w*]){re.escape(secret)}(?![\w*])", text))
    return text


def _shown_quoted(quoted: re.Match[str]) -> str:
    address = quoted[0].rstrip(_TRAILING)
    trailing = quoted[0][len(address) :]
    scheme = address.partition(":")[0].lower()
    if scheme in PLAIN_SCHEMES:
        return shown_url(address) + trailing
    # Not through Apprise, which takes long to load: the scheme is enough where no address was named.
    return (address if MASK in address else f"{scheme}://{MASK}") + trailing
