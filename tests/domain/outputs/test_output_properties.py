"""What holds of all outputs however their webhooks arrive: none of them touches another."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scenario import SESSION, Scenario
from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.machine import STATES

PREFIXES = {Output.HLS: "hls", Output.RECORDING: "recording", Output.RTMP: "livestream"}
SIGNALS = [(output, state.value) for output in Output for state in STATES[output]]
BETWEEN = ["participant-joined", "participant-left", "session-ended", "session-started"]
WEBHOOKS = st.one_of(st.sampled_from(SIGNALS), st.tuples(st.none(), st.sampled_from(BETWEEN)))


def folded(webhooks: list[tuple[Output | None, str]], only: Output | None = None) -> Scenario:
    """The webhooks in a room that cannot be probed; with `only` those of one output, and those of the session."""
    scenario = Scenario(calls=False)
    scenario.webhook("session-started")
    for output, kind in webhooks:
        if output is None:
            scenario.webhook(kind, participantId="ann", after=0)
        elif only is None or output is only:
            scenario.webhook(f"{PREFIXES[output]}-{kind}", session=SESSION, after=0)
    return scenario


@settings(max_examples=150, deadline=None)
@given(st.lists(WEBHOOKS, max_size=14))
def test_webhooks_of_one_output_leave_the_others_as_they_are(webhooks: list[tuple[Output | None, str]]) -> None:
    scenario = folded(webhooks)
    for output in Output:
        alone = folded(webhooks, output)
        scenario.output = alone.output = output
        assert scenario.states == alone.states
        assert [stream.output for stream in scenario.room.streams] == [output] * len(scenario.room.streams)
        prefix = {Output.HLS: "stream."}.get(output, f"{output}.")
        assert [kind for kind in scenario.notices if kind.startswith(prefix)] == [
            kind for kind in alone.notices if kind.startswith(prefix)
        ]


@settings(max_examples=100, deadline=None)
@given(st.lists(WEBHOOKS, max_size=14), st.sampled_from(Output))
def test_timers_and_state_of_an_output_are_kept_when_the_room_is_seen_from_another(
    webhooks: list[tuple[Output | None, str]], output: Output
) -> None:
    room = folded(webhooks).stored_room
    view = room.seen_from(output)
    assert view.seen_from(Output.HLS) == room
    for other in Output:
        assert view.seen_from(other) == room.seen_from(other)
