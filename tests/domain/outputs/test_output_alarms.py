"""Alarms by output: each output has its own, whatever the others do."""

from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND, SESSION, Scenario, url
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output

HOUR = 60 * MINUTE
ONE = NOON + HOUR
SUBJECTS = {Output.HLS: ROOM, Output.RECORDING: f"{ROOM} recording", Output.RTMP: f"{ROOM} rtmp"}
OUTPUT_SETS = st.sets(st.sampled_from(Output), min_size=1)
SOME = settings(max_examples=15, deadline=None)


def window_for(*outputs: Output) -> Scenario:
    scenario = Scenario()
    scenario.webhook("session-started")
    schedule = {"at": ["2026-11-22T13:00"], "duration_s": 3600}
    scenario.put_rule({"name": "show", "schedule": schedule, "outputs": [output.value for output in outputs]})
    return scenario


def keys(name: str, outputs: Collection[Output]) -> set[str]:
    return {f"{name}:{SUBJECTS[output]}" for output in outputs}


def alarms_named(scenario: Scenario, name: str) -> set[str]:
    return {key for key in scenario.world.alarms if key.startswith(f"{name}:")}


def bring_on(scenario: Scenario, output: Output) -> None:
    """VideoSDK starts the output, and its webhooks arrive."""
    scenario.output = output
    if output is Output.HLS:
        scenario.answer("succeeded", run="a")
        scenario.hls("started", "playable", id="a", url=url("a"))
    else:
        scenario.answer("succeeded", status=200)
        scenario.output_webhooks("started")


@SOME
@given(OUTPUT_SETS, OUTPUT_SETS)
def test_each_output_that_is_late_has_an_alarm_until_it_is_on(scheduled: set[Output], started: set[Output]) -> None:
    scenario = window_for(*scheduled)
    scenario.wait(ONE + SECOND - scenario.now)
    scenario.now = ONE + 90 * SECOND
    for output in sorted(scheduled):
        scenario.output = output
        scenario.timer("late")
    assert alarms_named(scenario, "broadcast-late") == keys("broadcast-late", scheduled)
    for output in sorted(scheduled & started):
        bring_on(scenario, output)
    assert alarms_named(scenario, "broadcast-late") == keys("broadcast-late", scheduled - started)


@SOME
@given(OUTPUT_SETS)
def test_each_output_that_misses_its_window_has_an_alarm(scheduled: set[Output]) -> None:
    scenario = window_for(*scheduled)
    scenario.webhook("session-ended")
    scenario.wait(ONE + HOUR + MINUTE - scenario.now)
    missed = {f"broadcast-missed:show {SUBJECTS[output]}" for output in scheduled}
    assert alarms_named(scenario, "broadcast-missed") == missed
    assert alarms_named(scenario, "broadcast-late") == set()
    reported = [notice.data["output"] for notice in scenario.announced if notice.type == "broadcast.missed"]
    assert sorted(reported) == sorted(output.value for output in scheduled)


@SOME
@given(OUTPUT_SETS, OUTPUT_SETS)
def test_each_output_whose_start_is_refused_has_an_alarm(refused: set[Output], repeated: set[Output]) -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.joined("ann")
    for output in sorted(refused):
        scenario.output = output
        scenario.operator("start")
        scenario.answer("refused", status=400, message="4021 add-on disabled", refusal="invalid")
    assert alarms_named(scenario, "start-refused") == keys("start-refused", refused)
    for output in sorted(refused & repeated):
        scenario.output = output
        scenario.operator("end")
    assert alarms_named(scenario, "start-refused") == keys("start-refused", refused - repeated)


def test_unknown_starts_of_two_outputs_are_two_alarms_that_clear_one_by_one() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    for output in OTHER_OUTPUTS:
        scenario.output = output
        scenario.operator("start")
        scenario.answer("unknown", status=None)
    until = scenario.now + 2 * MINUTE + 10 * SECOND
    while scenario.now < until:
        scenario.wait(SECOND)
        for output in OTHER_OUTPUTS:
            scenario.output = output
            if scenario.room.probing.probe is not None:
                scenario.probe(listed=[], after=0)
    assert alarms_named(scenario, "start-unknown") == keys("start-unknown", OTHER_OUTPUTS)
    scenario.output = Output.RECORDING
    scenario.output_webhooks("started", session=SESSION)
    assert alarms_named(scenario, "start-unknown") == keys("start-unknown", [Output.RTMP])
