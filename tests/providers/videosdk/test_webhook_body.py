"""The reader of webhook bodies: every payload VideoSDK is known to send, and what is wrong with bodies now and then."""

import json
from typing import Any

import pytest

from tests.support import paths
from tests.support.scenario import MINUTE, Scenario
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.reasons import Reason
from webhook_app.providers.videosdk.webhook_body import ID_MAX_CHARS, REASON_MAX_CHARS, clean_id, read_body
from webhook_app.providers.videosdk.webhook_schema import parse
from webhook_app.store.codec import event_of

PAYLOADS = sorted(paths.PAYLOADS.glob("*.json"))
HOUR = 60 * MINUTE
AGENT_SUMMARY = "call-summary.agent.json"


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_known_payload_is_read_with_its_type_and_room(path: Any) -> None:
    raw = path.read_bytes()
    content = json.loads(raw)
    body = read_body(raw)
    if path.name == AGENT_SUMMARY:
        assert (body.type, body.room_id) == ("call-summary", "abcd-efgh-ijkl")
        return
    data = content["data"]
    assert (body.type, body.room_id) == (content["webhookType"], data.get("meetingId") or data.get("roomId"))
    assert body.data == data
    assert (parse(raw).type, parse(raw).room_id) == (body.type, body.room_id)


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_a_payload_with_null_ids_is_read_with_its_type(path: Any) -> None:
    content = json.loads(path.read_bytes())
    content["data"] = dict.fromkeys(content.get("data", {}))
    kind = content.get("webhookType", "call-summary")
    assert parse(json.dumps(content).encode()).type == kind


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
@pytest.mark.parametrize("odd", [b"\xff", b"\xc3", b"\xed\xa0\x80", rb"\ud800", b"\x00", b"\x1b", rb"\u0000"])
def test_odd_bytes_in_any_text_of_a_payload_cost_that_text_alone(path: Any, odd: bytes) -> None:
    content = json.loads(path.read_bytes())
    content.setdefault("data", {})["participantName"] = "@@"
    body = read_body(json.dumps(content).encode().replace(b"@@", odd))
    assert (body.type, body.room_id) == (read_body(path.read_bytes()).type, read_body(path.read_bytes()).room_id)
    json.dumps(body.data, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("abcd-efgh-ijkl", "abcd-efgh-ijkl"),
        ("zimmer ä 🎥", "zimmer ä 🎥"),
        ("a\x00b\nc\x1b[2Jd\x7fe\x9ff\u2028g", "a\ufffdb\ufffdc\ufffd[2Jd\ufffde\ufffdf\ufffdg"),
        ("", None),
        ("x" * ID_MAX_CHARS, "x" * ID_MAX_CHARS),
        ("x" * (ID_MAX_CHARS + 1), None),
        (7, "7"),
        (True, None),
        (1.5, None),
        (None, None),
        (["a"], None),
        ({}, None),
    ],
)
def test_an_id_is_text_that_keys_and_logs_can_take_or_null(value: Any, kept: str | None) -> None:
    assert clean_id(value) == kept


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"{}", b'{"data": {}}', b'{"webhookType": "a b"}', b"\xff\xfe", b"5"]
)
def test_what_cannot_be_read_says_why_in_plain_text(raw: bytes) -> None:
    reason = read_body(raw).reason
    assert reason is not None
    assert reason.isprintable()
    assert len(reason) <= REASON_MAX_CHARS


def test_the_journals_decoder_reads_what_the_receiver_accepted() -> None:
    raw = rb'{"type": "hls-started", "data": {"roomId": "a\ud800", "sessionId": 5, "x": NaN}}'
    received = parse(raw)
    assert received.room_id is not None
    fields = {b"s": b"videosdk", b"t": received.type.encode(), b"r": received.room_id.encode(), b"a": b"1", b"d": raw}
    event = event_of(b"1-0", fields)
    assert (event.type, event.room_id) == ("hls-started", "a\ufffd")
    assert event.data == {"roomId": "a\ufffd", "sessionId": "5", "x": None}


def unreadable(scenario: Any, **more: Any) -> Any:
    data = {"body": "", "bytes": 0, "reason": "not JSON"}
    return scenario.process(Source.VIDEOSDK, "unreadable", data, room=None, **more)


def clock(scenario: Any, due: Any, **more: Any) -> Any:
    return scenario.process(
        Source.CLOCK, "timer", {"timer": "alarm:webhooks-unreadable", "due": due}, room=None, **more
    )


def test_unreadable_webhooks_raise_one_alarm_that_counts_them() -> None:
    scenario = Scenario()
    for _ in range(3):
        unreadable(scenario)
    alarm = scenario.world.alarms["webhooks-unreadable"]
    assert alarm.count == 3
    assert alarm.since == scenario.events[0].at
    assert isinstance(alarm.summary, Explanation)
    assert alarm.summary.arguments["count"] == 3 and alarm.summary.arguments["since"].startswith("2026-11-22T12:00:01")
    assert alarm.summary.arguments["event"] == scenario.events[-1].id
    assert [notice.type for notice in scenario.announced] == ["alarm.raised"]


def test_the_alarm_clears_an_hour_after_the_last_unreadable_webhook() -> None:
    scenario = Scenario()
    unreadable(scenario)
    first_due = scenario.world.alarms["webhooks-unreadable"].clears_at
    unreadable(scenario, after=HOUR // 2)
    due = scenario.world.alarms["webhooks-unreadable"].clears_at
    assert due == scenario.now + HOUR
    clock(scenario, first_due, after=HOUR // 2)
    assert "webhooks-unreadable" in scenario.world.alarms
    clock(scenario, due, after=HOUR // 2)
    assert scenario.world.alarms == {}
    assert [notice.type for notice in scenario.announced] == ["alarm.raised", "alarm.cleared"]
    unreadable(scenario)
    assert scenario.world.alarms["webhooks-unreadable"].count == 1


def test_a_timer_of_no_alarm_is_void() -> None:
    scenario = Scenario()
    for data in ({}, {"timer": 5, "due": 1}, {"timer": "alarm:nothing", "due": 1}, {"timer": "watch", "due": 1}):
        assert scenario.process(Source.CLOCK, "timer", data, room=None).reasons == (Reason.STALE_TIMER,)
