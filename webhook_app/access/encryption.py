"""Sealing: what must not be read by who reads the store is encrypted under a key that is kept elsewhere.

AES-256-GCM (NIST SP 800-38D) with a nonce of 12 random bytes; the record's name is authenticated beside it, so that a
sealed text cannot be moved to another record.
"""

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class WrongKeyError(Exception):
    """The text was sealed under another key, for another record, or is damaged."""


class SecretBox:
    """Seals and opens under one key; `key` is any text of 16 characters or more."""

    def __init__(self, key: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"tallylight secrets\x00" + key.encode()).digest())

    def seal(self, plain: bytes, name: str) -> str:
        """Sealed for the record of that name, as text."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, plain, name.encode())).decode("ascii")

    def open(self, sealed: str, name: str) -> bytes:
        """What was sealed; WrongKeyError when this key or name is not the one."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
        except (binascii.Error, InvalidTag, ValueError):
            raise WrongKeyError(name) from None
