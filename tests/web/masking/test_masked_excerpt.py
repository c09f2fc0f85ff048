"""A text that was cut shows neither a secret nor the beginning of one."""

import pytest

from webhook_app.masking.masked_excerpt import BEGINNING_MIN_CHARS, masked_excerpt

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
URLS = (
    f"https://hooks.example/webhook/{KEY}",
    f"https://ops:{KEY}@hooks.example/in",
    f"https://hooks.example/in?token={KEY}",
)
QUOTES = ("Cannot POST /webhook/{key}", "no user ops:{key}@hooks.example", "/in?token={key} is unknown", "{key}")


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("quote", QUOTES)
def test_wherever_a_text_is_cut_no_more_than_a_few_characters_of_the_key_are_left(url: str, quote: str) -> None:
    text = "x " * 100 + quote.format(key=KEY)
    for length in range(len(text) + 1):
        shown = masked_excerpt(text[:length], url)
        assert KEY[:BEGINNING_MIN_CHARS] not in shown, shown


def test_a_text_without_secrets_is_left_as_it_is() -> None:
    for text in ("", "ok", '{"received": true}', "webhook taken"):
        assert masked_excerpt(text, *URLS) == text
