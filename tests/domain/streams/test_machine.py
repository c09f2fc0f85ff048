"""The state machine of a stream."""

from itertools import permutations, product
from typing import Any

import pytest

from webhook_app.domain.outputs import Output
from webhook_app.domain.streams import machine
from webhook_app.domain.streams.machine import ENDED, ENDING, MOVES, ON_AIR, WATCHABLE, StreamState
from webhook_app.domain.streams.stream import EndedBy, Stream, advance, new_stream, reopen, with_names_from
from webhook_app.providers.videosdk.objects import stream_report

RANK = list(StreamState)


def a_run(state: StreamState) -> Stream:
    return new_stream("room", "1-0", 1_000, state, stream_report({"id": "a"}), output=Output.HLS, provisional=False)


def moved(run: Stream, signal: StreamState, n: int = 2) -> Stream:
    return advance(run, signal, at=n * 1_000, event_id=f"{n}-0")


def test_the_table_in_the_docstring_is_the_table_of_moves() -> None:
    rows = [line.strip("| ").split(" | ") for line in (machine.__doc__ or "").splitlines() if line.startswith("| ")]
    signals = [StreamState(name) for name in rows[0][1:]]
    documented = {
        StreamState(state): {signal for signal, cell in zip(signals, cells, strict=True) if cell == signal}
        for state, *cells in rows[1:]
    }
    assert documented == MOVES


def test_the_states_in_order_are_starting_started_playable_stopping_stopped_failed() -> None:
    assert [state.value for state in StreamState] == [
        "starting",
        "started",
        "playable",
        "stopping",
        "stopped",
        "failed",
    ]


@pytest.mark.parametrize(("state", "signal"), list(product(StreamState, StreamState)))
def test_a_stream_moves_to_any_later_state_and_never_back(state: Any, signal: Any) -> None:
    later = RANK.index(signal) > RANK.index(state)
    assert (signal in MOVES[state]) is later
    assert moved(a_run(state), signal).state is (signal if later else state)


def test_failed_outranks_all_and_nothing_follows_it() -> None:
    assert all(StreamState.FAILED in MOVES[state] for state in StreamState if state is not StreamState.FAILED)
    assert not MOVES[StreamState.FAILED]


@pytest.mark.parametrize(
    "order", list(permutations([StreamState.STARTED, StreamState.PLAYABLE, StreamState.STOPPING, StreamState.STOPPED]))
)
def test_a_stream_that_was_stopped_is_stopped_in_any_order_of_its_events(order: Any) -> None:
    run = a_run(StreamState.STARTING)
    for n, signal in enumerate(order, 2):
        run = moved(run, signal, n)
    assert run.state is StreamState.STOPPED


def test_an_event_that_changes_no_state_leaves_the_stream_as_it_was() -> None:
    run = a_run(StreamState.PLAYABLE)
    assert moved(run, StreamState.STARTED) is run
    assert moved(run, StreamState.PLAYABLE) is run


def test_each_state_keeps_the_first_moment_it_was_reached() -> None:
    run = a_run(StreamState.STARTING)
    for n, signal in enumerate(
        [StreamState.STARTED, StreamState.PLAYABLE, StreamState.STOPPING, StreamState.STOPPED], 2
    ):
        run = moved(run, signal, n)
    assert (run.starting_at, run.started_at, run.playable_at, run.stopping_at, run.ended_at) == (
        1_000,
        2_000,
        3_000,
        4_000,
        5_000,
    )
    assert (run.ended_by, run.ended_event_id) == (EndedBy.WEBHOOK, "5-0")


def test_a_stream_first_reported_playable_has_a_start_time_too() -> None:
    assert moved(a_run(StreamState.STARTING), StreamState.PLAYABLE).started_at == 2_000


def test_a_stopped_stream_that_turns_out_failed_keeps_its_end_time() -> None:
    stopped = moved(a_run(StreamState.PLAYABLE), StreamState.STOPPED)
    failed = moved(stopped, StreamState.FAILED, 9)
    assert (failed.state, failed.ended_at, failed.ended_event_id) == (StreamState.FAILED, 2_000, "2-0")


def test_a_known_name_is_never_changed_and_a_missing_one_is_added() -> None:
    run = with_names_from(
        a_run(StreamState.STARTING), stream_report({"id": "b", "downstreamUrl": "https://cdn/x/index.m3u8"})
    )
    assert (run.videosdk_id, run.url_key) == ("a", "https://cdn/x")


def test_a_repair_may_reopen_an_ended_stream() -> None:
    run = reopen(moved(a_run(StreamState.PLAYABLE), StreamState.STOPPED), StreamState.STARTED, at=9_000, event_id="9-0")
    assert run.live
    assert (run.ended_at, run.ended_by, run.ended_event_id) == (None, None, None)


def test_on_air_lasts_from_started_until_the_end_and_watchable_from_playable() -> None:
    assert set(StreamState) - {StreamState.STARTING} - ENDED == ON_AIR
    assert ON_AIR - {StreamState.STARTED} == WATCHABLE
    assert {StreamState.STOPPING} | ENDED == ENDING
