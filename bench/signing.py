"""Sign bodies in advance on all cores, with a key generated for the run."""

import base64
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_BITS = 2_048
CHUNK = 250

_signer: rsa.RSAPrivateKey | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A body and its signature header."""

    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair as PEM; the product pins the public key."""

    private: bytes
    public: str


@lru_cache(maxsize=1)
def key() -> Key:
    """Return the run's key, generated on first use."""
    pair = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    private = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    return Key(private, public.decode())


def sign(bodies: Iterable[bytes]) -> list[Signed]:
    """Sign every body, in order."""
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_load, initargs=(key().private,)) as pool:
        return list(pool.map(_sign, bodies, chunksize=CHUNK))


def write(path: Path, signed: Iterable[Signed]) -> Path:
    """Write a line per request for the load tool: signature, space, body."""
    path.write_bytes(b"".join(webhook.signature.encode() + b" " + webhook.body + b"\n" for webhook in signed))
    return path


def _load(private: bytes) -> None:
    global _signer
    loaded = serialization.load_pem_private_key(private, None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    _signer = loaded


def _sign(body: bytes) -> Signed:
    assert _signer is not None
    return Signed(body, base64.b64encode(_signer.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode())
