"""The receiver: what is taken, what is refused, and that what is taken is in the journal byte for byte."""

import base64
import io
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.support.product import signature, signing_key, webhook
from tests.support.web_client import PROBLEM, ROOM, WebClient, assert_sound, fold_all, journaled
from webhook_app.server.front import WEBHOOK_BODY_MAX_BYTES
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal

BODY = webhook("hls-started", ROOM, id="run-1", playbackHlsUrl="https://cdn.example/run-1/index.m3u8")
FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("doors"))


def opened(store_url: str, tmp_path: Path, **more: Any) -> Any:
    return WebClient(store_url, tmp_path, **more)


def enveloped(data: Any, kind: str = '"hls-started"') -> Any:
    """A body whose type and data are written as given."""
    return f'{{"webhookType": {kind}, "data": {data}}}'.encode()


def roomed(more: Any) -> Any:
    """A body of the room, with something more in its data."""
    return enveloped(f'{{"meetingId": "{ROOM}", "sessionId": "s1", {more}}}')


def test_an_authentic_webhook_is_answered_with_its_journal_id(client: Client, web_client: WebClient) -> None:
    answer = web_client.webhook(BODY)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert set(answer.json) == {"id"}
    assert Journal(client).raw_body(answer.json["id"]) == BODY
    assert journaled(client) == [("hls-started", ROOM, BODY)]


def test_the_same_bytes_twice_are_two_events(client: Client, web_client: WebClient) -> None:
    first, second = web_client.webhook(BODY), web_client.webhook(BODY)
    assert first.json["id"] != second.json["id"]
    assert journaled(client) == [("hls-started", ROOM, BODY)] * 2


def other_key() -> Any:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return base64.b64encode(other.sign(BODY, padding.PKCS1v15(), hashes.SHA256())).decode()


def pss() -> Any:
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return base64.b64encode(signing_key().sign(BODY, pss, hashes.SHA256())).decode()


INAUTHENTIC = {
    "no header": lambda: None,
    "an empty one": lambda: " ",
    "letters outside ASCII": lambda: "sïgnåture",
    "not base64": lambda: "!!!!",
    "base64url": lambda: signature(BODY).replace("+", "-").replace("/", "_") + "-_",
    "too short": lambda: base64.b64encode(b"x" * 255).decode(),
    "too long": lambda: base64.b64encode(b"x" * 257).decode(),
    "very long": lambda: "A" * 60_000,
    "zeros": lambda: base64.b64encode(bytes(256)).decode(),
    "another padding": pss,
    "another key": other_key,
    "another body": lambda: signature(BODY + b" "),
    "a word before it": lambda: "v1=" + signature(BODY),
    "twice": lambda: signature(BODY) * 2,
}


@pytest.mark.parametrize("signed", INAUTHENTIC.values(), ids=INAUTHENTIC.keys())
def test_what_is_not_authentic_is_refused_and_not_kept(client: Client, web_client: WebClient, signed: Any) -> None:
    answer = web_client.webhook(BODY, signed=signed())
    assert answer.status_code == 401
    assert answer.content_type == PROBLEM
    assert answer.json["status"] == 401
    assert answer.json["title"]
    assert journaled(client) == []


@pytest.mark.parametrize("at", [0, 1, len(BODY) // 2, len(BODY) - 1])
def test_a_body_changed_by_one_byte_is_refused(client: Client, web_client: WebClient, at: Any) -> None:
    changed = bytearray(BODY)
    changed[at] ^= 1
    assert web_client.webhook(bytes(changed), signed=signature(BODY)).status_code == 401
    assert web_client.webhook(BODY + b"\n", signed=signature(BODY)).status_code == 401
    assert web_client.webhook(BODY[:-1], signed=signature(BODY)).status_code == 401
    assert journaled(client) == []


def test_two_signature_headers_are_no_signature(client: Client, web_client: WebClient) -> None:
    headers = [("videosdk-signature", signature(BODY)), ("videosdk-signature", signature(BODY))]
    environ = {"HTTP_VIDEOSDK_SIGNATURE": ",".join(value for _, value in headers)}
    assert web_client.http.post("/webhooks/videosdk", data=BODY, environ_overrides=environ).status_code == 401
    assert journaled(client) == []


def test_the_largest_body_is_taken_and_one_byte_more_is_not(client: Client, web_client: WebClient) -> None:
    frame = roomed('"x": ""')
    largest = frame.replace(b'"x": ""', b'"x": "' + b"a" * (WEBHOOK_BODY_MAX_BYTES - len(frame)) + b'"')
    assert len(largest) == WEBHOOK_BODY_MAX_BYTES
    assert web_client.webhook(largest).status_code == 200
    refused = web_client.webhook(largest + b" ")
    assert (refused.status_code, refused.content_type) == (413, PROBLEM)
    assert journaled(client) == [("hls-started", ROOM, largest)]


@pytest.mark.parametrize("announced", [True, False], ids=["with its length", "in chunks"])
def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(
    client: Client, web_client: WebClient, announced: bool
) -> None:
    class Counted(io.RawIOBase):
        handed_out = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def tell(self) -> Any:
            return self.handed_out

        def seek(self, offset: Any, whence: int = 0) -> Any:
            return 10_000_000 if whence == 2 else offset

        def readinto(self, into: Any) -> Any:
            if self.handed_out >= 10_000_000:
                return 0
            into[:] = b"a" * len(into)
            self.handed_out += len(into)
            return len(into)

    stream = Counted()
    environ = {"CONTENT_LENGTH": "10000000"} if announced else {"wsgi.input_terminated": True}
    answer = web_client.http.post(
        "/webhooks/videosdk",
        input_stream=io.BufferedReader(stream),
        headers={"videosdk-signature": signature(b"")},
        environ_overrides=environ,
    )
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)
    assert stream.handed_out <= 2 * WEBHOOK_BODY_MAX_BYTES
    assert journaled(client) == []


def test_a_body_without_its_length_is_read_to_its_end(client: Client, web_client: WebClient) -> None:
    answer = web_client.http.post(
        "/webhooks/videosdk",
        input_stream=io.BytesIO(BODY),
        headers={"videosdk-signature": signature(BODY)},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 200
    assert journaled(client) == [("hls-started", ROOM, BODY)]


UNREADABLE = {
    "nothing": b"",
    "one space": b" ",
    "no JSON": b"hello",
    "half": BODY[:-1],
    "more after it": BODY + b"{}",
    "NUL": b"\x00",
    "NULs": b"\x00" * 1_000,
    "a list": b"[]",
    "a text": b'"hls-started"',
    "null": b"null",
    "a number": b"5",
    "an empty object": b"{}",
    "no type": b'{"data": {"meetingId": "abcd-efgh-ijkl"}}',
    "a type that is a number": enveloped('{"meetingId": "abcd-efgh-ijkl"}', "5"),
    "a type that is null": enveloped("{}", "null"),
    "a type that is a list": enveloped("{}", '["hls-started"]'),
    "an empty type": enveloped("{}", '""'),
    "a type with a space": enveloped("{}", '"hls started"'),
    "a type with a NUL": enveloped("{}", r'"hls\u0000"'),
    "a type in other letters": enveloped("{}", '"hls-stärted"'),
    "a type that is too long": enveloped("{}", '"' + "x" * 101 + '"'),
    "data that is a list": enveloped("[]"),
    "data that is a text": enveloped('"x"'),
    "data that is a number": enveloped("1"),
    "100,000 lists in each other": b"[" * 100_000 + b"]" * 100_000,
    "100,000 lists that do not end": b"[" * 100_000,
    "100,000 objects in each other": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "100,000 lists in its data": roomed('"x": ' + "[" * 100_000 + "]" * 100_000),
    "65 lists in its data": roomed('"x": ' + "[" * 65 + "]" * 65),
}

READABLE = {
    "an unknown type": (enveloped(f'{{"meetingId": "{ROOM}"}}', '"future-thing.v2"'), "future-thing.v2", ROOM),
    "a type that is ours for something else": (enveloped("{}", '"rule-put"'), "rule-put", ""),
    "no room": (enveloped('{"id": "r1", "type": "agent"}', '"resource-acquired"'), "resource-acquired", ""),
    "the room under its name in REST": (enveloped('{"roomId": "r-9"}'), "hls-started", "r-9"),
    "both names of the room": (enveloped('{"roomId": "r-9", "meetingId": "m-9"}'), "hls-started", "m-9"),
    "a session that is null": (enveloped('{"meetingId": "m", "sessionId": null}'), "hls-started", "m"),
    "white space around it": (b"\r\n\t " + BODY + b" \n", "hls-started", ROOM),
    "keys twice": (
        b'{"webhookType": "a", "webhookType": "hls-started", "data": {"meetingId": "x", "meetingId": "y"}}',
        "hls-started",
        "y",
    ),
    "further keys": (b'{"webhookType": "hls-started", "data": {"meetingId": "m"}, "v": [1]}', "hls-started", "m"),
    "other letters": (roomed('"participantName": "Zoë 🎥 \\u0000 \\u202e"'), "hls-started", ROOM),
    "a pair of surrogates": (roomed(r'"x": "\ud83c\udfa5"'), "hls-started", ROOM),
    "a room in other letters": (enveloped('{"meetingId": "zimmer-ä-🎥"}'), "hls-started", "zimmer-ä-🎥"),
    "a room with a NUL": (enveloped(r'{"meetingId": "a\u0000b"}'), "hls-started", "a\ufffdb"),
    "a room with a line end": (enveloped(r'{"meetingId": "a\nb|c:d"}'), "hls-started", "a\ufffdb|c:d"),
    "a room named as one of our keys": (enveloped('{"meetingId": "current"}'), "hls-started", "current"),
    "a name that is no text": (roomed('"participantName": {"first": 1}, "id": 7'), "hls-started", ROOM),
    "a URL that is no text": (roomed('"playbackHlsUrl": ["x"], "livestreamUrl": 5'), "hls-started", ROOM),
    "a number of 4,000 digits": (roomed('"x": ' + "9" * 4_000), "hls-started", ROOM),
    "a byte order mark": (b"\xef\xbb\xbf" + BODY, "hls-started", ROOM),
    "UTF-16": (BODY.decode().encode("utf-16"), "hls-started", ROOM),
    "bytes that are no UTF-8": (roomed('"x": "\xff\xfe\x80"').decode().encode("latin-1"), "hls-started", ROOM),
    "a room with bytes that are no UTF-8": (
        enveloped('{"meetingId": "a\xe9b"}').decode().encode("latin-1"),
        "hls-started",
        "a\ufffdb",
    ),
    "a NUL in a text": (roomed('"x": "\x00"'), "hls-started", ROOM),
    "a lone surrogate": (roomed(r'"x": "\ud800"'), "hls-started", ROOM),
    "a lone surrogate in the room": (enveloped(r'{"meetingId": "a\udfffb"}'), "hls-started", "a\ufffdb"),
    "a lone surrogate in a name": (roomed(r'"\ud800": {"\udc00": ["\ud800"]}'), "hls-started", ROOM),
    "surrogates the wrong way round": (roomed(r'"x": "\udc00\ud800"'), "hls-started", ROOM),
    "a surrogate in bytes": (roomed('"x": "?"').replace(b"?", b"\xed\xa0\x80"), "hls-started", ROOM),
    "NaN": (roomed('"x": NaN, "y": -Infinity'), "hls-started", ROOM),
    "a number that overflows": (roomed('"x": 1e400, "y": -1e400'), "hls-started", ROOM),
    "a number of 5,000 digits": (roomed('"x": ' + "9" * 5_000), "hls-started", ROOM),
    "no data": (b'{"webhookType": "hls-started"}', "hls-started", ""),
    "data that is null": (enveloped("null"), "hls-started", ""),
    "no data, and the ids beside the type": (
        b'{"webhookType": "hls-started", "meetingId": "m", "sessionId": "s"}',
        "hls-started",
        "m",
    ),
    "type in place of webhookType": (b'{"type": "hls-started", "data": {"roomId": "m"}}', "hls-started", "m"),
    "webhookType that is null": (
        b'{"webhookType": null, "type": "hls-started", "data": {"roomId": "m"}}',
        "hls-started",
        "m",
    ),
    "a type with a line end": (enveloped("{}", r'"hls-started\n"'), "hls-started", ""),
    "a room that is a number": (enveloped('{"meetingId": 5}'), "hls-started", "5"),
    "a room that is an object": (enveloped('{"meetingId": {"id": "x"}}'), "hls-started", ""),
    "a room that is null": (enveloped('{"meetingId": null, "roomId": null}'), "hls-started", ""),
    "one of two rooms that is null": (enveloped('{"meetingId": null, "roomId": "r-9"}'), "hls-started", "r-9"),
    "a room that is empty": (enveloped('{"meetingId": ""}'), "hls-started", ""),
    "a room that is too long": (enveloped('{"meetingId": "' + "x" * 201 + '"}'), "hls-started", ""),
    "a session that is a number": (enveloped('{"meetingId": "a", "sessionId": 5}'), "hls-started", "a"),
    "a session that is a list": (enveloped('{"meetingId": "a", "sessionId": ["s"]}'), "hls-started", "a"),
    "a session with a line end": (enveloped(r'{"meetingId": "a", "sessionId": "s\n1"}'), "hls-started", "a"),
    "a stream with control characters": (roomed(r'"id": "run\u001b[2J\u0000"'), "hls-started", ROOM),
    "a participant that is an object": (enveloped('{"meetingId": "a", "participantId": {}}'), "hls-started", "a"),
    "60 lists in its data": (roomed('"x": ' + "[" * 60 + "]" * 60), "hls-started", ROOM),
    "a thousand lists beside each other": (roomed('"x": [' + "[]," * 1_000 + "[]]"), "hls-started", ROOM),
    "a large number": (roomed('"x": 18446744073709551615, "y": -1e300'), "hls-started", ROOM),
    "a session of the longest name": (
        enveloped('{"meetingId": "m", "sessionId": "' + "s" * 200 + '"}'),
        "hls-started",
        "m",
    ),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_authentic_but_unreadable_is_kept_byte_for_byte_and_folded(
    client: Client, web_client: WebClient, body: Any
) -> None:
    answer = web_client.webhook(body)
    assert answer.status_code == 200
    assert journaled(client) == [("unreadable", "", body)]
    fold_all(client)
    assert_sound(client)
    shown = web_client.get(f"/events/{answer.json['id']}")
    assert (shown["type"], shown["effect"]) == ("unreadable", "Recorded only: authentic, but not readable")
    assert shown["data"]["bytes"] == len(body)
    assert shown["data"]["reason"]
    [alarm] = web_client.get("/alarms?active=true")["items"]
    assert (alarm["name"], alarm["severity"]) == ("webhooks-unreadable", "warning")
    assert alarm["summary"].startswith("Webhooks not readable since ")
    assert shown["data"]["reason"] in alarm["summary"]


@pytest.mark.parametrize("kept", READABLE.values(), ids=READABLE.keys())
def test_what_is_authentic_and_readable_is_kept_byte_for_byte_and_folded(
    client: Client, web_client: WebClient, kept: Any
) -> None:
    body, kind, room = kept
    answer = web_client.webhook(body)
    assert answer.status_code == 200
    assert journaled(client) == [(kind, room, body)]
    fold_all(client)
    assert_sound(client)
    shown = web_client.get(f"/events/{answer.json['id']}")
    assert (shown["type"], shown["room_id"] or "", shown["source"]) == (kind, room, "videosdk")
    assert shown["effect"]


def test_all_of_them_in_one_room_are_folded_together(client: Client, web_client: WebClient) -> None:
    bodies = [*UNREADABLE.values(), *(body for body, _, _ in READABLE.values())]
    for body in bodies:
        assert web_client.webhook(body).status_code == 200
    assert fold_all(client) == len(bodies)
    assert_sound(client)
    assert len(web_client.get("/events?limit=500")["items"]) == len(bodies)


@pytest.mark.parametrize("depth", [50, 150, 500, 900, 940, 960, 980, 990, 995, 1_000, 5_000])
def test_however_deep_a_body_is_it_is_folded_wherever_the_reducer_runs(
    client: Client, web_client: WebClient, depth: int
) -> None:
    body = roomed('"x": ' + "[" * depth + "]" * depth)
    shallow = []
    thread = threading.Thread(target=lambda: shallow.append(web_client.webhook(body).status_code))
    thread.start()
    thread.join(10)
    assert shallow == [200]
    assert journaled(client)[0][2] == body

    def far_down(frames: Any) -> Any:
        return fold_all(client) if frames == 0 else far_down(frames - 1)

    assert far_down(120) == 1
    assert_sound(client)
    assert web_client.get("/events")["items"][0]["effect"]
    assert sys.getrecursionlimit() == 1_000


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "nonsense"],
)
def test_the_content_type_is_ignored(client: Client, web_client: WebClient, content_type: str | None) -> None:
    assert web_client.webhook(BODY, content_type=content_type).status_code == 200
    assert journaled(client) == [("hls-started", ROOM, BODY)]


def test_another_method_is_refused(client: Client, web_client: WebClient) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = web_client.http.open("/webhooks/videosdk", method=method, data=BODY)
        assert (answer.status_code, answer.content_type) == (405, PROBLEM)
    assert journaled(client) == []


def test_rooms_that_are_not_ours_are_answered_and_not_kept(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, rooms=("abcd-*", "hall?"))
    for room, ours in {ROOM: True, "hall1": True, "hall12": False, "wxyz": False, "ABCD-x": False}.items():
        answer = web_client.webhook(webhook("hls-started", room))
        assert answer.status_code == 200
        assert (answer.json["id"] is not None) == ours
    assert [room for _, room, _ in journaled(client)] == [ROOM, "hall1"]


def test_webhooks_without_a_room_are_kept_with_any_room_filter(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, rooms=("abcd-*",))
    assert web_client.webhook(enveloped("{}", '"resource-acquired"')).json["id"]
    assert web_client.webhook(b"not JSON").json["id"]
    assert [kind for kind, _, _ in journaled(client)] == ["resource-acquired", "unreadable"]


def test_rooms_that_are_not_ours_need_a_signature_too(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, rooms=("abcd-*",))
    assert web_client.webhook(webhook("hls-started", "wxyz"), signed=None).status_code == 401


def test_with_a_token_webhooks_are_taken_at_the_address_with_the_token_only(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client = opened(store_url, tmp_path, webhook_token="tok-en_12345")
    wrong_paths = [
        "",
        "/",
        "/wrong",
        "/tok-en_1234",
        "/tok-en_12345x",
        "/TOK-EN_12345",
        "/tok-en_12345/x",
        "/%ff",
        "/ä",
    ]
    for path in wrong_paths:
        answer = web_client.webhook(BODY, path=f"/webhooks/videosdk{path}")
        assert (answer.status_code, answer.content_type) == (404, PROBLEM), path
    assert journaled(client) == []
    assert web_client.webhook(BODY, path="/webhooks/videosdk/tok-en_12345").status_code == 200
    assert journaled(client) == [("hls-started", ROOM, BODY)]


@pytest.mark.parametrize("token", [None, "tok-en_12345"])
def test_slashes_too_many_in_the_address_are_forgiven(
    client: Client, store_url: str, tmp_path: Path, token: str | None
) -> None:
    web_client = opened(store_url, tmp_path, webhook_token=token)
    inbox = "/webhooks/videosdk" + (f"/{token}" if token else "")
    for path in (inbox, inbox + "/", inbox + "//", "/" + inbox, inbox.replace("/videosdk", "//videosdk")):
        answer = web_client.webhook(BODY, environ_overrides={"PATH_INFO": path})
        assert answer.status_code == 200, path
    assert len(journaled(client)) == 5


def test_webhooks_to_a_wrong_address_are_counted(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, webhook_token="tok-en_12345")
    for path in ("/webhooks/videosdk", "/webhooks/videosdk/other", "/webhooks/elsewhere", "/webhooks"):
        assert web_client.webhook(BODY, path=path).status_code == 404
    web_client.web.counts.flush()
    assert client.hget(keys.COUNTS, "unknown|wrong-address") == b"4"


def test_with_a_token_the_signature_is_checked_all_the_same(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, webhook_token="tok-en_12345")
    assert web_client.webhook(BODY, signed=None, path="/webhooks/videosdk/tok-en_12345").status_code == 401


def test_without_a_token_there_is_nothing_below_the_address(client: Client, web_client: WebClient) -> None:
    for path in ("/x", "/None", "/%20"):
        assert web_client.webhook(BODY, path=f"/webhooks/videosdk{path}").status_code == 404
    assert journaled(client) == []


def test_when_the_store_is_unavailable_videosdk_is_asked_to_retry(client: Client, tmp_path: Path) -> None:
    web_client = opened(f"unix://{tmp_path}/no.sock", tmp_path)
    answer = web_client.webhook(BODY)
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert int(answer.headers["Retry-After"]) >= 1
    assert web_client.webhook(BODY, signed=None).status_code == 401
    assert journaled(client) == []


def test_a_store_that_comes_back_is_used_again(client: Client, store_url: str, tmp_path: Path) -> None:
    link = tmp_path / "link.sock"
    web_client = opened(f"unix://{link}", tmp_path)
    assert web_client.webhook(BODY).status_code == 503
    link.symlink_to(store_url.removeprefix("unix://").partition("?")[0])
    assert web_client.webhook(BODY).status_code == 200
    assert journaled(client) == [("hls-started", ROOM, BODY)]


def test_replicas_that_are_missing_are_waited_for_in_vain(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, ack_replicas=1)
    answer = web_client.webhook(BODY)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_receiver_alone_serves_no_api_and_no_page(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, surface="receiver")
    assert web_client.webhook(BODY).status_code == 200
    for path in ("/", "/login", "/api/v1/rooms", "/openapi.json", "/docs"):
        assert web_client.http.get(path).status_code == 404, path


def test_a_console_alone_takes_no_webhooks(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path, surface="console")
    assert web_client.webhook(BODY).status_code == 404
    assert journaled(client) == []
    assert web_client.get("/rooms")["items"] == []


def test_without_a_key_webhooks_get_an_answer_that_asks_for_a_retry(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client = opened(store_url, tmp_path, videosdk_public_key=None, videosdk_api_url="http://127.0.0.1:9")
    answer = web_client.webhook(BODY)
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert answer.headers["Retry-After"]
    assert web_client.webhook(BODY, signed="no base64").status_code == 401
    assert journaled(client) == []


def test_many_webhooks_at_once_are_each_kept_once(client: Client, web_client: WebClient) -> None:
    bodies = [webhook("participant-joined", ROOM, participantId=f"p{at}") for at in range(64)]
    signed = [(body, signature(body)) for body in bodies]
    ids = []

    def send(part: Any) -> None:
        http = web_client.web.app.test_client()
        for body, header in part:
            answer = http.post("/webhooks/videosdk", data=body, headers={"videosdk-signature": header})
            ids.append(answer.get_json()["id"])

    threads = [threading.Thread(target=send, args=(signed[at::16],)) for at in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(ids)) == 64
    assert sorted(body for _, _, body in journaled(client)) == sorted(bodies)


def test_webhooks_are_counted_by_type_and_outcome(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = opened(store_url, tmp_path)
    web_client.webhook(BODY)
    web_client.webhook(BODY, signed=None)
    web_client.webhook(b"no JSON")
    web_client.webhook(enveloped("{}", '"some-type-nobody-knows"'))
    web_client.web.counts.flush()
    assert client.hgetall(keys.COUNTS) == {
        b"hls-started|kept": b"1",
        b"unknown|unsigned": b"1",
        b"unreadable|kept": b"1",
        b"other|kept": b"1",
    }


@FUZZ
@given(body=some.binary(max_size=400))
def test_any_bytes_that_videosdk_signed_are_kept_as_they_are_and_folded(
    client: Client, web_client: WebClient, body: Any
) -> None:
    kept_and_folded(client, web_client, body)


texts = some.text(max_size=20)
leaves = some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | texts
anything = some.recursive(
    leaves, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(texts, inner, max_size=3), max_leaves=8
)
types = some.sampled_from(
    "hls-starting hls-started hls-playable hls-stopping hls-stopped hls-failed session-started session-ended "
    "participant-joined participant-left recording-started file-applied settings timer".split()
)
names = some.sampled_from(
    "meetingId roomId sessionId participantId participantName id playbackHlsUrl livestreamUrl error start end".split()
)
values = some.sampled_from(["a", "b", "https://x/y/index.m3u8", "https://x/z/live.m3u8", ""]) | anything
bodies = some.fixed_dictionaries(
    {
        "webhookType": types | types | types | anything,
        "data": some.fixed_dictionaries({"meetingId": some.sampled_from(["a", "b"])}).flatmap(
            lambda base: some.dictionaries(names, values, max_size=8).map(lambda more: {**more, **base})
        )
        | some.dictionaries(names, values, max_size=8)
        | anything,
    }
)


@FUZZ
@given(body=bodies | anything)
def test_any_json_that_videosdk_signed_is_kept_as_it_is_and_folded(
    client: Client, web_client: WebClient, body: Any
) -> None:
    kept_and_folded(client, web_client, json.dumps(body, allow_nan=False).encode("utf-8", "surrogatepass"))


def kept_and_folded(client: Client, web_client: Any, body: Any) -> None:
    answer = web_client.webhook(body)
    assert answer.status_code == 200
    assert Journal(client).raw_body(answer.json["id"]) == body
    fold_all(client)
    assert_sound(client)
