"""The tutorial: its commands are run, one after the other, on a running product."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_docs import DOCS, blocks
from tests.support.polling import scaled_limit
from tests.support.product import Product, ask, product
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process
PAGE = DOCS / "tutorial.md"
LIMIT_S = scaled_limit(120)
# The page gives people time to read; here everything is faster.
HURRY = {"sleep 10": "sleep 2", "sleep 15": "sleep 4", "for: 10s": "for: 1s", "duration: 2m": "duration: 1m"}
# Commands that were run before the script, that use the author's ids, or that need an account.
LEFT_OUT = ("make run", "export PATH", "demo-demo-demo", "VIDEOSDK_API_KEY")
# Commands that are meant to fail, and those that would never end.
EXPECTED = {
    "tally config check wrong.yaml\n": "tally config check wrong.yaml || test $? -eq 1\n",
    "tally events tail --room $ROOM\n": "",
}


def test_the_commands_of_the_tutorial_work(tmp_path: Path) -> None:
    script = "".join(block for block in blocks(PAGE, "sh") if not any(word in block for word in LEFT_OUT))
    assert script.count("tally ") > 10
    for shown, executed in (HURRY | EXPECTED).items():
        assert shown in script, shown
        script = script.replace(shown, executed)
    with product(tmp_path, credentials=False) as tally:
        script = script.replace("127.0.0.1:8001", f"127.0.0.1:{_sandbox_port(tally)}")
        ask("PUT", f"http://127.0.0.1:{_sandbox_port(tally)}/sandbox/pace", b'{"started_s": 0.1, "playable_s": 0.2}')
        completed = subprocess.run(
            ["bash", "-e", "-u", "-c", script],
            cwd=tally.home,
            env=dict(tally.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TZ": "UTC"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    output = completed.stdout + completed.stderr
    assert completed.returncode == 0, output
    assert ": playable, on air" in output and ": stopped" in output
    assert "wrong.yaml:7: rules.live-with-the-host.if: startWith() does not exist" in output
    assert "on: rule:live-with-the-host" in output
    assert explain(Reason.RULE_HELD, seconds=1, rule="studio-is-empty").text in output
    assert re.search(r"[+=] 20.* start  rule:live-with-the-host", output)
    assert "- rule live-with-the-host removed" in output
    assert "Z  to  20" in output
    assert "stream.playable" in output


def _sandbox_port(tally: Product) -> int:
    return int(tally.url.rpartition(":")[2]) + 1
