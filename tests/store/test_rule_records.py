"""Stored rules: the bytes that every version writes, and that it reads again."""

import json
from dataclasses import fields
from typing import Any

import pytest

from webhook_app.domain.rules.rule import Rule, RuleFields
from webhook_app.domain.rules.triggers import NO_TRIGGER, TRIGGERS, EventTrigger, TriggerKind
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store import codec

BLANK: dict[str, Any] = {
    "name": "r",
    "rooms": ["*"],
    "do": "start",
    "on": None,
    "if_": None,
    "when": None,
    "for_s": 0,
    "message": None,
    "cooldown_s": 0,
    "start": {},
    "timezone": "UTC",
    "paused": False,
    "from_file": False,
    "schedule": None,
    "given": {},
    "skipped": [],
    "late_after_s": 60,
    "remind_s": None,
    "end_when_empty_s": None,
    "overrun_s": None,
    "max_run_s": None,
    "restart": "on-failure",
    "empty_means": "nobody",
}
NO_SCHEDULE: dict[str, Any] = {
    "timezone": "UTC",
    "duration_s": None,
    "cron": None,
    "rrule": None,
    "dtstart": None,
    "at": [],
    "always": False,
    "ics": None,
    "also": [],
    "except_days": [],
    "except_calendars": [],
}
WRITTEN: dict[str, dict[str, Any]] = {
    "an event": {"on": "participant-joined", "if": "room.on_air", "do": "notify", "message": "hi", "cooldown": "5m"},
    "a condition": {"when": "room.on_air", "for": "5m", "do": "end", "paused": True},
    "a schedule": {
        "schedule": {"cron": "0 9 * * SUN", "duration": "2h", "except": ["2026-12-27"]},
        "if": "room.on_air",
        "late_after": "2m",
        "remind": "10m",
        "end_when_empty": "5m",
        "overrun": "30m",
        "max_run": "1h50m",
        "restart": "always",
        "empty_means": "no-hosts",
        "timezone": "Europe/London",
    },
}
STORED: dict[str, dict[str, Any]] = {
    "an event": {"on": "participant-joined", "if_": "room.on_air", "do": "notify", "message": "hi", "cooldown_s": 300},
    "a condition": {"when": "room.on_air", "for_s": 300, "do": "end", "paused": True},
    "a schedule": {
        "schedule": {
            **NO_SCHEDULE,
            "timezone": "Europe/London",
            "duration_s": 7200,
            "cron": "0 9 * * SUN",
            "except_days": [["2026-12-27", "2026-12-27"]],
        },
        "given": {"cron": "0 9 * * SUN", "duration": "2h", "except": ["2026-12-27"]},
        "if_": "room.on_air",
        "late_after_s": 120,
        "remind_s": 600,
        "end_when_empty_s": 300,
        "overrun_s": 1800,
        "max_run_s": 6600,
        "restart": "always",
        "empty_means": "no-hosts",
        "timezone": "Europe/London",
    },
}


# Rules of this version: their own fields follow those of earlier versions.
RECORDED = {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}}}
DESTINATION = {"streams": [{"url": "rtmps://live.example/app", "stream_key": "k"}]}
OF_OUTPUTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "an event for a recording": (
        {"on": "participant-joined", "do": "start", "output": "recording", "recording": RECORDED},
        {"on": "participant-joined"},
        {"output": "recording", "recording": RECORDED},
    ),
    "an end of an RTMP stream": (
        {"on": "participant-left", "do": "end", "output": "rtmp"},
        {"on": "participant-left", "do": "end"},
        {"output": "rtmp"},
    ),
    "a schedule for all outputs": (
        {
            "schedule": {"cron": "0 9 * * SUN", "duration": "2h"},
            "outputs": ["rtmp", "hls", "recording"],
            "recording": RECORDED,
            "rtmp": DESTINATION,
            "mp4": True,
        },
        {
            "schedule": {**NO_SCHEDULE, "duration_s": 7200, "cron": "0 9 * * SUN"},
            "given": {"cron": "0 9 * * SUN", "duration": "2h"},
        },
        {"recording": RECORDED, "rtmp": DESTINATION, "mp4": True, "outputs": ["hls", "recording", "rtmp"]},
    ),
}


def rule_of(written: dict[str, Any]) -> Rule:
    return decode_rule(RuleSchema().load({"name": "r", "rooms": ["*"], **written}))


@pytest.mark.parametrize("trigger", WRITTEN)
def test_a_rule_is_stored_in_the_bytes_of_earlier_versions(trigger: str) -> None:
    rule, earlier = rule_of(WRITTEN[trigger]), json.dumps({**BLANK, **STORED[trigger]}, separators=(",", ":")).encode()
    assert codec.encode_rule(rule) == earlier
    assert codec.rule_of(earlier) == rule
    assert codec.rules_of(codec.encode_rules({"r": rule})) == {"r": rule}


@pytest.mark.parametrize(
    "later",
    [
        {"mp4": True},
        {"outputs": ["recording"], "recording": {"fileFormat": "mp4"}},
    ],
)
def test_the_fields_of_later_versions_are_stored_where_a_rule_has_them(later: dict[str, Any]) -> None:
    rule = rule_of({"schedule": {"always": True}, **later})
    record = json.loads(codec.encode_rule(rule))
    assert {name: record[name] for name in later} == later
    assert codec.rule_of(codec.encode_rule(rule)) == rule


@pytest.mark.parametrize("what", OF_OUTPUTS)
def test_a_rule_with_outputs_is_stored_with_the_fields_that_it_uses(what: str) -> None:
    written, earlier_fields, own_fields = OF_OUTPUTS[what]
    rule = rule_of(written)
    stored = json.loads(codec.encode_rule(rule))
    assert stored == BLANK | earlier_fields | own_fields
    assert codec.rule_of(codec.encode_rule(rule)) == rule


def test_a_rule_of_an_earlier_version_without_some_fields_has_their_defaults() -> None:
    raw = b'{"name":"r","rooms":["*"],"do":"notify","on":"stream.failed"}'
    assert codec.rule_of(raw) == Rule("r", ("*",), "notify", trigger=EventTrigger("stream.failed"))


def test_a_stored_rule_without_a_trigger_never_acts() -> None:
    assert codec.rule_of(json.dumps(BLANK).encode()).trigger == NO_TRIGGER


@pytest.mark.parametrize("raw", [b'{"name":"r","rooms":["*"],"do":"end","on":7}', b'{"name":"r","rooms":["*"]}'])
def test_a_stored_rule_that_cannot_be_read_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):
        codec.rule_of(raw)


def test_the_fields_of_triggers_do_not_hide_those_of_the_rule() -> None:
    for kind in TriggerKind:
        own = [field.name for field in fields(TRIGGERS[kind])]
        assert own[0] == kind.value, f"the first field of {TRIGGERS[kind].__name__} must be `{kind.value}`"
        assert not {field.name for field in fields(RuleFields)} & set(own)
