"""The RSA key pair that signs webhooks."""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

KEY_BITS = 2048


def load_key(data: Path | None) -> RSAPrivateKey:
    """Load the key from `data`/rsa.pem, generating it if missing; without `data`, generate a new one."""
    if data is None:
        return _new_key()
    path = data / "rsa.pem"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        _keep(_new_key(), path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path} does not hold an RSA key")
    return key


def public_pem(key: RSAPrivateKey) -> str:
    """Return the public key as PKCS#1 PEM with a newline before and after, as VideoSDK publishes its own."""
    return "\n" + key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def sign(key: RSAPrivateKey, body: bytes) -> str:
    """Return the value of the `videosdk-signature` header for this body."""
    return base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode()


def _new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _keep(key: RSAPrivateKey, path: Path) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    draft.replace(path)
