"""The table a run moves by."""

from itertools import permutations, product

import pytest

from webhook_app.domain.events import stream_fact
from webhook_app.domain.streams.machine import (
    ENDED,
    ENDING,
    MOVES,
    ON_AIR,
    SIGNALS,
    WATCHABLE,
    EndedBy,
    State,
    Stream,
    advance,
    name_run,
    open_run,
    reopen,
)

RANK = list(State)


def a_run(state: State) -> Stream:
    return open_run("room", "1-0", 1_000, state, stream_fact({"id": "a"}), provisional=False)


def moved(run: Stream, signal: State, n: int = 2) -> Stream:
    return advance(run, signal, at=n * 1_000, event_id=f"{n}-0")


def test_the_states_in_order_are_starting_started_playable_stopping_stopped_failed():
    assert [state.value for state in State] == ["starting", "started", "playable", "stopping", "stopped", "failed"]


@pytest.mark.parametrize(("state", "signal"), list(product(State, State)))
def test_a_run_moves_to_any_later_state_and_never_back(state, signal):
    later = RANK.index(signal) > RANK.index(state)
    assert (signal in MOVES[state]) is later
    assert moved(a_run(state), signal).state is (signal if later else state)


def test_failed_outranks_all_and_nothing_follows_it():
    assert all(State.FAILED in MOVES[state] for state in State if state is not State.FAILED)
    assert not MOVES[State.FAILED]


@pytest.mark.parametrize("order", list(permutations([State.STARTED, State.PLAYABLE, State.STOPPING, State.STOPPED])))
def test_whatever_the_order_a_run_that_was_stopped_is_stopped(order):
    run = a_run(State.STARTING)
    for n, signal in enumerate(order, 2):
        run = moved(run, signal, n)
    assert run.state is State.STOPPED


def test_an_event_that_moves_nothing_leaves_the_run_as_it_was():
    run = a_run(State.PLAYABLE)
    assert moved(run, State.STARTED) is run
    assert moved(run, State.PLAYABLE) is run


def test_each_state_keeps_the_first_moment_it_was_reached():
    run = a_run(State.STARTING)
    for n, signal in enumerate([State.STARTED, State.PLAYABLE, State.STOPPING, State.STOPPED], 2):
        run = moved(run, signal, n)
    assert (run.starting_at, run.started_at, run.playable_at, run.stopping_at, run.ended_at) == (
        1_000,
        2_000,
        3_000,
        4_000,
        5_000,
    )
    assert (run.ended_by, run.ended_event_id) == (EndedBy.WEBHOOK, "5-0")


def test_a_run_first_seen_playable_has_started_too():
    assert moved(a_run(State.STARTING), State.PLAYABLE).started_at == 2_000


def test_a_stopped_run_that_turns_out_failed_keeps_the_moment_of_its_end():
    stopped = moved(a_run(State.PLAYABLE), State.STOPPED)
    failed = moved(stopped, State.FAILED, 9)
    assert (failed.state, failed.ended_at, failed.ended_event_id) == (State.FAILED, 2_000, "2-0")


def test_a_known_name_is_never_changed_and_a_missing_one_is_added():
    run = name_run(a_run(State.STARTING), stream_fact({"id": "b", "downstreamUrl": "https://cdn/x/index.m3u8"}))
    assert (run.videosdk_id, run.url_key) == ("a", "https://cdn/x")


def test_a_repair_reopens_an_ended_run_outside_the_table():
    run = reopen(moved(a_run(State.PLAYABLE), State.STOPPED), State.STARTED, at=9_000, event_id="9-0")
    assert run.live
    assert (run.ended_at, run.ended_by, run.ended_event_id) == (None, None, None)


def test_on_air_lasts_from_started_until_the_end_and_watchable_from_playable():
    assert set(State) - {State.STARTING} - ENDED == ON_AIR
    assert ON_AIR - {State.STARTED} == WATCHABLE
    assert {State.STOPPING} | ENDED == ENDING


def test_every_hls_webhook_has_its_signal():
    assert {f"hls-{state.value}": state for state in State} == SIGNALS
