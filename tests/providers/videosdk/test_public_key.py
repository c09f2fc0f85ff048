"""The key ring: which key counts, when it is asked for again, and what is said of a signature meanwhile."""

import base64
import json
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.pauses import drip
from tests.support.polling import scaled_limit, wait_until
from tests.support.product import public_pem, signature, signing_key
from webhook_app.providers.port import MalformedSignatureError, SignatureCheck
from webhook_app.providers.videosdk.public_key import (
    FETCHES_IN_A_ROW,
    PATH,
    REFETCH_AFTER_S,
    REFRESH_AFTER_S,
    RETRY_AFTER_S,
    FetchLimits,
    KeyRing,
    fetch_from,
)
from webhook_app.providers.videosdk.signature import PublicKeyError

BODY = b'{"webhookType": "hls-started", "data": {}}'
WITHIN_S = scaled_limit(5.0)
SPKI = PublicFormat.SubjectPublicKeyInfo


@cache
def next_key() -> Any:
    return generate_private_key(public_exponent=65537, key_size=2048)


def next_pem() -> Any:
    return next_key().public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def signed_by_the_next_key() -> Any:
    return base64.b64encode(next_key().sign(BODY, PKCS1v15(), SHA256())).decode()


class VideoSDK:
    """Publishes a key: at once, or when it is let go; counts how often it was asked."""

    def __init__(self, pem: Any = None) -> None:
        self.pem = pem
        self.request_count = 0
        self.goes = threading.Event()
        self.goes.set()

    def fetch(self) -> Any:
        self.request_count += 1
        assert self.goes.wait(WITHIN_S)
        if self.pem is None:
            raise ConnectionError("VideoSDK is away")
        return self.pem


class Ring:
    """A key ring whose clock stands still until it is moved."""

    def __init__(self, *, publishes: Any = None, pinned: Any = None, remembered: Any = None) -> None:
        self.videosdk = VideoSDK(publishes)
        self.now = 1_000.0
        self.remembered: list[Any] = []
        self.ring = KeyRing(
            pinned=pinned,
            fetch=self.videosdk.fetch,
            remembered=remembered or (lambda: None),
            remember=self.remembered.append,
            clock=lambda: self.now,
        )

    def check(self, header: Any = None) -> Any:
        return self.ring.check(header or signature(BODY), BODY)

    def start(self) -> None:
        """Start, and wait until VideoSDK's answer has come."""
        self.ring.start()
        self.settle()

    def settle(self) -> None:
        wait_until(lambda: not self.ring.is_fetching, WITHIN_S, "an answer")

    def hold(self) -> None:
        self.videosdk.goes.clear()

    def let_go(self) -> None:
        self.videosdk.goes.set()
        self.settle()


def started(**more: Any) -> Any:
    ring = Ring(publishes=public_pem(), **more)
    ring.start()
    return ring


def test_a_pinned_key_is_never_fetched() -> None:
    ring = Ring(pinned=public_pem())
    ring.start()
    assert ring.ring.ready
    assert ring.check() is SignatureCheck.VALID
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.INVALID
    ring.now += 10 * REFRESH_AFTER_S
    assert ring.check() is SignatureCheck.VALID
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.INVALID
    assert ring.videosdk.request_count == 0


def test_a_pinned_key_may_be_in_either_form() -> None:
    for form in (PublicFormat.PKCS1, SPKI):
        pem = signing_key().public_key().public_bytes(Encoding.PEM, form).decode()
        assert Ring(pinned=pem).check() is SignatureCheck.VALID


def test_a_pinned_key_that_is_junk_stops_the_process_at_start() -> None:
    with pytest.raises(PublicKeyError):
        Ring(pinned="-----BEGIN PUBLIC KEY-----")


def test_the_key_is_fetched_at_start_and_remembered() -> None:
    ring = started()
    assert ring.ring.ready
    assert ring.check() is SignatureCheck.VALID
    assert ring.remembered == [public_pem()]
    assert ring.videosdk.request_count == 1


def test_a_fetched_key_may_be_in_either_form() -> None:
    pem = signing_key().public_key().public_bytes(Encoding.PEM, SPKI).decode()
    ring = Ring(publishes=f"\n{pem}\n")
    ring.start()
    assert ring.check() is SignatureCheck.VALID


def test_the_remembered_key_serves_until_the_newest_has_come() -> None:
    ring = Ring(publishes=public_pem(), remembered=public_pem)
    ring.hold()
    ring.ring.start()
    assert ring.ring.ready
    assert ring.check() is SignatureCheck.VALID
    ring.let_go()
    assert ring.check() is SignatureCheck.VALID


@pytest.mark.parametrize("junk", ["", "junk", "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n"])
def test_a_remembered_key_that_is_junk_is_passed_over(junk: str) -> None:
    ring = Ring(publishes=public_pem(), remembered=lambda: junk)
    ring.start()
    assert ring.check() is SignatureCheck.VALID


def test_a_store_that_is_away_at_start_does_not_matter() -> None:
    def away() -> None:
        raise ConnectionError("the store is unavailable")

    ring = Ring(publishes=public_pem(), remembered=away)
    ring.start()
    assert ring.check() is SignatureCheck.VALID


def test_without_a_key_nothing_is_decided() -> None:
    ring = Ring()
    ring.start()
    assert not ring.ring.ready
    assert ring.check() is SignatureCheck.UNDECIDED


def test_without_a_key_what_cannot_be_a_signature_is_malformed_all_the_same() -> None:
    with pytest.raises(MalformedSignatureError):
        Ring().ring.check(None, BODY)


def test_without_a_key_each_webhook_fetches_it_again_but_not_immediately() -> None:
    ring = Ring()
    ring.start()
    assert [ring.check() for _ in range(20)] == [SignatureCheck.UNDECIDED] * 20
    assert ring.videosdk.request_count == 1
    ring.now += RETRY_AFTER_S
    assert ring.check() is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.videosdk.request_count == 2
    ring.videosdk.pem = public_pem()
    ring.now += RETRY_AFTER_S
    assert ring.check() is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check() is SignatureCheck.VALID


def test_a_published_key_that_is_junk_is_no_key() -> None:
    ring = Ring(publishes="-----BEGIN RSA PUBLIC KEY-----\njunk\n-----END RSA PUBLIC KEY-----")
    ring.start()
    assert not ring.ring.ready
    assert ring.remembered == []


def test_an_invalid_published_key_does_not_replace_the_present_key() -> None:
    ring = started()
    ring.videosdk.pem = "junk"
    ring.now += REFRESH_AFTER_S + 1
    assert ring.check() is SignatureCheck.VALID
    ring.settle()
    assert ring.videosdk.request_count == 2
    assert ring.check() is SignatureCheck.VALID


def test_a_wrong_signature_is_undecided_while_the_key_is_fetched_again() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    ring.hold()
    assert [ring.check(signed_by_the_next_key()) for _ in range(5)] == [SignatureCheck.UNDECIDED] * 5
    assert ring.check() is SignatureCheck.VALID
    ring.let_go()
    assert ring.videosdk.request_count == 2


def test_a_wrong_signature_is_wrong_once_the_same_key_came_back() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.INVALID


def test_a_flood_of_wrong_signatures_fetches_the_key_a_few_times_and_then_twice_a_minute() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    for second in range(10 * int(REFETCH_AFTER_S)):
        ring.check(signed_by_the_next_key())
        ring.settle()
        ring.now += 1
        assert ring.videosdk.request_count <= 1 + FETCHES_IN_A_ROW + second // REFETCH_AFTER_S
    assert ring.videosdk.request_count == 1 + FETCHES_IN_A_ROW + 9


def test_a_new_key_is_picked_up_after_the_first_signature_that_fails() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    ring.videosdk.pem = next_pem()
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.VALID
    assert ring.remembered[-1] == next_pem()


def signed_with(key: Any) -> Any:
    return base64.b64encode(key.sign(BODY, PKCS1v15(), SHA256())).decode()


def pem_of(key: Any) -> Any:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


@pytest.fixture(scope="module")
def keys_by_size() -> Any:
    return {size: generate_private_key(public_exponent=65537, key_size=size) for size in (2_048, 3_072, 4_096)}


@pytest.mark.parametrize("sizes", [(4_096, 3_072), (3_072, 4_096), (4_096, 2_048)])
def test_a_key_of_another_size_is_picked_up_like_any_other(keys_by_size: Any, sizes: Any) -> None:
    ring = started()
    for key in map(keys_by_size.__getitem__, sizes):
        ring.now += RETRY_AFTER_S
        ring.videosdk.pem = pem_of(key)
        assert ring.check(signed_with(key)) is SignatureCheck.UNDECIDED
        ring.settle()
        assert ring.check(signed_with(key)) is SignatureCheck.VALID
    assert ring.check() is SignatureCheck.UNDECIDED or ring.check() is SignatureCheck.INVALID


def test_a_flood_of_signatures_of_another_size_fetches_the_key_no_more_often_than_wrong_ones() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    for second in range(10 * int(REFETCH_AFTER_S)):
        ring.check(base64.b64encode(bytes(512)).decode())
        ring.settle()
        ring.now += 1
        assert ring.videosdk.request_count <= 1 + FETCHES_IN_A_ROW + second // REFETCH_AFTER_S
    assert ring.check() is SignatureCheck.VALID


def test_an_hour_after_the_last_answer_wrong_signatures_alone_refresh_the_key(keys_by_size: Any) -> None:
    ring = started()
    for _ in range(FETCHES_IN_A_ROW + 1):
        ring.now += RETRY_AFTER_S
        ring.check(base64.b64encode(bytes(256)).decode())
        ring.settle()
    ring.videosdk.pem = pem_of(keys_by_size[4_096])
    ring.now += REFRESH_AFTER_S + 1
    assert ring.check(signed_with(keys_by_size[4_096])) is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check(signed_with(keys_by_size[4_096])) is SignatureCheck.VALID


def test_after_a_rotation_the_old_key_counts_no_more() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    ring.videosdk.pem = next_pem()
    ring.check(signed_by_the_next_key())
    ring.settle()
    assert ring.check() is SignatureCheck.INVALID


def test_a_key_that_rotates_just_after_it_was_fetched_is_found_by_the_first_signature_that_fails() -> None:
    ring = started()
    ring.videosdk.pem = next_pem()
    ring.now += RETRY_AFTER_S
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.VALID


def test_a_key_that_rotates_twice_in_half_a_minute_is_found_both_times() -> None:
    ring = started()
    for pem, header in ((next_pem(), signed_by_the_next_key()), (public_pem(), signature(BODY))):
        ring.now += RETRY_AFTER_S
        ring.videosdk.pem = pem
        assert ring.check(header) is SignatureCheck.UNDECIDED
        ring.settle()
        assert ring.check(header) is SignatureCheck.VALID


def test_a_key_that_rotates_in_a_flood_is_found_within_half_a_minute() -> None:
    ring = started()
    for _ in range(20):
        ring.now += RETRY_AFTER_S
        ring.check(base64.b64encode(bytes(256)).decode())
        ring.settle()
    ring.videosdk.pem = next_pem()
    began = ring.now
    while ring.check(signed_by_the_next_key()) is not SignatureCheck.VALID:
        ring.settle()
        ring.now += 1
    assert ring.now - began <= REFETCH_AFTER_S + 1


def test_when_videosdk_is_away_the_old_key_stays() -> None:
    ring = started()
    ring.videosdk.pem = None
    ring.now += REFETCH_AFTER_S
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check() is SignatureCheck.VALID
    assert ring.ring.ready


def test_a_signature_is_undecided_while_the_key_cannot_be_fetched() -> None:
    ring = started()
    ring.videosdk.pem = None
    ring.now += REFETCH_AFTER_S
    ring.check(signed_by_the_next_key())
    ring.settle()
    assert [ring.check(signed_by_the_next_key()) for _ in range(3)] == [SignatureCheck.UNDECIDED] * 3
    assert ring.videosdk.request_count == 2
    ring.videosdk.pem = public_pem()
    ring.now += REFETCH_AFTER_S
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.UNDECIDED
    ring.settle()
    assert ring.check(signed_by_the_next_key()) is SignatureCheck.INVALID


def test_an_old_answer_is_refreshed_in_the_background_by_a_good_signature() -> None:
    ring = started()
    ring.check()
    assert ring.videosdk.request_count == 1
    ring.now += REFRESH_AFTER_S + 1
    ring.hold()
    assert ring.check() is SignatureCheck.VALID
    ring.let_go()
    assert ring.videosdk.request_count == 2


def test_a_store_that_cannot_remember_the_key_does_not_matter() -> None:
    def away(pem: Any) -> None:
        raise ConnectionError("the store is unavailable")

    ring = Ring(publishes=public_pem())
    ring.ring._remember = away
    ring.start()
    assert ring.check() is SignatureCheck.VALID


def test_many_threads_ask_once() -> None:
    ring = started()
    ring.now += REFETCH_AFTER_S
    ring.hold()
    lines = []
    threads = [threading.Thread(target=lambda: lines.append(ring.check(signed_by_the_next_key()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    ring.let_go()
    assert lines == [SignatureCheck.UNDECIDED] * 16
    assert ring.videosdk.request_count == 2


class Publisher(ThreadingHTTPServer):
    """Answers what it is told to, and keeps the paths it was asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, status: int = 200, body: bytes = b"", headers: Any = (), drop_s: float = 0.0) -> None:
        class ConsoleAuth(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.paths.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if drop_s:
                    drip(self.wfile.write, body, drop_s)
                else:
                    self.wfile.write(body)

            def log_message(self, format: Any, *args: Any) -> None:
                pass

        server = self
        super().__init__(("127.0.0.1", 0), ConsoleAuth)
        self.paths: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is no error."""


@pytest.fixture
def publish() -> Iterator[Any]:
    servers = []

    def build(*args: Any, **more: Any) -> Any:
        servers.append(Publisher(*args, **more))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1]

    yield build
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_key_is_fetched_from_videosdks_address_without_a_token(publish: Any) -> None:
    server = publish(body=b'{"publicKey": "\\nthe key\\n"}')
    assert fetch_from(server.url + "/")() == "\nthe key\n"
    assert server.paths == [(PATH, None)]


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"null", b"{}", b'{"publicKey": 5}', b'{"publicKey": null}', b"\xff\xfe"]
)
def test_an_answer_without_a_key_is_an_error(publish: Any, body: bytes) -> None:
    with pytest.raises(ValueError):
        fetch_from(publish(body=body).url)()


@pytest.mark.parametrize("status", [302, 401, 404, 500, 503])
def test_another_status_than_200_is_an_error_and_redirects_are_not_followed(publish: Any, status: int) -> None:
    server = publish(status, b'{"publicKey": "x"}', headers=[("Location", "/elsewhere")])
    with pytest.raises(PublicKeyError, match=str(status)):
        fetch_from(server.url)()
    assert len(server.paths) == 1


def test_an_answer_that_comes_drop_by_drop_is_given_up_in_time(publish: Any) -> None:
    server = publish(body=b'{"publicKey": "' + b"x" * 100 + b'"}', drop_s=0.1)
    with pytest.raises(PublicKeyError, match="too slow"):
        fetch_from(server.url, limits=FetchLimits(timeout_s=0.3))()


def test_an_answer_that_is_too_long_is_an_error(publish: Any) -> None:
    with pytest.raises(PublicKeyError, match="too long"):
        fetch_from(publish(body=b'{"publicKey": "' + b"x" * FetchLimits().answer_max_bytes + b'"}').url)()


def test_rotations_through_every_size_are_learnt_over_http(keys_by_size: Any, publish: Any) -> None:
    now = [1_000.0]
    servers = {
        size: publish(body=json.dumps({"publicKey": pem_of(key)}).encode()) for size, key in keys_by_size.items()
    }
    published = [2_048]
    ring = KeyRing(pinned=None, fetch=lambda: fetch_from(servers[published[0]].url)(), clock=lambda: now[0])
    ring.start()
    wait_until(lambda: ring.ready, WITHIN_S, "the first key")
    for size in (2_048, 4_096, 3_072, 2_048):
        published[0] = size
        now[0] += REFETCH_AFTER_S
        header = signed_with(keys_by_size[size])
        wait_until(lambda: ring.check(header, BODY) is SignatureCheck.VALID, WITHIN_S, f"the key of {size} bits")  # noqa: B023
    assert ring.check(signed_with(keys_by_size[4_096]), BODY) is not SignatureCheck.VALID
    assert all(server.paths for server in servers.values())
