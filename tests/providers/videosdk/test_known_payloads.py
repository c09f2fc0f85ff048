"""What the product makes of each webhook body that VideoSDK is known to send, in a room that it had not seen before."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import paths
from tests.support.scenario import ROOM, Scenario
from webhook_app.domain.events import Source
from webhook_app.domain.notices.text import render_notice
from webhook_app.providers.videosdk.webhook_body import read_body
from webhook_app.store.codec import event_of

DIRECTORY = paths.PAYLOADS
SESSION = "613731342f27f56e4fc4b6d0"
CLASSES = ("both-urls", "2024", "2026", "field-with-id", "guess-error", "own-storage", "agent", "hls")
WEBHOOK_WITHOUT_TYPE = "call-summary.agent"


@dataclass(frozen=True)
class Made:
    """What one body makes of an unseen room."""

    state: str = "idle"
    session: bool | None = None  # whether it is live; None: none is known
    people: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()  # the types of the notices
    room: str | None = ROOM
    is_probe_due: bool = False  # whether VideoSDK is to be asked what this means
    others: tuple[tuple[str, str], ...] = ()  # the outputs other than HLS that are known of, with their state


KEPT = Made()  # on the timeline, and nothing else
KEPT_WITHOUT_ROOM = Made(room=None)
OPENED = Made(session=True, notices=("session.started",))
BARE_END = Made(is_probe_due=True)


def stream(state: str, *, session: bool | None = True) -> Made:
    types = ("session.started", f"stream.{state}") if session else (f"stream.{state}",)
    return Made(state, session=session, notices=types)


def other(output: str, state: str, *more: str, session: bool | None = None) -> Made:
    types = ("session.started",) if session else ()
    return Made(session=session, notices=(*types, f"{output}.{state}", *more), others=((output, state),))


STARTING = stream("starting")
STARTED = stream("started")
PLAYABLE = stream("playable")

EXPECTED = {
    "hls-starting": STARTING,
    "hls-starting.field-with-id": STARTING,
    "hls-started": STARTED,
    "hls-started.2024": STARTED,
    "hls-started.field-with-id": STARTED,
    "hls-playable": PLAYABLE,
    "hls-playable.2024": PLAYABLE,
    "hls-playable.both-urls": PLAYABLE,
    "hls-stopping": BARE_END,
    "hls-stopping.field-with-id": stream("stopping", session=None),
    "hls-stopped": BARE_END,
    "hls-stopped.field-with-id": stream("stopped", session=None),
    "hls-failed": BARE_END,
    "hls-failed.guess-error": BARE_END,
    "hls-failed.field-with-id": Made(
        "failed", is_probe_due=True
    ),  # announced when VideoSDK has been asked for the reason
    "recording-starting": other("recording", "starting", session=True),
    "recording-started": other("recording", "started", session=True),
    "recording-stopping": other("recording", "stopping"),
    "recording-stopped": other("recording", "stopped", "recording.ready"),
    "recording-stopped.2026": other("recording", "stopped", "recording.ready"),
    "recording-stopped.own-storage": other("recording", "stopped", "recording.ready"),
    "recording-failed": other("recording", "failed"),
    "livestream-starting": other("rtmp", "starting", session=True),
    "livestream-started": other("rtmp", "started", session=True),
    "livestream-stopping": other("rtmp", "stopping"),
    "livestream-stopped": other("rtmp", "stopped"),
    "livestream-failed": other("rtmp", "failed"),
    "session-started": OPENED,
    "session-ended": Made(session=False),
    "session-ended.2026": Made(session=False),
    "participant-joined": Made(session=True, people=("John",), notices=("session.started", "participant.joined")),
    "participant-left": Made(session=True, notices=("session.started", "participant.left")),
    **dict.fromkeys(
        (
            "participant-recording-starting",
            "participant-recording-started",
            "participant-track-recording-starting",
            "participant-track-recording-started",
            "transcription-started",
        ),
        OPENED,
    ),
    **dict.fromkeys(
        (
            "call-summary.agent",
            "merge-recording-completed",
            "merge-recording-failed",
            "participant-recording-stopping",
            "participant-recording-stopped",
            "participant-recording-failed",
            "participant-track-recording-stopping",
            "participant-track-recording-stopped",
            "participant-track-recording-failed",
            "transcription-completed.2024",
            "transcription-stopped",
            "transcription-failed",
        ),
        KEPT,
    ),
    **dict.fromkeys(
        (
            *(f"agent-session-{state}" for state in ("starting", "started", "stopping", "stopped", "failed")),
            *(f"ai-deployment-session-{state}" for state in ("starting", "started", "stopping", "stopped", "failed")),
            "batchcall-started",
            "batchcall-completed",
            *(f"call-{state}" for state in ("started", "ringing", "answered", "missed", "hangup", "update")),
            *(f"call-transfer-{state}" for state in ("initiated", "ringing", "accepted", "failed")),
            "call-transferring",
            "call-transferred",
            "resource-acquired",
            "resource-acquired.hls",
            *(f"switch-room-{state}" for state in ("initiated", "completed", "failed")),
        ),
        KEPT_WITHOUT_ROOM,
    ),
}
NAMES = sorted(EXPECTED)


def raw_body(name: str) -> bytes:
    return (DIRECTORY / f"{name}.json").read_bytes()


def content_of(name: str) -> Any:
    return json.loads(raw_body(name))


def fold(raw: bytes) -> Scenario:
    """The body as the journal holds it, folded into an empty world."""
    read = read_body(raw)
    fields = {b"s": b"videosdk", b"t": read.type.encode(), b"r": (read.room_id or "").encode(), b"a": b"1", b"d": raw}
    event = event_of(b"1-0", fields)
    scenario = Scenario()
    scenario.process(event.source, event.type, dict(event.data), room=event.room_id)
    return scenario


def made_of(scenario: Scenario) -> Made:
    view = scenario.view
    session = view["session"]
    announced = [notice for notice in scenario.announced if not notice.type.startswith("videosdk.")]
    return Made(
        state=view["state"],
        session=None if session is None else session["live"],
        people=tuple(person["name"] for person in session["participants"]) if session else (),
        notices=tuple(notice.type for notice in announced),
        room=scenario.events[-1].room_id,
        is_probe_due=any(name.startswith("ask:") for name in scenario.room.timers),
        others=tuple(
            (output, shown["state"]) for output, shown in view["outputs"].items() if output != "hls" and shown["stream"]
        ),
    )


def test_every_payload_file_has_an_expectation_and_the_other_way_round() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == EXPECTED.keys()
    assert all(name.partition(".")[2] in ("", *CLASSES) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_type_is_the_files_name(name: Any) -> None:
    assert read_body(raw_body(name)).type == name.partition(".")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_body_makes_of_an_unseen_room_what_is_expected(name: Any) -> None:
    scenario = fold(raw_body(name))
    assert made_of(scenario) == EXPECTED[name]
    assert scenario.effect


@pytest.mark.parametrize("name", NAMES)
def test_a_body_with_type_in_place_of_webhook_type_means_the_same(name: Any) -> None:
    content = content_of(name)
    if name != WEBHOOK_WITHOUT_TYPE:
        content["type"] = content.pop("webhookType")
    assert made_of(fold(json.dumps(content).encode())) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in NAMES if EXPECTED[name].room and name != WEBHOOK_WITHOUT_TYPE])
def test_a_body_with_room_id_in_place_of_meeting_id_means_the_same(name: Any) -> None:
    content = content_of(name)
    data = content["data"]
    data["roomId"] = data.pop("meetingId", None) or data["roomId"]
    assert made_of(fold(json.dumps(content).encode())) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in NAMES if EXPECTED[name].room and name != WEBHOOK_WITHOUT_TYPE])
def test_a_body_whose_data_stands_in_the_envelope_means_the_same(name: Any) -> None:
    content = content_of(name)
    assert made_of(fold(json.dumps({**content.pop("data"), **content}).encode())) == EXPECTED[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}], ids=["missing", "null", "empty"])
def test_a_body_without_data_is_kept_without_a_room(name: Any, data: dict[str, Any]) -> None:
    kind = name.partition(".")[0]
    scenario = fold(json.dumps({"webhookType": kind, **data}).encode())
    assert made_of(scenario) == KEPT_WITHOUT_ROOM
    assert scenario.events[-1].type == kind


@pytest.mark.parametrize("name", [name for name in NAMES if name != WEBHOOK_WITHOUT_TYPE])
def test_a_body_with_null_ids_is_kept(name: Any) -> None:
    content = content_of(name)
    ids = {key: None for key in ("meetingId", "roomId", "sessionId", "id", "participantId") if key in content["data"]}
    content["data"] |= ids
    assert made_of(fold(json.dumps(content).encode())) == KEPT_WITHOUT_ROOM


@pytest.mark.parametrize("name", [name for name in NAMES if EXPECTED[name].room and name != WEBHOOK_WITHOUT_TYPE])
@pytest.mark.parametrize("null", ["sessionId", "id", "participantId"])
def test_a_body_with_one_null_id_counts_for_its_room(name: Any, null: str) -> None:
    content = content_of(name)
    content["data"][null] = None
    scenario = fold(json.dumps(content).encode())
    assert scenario.events[-1].room_id == ROOM
    assert (scenario.view["session"] is None) or null != "sessionId"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("hls-")])
def test_a_stream_keeps_the_urls_and_the_id_that_its_body_names(name: Any) -> None:
    data = content_of(name)["data"]
    shown = fold(raw_body(name)).view["stream"]
    if shown is None:
        assert EXPECTED[name] == BARE_END
        return
    assert shown["playback_url"] == (data.get("playbackHlsUrl") or data.get("downstreamUrl"))
    assert shown["livestream_url"] == data.get("livestreamUrl")
    assert shown["videosdk_id"] == data.get("id")
    assert shown["session_id"] == SESSION


def test_a_session_that_ends_for_a_reason_shows_the_reason_and_the_error() -> None:
    data = content_of("session-ended.2026")["data"] | {
        "reason": "MEETING_EXPIRED",
        "error": {"message": "gone", "code": 7},
    }
    scenario = Scenario()
    scenario.webhook("session-started", session=SESSION)
    scenario.process(Source.VIDEOSDK, "session-ended", data)
    session = scenario.view["session"]
    assert (session["live"], session["ended_reason"], session["ended_error"]) == (False, "MEETING_EXPIRED", "gone (7)")
    (ended,) = [notice for notice in scenario.announced if notice.type == "session.ended"]
    assert ended.data["session"]["ended_reason"] == "MEETING_EXPIRED"
    text = render_notice(ended, room_name=None, base_url=None).body
    assert "VideoSDK's reason: MEETING_EXPIRED" in text
    assert "VideoSDK's error: gone (7)" in text
    assert "MEETING_EXPIRED" in scenario.effect


@pytest.mark.parametrize(
    "reason_fields", [{}, {"reason": None, "error": None}, {"reason": "", "error": 5}, {"reason": []}]
)
def test_a_session_that_ends_without_a_reason_shows_none(reason_fields: dict[str, Any]) -> None:
    scenario = Scenario()
    scenario.webhook("session-started", session=SESSION)
    scenario.process(Source.VIDEOSDK, "session-ended", {"meetingId": ROOM, "sessionId": SESSION, **reason_fields})
    assert (scenario.view["session"]["ended_reason"], scenario.view["session"]["ended_error"]) == (None, None)


def test_the_reason_of_a_session_that_a_probe_found_ended_is_added_when_the_webhook_comes() -> None:
    scenario = Scenario()
    scenario.webhook("session-started", session=SESSION)
    scenario.hls("starting", id="a", session=SESSION)
    scenario.probe(session={"session_id": SESSION, "live": False})
    assert scenario.view["session"]["live"] is False
    notice_count = len(scenario.announced)
    for reason in ("late reason", "another reason"):
        data = {"meetingId": ROOM, "sessionId": SESSION, "reason": reason}
        scenario.process(Source.VIDEOSDK, "session-ended", data)
    assert scenario.view["session"]["ended_reason"] == "late reason"
    assert len(scenario.announced) == notice_count


@pytest.mark.parametrize(
    "kind", ["recording-stopped", "merge-recording-completed", "transcription-stopped", "hls-stopped"]
)
def test_what_may_come_after_a_session_opens_none(kind: str) -> None:
    scenario = Scenario()
    scenario.webhook(kind, session=SESSION)
    without_session = scenario.view
    assert without_session["session"] is None
    scenario.webhook("participant-joined", session=SESSION, participantId="a")
    assert scenario.view["session"]["live"] is True
