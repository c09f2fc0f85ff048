"""The core lives through some hours of trouble, seed by seed, and comes out as it should."""

import pytest

from tests.simulation import DAY, HOUR, simulate

SEEDS_EACH = 4
GROUPS = 8


@pytest.mark.parametrize("first", range(0, SEEDS_EACH * GROUPS, SEEDS_EACH))
def test_after_hours_of_trouble_every_room_is_what_is_wanted_and_we_know_it(first):
    for seed in range(first, first + SEEDS_EACH):
        simulate(seed)


def test_the_same_seed_is_the_same_story():
    told: list[list[str]] = [[], []]
    for lines in told:
        simulate(7, say=lines.append, rounds=1)
    assert told[0] == told[1]
    assert len(told[0]) > 50


def test_the_seeds_have_calls_and_crashes_in_them():
    totals: dict[str, int] = {}
    for seed in range(100, 108):
        for name, number in simulate(seed, rounds=1).items():
            totals[name] = totals.get(name, 0) + number
    assert totals["ms"] > 6 * HOUR
    assert totals["ms"] < 6 * DAY
    assert min(totals.values()) > 5
