"""Signing secrets in the format of Standard Webhooks: `whsec_` and the base64 of 24 to 64 random bytes."""

import base64
import binascii
import secrets

PREFIX = "whsec_"
SECRET_BYTES = 32
MIN_BYTES = 24
MAX_BYTES = 64


def new_secret() -> str:
    """Generate a secret as base64, without the prefix."""
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def read_secret(text: str) -> str:
    """Return the key of a `whsec_…` text; ValueError says what would be right."""
    if not text.startswith(PREFIX):
        raise ValueError("a secret begins with whsec_")
    try:
        key = base64.b64decode(text[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("after whsec_ a secret is base64") from None
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise ValueError(f"a secret holds {MIN_BYTES} to {MAX_BYTES} bytes, this one {len(key)}")
    return base64.b64encode(key).decode("ascii")
