"""A fixed number of seeds of each fuzzer; `make fuzz` goes on with ever new ones."""

from typing import Any

import pytest

from tests.fuzz.targets import CI_TARGETS, input_of, try_seed

SEEDS = 200


@pytest.mark.parametrize("target", CI_TARGETS)
@pytest.mark.parametrize("part", range(4))
def test_what_must_hold_for_every_input_holds(target: Any, part: int) -> None:
    for seed in range(part * SEEDS // 4, (part + 1) * SEEDS // 4):
        try:
            try_seed(target, seed)
        except Exception as error:
            pytest.fail(f"python -m tests.fuzz --target {target} --seed {seed}: {error!r}\n{input_of(target, seed)!r}")
