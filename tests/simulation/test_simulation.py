"""The core lives through weeks and hours of trouble, seed by seed, and comes out as it should."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.agenda import DAY, InvariantError
from tests.simulation.life import RUSH_EVERY, Life, simulate
from tests.simulation.worker import Worker
from webhook_app.domain.control.call import Call
from webhook_app.domain.outputs import OTHER_OUTPUTS

WEEKS = [seed for seed in range(1, 16) if seed % RUSH_EVERY]
RUSHES = range(0, 8 * RUSH_EVERY, RUSH_EVERY)
SPOILED_MAX = 60


@pytest.mark.parametrize("seed", WEEKS)
def test_in_a_week_of_trouble_every_room_is_what_is_wanted_and_we_know_it(seed: Any) -> None:
    simulate(seed, rounds=1)


@pytest.mark.parametrize("seed", RUSHES)
def test_after_hours_in_which_everything_goes_wrong_every_room_is_what_is_wanted_and_we_know_it(seed: Any) -> None:
    simulate(seed, rounds=1)


def test_a_seed_gives_the_same_events_each_time() -> None:
    logs: list[list[str]] = [[], []]
    for lines in logs:
        simulate(RUSH_EVERY, tell=lines.append, rounds=1)
    assert logs[0] == logs[1]
    assert len(logs[0]) > 50


def test_the_seeds_have_calls_crashes_and_streams_on_air_in_them() -> None:
    totals: dict[str, int] = {}
    for seed in range(101, 113):
        for name, number in simulate(seed, rounds=1).items():
            totals[name] = totals.get(name, 0) + number
    assert totals["ms"] > 20 * DAY
    common = {"events", "starts", "ends", "crashes", "checks", "checks on air", "attempts"}
    assert min(totals.get(name, 0) for name in common) > 5
    assert min(totals.values()) > 0
    assert {f"starts of {output}" for output in OTHER_OUTPUTS} < totals.keys()


def test_a_worker_that_skips_an_event_when_it_dies_is_found_out() -> None:
    def spoil(worker: Worker) -> None:
        worker.cursor += 1

    _is_found_out(lambda life: _when_it_dies(life, spoil))


def test_a_worker_that_keeps_half_a_batch_when_it_dies_is_found_out() -> None:
    def spoil(worker: Worker) -> None:
        worker.timers.clear()

    _is_found_out(lambda life: _when_it_dies(life, spoil))


def test_a_call_job_that_takes_no_answer_for_a_no_is_found_out() -> None:
    def spoil(life: Life) -> None:
        answer = life.caller._answer

        def deny(call: Call, outcome: str, *more: Any, **named: Any) -> None:
            answer(call, "dropped" if outcome == "unknown" else outcome, *more, **named)

        life.caller._answer = deny  # type: ignore[method-assign]  # the planted defect

    _is_found_out(spoil)


def test_a_worker_that_loses_a_delivery_when_it_dies_is_detected() -> None:
    def spoil(life: Life) -> None:
        dies = life.agenda.dies

        def forget() -> bool:
            died = dies()
            if died and life.deliverer.outbox:
                life.deliverer.outbox.popleft()
            return died

        life.agenda.dies = forget  # type: ignore[method-assign]  # the planted defect

    _is_found_out(spoil)


def _when_it_dies(life: Life, spoil: Callable[[Worker], None]) -> None:
    dies = life.agenda.dies

    def die() -> bool:
        died = dies()
        if died:
            spoil(life.worker)
        return died

    life.agenda.dies = die  # type: ignore[method-assign]  # the planted defect


def _is_found_out(spoil: Callable[[Life], None]) -> None:
    for seed in range(SPOILED_MAX):
        life = Life(seed)
        spoil(life)
        try:
            life.rush(1)
        except InvariantError:
            return
    raise AssertionError(f"nothing was found in {SPOILED_MAX} seeds")
