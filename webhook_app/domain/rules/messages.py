"""Messages of rules with `do: notify`: text with CEL expressions in braces."""

MESSAGE_MAX_CHARS = 2_000


def split_message(text: str) -> list[tuple[str, str | None]]:
    """Split a message into pairs of literal text and the expression in braces after it.

    ValueError on a brace without its counterpart.
    """
    parts: list[tuple[str, str | None]] = []
    rest = text
    while rest:
        literal, brace, tail = rest.partition("{")
        if "}" in literal:
            raise ValueError("a } has no matching {")
        if not brace:
            parts.append((literal, None))
            break
        expression, close, rest = tail.partition("}")
        if not close:
            raise ValueError("a { has no matching }")
        parts.append((literal, expression))
    return parts
