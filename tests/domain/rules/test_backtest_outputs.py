"""Backtests of rules for recordings and RTMP streams."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND, Scenario
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.backtest import backtest
from webhook_app.domain.rules.comparison import Comparison, RuleAction, action_view, compare
from webhook_app.domain.rules.config import Config, Settings
from webhook_app.domain.state import SystemState
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.registry import CALLED

HOUR = 60 * MINUTE
ONE = NOON + HOUR
OTHERS = pytest.mark.parametrize("output", [Output.RECORDING, Output.RTMP], ids=str)


def hourly(*outputs: str, name: str = "show") -> dict[str, Any]:
    schedule = {"at": ["2026-11-22T13:00"], "duration_s": 3600, "given": {}}
    return {"name": name, "rooms": [ROOM], "schedule": schedule, "outputs": list(outputs)}


def tried(scenario: Scenario, *rules: dict[str, Any], since: int = NOON, others: bool = False) -> Comparison:
    before = SystemState(Config(settings=Settings(calls=True)))
    return backtest(
        before,
        scenario.events,
        [decode_rule({"rooms": [ROOM]} | rule) for rule in rules],
        since=since,
        until=NOON + 6 * HOUR,
        others=others,
        webhook_for=CALLED.stream_webhook,
    )


def acts(actions: tuple[RuleAction, ...], *, since: int = 0) -> list[tuple[str, Output, int]]:
    return [(action.kind, action.output, action.at) for action in actions if action.at >= since]


def in_session(output: Output = Output.HLS) -> Scenario:
    scenario = Scenario(output=output)
    scenario.webhook("session-started")
    scenario.joined("ann")
    return scenario


def recorded_window(output: Output) -> Scenario:
    """A window of the output that went as it should."""
    scenario = in_session(output)
    scenario.put_rule(hourly(output.value))
    scenario.wait(ONE - scenario.now)
    scenario.answer("succeeded", status=200, after=0)
    scenario.output_webhooks("starting", "started")
    scenario.wait(ONE + HOUR - scenario.now)
    scenario.answer("succeeded", status=200, after=0)
    scenario.output_webhooks("stopping", "stopped")
    scenario.wait(10 * MINUTE)
    return scenario


def test_a_draft_starts_and_ends_each_of_its_outputs_once() -> None:
    result = tried(in_session(), hourly("hls", "recording", "rtmp"))
    for output in Output:
        assert [(action.kind, action.at) for action in result.would if action.output is output] == [
            ("start", ONE),
            ("end", ONE + HOUR),
            ("broadcast.completed", ONE + HOUR),
        ]


@OTHERS
def test_what_the_rules_did_themselves_is_no_difference(output: Output) -> None:
    result = tried(recorded_window(output), hourly(output.value))
    assert acts(result.would) == acts(result.did)
    assert len(result.did) == 3
    assert (result.only_would, result.only_did) == ((), ())


@OTHERS
def test_a_draft_without_the_output_leaves_out_what_the_recorded_rule_started(output: Output) -> None:
    """The webhooks of the stream that our own start began are no part of the draft."""
    watch = {"name": "watch", "when": f"room.outputs.{output}.live", "do": "notify", "message": "on"}
    assert tried(recorded_window(output), watch).would == ()


@OTHERS
def test_what_a_person_started_is_part_of_the_draft(output: Output) -> None:
    scenario = in_session(output)
    scenario.output_webhooks("starting", "started", after=10 * SECOND)
    started_at = scenario.now
    rule = {"name": "long", "when": f"room.outputs.{output}.live", "for_s": 600, "do": "end", "output": output.value}
    assert acts(tried(scenario, rule).would) == [("end", output, started_at + 10 * MINUTE)]


@OTHERS
def test_an_event_rule_of_a_draft_acts_on_its_output(output: Output) -> None:
    scenario = in_session()
    scenario.left("ann", after=MINUTE)
    on = {"name": "on", "on": "participant-joined", "do": "start", "output": output.value}
    off = {"name": "off", "on": "participant-left", "do": "end", "output": output.value}
    result = tried(scenario, on, off)
    assert [(action.kind, action.output) for action in result.would] == [("start", output), ("end", output)]


def test_a_draft_recording_is_ready_after_its_end() -> None:
    notify = {"name": "ready", "on": "recording.ready", "do": "notify", "message": "there"}
    result = tried(in_session(), hourly("recording"), notify)
    assert [action.kind for action in result.would if action.because == "rule:ready"] == ["rule.ready"]


@OTHERS
def test_a_call_that_was_under_way_where_the_draft_begins_does_not_hold_up_the_draft(output: Output) -> None:
    scenario = in_session(output)
    scenario.put_rule({"name": "on", "on": "participant-joined", "do": "start", "output": output.value})
    scenario.joined("bob")
    assert [call.output for call in scenario.starts] == [output]
    result = tried(scenario, hourly(output.value), since=scenario.now + 1)
    assert acts(result.would)[0] == ("start", output, ONE)


@OTHERS
def test_other_rules_take_part_with_their_outputs(output: Output) -> None:
    notify = {"name": "draft", "on": "participant-joined", "do": "notify", "message": "in"}
    result = tried(recorded_window(output), notify, others=True)
    assert acts(result.only_did) == []
    assert [action for action in result.only_would if action.because == "rule:show"] == []


@OTHERS
def test_a_session_that_ends_ends_what_the_draft_started(output: Output) -> None:
    scenario = in_session()
    scenario.webhook("session-ended", after=90 * MINUTE)
    watch = {"name": "watch", "when": f"!room.outputs.{output}.live", "for_s": 60, "do": "notify", "message": "off"}
    result = tried(scenario, hourly(output.value), watch)
    notified = [action.at for action in result.would if action.because == "rule:watch"]
    assert len([at for at in notified if at > ONE + HOUR // 2]) == 1


def test_a_condition_on_the_age_of_a_recording_is_evaluated_while_no_events_arrive() -> None:
    scenario = in_session(Output.RECORDING)
    scenario.output_webhooks("started", after=10 * SECOND)
    started_at = scenario.now
    when = "room.outputs.recording.live && room.outputs.recording.stream.duration_s > 3600.0"
    result = tried(scenario, {"name": "long", "when": when, "do": "end", "output": "recording"})
    ends = [action for action in result.would if action.kind == "end"]
    assert len(ends) == 1
    assert 0 <= ends[0].at - (started_at + HOUR) < 2 * MINUTE


def test_actions_of_different_outputs_do_not_pair() -> None:
    of_hls = RuleAction(ONE, ROOM, "start", "rule:r")
    of_recording = RuleAction(ONE, ROOM, "start", "rule:r", Output.RECORDING)
    result = compare([of_hls], [of_recording])
    assert (result.only_would, result.only_did) == ((of_hls,), (of_recording,))
    assert action_view(of_recording)["output"] == "recording"


def test_a_backtest_makes_the_mp4_of_a_draft_at_once_so_that_rules_on_its_file_act() -> None:
    on_file = {"name": "file", "on": "recording.ready", "do": "notify", "message": "{event.data.stream.mp4}"}
    result = tried(in_session(), hourly("hls") | {"mp4": True}, on_file)
    [action] = [action for action in result.would if action.kind == "rule.file"]
    assert ONE + HOUR + MINUTE <= action.at <= ONE + HOUR + 2 * MINUTE
