"""Signatures: whether VideoSDK signed these bytes. Pure: a key, a header, a body."""

import base64
import binascii
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from webhook_app.providers.port import MalformedSignatureError

HEADER = "videosdk-signature"
KEY_MIN_BITS = 2_048
KEY_MAX_BITS = 16_384
PEM_MAX_CHARS = 16_384

_PADDING = padding.PKCS1v15()
_HASH = hashes.SHA256()


class PublicKeyError(ValueError):
    """A PEM without an RSA public key that we would trust."""


class PublicKey(Protocol):
    """The part of an RSA public key that verification uses."""

    @property
    def key_size(self) -> int:
        """The key's length in bits."""

    def verify(self, signature: bytes, data: bytes, padding: padding.PKCS1v15, algorithm: hashes.SHA256, /) -> None:
        """Check a signature; raises `InvalidSignature`."""


def read_key(pem: str) -> rsa.RSAPublicKey:
    """An RSA public key from PEM, PKCS#1 or SPKI; PublicKeyError says what was wrong."""
    if len(pem) > PEM_MAX_CHARS:
        raise PublicKeyError("the public key is too long")
    try:
        key = serialization.load_pem_public_key(pem.strip().encode("utf-8", "replace"))
    except ValueError as error:
        raise PublicKeyError("the public key is not a PEM") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise PublicKeyError("the public key is not an RSA key")
    if key.key_size < KEY_MIN_BITS:
        raise PublicKeyError(f"the public key has {key.key_size} bits, fewer than {KEY_MIN_BITS}")
    if key.key_size > KEY_MAX_BITS:
        raise PublicKeyError(f"the public key has {key.key_size} bits, more than {KEY_MAX_BITS}")
    return key


def decode_signature(header: str | None) -> bytes:
    """Decode the signature; MalformedSignatureError when no key between the smallest and the largest could make it."""
    if not header:
        raise MalformedSignatureError(f"the header {HEADER} is missing")
    try:
        signature = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedSignatureError(f"the header {HEADER} is not base64") from None
    if not KEY_MIN_BITS <= len(signature) * 8 <= KEY_MAX_BITS:
        raise MalformedSignatureError(f"the header {HEADER} is not as long as a signature")
    return signature


def verify(key: PublicKey, signature: bytes, body: bytes) -> bool:
    """Verify RSA PKCS#1 v1.5 with SHA-256 over the raw body.

    A signature as long as another key's is wrong and not malformed: VideoSDK may have changed to a key of that size.
    """
    if len(signature) != (key.key_size + 7) // 8:
        return False
    try:
        key.verify(signature, body, _PADDING, _HASH)
    except InvalidSignature:
        return False
    return True


def fingerprint(pem: str) -> str:
    """The beginning of a key's SHA-256 fingerprint, whatever form the key is written in.

    PublicKeyError when it is no key that we would trust.
    """
    der = read_key(pem).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{sha256(der).hexdigest()[:16]}"
