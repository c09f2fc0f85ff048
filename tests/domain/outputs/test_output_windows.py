"""Windows by output: occurrences, merging with other rules, skips, and the quota of streams."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.scenario import MINUTE, NOON, ROOM, Scenario
from webhook_app.domain.events import Source
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.schedules.occurrences import Occurrence, occurrences, over_quota
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import next_opening
from webhook_app.domain.visible_changes import is_visibly_changed
from webhook_app.event_decoding.rules import decode_rule

HOUR = 60 * MINUTE
BOTH = ["hls", "recording"]
HIGH, LOW = {"config": {"quality": "high"}}, {"config": {"quality": "low"}}
BODY_FIELDS = {Output.HLS: "start", Output.RECORDING: "recording", Output.RTMP: "rtmp"}


def rule(name: str, *times: str, hours: int = 1, **more: Any) -> dict[str, Any]:
    """A rule whose windows open today at these times."""
    schedule = {"at": [f"2026-11-22T{time}" for time in times], "duration_s": hours * 3600, "given": {}}
    return {"name": name, "rooms": [ROOM], "schedule": schedule, **more}


def config_of(*rules: dict[str, Any]) -> Config:
    config = Config()
    for data in rules:
        config = config.with_rule(decode_rule(data))
    return config


def listed(config: Config, name: str, *, count: int = 50) -> list[Occurrence]:
    return occurrences(config, config.rules[name], [ROOM], at=NOON, count=count)


def hours(occurrence: Occurrence) -> tuple[float, float]:
    return (occurrence.window.opens_at - NOON) / HOUR, (occurrence.window.closes_at - NOON) / HOUR


def test_a_rule_with_two_outputs_has_an_occurrence_for_each_with_the_same_opening() -> None:
    config = config_of(rule("show", "13:00", "15:00", outputs=BOTH))
    shown = [(occurrence.output, hours(occurrence), occurrence.openings) for occurrence in listed(config, "show")]
    at_one, at_three = NOON + HOUR, NOON + 3 * HOUR
    assert shown == [
        (Output.HLS, (1, 2), (at_one,)),
        (Output.RECORDING, (1, 2), (at_one,)),
        (Output.HLS, (3, 4), (at_three,)),
        (Output.RECORDING, (3, 4), (at_three,)),
    ]


def test_windows_of_different_rules_are_merged_by_output() -> None:
    config = config_of(
        rule("show", "13:00", outputs=BOTH),
        rule("archive", "14:00", outputs=["recording"]),
        rule("stream", "14:00", outputs=["hls"], start=HIGH),
    )
    by_output = {occurrence.output: occurrence for occurrence in listed(config, "show")}
    assert hours(by_output[Output.RECORDING]) == (1, 3)
    assert by_output[Output.RECORDING].window.rules == ("show", "archive")
    assert hours(by_output[Output.HLS]) == (1, 2)
    assert by_output[Output.HLS].window.rules == ("show",)


def test_windows_with_other_bodies_for_an_output_cut_each_other_short() -> None:
    config = config_of(
        rule("all-day", "13:00", hours=4, outputs=BOTH, recording=LOW),
        rule("talk", "14:00", outputs=BOTH, recording=HIGH),
    )
    by_output: dict[Output, list[tuple[float, float]]] = {Output.HLS: [], Output.RECORDING: []}
    for occurrence in listed(config, "talk"):
        by_output[occurrence.output].append(hours(occurrence))
    assert by_output == {Output.HLS: [(1, 5)], Output.RECORDING: [(2, 3)]}


def test_a_skip_is_for_all_outputs_of_the_rule() -> None:
    scenario = Scenario()
    scenario.put_rule(rule("show", "13:00", outputs=BOTH))
    scenario.webhook("session-started")
    scenario.process(Source.OPERATOR, "occurrence-skipped", {"name": "show", "opens_at": NOON + HOUR}, room=None)
    assert [occurrence.skipped for occurrence in listed(scenario.world.config, "show")] == [True, True]
    scenario.wait(2 * HOUR)
    assert scenario.starts == []


def test_the_quota_counts_windows_of_hls_alone() -> None:
    config = config_of(
        rule("show", "13:00", outputs=["hls", "recording", "rtmp"]),
        rule("archive", "13:00", outputs=["recording"]) | {"rooms": ["other"]},
    )
    assert over_quota(config, [ROOM, "other"], at=NOON, limit=1) == []
    assert over_quota(config, [ROOM, "other"], at=NOON, limit=0) == [(NOON + HOUR, 1)]


def test_a_room_shows_the_next_window_of_each_output() -> None:
    scenario = Scenario()
    scenario.put_rule(rule("archive", "14:00", outputs=["recording"]))
    scenario.put_rule(rule("simulcast", "13:00", "15:00", outputs=["rtmp"]))
    scenario.webhook("session-started")
    outputs = scenario.view["outputs"]
    assert scenario.view["next_window"] is None
    assert outputs["hls"]["next_window"] is None
    assert (outputs["recording"]["next_window"]["opens_at"], outputs["recording"]["next_window"]["rules"]) == (
        rfc3339(NOON + 2 * HOUR),
        ["archive"],
    )
    assert next_opening(outputs) == (rfc3339(NOON + HOUR), ["rtmp"])
    scenario.wait(HOUR)
    assert scenario.view["outputs"]["rtmp"]["next_window"]["opens_at"] == rfc3339(NOON + 3 * HOUR)


def test_a_room_shows_the_output_that_waits_for_a_session_and_the_one_that_is_late() -> None:
    scenario = Scenario(output=Output.RECORDING)
    scenario.put_rule(rule("archive", "13:00", outputs=["recording"]))
    scenario.webhook("session-started")
    scenario.webhook("session-ended")
    before = scenario.stored_room
    scenario.wait(HOUR)
    recording, hls = (scenario.view["outputs"][name] for name in ("recording", "hls"))
    assert (recording["armed"], recording["late_since"]) == (True, None)
    assert is_visibly_changed(before, scenario.stored_room)
    scenario.wait(2 * MINUTE)
    assert scenario.view["outputs"]["recording"]["late_since"] is not None
    assert (hls["armed"], hls["late_since"], scenario.view["armed"]) == (False, None, False)


OUTPUT_SETS = st.lists(st.sampled_from([output.value for output in Output]), min_size=1, max_size=3, unique=True)
BODIES = st.sampled_from([{}, HIGH, LOW])


@st.composite
def generated_rule(draw: st.DrawFn, name: str) -> dict[str, Any]:
    times = draw(st.lists(st.sampled_from(["12:30", "13:00", "14:00", "14:30", "16:00"]), min_size=1, unique=True))
    bodies = {field: draw(BODIES) for field in BODY_FIELDS.values()}
    return rule(name, *sorted(times), hours=draw(st.integers(1, 3)), outputs=draw(OUTPUT_SETS), **bodies)


def as_hls(data: dict[str, Any], output: Output) -> dict[str, Any]:
    """The rule that does with HLS what this one does with the output."""
    kept = {key: value for key, value in data.items() if key not in {*BODY_FIELDS.values(), "outputs"}}
    return kept | {"start": data[BODY_FIELDS[output]]}


@given(st.tuples(generated_rule("a"), generated_rule("b"), generated_rule("c")))
def test_each_output_has_the_windows_that_hls_would_have_by_the_rules_for_it(rules: tuple[dict[str, Any], ...]) -> None:
    config = config_of(*rules)
    for output in Output:
        alone = [as_hls(data, output) for data in rules if output in data["outputs"]]
        hls_config = config_of(*alone)
        for data in rules:
            of_output = [entry for entry in listed(config, data["name"]) if entry.output is output]
            if output not in data["outputs"]:
                assert of_output == []
                continue
            expected = listed(hls_config, data["name"])
            assert [(entry.window, entry.openings, entry.skipped) for entry in of_output] == [
                (entry.window, entry.openings, entry.skipped) for entry in expected
            ]


@given(st.tuples(generated_rule("a"), generated_rule("b")))
def test_the_windows_that_open_are_those_that_were_listed(rules: tuple[dict[str, Any], ...]) -> None:
    scenario = Scenario(calls=False)
    config = config_of(*rules)
    entries = [entry for data in rules for entry in listed(config, data["name"])]
    # A window that another cut short goes on, for the room, when its own body comes back at that very moment.
    ends = [(entry.output, entry.window.closes_at, entry.window.start) for entry in entries]
    expected = {
        (entry.output, entry.window.opens_at): (entry.window.rules, entry.window.start)
        for entry in entries
        if (entry.output, entry.window.opens_at, entry.window.start) not in ends
    }
    for data in rules:
        scenario.put_rule(data)
    opened: dict[tuple[Output, int], tuple[Any, Any]] = {}
    scenario.webhook("session-started")
    while timers := {name: due for name, due in scenario.stored_room.all_timers.items() if name.endswith("window")}:
        scenario.wait(min(timers.values()) - scenario.now)
        for output in Output:
            window = scenario.stored_room.seen_from(output).schedule.window
            if window is not None:
                opened.setdefault((output, window.opens_at), (window.rules, window.start))
    assert opened == expected
