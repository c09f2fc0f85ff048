"""Open files: a process that delivers takes as many as the system lets it."""

import subprocess
import sys

import pytest

ASK = "from workers.fd_limit import raise_fd_limit; import resource; "


@pytest.mark.parametrize(("soft", "hard", "may"), [(256, 4096, 2_000), (256, 1_000, 1_000), (3_000, 4_096, 3_000)])
def test_a_low_limit_is_raised_as_far_as_it_may_be_and_a_high_one_left_alone(soft: int, hard: int, may: int) -> None:
    limits = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); "
    code = f"{ASK}{limits}print(raise_fd_limit(2_000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[-1] == f"{may} {may}"
