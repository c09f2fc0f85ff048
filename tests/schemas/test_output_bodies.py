"""Bodies of starts in rules: which belong to the outputs of a rule, whatever else they hold."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from webhook_app.domain.outputs import Output
from webhook_app.schemas.outputs import BODY_FIELDS
from webhook_app.schemas.rule import RuleSchema

LAYOUT = {"layout": {"type": "GRID", "priority": "SPEAKER"}}
DESTINATION = {"streams": [{"url": "rtmps://live.example/app", "stream_key": "k"}]}
OUTPUT_SETS = st.sets(st.sampled_from(Output), min_size=1)
SWITCHES = st.sampled_from([{}, {"enabled": True}, {"enabled": False}])


@st.composite
def start_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A valid body of a start of HLS that may switch VideoSDK's own recording on, in either place."""
    body: dict[str, Any] = {}
    if draw(st.booleans()):
        body["config"] = LAYOUT | draw(st.sampled_from([{}, {"quality": "high"}]))
        if draw(st.booleans()):
            body["config"] = body["config"] | {"recording": draw(SWITCHES)}
    if draw(st.booleans()):
        body["recording"] = draw(SWITCHES)
    if draw(st.booleans()):
        body["transcription"] = {"enabled": True}
    return body


def records_by_itself(body: dict[str, Any]) -> bool:
    places = (body.get("recording", {}), body.get("config", {}).get("recording", {}))
    return any(switch.get("enabled") is True for switch in places)


def errors_of(outputs: set[Output], **bodies: Any) -> dict[str, Any]:
    written = {"name": "show", "rooms": ["*"], "schedule": {"cron": "0 9 * * SUN", "duration": "2h"}}
    written |= {"outputs": sorted(output.value for output in outputs), **bodies}
    try:
        RuleSchema().load(written)
    except ValidationError as error:
        assert isinstance(error.messages, dict)
        return error.messages
    return {}


@given(OUTPUT_SETS, start_bodies())
def test_a_recording_inside_start_is_refused_beside_a_recording_of_its_own(
    outputs: set[Output], start: dict[str, Any]
) -> None:
    bodies = {"start": start} if Output.HLS in outputs else {}
    if Output.RTMP in outputs:
        bodies["rtmp"] = DESTINATION
    is_twice = {Output.HLS, Output.RECORDING} <= outputs and records_by_itself(start)
    errors = errors_of(outputs, **bodies)
    assert set(errors) == ({"start"} if is_twice else set())
    if is_twice:
        assert "a second time" in errors["start"][0]


@given(OUTPUT_SETS, OUTPUT_SETS)
def test_a_body_for_an_output_that_is_not_started_is_refused(outputs: set[Output], given_for: set[Output]) -> None:
    bodies = {BODY_FIELDS[output]: DESTINATION if output is Output.RTMP else {"config": LAYOUT} for output in given_for}
    missing = {"rtmp"} if Output.RTMP in outputs - given_for else set()
    assert set(errors_of(outputs, **bodies)) == {BODY_FIELDS[output] for output in given_for - outputs} | missing
