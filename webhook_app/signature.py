"""Signatures: whether VideoSDK signed these bytes. Pure: a key, a header, a body."""

import base64
import binascii
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HEADER = "videosdk-signature"
KEY_MIN_BITS = 2_048
PEM_MAX_CHARS = 16_384

_PADDING = padding.PKCS1v15()
_HASH = hashes.SHA256()


class MalformedSignatureError(ValueError):
    """The header is missing, or cannot be a signature under any key of this size."""


class PublicKeyError(ValueError):
    """A PEM that is no RSA public key we would trust."""


class PublicKey(Protocol):
    """What verifying needs of a key."""

    @property
    def key_size(self) -> int: ...

    def verify(self, signature: bytes, data: bytes, padding: padding.PKCS1v15, algorithm: hashes.SHA256, /) -> None: ...


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
    return key


def decode_signature(header: str | None) -> bytes:
    """The signature's bytes; MalformedSignatureError when there is none or it is no base64."""
    if not header:
        raise MalformedSignatureError(f"the header {HEADER} is missing")
    try:
        return base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedSignatureError(f"the header {HEADER} is not base64") from None


def verify(key: PublicKey, signature: bytes, body: bytes) -> bool:
    """RSA PKCS#1 v1.5 with SHA-256 over the raw body; a signature of another size than the key's is malformed."""
    if len(signature) * 8 != key.key_size:
        raise MalformedSignatureError("the signature is not as long as the key")
    try:
        key.verify(signature, body, _PADDING, _HASH)
    except InvalidSignature:
        return False
    return True
