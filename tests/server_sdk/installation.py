"""Installs VideoSDK's server SDK from npm, pinned by its lock file, and runs scripts that use it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT
from tests.support.polling import scaled_limit

HERE = Path(__file__).parent
INSTALL_S = scaled_limit(120.0)
SCRIPT_S = scaled_limit(60.0)
API_KEY = "an-api-key"
SECRET = "a-secret-of-at-least-thirty-two-bytes"


def installed_sdk() -> Path:
    """The directory of the installed SDK; the test is skipped where it cannot be installed."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    version = lock["packages"]["node_modules/@videosdk.live/server-sdk"]["version"]
    directory = ROOT / ".cache" / f"server-sdk-{version}"
    if (directory / "node_modules").is_dir():
        return directory
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("VideoSDK's server SDK needs node and npm")
    draft = directory.with_name(f"{directory.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, draft)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    npm = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=INSTALL_S)
    if npm.returncode != 0:
        shutil.rmtree(draft)
        pytest.skip(f"npm could not install VideoSDK's server SDK: {npm.stderr.strip()[-200:]}")
    draft.rename(directory)
    return directory


def run_script(sdk: Path, name: str, address: str) -> Any:
    """What a script of this directory prints, decoded; None if it prints nothing."""
    node = subprocess.run(
        ["node", str(HERE / name), address, API_KEY, SECRET],
        env={**os.environ, "SERVER_SDK": str(sdk / "package.json")},
        capture_output=True,
        text=True,
        timeout=SCRIPT_S,
    )
    assert node.returncode == 0, node.stderr
    return json.loads(node.stdout) if node.stdout else None
