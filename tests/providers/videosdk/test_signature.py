"""Signatures: what verifies, what is wrong, and what cannot be a signature at all."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.support.product import public_pem, signature, signing_key
from webhook_app.providers.port import MalformedSignatureError
from webhook_app.providers.videosdk.signature import (
    PEM_MAX_CHARS,
    PublicKeyError,
    decode_signature,
    read_key,
    verify,
)

BODY = b'{"webhookType": "hls-started", "data": {"meetingId": "abcd-efgh-ijkl"}}'


def key() -> Any:
    return read_key(public_pem())


def pem(public: Any, form: Any = PublicFormat.SubjectPublicKeyInfo) -> Any:
    return public.public_bytes(Encoding.PEM, form).decode()


def small_key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()


def test_what_videosdk_signed_verifies() -> None:
    assert verify(key(), decode_signature(signature(BODY)), BODY)


@settings(max_examples=50, deadline=None)
@given(some.binary(max_size=2_000))
def test_any_bytes_verify_as_they_were_signed(body: Any) -> None:
    assert verify(key(), decode_signature(signature(body)), body)


@settings(max_examples=50, deadline=None)
@given(some.integers(0, len(BODY) * 8 - 1))
def test_a_single_changed_bit_of_the_body_is_wrong(bit: Any) -> None:
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(key(), decode_signature(signature(BODY)), bytes(changed))


@settings(max_examples=50, deadline=None)
@given(some.integers(0, 2047))
def test_a_single_changed_bit_of_the_signature_is_wrong(bit: Any) -> None:
    changed = bytearray(decode_signature(signature(BODY)))
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(key(), bytes(changed), BODY)


def test_the_same_json_written_otherwise_is_another_body() -> None:
    rewritten = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert not verify(key(), decode_signature(signature(BODY)), rewritten)


def test_another_padding_is_wrong() -> None:
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)
    assert not verify(key(), signing_key().sign(BODY, pss, hashes.SHA256()), BODY)


def test_another_hash_is_wrong() -> None:
    assert not verify(key(), signing_key().sign(BODY, padding.PKCS1v15(), hashes.SHA1()), BODY)


def test_another_key_is_wrong() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not verify(key(), other.sign(BODY, padding.PKCS1v15(), hashes.SHA256()), BODY)


@pytest.mark.parametrize("header", [None, "", "ä", "sígn", "not base64!", "abc", "YWJj\n", "YW Jj", "-_-_", "💡" * 40])
def test_a_header_that_is_no_base64_is_malformed(header: str | None) -> None:
    with pytest.raises(MalformedSignatureError):
        decode_signature(header)


@pytest.mark.parametrize("size", [0, 1, 128, 255, 2_049, 100_000])
def test_a_signature_that_no_trusted_key_could_make_is_malformed(size: int) -> None:
    with pytest.raises(MalformedSignatureError):
        decode_signature(base64.b64encode(b"\x01" * size).decode())


@pytest.mark.parametrize("size", [257, 384, 512, 1_024, 2_048])
def test_a_signature_as_long_as_another_key_is_wrong_and_not_malformed(size: int) -> None:
    assert not verify(key(), decode_signature(base64.b64encode(b"\x01" * size).decode()), BODY)


@settings(max_examples=100, deadline=None)
@given(some.text(max_size=400))
def test_no_header_does_worse_than_be_malformed(header: Any) -> None:
    try:
        decode_signature(header)
    except MalformedSignatureError as error:
        assert header not in str(error) or len(header) < 8


@pytest.mark.parametrize("number", [b"\x00" * 256, b"\xff" * 256, b"\x00" * 255 + b"\x01"])
def test_a_signature_that_is_no_number_under_the_key_is_wrong(number: bytes) -> None:
    assert not verify(key(), number, BODY)


@pytest.mark.parametrize("form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo])
@pytest.mark.parametrize("frame", ["{}", "\n{}\n", "  {}  ", "\r\n{}"])
def test_a_key_is_read_in_either_form_with_white_space_around_it(form: Any, frame: str) -> None:
    text = frame.format(pem(signing_key().public_key(), form))
    assert read_key(text).public_numbers() == signing_key().public_key().public_numbers()


def test_a_key_is_read_with_windows_line_ends() -> None:
    assert read_key(public_pem().replace("\n", "\r\n")).key_size == 2048


def test_a_longer_key_is_taken() -> None:
    longer = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    signed = longer.sign(BODY, padding.PKCS1v15(), hashes.SHA256())
    assert verify(read_key(pem(longer.public_key())), signed, BODY)
    assert not verify(read_key(pem(longer.public_key())), decode_signature(signature(BODY)), BODY)


def test_a_key_of_an_odd_number_of_bits_is_taken() -> None:
    odd = rsa.generate_private_key(public_exponent=65537, key_size=2_049)
    assert verify(read_key(pem(odd.public_key())), odd.sign(BODY, padding.PKCS1v15(), hashes.SHA256()), BODY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a key",
        "-----BEGIN RSA PUBLIC KEY-----",
        "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN RSA PUBLIC KEY-----\nä💡\ud800\n-----END RSA PUBLIC KEY-----",
        "x" * (PEM_MAX_CHARS + 1),
        base64.b64encode(b"nothing").decode(),
    ],
)
def test_a_text_that_is_no_key_is_refused_and_not_repeated(text: Any) -> None:
    with pytest.raises(PublicKeyError) as refused:
        read_key(text)
    assert len(str(refused.value)) < 100


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(PublicKeyError, match="not an RSA key"):
        read_key(pem(ec.generate_private_key(ec.SECP256R1()).public_key()))


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(PublicKeyError, match="1024 bits"):
        read_key(pem(small_key()))


def test_half_a_key_is_refused() -> None:
    with pytest.raises(PublicKeyError):
        read_key(public_pem()[:200] + "\n-----END RSA PUBLIC KEY-----\n")
