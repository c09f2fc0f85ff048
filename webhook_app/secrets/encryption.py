"""Encrypts subscribers' URLs and secrets, and stream keys, at rest. The key is never stored in Redis.

AES-256-GCM (NIST SP 800-38D) with a nonce of 12 random bytes. The name of the record is authenticated too, so that an
encrypted text cannot be moved to another record. Where encrypted values are compared: AES-SIV (RFC 5297), by which
equal values become equal texts.
"""

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

NONCE_BYTES = 12


class WrongKeyError(Exception):
    """The text was encrypted with another key or for another record, or is damaged."""


class SecretBox:
    """Encrypts and decrypts with one key; `key` is any text of at least 16 characters."""

    def __init__(self, key: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"tallylight secrets\x00" + key.encode()).digest())
        self._same_cipher = AESSIV(hashlib.sha512(b"tallylight comparable secrets\x00" + key.encode()).digest())

    def seal(self, plain: bytes, name: str) -> str:
        """Encrypt a value for the record of that name; return text."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, plain, name.encode())).decode("ascii")

    def open(self, sealed: str, name: str) -> bytes:
        """Decrypt a text; raise WrongKeyError when the key or the name differs."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
        except (binascii.Error, InvalidTag, ValueError):
            raise WrongKeyError(name) from None

    def seal_comparable(self, plain: bytes, name: str) -> str:
        """Encrypt a value so that equal values of the same name give equal texts; return text safe in URLs."""
        return base64.urlsafe_b64encode(self._same_cipher.encrypt(plain, [name.encode()])).decode("ascii")

    def open_comparable(self, sealed: str, name: str) -> bytes:
        """Decrypt a text of `seal_comparable`; raise WrongKeyError when the key or the name differs."""
        try:
            return self._same_cipher.decrypt(base64.b64decode(sealed, altchars=b"-_", validate=True), [name.encode()])
        except (binascii.Error, InvalidTag, ValueError):
            raise WrongKeyError(name) from None
