"""`tally doctor --conformance` on the command line: wrong use, and a VideoSDK that cannot be reached."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.ports import free_ports
from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.client import Token, VideoSDK
from workers.cli.main import main
from workers.doctor.conformance.ending import Ending
from workers.doctor.conformance.limits import Limits
from workers.doctor.conformance.pauses import Pauses
from workers.doctor.conformance.state_file import RunRecord, RunState, StartedOutput, StateFile
from workers.shutdown import SignalWaiter

SHORT = Limits(request_s=1.0, ending_s=0.2, ending_poll_s=0.05)


@pytest.mark.parametrize(
    "words",
    [
        ["--recording"],
        ["--yes"],
        ["--report", "report.md"],
        ["--conformance", "room-1", "--replay"],
        ["--conformance", "room-1", "--start-without-session"],
        ["--conformance", "room-1", "--report", "missing/report.md"],
    ],
)
def test_wrong_use_is_refused(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["doctor", *words]).exit_code == 2


def test_without_a_product_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"DATA_DIR": str(tmp_path), "PORT": str(free_ports(1)[0]), "ADMIN_TOKEN": "a" * 20}
    done = CliRunner().invoke(main, ["doctor", "--conformance", "room-1", "--yes"], env=environ)
    assert (done.exit_code, "Tallylight must run" in done.output) == (1, True)
    assert list(tmp_path.glob("*.md")) == []


@pytest.mark.parametrize("output", [Output.HLS, Output.RECORDING])
def test_what_cannot_be_ended_stays_in_the_state_file(output: Output, tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    record = RunRecord(file, RunState(url, "room-1", "session-1"))
    record.add(StartedOutput(output, 0))
    with SignalWaiter() as waiter:
        ending = Ending(VideoSDK(url, Token("key", "s" * 32)), Pauses(waiter), SHORT)
        assert not ending.end_all(record)
    assert file.load() == record.state
