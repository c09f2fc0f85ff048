"""The first hour, as the page tells it: its commands are run, one after the other, on a product that runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_docs import DOCS, blocks
from tests.support.polling import scaled_limit
from tests.support.product import Product, ask, product

pytestmark = pytest.mark.process
PAGE = DOCS / "tutorial.md"
LIMIT_S = scaled_limit(120)
# The page waits for people who read; here everything is ten times as fast.
HURRY = {"sleep 10": "sleep 2", "sleep 15": "sleep 4", "for: 10s": "for: 1s", "duration: 2m": "duration: 1m"}
# What has been done by the time the script runs, names ids of its author's, or needs an account.
LEFT_OUT = ("make run", "export PATH", "demo-demo-demo", "VIDEOSDK_API_KEY")
# What is meant to fail, and what would go on for ever.
EXPECTED = {
    "tally config check wrong.yaml\n": "tally config check wrong.yaml || test $? -eq 1\n",
    "tally events tail --room $ROOM\n": "",
}


def test_the_commands_of_the_first_hour_do_what_it_says(tmp_path: Path) -> None:
    script = "".join(block for block in blocks(PAGE, "sh") if not any(word in block for word in LEFT_OUT))
    assert script.count("tally ") > 10
    for theirs, ours in (HURRY | EXPECTED).items():
        assert theirs in script, theirs
        script = script.replace(theirs, ours)
    with product(tmp_path, credentials=False) as one:
        script = script.replace("127.0.0.1:8001", f"127.0.0.1:{_sandbox_port(one)}")
        ask("PUT", f"http://127.0.0.1:{_sandbox_port(one)}/sandbox/pace", b'{"started_s": 0.1, "playable_s": 0.2}')
        done = subprocess.run(
            ["bash", "-e", "-u", "-c", script],
            cwd=one.home,
            env=dict(one.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TZ": "UTC"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert ": playable, on air" in said and ": stopped" in said
    assert "wrong.yaml:7: rules.live-with-the-host.if: startWith() does not exist" in said
    assert "on: rule:live-with-the-host" in said
    assert "Held for 1 s: studio-is-empty" in said
    assert re.search(r"[+=] 20.* start  rule:live-with-the-host", said)
    assert "- rule live-with-the-host removed" in said
    assert "Z  to  20" in said
    assert "stream.playable" in said


def _sandbox_port(one: Product) -> int:
    return int(one.url.rpartition(":")[2]) + 1
