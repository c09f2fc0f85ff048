"""VideoSDK's webhooks and statuses in our own words."""

import pytest

from webhook_app.domain.facts.provider import (
    OtherWebhook,
    ParticipantJoined,
    ParticipantLeft,
    ProviderFact,
    SessionEnded,
    SessionStarted,
    StreamSignal,
    UnreadableWebhook,
)
from webhook_app.domain.facts.results import Access, Picture, WebhookDeliveries
from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import File, StreamReport
from webhook_app.providers.videosdk.modes import MODE_ROLES
from webhook_app.providers.videosdk.translation import VideoSDKTranslator

TRANSLATOR = VideoSDKTranslator()
FOLDER = "https://cdn.example/meetings-hls/a"


@pytest.mark.parametrize("state", list(StreamState))
def test_each_hls_webhook_is_a_stream_signal(state: StreamState) -> None:
    fact = TRANSLATOR.webhook(f"hls-{state}", {"meetingId": "room", "sessionId": "s", "id": "a"})
    shows_session = state in (StreamState.STARTING, StreamState.STARTED, StreamState.PLAYABLE)
    assert fact == StreamSignal(state, StreamReport(videosdk_id="a", session_id="s"), shows_session)


@pytest.mark.parametrize(
    ("kind", "data", "fact"),
    [
        ("session-started", {"sessionId": "s"}, SessionStarted("s")),
        ("session-ended", {"sessionId": "s"}, SessionEnded("s")),
        (
            "session-ended",
            {"sessionId": "s", "reason": "idle", "error": {"message": "x", "code": 7}},
            SessionEnded("s", "idle", "x (7)"),
        ),
        (
            "participant-joined",
            {"sessionId": "s", "participantId": "p", "participantName": "Ada", "mode": "viewer"},
            ParticipantJoined("s", "p", "Ada", "VIEWER", MODE_ROLES),
        ),
        ("participant-joined", {"sessionId": "s"}, ParticipantJoined("s", None, None, None, MODE_ROLES)),
        ("participant-left", {"sessionId": "s", "participantId": "p", "name": "Ada"}, ParticipantLeft("s", "p", "Ada")),
        ("participant-joined", {"participantId": "p"}, OtherWebhook(None, shows_session=False)),
        ("session-ended", {}, OtherWebhook(None, shows_session=False)),
        (
            "recording-started",
            {"sessionId": "s"},
            StreamSignal(StreamState.STARTED, StreamReport(session_id="s"), True, Output.RECORDING),
        ),
        (
            "recording-stopped",
            {"sessionId": "s", "filePath": "/a.mp4", "fileUrl": None},
            StreamSignal(
                StreamState.STOPPED,
                StreamReport(session_id="s", files=(File("/a.mp4", None),)),
                False,
                Output.RECORDING,
            ),
        ),
        (
            "livestream-failed",
            {"sessionId": "s"},
            StreamSignal(StreamState.FAILED, StreamReport(session_id="s"), False, Output.RTMP),
        ),
        ("participant-recording-started", {"sessionId": "s"}, OtherWebhook("s", shows_session=True)),
        ("merge-recording-completed", {"sessionId": "s"}, OtherWebhook("s", shows_session=False)),
        ("a-new-type", {"sessionId": 5}, OtherWebhook(None, shows_session=False)),
        ("unreadable", {"reason": "not JSON", "sessionId": "s"}, UnreadableWebhook("not JSON")),
        ("unreadable", {"reason": None}, UnreadableWebhook(None)),
    ],
)
def test_a_webhook_reports_a_fact(kind: str, data: dict[str, object], fact: ProviderFact) -> None:
    assert TRANSLATOR.webhook(kind, data) == fact


def test_a_stream_is_identified_by_its_ids_and_its_folder() -> None:
    report = TRANSLATOR.stream({"id": "a", "composerId": "c", "downstreamUrl": f"{FOLDER}/index.m3u8?x=1"})
    assert report.ids == ("a", "c")
    assert report.names == ("a", "c", FOLDER)
    assert not report.bare
    assert TRANSLATOR.stream({"sessionId": "s"}).bare


@pytest.mark.parametrize(
    ("code", "access", "accepted", "rate_limited", "disputable"),
    [
        (None, Access.GRANTED, False, False, False),
        (200, Access.GRANTED, True, False, False),
        (204, Access.GRANTED, True, False, False),
        (400, Access.GRANTED, False, False, True),
        (401, Access.UNAUTHORIZED, False, False, False),
        (402, Access.GRANTED, False, False, True),
        (403, Access.FORBIDDEN, False, False, False),
        (404, Access.GRANTED, False, False, True),
        (409, Access.GRANTED, False, False, True),
        (429, Access.GRANTED, False, True, False),
        (503, Access.GRANTED, False, False, False),
    ],
)
def test_a_status_has_a_meaning(
    code: int | None, access: Access, accepted: bool, rate_limited: bool, disputable: bool
) -> None:
    status = TRANSLATOR.status(code)
    assert status.code == code
    assert (status.access, status.accepted, status.rate_limited, status.disputable) == (
        access,
        accepted,
        rate_limited,
        disputable,
    )


@pytest.mark.parametrize("address", [None, "", "ftp://x", 5, "https://" + "x" * 2_000])
def test_a_picture_without_a_usable_address_is_none(address: object) -> None:
    assert TRANSLATOR.picture({"filePath": address}) is None


def test_a_picture_has_its_size_where_that_is_given() -> None:
    shown = {"filePath": "https://x/y.png", "meta": {"width": 1280, "height": True}}
    assert TRANSLATOR.picture(shown) == Picture("https://x/y.png", 1280, None)


def test_a_delivery_record_contains_every_state() -> None:
    records = TRANSLATOR.deliveries({"hls-stopped": [1, 2], "hls-started": "x"})
    assert records[StreamState.STOPPED] == WebhookDeliveries("hls-stopped", 1, 2)
    assert records[StreamState.STARTED] == WebhookDeliveries("hls-started", 0, None)
    assert records.keys() == set(StreamState)
    assert TRANSLATOR.deliveries({}) == {}


@pytest.mark.parametrize(
    ("output", "state", "stream"),
    [
        (Output.HLS, StreamState.STARTED, StreamReport(videosdk_id="a", session_id="s")),
        (Output.HLS, StreamState.PLAYABLE, StreamReport(videosdk_id="a", session_id="s")),
        (Output.HLS, StreamState.STOPPED, StreamReport(videosdk_id="a", session_id="s")),
        (Output.RECORDING, StreamState.STARTED, StreamReport(session_id="s")),
        (Output.RECORDING, StreamState.STOPPED, StreamReport(session_id="s", files=(File("a.mp4", None),))),
        (Output.RTMP, StreamState.STARTED, StreamReport(session_id="s")),
        (Output.RTMP, StreamState.STOPPED, StreamReport(session_id="s")),
    ],
)
def test_the_webhook_about_a_state_translates_back(output: Output, state: StreamState, stream: StreamReport) -> None:
    kind, data = TRANSLATOR.stream_webhook(output, state, "room", stream)
    assert TRANSLATOR.webhook(kind, data) == StreamSignal(state, stream, state is not StreamState.STOPPED, output)
