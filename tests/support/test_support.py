"""What the tests themselves rely on: waits that explain themselves, and failures that fit a screen."""

import socket
import subprocess
import sys

import pytest

from tests.support import paths
from tests.support.polling import last_lines, scaled_limit, wait_until
from tests.support.ports import PORTS, free_ports

pytest_plugins = ["pytester"]

SHARED = """
import pytest

@pytest.fixture(scope="session")
def product():
    raise RuntimeError("the product did not start")

@pytest.mark.parametrize("at", range(20))
def test_one(product, at):
    pass

def test_other():
    pass
"""
LONG = """
import sys

def test_long():
    for at in range(10_000):
        print("line", at)
    raise AssertionError("\\n".join(str(at) * 2_000 for at in range(2_000)))
"""


@pytest.fixture
def reporting(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.syspathinsert(str(paths.ROOT))
    pytester.makeconftest('pytest_plugins = ["tests.support.reporting"]')
    return pytester


def test_a_wait_that_fails_says_for_what_and_what_it_saw_last() -> None:
    with pytest.raises(AssertionError, match=r"for the lamp being on; seen last: \[\], the lamp is off"):
        wait_until(list, 20, "the lamp being on", describe=lambda: "the lamp is off", limit_s=0.05)
    with pytest.raises(AssertionError, match=r"nothing .*ZeroDivisionError"):
        wait_until(lambda: False, 20, "the lamp being on", describe=lambda: 1 / 0, limit_s=0.05)


def test_a_wait_returns_what_its_condition_returns() -> None:
    answers = iter([None, 0, "there"])
    assert wait_until(lambda: next(answers), 20) == "there"


def test_limits_are_generous_however_short_what_is_waited_for() -> None:
    assert scaled_limit(0.1) >= 60
    assert scaled_limit(100) >= 300


def test_a_long_log_is_cut_to_its_end() -> None:
    text = "\n".join(f"line {at}" for at in range(1_000))
    assert last_lines(text, 3).splitlines() == ["… (997 lines before)", "line 997", "line 998", "line 999"]
    assert last_lines("short") == "short"


def test_something_shared_that_fails_is_one_error(reporting: pytest.Pytester) -> None:
    reporting.makepyfile(SHARED)
    result = reporting.runpytest_inprocess("-ra", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1, skipped=19)
    assert "failed before: the product did not start" in result.stdout.str()


def test_a_failure_fits_a_screen(reporting: pytest.Pytester) -> None:
    reporting.makepyfile(LONG)
    result = reporting.runpytest_inprocess("-ra", "--tb=short", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    assert len(result.outlines) < 160
    assert len(result.stdout.str()) < 100_000
    assert "line 9999" in result.stdout.str()


PICK_TWO = """
import sys
from tests.support.ports import free_ports
print(*(free_ports(1, range(*map(int, sys.argv[1:])))[0] for _ in range(2)), flush=True)
sys.stdin.read()
"""


def test_test_processes_pick_different_ports() -> None:
    four = range((ports := free_ports(4))[0], ports[-1] + 1)
    with pytest.raises(AssertionError, match="no 1 ports in a row are free"):
        free_ports(1, four)
    six = next(block for first in PORTS[::6] if _all_free(block := range(first, first + 6)))
    command = [sys.executable, "-c", PICK_TWO, str(six.start), str(six.stop)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=paths.ROOT) as other:
        assert other.stdout is not None
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = {port for _ in range(4) for port in free_ports(1, six)}
        other.communicate()
    assert (len(theirs), len(ours)) == (2, 4)
    assert not theirs & ours


def test_a_port_that_a_server_listens_on_is_not_picked() -> None:
    three = next(block for first in PORTS[::3] if _all_free(block := range(first, first + 3)))
    with socket.socket() as server:
        server.bind(("127.0.0.1", three[1]))
        server.listen()
        assert {port for _ in range(2) for port in free_ports(1, three)} == {three[0], three[2]}


def _all_free(ports: range) -> bool:
    """Whether neither a server nor a test process has one of the ports."""
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return False
    return True
