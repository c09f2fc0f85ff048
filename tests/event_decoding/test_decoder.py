"""Journal records become typed events; what cannot be decoded is an event that folding refuses."""

from typing import Any

import pytest

from webhook_app.domain.events import Event, Payload, Source
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.facts.commands import (
    AcknowledgeAlarm,
    CaptureSnapshot,
    RecoverSubscriber,
    ReleaseRoom,
    SetOnAir,
    TestSubscriber,
    UnknownCommand,
)
from webhook_app.domain.facts.configuration import (
    ApplyFile,
    CalendarFetched,
    DeleteRule,
    ForgetRoom,
    PauseRule,
    PutRoom,
    PutRule,
    SettingsChanged,
    SkipNextOccurrence,
    SkipOccurrence,
)
from webhook_app.domain.facts.provider import SessionStarted
from webhook_app.domain.facts.results import (
    CallOutcome,
    CallResult,
    CaptureResult,
    ProbeResult,
    Refusal,
)
from webhook_app.domain.facts.system import (
    AlarmCleared,
    AlarmRaised,
    ReconcileWindows,
    SubscriberDisabled,
    TimerFired,
    Undecodable,
    UnknownFact,
    WorkerStarted,
)
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.triggers import ConditionTrigger
from webhook_app.domain.timers import Timer, TimerKind
from webhook_app.store import codec

RULE = {"name": "r", "rooms": ["hall"], "do": "end", "when": "room.on_air"}


def payload(source: Source, kind: str, data: dict[str, Any]) -> Payload:
    return codec.journal_event(Event("1-0", source, kind, "room", 1_000, data)).payload


@pytest.mark.parametrize(
    ("source", "kind", "data", "expected"),
    [
        (Source.VIDEOSDK, "session-started", {"sessionId": "s"}, SessionStarted("s")),
        (Source.OPERATOR, "start", {"until": 5, "start": {"a": 1}}, SetOnAir(True, 5, {"a": 1})),
        (Source.OPERATOR, "end", {"until": "soon", "start": None}, SetOnAir(False, None, {})),
        (Source.OPERATOR, "release", {}, ReleaseRoom()),
        (Source.OPERATOR, "capture", {}, CaptureSnapshot()),
        (Source.OPERATOR, "dance", {}, UnknownCommand("dance")),
        (Source.OPERATOR, "subscriber-test", {"subscriber_id": "x"}, TestSubscriber("x")),
        (Source.OPERATOR, "subscriber-recover", {"subscriber_id": "x", "from": "7"}, RecoverSubscriber("x", 7, None)),
        (
            Source.OPERATOR,
            "alarm-acknowledged",
            {"alarm_id": "a", "name": "n", "by": ""},
            AcknowledgeAlarm("a", "n", "operator", None, False),
        ),
        (Source.OPERATOR, "rule-paused", {"name": "r"}, PauseRule("r", True)),
        (Source.CONFIG, "rule-resumed", {"name": "r"}, PauseRule("r", False)),
        (Source.CONFIG, "rule-deleted", {"name": "r"}, DeleteRule("r")),
        (Source.CONFIG, "rule-skip-next", {"name": "r"}, SkipNextOccurrence("r")),
        (Source.CONFIG, "occurrence-skipped", {"name": "r", "opens_at": 5}, SkipOccurrence("r", 5, True)),
        (Source.CONFIG, "occurrence-unskipped", {"name": "r", "opens_at": 5}, SkipOccurrence("r", 5, False)),
        (
            Source.CONFIG,
            "room-put",
            {"room_id": "i", "name": "hall", "groups": ["g"]},
            PutRoom(ConfiguredRoom("hall", "i", ("g",), from_file=False)),
        ),
        (Source.CONFIG, "room-forgotten", {"room_id": "i"}, ForgetRoom("i")),
        (
            Source.CONFIG,
            "file-applied",
            {"rooms": {"hall": {"room_id": "i"}}},
            ApplyFile((), {"hall": ConfiguredRoom("hall", "i")}),
        ),
        (Source.SYSTEM, "calendar-fetched", {"source": "u", "text": "BEGIN"}, CalendarFetched("u", None, "BEGIN")),
        (Source.SYSTEM, "settings", {"calls": 1, "max_stream_s": "60"}, SettingsChanged(True, None, 60, None)),
        (Source.CONFIG, "something-new", {}, UnknownFact()),
        (Source.SYSTEM, "something-new", {}, UnknownFact()),
        (Source.SYSTEM, "worker-started", {}, WorkerStarted()),
        (Source.SYSTEM, "replan", {}, ReconcileWindows()),
        (Source.SYSTEM, "alarm-raised", {"name": None}, UnknownFact()),
        (Source.SYSTEM, "alarm-cleared", {"name": "schedule-r"}, AlarmCleared("schedule-r", "schedule-failing")),
        (
            Source.SYSTEM,
            "subscriber-disabled",
            {"subscriber_id": "x", "reason": "gone"},
            SubscriberDisabled("x", "gone"),
        ),
        (
            Source.SYSTEM,
            "subscriber-disabled",
            {"subscriber_id": "x", "reason": {"code": "disabled-gone", "arguments": {}}},
            SubscriberDisabled("x", Explanation("disabled-gone")),
        ),
        (
            Source.CLOCK,
            "timer",
            {"timer": "ask:settle", "due": 5},
            TimerFired(Timer(TimerKind.PROBE, ProbeSubject.SETTLE), "ask:settle", 5),
        ),
        (Source.CLOCK, "timer", {"timer": "of-a-later-version", "due": 5}, TimerFired(None, "of-a-later-version", 5)),
        (Source.CLOCK, "timer", {"timer": None, "due": "x"}, TimerFired(None, "", 0)),
    ],
)
def test_a_record_says_one_thing(source: Source, kind: str, data: dict[str, Any], expected: Payload) -> None:
    assert payload(source, kind, data) == expected


def test_a_rule_is_decoded_whole() -> None:
    fact = payload(Source.CONFIG, "rule-put", {"rule": RULE})
    assert isinstance(fact, PutRule)
    assert (fact.rule.name, fact.rule.trigger, fact.rule.from_file) == ("r", ConditionTrigger("room.on_air"), False)


def test_an_alarm_of_an_earlier_version_is_named_by_its_key() -> None:
    old = payload(Source.SYSTEM, "alarm-raised", {"name": "schedule-r", "summary": "x"})
    new = payload(Source.SYSTEM, "alarm-raised", {"name": "schedule-failing", "key": "schedule-r", "summary": "x"})
    assert isinstance(old, AlarmRaised)
    assert isinstance(new, AlarmRaised)
    assert (old.key, old.report.name, old.keyed) == ("schedule-r", "schedule-failing", False)
    assert (new.key, new.report.name, new.keyed) == ("schedule-r", "schedule-failing", True)


@pytest.mark.parametrize(
    ("journaled", "summary"),
    [
        ({"code": "summary-room-on-air", "arguments": {"limit": 1}}, Explanation("summary-room-on-air", {"limit": 1})),
        ("a text of an earlier version", "a text of an earlier version"),
        ({"code": 7, "arguments": []}, "{'code': 7, 'arguments': []}"),
    ],
)
def test_a_reported_alarm_has_a_code_or_the_text_of_an_earlier_version(journaled: object, summary: object) -> None:
    raised = payload(Source.SYSTEM, "alarm-raised", {"name": "max-streams", "key": "max-streams", "summary": journaled})
    assert isinstance(raised, AlarmRaised) and raised.report.summary == summary


@pytest.mark.parametrize("outcome", list(CallOutcome))
def test_a_call_result_has_an_outcome(outcome: CallOutcome) -> None:
    data = {"call_id": "c", "kind": "start", "outcome": outcome.value, "status": 409, "refusal": "conflict"}
    fact = payload(Source.CALL, f"start-{outcome}", data)
    assert isinstance(fact, CallResult)
    assert (fact.call_id, fact.outcome, fact.status.code, fact.refusal) == ("c", outcome, 409, Refusal.CONFLICT)


def test_an_outcome_that_is_not_known_counts_as_a_refusal() -> None:
    fact = payload(Source.CALL, "start-x", {"call_id": "c", "kind": "start", "outcome": "x"})
    assert isinstance(fact, CallResult)
    assert fact.outcome is CallOutcome.REFUSED


def test_a_capture_result_has_its_picture() -> None:
    data = {"call_id": "c", "kind": "capture", "outcome": "succeeded", "picture": {"filePath": "https://x/y.png"}}
    fact = payload(Source.CALL, "capture-succeeded", data)
    assert isinstance(fact, CaptureResult)
    assert fact.picture is not None
    assert fact.picture.url == "https://x/y.png"


def test_a_probe_result_is_decoded_with_all_that_it_found() -> None:
    data = {
        "call_id": "c",
        "reached": True,
        "asked_id": "5-0",
        "asked_at": 7,
        "active": {"id": "a"},
        "session": {"session_id": "s", "live": True, "participants": {"p": "Ada"}, "modes": {"p": "VIEWER", "q": "x"}},
        "records": [{"id": "a", "webhooks": {}, "ended": False}, 5],
        "failed": {"reached": False},
    }
    fact = payload(Source.PROBE, "probed", data)
    assert isinstance(fact, ProbeResult)
    assert fact.active is not None
    assert fact.active.videosdk_id == "a"
    assert fact.session is not None
    assert fact.session.present is not None
    assert (dict(fact.session.present.participants), dict(fact.session.present.modes)) == (
        {"p": "Ada"},
        {"p": "VIEWER"},
    )
    assert [(record.videosdk_id, record.webhooks, record.unended) for record in fact.records] == [("a", {}, True)]
    assert fact.failure is not None
    assert not fact.failure.reached


@pytest.mark.parametrize(
    ("source", "kind", "data", "error"),
    [
        (Source.CONFIG, "rule-put", {}, "KeyError: 'rule'"),
        (Source.CONFIG, "rule-deleted", {}, "KeyError: 'name'"),
        (Source.OPERATOR, "subscriber-test", {}, "KeyError: 'subscriber_id'"),
        (Source.SYSTEM, "undecodable", {"error": "why"}, "ValueError: the entry cannot be read: why"),
        (Source.PROBE, "probed", {"asked_at": "never"}, "ValueError: invalid literal for int() with base 10: 'never'"),
    ],
)
def test_data_that_cannot_be_decoded_is_kept_with_its_error(
    source: Source, kind: str, data: dict[str, Any], error: str
) -> None:
    fact = payload(source, kind, data)
    assert isinstance(fact, Undecodable)
    assert f"{type(fact.error).__name__}: {fact.error}" == error
