"""Channels that people read: a real mail server and a real chat endpoint, the words, and what is not said twice."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from requests.adapters import HTTPAdapter

from tests.support.delivery_harness import DeliveryHarness
from tests.support.pauses import drip
from tests.support.polling import scaled_limit
from tests.support.ports import free_ports
from tests.support.values import present
from tests.support.web_client import ROOM, WebClient
from webhook_app.config.values import networks
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.text import STALE_TEXT, announced_state, render_notice
from webhook_app.domain.notices.types import NoticeType, WebhookNoticeType
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.outbound.apprise_urls import apprise_plugin, masked_channel_url
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from workers.channels import egress_guard
from workers.channels.apprise import ALREADY_ANNOUNCED
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_protocol import SendRequest
from workers.channels.apprise_sender import AppriseSender
from workers.channels.egress_guard import EgressGuard

BASE = "https://tally.example.org"
STREAM = {
    "stream_id": "st_1",
    "state": "playable",
    "started_at": "2026-11-22T10:00:02.000Z",
    "ended_at": None,
    "playback_url": "https://cdn.example/a/index.m3u8",
}


class Letters:
    """What a mail server has been given."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the mail server's own name
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[Any]:
    [port] = free_ports(1)
    letters = Letters(port)
    controller = Controller(letters, hostname="127.0.0.1", port=port)
    controller.start()
    yield letters
    controller.stop()


def notice(kind: str = "stream.playable", because: str = "rule:sunday-service", **data: Any) -> Any:
    notice_type = WebhookNoticeType(kind) if kind not in set(NoticeType) else NoticeType(kind)
    return make_notice("1-0", notice_type, 1_795_600_000_000, room_id=ROOM, sequence=7, because=because, data=data)


def test_a_mail_says_what_where_why_since_when_and_where_to_look(harness: DeliveryHarness, mail: Any) -> None:
    harness.base_url = BASE
    harness.client.set(keys.NAMES, codec.encode({"main-hall": ConfiguredRoom("main-hall", ROOM, ())}))
    harness.subscribe(
        "mail", url=f"mailto://127.0.0.1:{mail.port}?from=tally@example.org&to=ops@example.org&mode=insecure"
    )
    harness.announce("stream.playable", because="rule:sunday-service", stream=STREAM)
    harness.deliver()
    assert [delivery.state for delivery in harness.deliveries()] == [DeliveryState.DELIVERED], harness.deliveries()
    [letter] = mail.received
    assert letter["Subject"] == "main-hall is on air"
    text = letter.get_body(("plain", "html")).get_content()
    for part in (ROOM, "sunday-service", "2026-11-22 10:00:02 UTC", f"{BASE}/rooms/{ROOM}", STREAM["playback_url"]):
        assert part in text


def test_a_chat_receives_each_state_once(harness: DeliveryHarness) -> None:
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    for kind in ("playable", "playable", "stopped", "playable"):
        harness.announce(f"stream.{kind}", stream=STREAM)
        harness.deliver()
    titles = [post.json["title"] for post in harness.endpoint.at("/chat")]
    assert titles == [f"{ROOM} is on air", f"{ROOM} is off air", f"{ROOM} is on air"]
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}
    assert [delivery.attempts[-1].response for delivery in harness.deliveries()].count(ALREADY_ANNOUNCED) == 1


def test_a_chat_that_refuses_is_retried_and_its_answer_is_kept(harness: DeliveryHarness) -> None:
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.endpoint.answers["/chat"] = [503, 200]
    harness.announce("stream.playable", stream=STREAM)
    harness.deliver()
    delivery = harness.only()
    assert (delivery.state, delivery.attempts[0].error, delivery.attempts[0].status) == (
        DeliveryState.PENDING,
        "status",
        503,
    )
    harness.make_due()
    harness.deliver()
    assert harness.only().state is DeliveryState.DELIVERED
    assert len(harness.endpoint.at("/chat")) == 2


def test_a_slack_endpoint_gets_slacks_own_body(harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"
    text = render_notice(notice("stream.failed", stream=STREAM | {"failure": "5003"}), room_name=None, base_url=None)

    async def run() -> Any:
        async with harness.open():
            monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{harness.port}/slack")
            guard = EgressGuard(networks("127.0.0.0/8"))
            return await asyncio.to_thread(
                AppriseSender(AppriseLimits()).send, SendRequest(1, url, text.title, text.body), guard
            )

    asyncio.run(run())
    [post] = harness.endpoint.posts
    assert post.path.startswith("/slack")
    assert "5003" in json.dumps(post.json)
    assert f"{ROOM} failed" in json.dumps(post.json)


def test_a_channel_inside_is_blocked(harness: DeliveryHarness) -> None:
    harness.subscribe("inside", url="json://10.0.0.1/chat", rate_limit=100)
    harness.announce("stream.playable", stream=STREAM)
    harness.deliver()
    assert harness.only().attempts[0].error == "blocked"
    assert (
        "10.0.0.1 is private, loopback or reserved. ALLOW_NETWORKS can allow it." in harness.only().attempts[0].response
    )


def test_a_redirect_leads_a_channel_nowhere_inside(harness: DeliveryHarness) -> None:
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.endpoint.answers["/chat"] = [302]
    harness.endpoint.headers["Location"] = "http://169.254.169.254/latest/meta-data"
    harness.announce("stream.playable", stream=STREAM)
    harness.deliver()
    assert harness.only().attempts[0].error == "blocked"


@pytest.fixture
def installed_guard(monkeypatch: Any) -> None:
    """The egress guard's patches in this process, for one test."""
    for owner, name in ((socket, "getaddrinfo"), (socket.socket, "connect"), (HTTPAdapter, "send")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setenv("https_proxy", "http://10.0.0.1:3128")
    egress_guard.install()


@pytest.mark.usefixtures("installed_guard")
def test_proxies_that_the_environment_names_are_forgotten() -> None:
    assert "https_proxy" not in os.environ


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nosuch://x", "cannot be sent to like this"),
        ("syslog://", "reached neither by HTTP nor by mail"),
        ("rsyslog://host", "reached neither by HTTP nor by mail"),
        ("slack://only-one-token", "cannot be sent to like this"),
        ("json://example.com/?template=/etc/passwd", "names a file"),
        ("mailto://u:p@example.com?pgpkey=x", "names a file"),
        ("json://127.0.0.1/x", "loopback"),
        ("json://2130706433/x", "private"),
        ("http://0x7f.1/x", "loopback"),
        ("mailto://u:p@localhost/", "loopback"),
    ],
)
def test_a_channel_that_could_never_be_delivered_to_is_refused_with_the_reason(
    client: Client, store_url: str, tmp_path: Path, url: str, says: str
) -> None:
    answer = WebClient(store_url, tmp_path).api("POST", "/subscribers", {"url": url})
    assert answer.status_code == 422
    assert says in answer.json["errors"]["url"][0]


def test_a_channels_secrets_are_never_shown(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path)
    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"
    created = web_client.api("POST", "/subscribers", {"url": url}).json
    assert created["url"].startswith("slack://")
    kept = b"".join(client.hvals(keys.SUBSCRIBERS)).decode()
    everything = (
        json.dumps([created, web_client.get("/subscribers"), web_client.get(f"/subscribers/{created['id']}")]) + kept
    )
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in everything
    assert created["rate_limit"] == 1
    assert web_client.api("POST", f"/subscribers/{created['id']}/rotate-secret").status_code == 409


def test_apprise_knows_and_masks_the_usual_ones() -> None:
    for url in ("tgram://123456789:abcdefg_hijklmnop/12315544/", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"):
        assert apprise_plugin(url) is not None
        assert url[12:30] not in masked_channel_url(url)


@pytest.mark.parametrize(
    ("kind", "data", "title"),
    [
        ("stream.failed", {"stream": STREAM}, f"{ROOM} failed"),
        (
            "broadcast.late",
            {"rule": "x", "reason": "no session"},
            f"{ROOM} is late",
        ),
        ("participant.joined", {"participant": {"participant_id": "p", "name": "Ada"}}, f"{ROOM}: Ada joined"),
        ("call.refused", {"call": {"kind": "start", "message": "quota"}}, f"{ROOM}: VideoSDK refused to start"),
        ("alarm.raised", {"alarm": {"name": "disk", "summary": "full", "since": "x"}}, f"{ROOM}: Alarm: disk"),
        ("alarm.raised", {"alarm": {"name": "broadcast-late", "since": "x"}}, f"{ROOM}: Alarm: A broadcast is late"),
        (
            "alarm.cleared",
            {"alarm": {"name": "max-streams", "since": "x"}},
            f"{ROOM}: Resolved: All streams are in use",
        ),
        ("broadcast.late", {"output": "hls"}, f"{ROOM} is late"),
        ("broadcast.late", {"output": "recording"}, f"{ROOM} (recording) is late"),
        (
            "call.refused",
            {"call": {"kind": "start", "output": "rtmp"}},
            f"{ROOM} (RTMP stream): VideoSDK refused to start",
        ),
        ("rule.slow", {"message": "too slow"}, "too slow"),
        ("something.new", {}, f"{ROOM}: something.new"),
    ],
)
def test_each_notice_has_its_words(kind: str, data: dict[str, Any], title: str) -> None:
    text = render_notice(notice(kind, **data), room_name=None, base_url=None)
    assert text.title == title
    why = "Started by rule" if kind == "stream.failed" else "Rule:"
    assert f"{why} sunday-service" in text.body


def test_what_is_counted_is_said_each_time_and_a_state_only_once() -> None:
    assert announced_state(notice("rule.slow", message="x")) is None
    assert announced_state(notice("participant.joined")) is None
    first, second = (
        present(announced_state(notice("stream.playable", stream={"stream_id": stream_id}))) for stream_id in ("a", "b")
    )
    assert first[0] == second[0] and first[1] != second[1]


def test_the_same_state_of_each_output_is_announced_by_itself() -> None:
    window = {"rule": "sunday-service", "opens_at": "2026-11-22T10:00:00.000Z"}
    late = [announced_state(notice("broadcast.late", **window, **more)) for more in ({}, {"output": "hls"})]
    assert late[0] == late[1] == (f"{ROOM}|broadcast", "broadcast.late sunday-service 2026-11-22T10:00:00.000Z")
    of_recording = present(announced_state(notice("broadcast.late", **window, output="recording")))
    assert of_recording[0] == f"{ROOM}|broadcast|recording"
    stopped = announced_state(notice("recording.stopped", stream={"stream_id": "a"}))
    assert stopped == (f"{ROOM}|recording", "recording.stopped a")


def test_a_recording_that_is_ready_names_its_files() -> None:
    files = [{"path": "a.mp4", "url": "https://cdn.example/a.mp4"}, {"path": "own/b.mp4", "url": None}]
    stream = STREAM | {"output": "recording", "playback_url": None, "ended_at": "x", "duration_s": 61, "files": files}
    text = render_notice(notice("recording.ready", stream=stream), room_name=None, base_url=None)
    assert text.title == f"{ROOM}: recording is ready"
    assert "File: https://cdn.example/a.mp4\nFile: own/b.mp4" in text.body
    assert "ran for 1 min 1 s" in text.body


def test_a_channel_that_hangs_is_given_up_after_its_time(harness: Any) -> None:
    harness.apprise = AppriseLimits(total_timeout_s=0.2, read_timeout_s=0.5)
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.slow = ("/chat", 1.0)
    harness.announce("stream.playable", stream=STREAM)
    harness.deliver()
    assert harness.only().attempts[0].error == "timeout"


def test_allowed_networks_may_receive_notices(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, allow_networks=networks("127.0.0.0/8"))
    assert web_client.api("POST", "/subscribers", {"url": "json://127.0.0.1:9/x"}).status_code == 201


@pytest.mark.parametrize(
    "name", ["<b>Ann</b> <a href='https://evil.example'>log in</a>", "Ann\r\nBcc: all@example.org", "é" * 400]
)
def test_markup_in_the_name_of_a_participant_has_no_effect(harness: DeliveryHarness, mail: Any, name: str) -> None:
    url = f"mailto://127.0.0.1:{mail.port}?from=tally@example.org&to=ops@example.org&mode=insecure"
    harness.subscribe("mail", url=url, rate_limit=100)
    harness.announce("participant.joined", participant={"participant_id": "p1", "name": name}, reason=name)
    harness.deliver()
    assert harness.only().state is DeliveryState.DELIVERED
    [letter] = mail.received
    assert letter.get_content_type() == "text/plain"
    assert (letter["to"], letter["bcc"]) == ("ops@example.org", None)
    shown = " ".join(name.split())
    reason, because = letter.get_content().splitlines()[:2]
    assert reason == f"Reason: {shown}" and because.startswith("Time: ")
    assert shown[:60] in letter["subject"]


def test_a_name_mentions_no_members_of_a_chat() -> None:
    created = notice("participant.joined", participant={"name": "@everyone <!channel> <@U1> ann@example.org"})
    title = render_notice(created, room_name=None, base_url=None).title
    assert not any(call in title for call in ("@everyone", "<!", "<@"))
    assert "ann@example.org" in title


def answering(say: Any) -> Any:
    """A port that answers each request with what `say` writes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: Any) -> None:
        with connection:
            try:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
                say(connection)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    return listening


def test_an_answer_that_never_ends_does_not_fill_the_memory(harness: DeliveryHarness) -> None:
    sent = []

    def say(connection: Any) -> None:
        while True:
            connection.sendall(b"x" * 65_536)
            sent.append(65_536)

    with answering(say) as endless:
        harness.subscribe("chat", url=f"json://127.0.0.1:{endless.getsockname()[1]}/", rate_limit=100)
        harness.announce()
        harness.deliver()
    assert harness.only().attempts[0].error == "refused"
    assert sum(sent) < 16 * egress_guard.RESPONSE_MAX_BYTES


def test_a_channel_that_drips_gives_its_thread_back_and_is_alone_to_blame(harness: Any) -> None:
    harness.apprise = AppriseLimits(concurrency=2, total_timeout_s=1.0, wait_s=0.2)
    broken_off = threading.Semaphore(0)

    def say(connection: Any) -> None:
        try:
            while True:
                drip(connection.sendall, b"x", 0.05)
        finally:
            broken_off.release()

    with answering(say) as dripping:
        for at in range(4):
            harness.subscribe(f"drip{at}", url=f"json://127.0.0.1:{dripping.getsockname()[1]}/", rate_limit=100)
        harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
        harness.announce()
        harness.deliver()
        for _ in range(4):
            assert broken_off.acquire(timeout=scaled_limit(5))
    assert [attempt.error for attempt in harness.only("chat").attempts] == [None]
    assert [attempt.error for at in range(4) for attempt in harness.only(f"drip{at}").attempts] == ["timeout"] * 4


@pytest.mark.usefixtures("installed_guard")
def test_a_channel_that_connects_by_itself_is_checked_too() -> None:
    guard = EgressGuard(())
    with (
        egress_guard.guarded(guard),
        socket.socket() as connection,
        pytest.raises(OSError, match="is private, loopback or reserved"),
    ):
        connection.connect(("127.0.0.1", 9))
    assert guard.blocked
    with (
        egress_guard.guarded(EgressGuard(())),
        socket.socket(socket.AF_UNIX) as connection,
        pytest.raises(OSError, match="public"),
    ):
        connection.connect("/run/any.sock")


def test_a_late_message_to_a_chat_says_that_it_is_late(harness: DeliveryHarness) -> None:
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.endpoint.answers["/chat"] = [500, 200]

    async def run() -> None:
        async with harness.open() as [deliverer]:  # and so one Apprise process
            harness.announce("stream.started")
            await deliverer.run()
            harness.announce("stream.playable")
            await deliverer.run()
            harness.make_due()
            await deliverer.run()

    asyncio.run(run())
    titles = [json.loads(post.body)["message"] for post in harness.endpoint.at("/chat")]
    assert [STALE_TEXT in text for text in titles] == [False, False, True]
