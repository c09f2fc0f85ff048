"""Installs VideoSDK's server SDK from npm, pinned by its lock file, and runs scripts that use it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import scaled_limit

HERE = Path(__file__).parent
INSTALL_S = scaled_limit(120.0)
SCRIPT_S = scaled_limit(60.0)
API_KEY = "an-api-key"
SECRET = "a-secret-of-at-least-thirty-two-bytes"


def installed_sdk() -> Path:
    """The directory of the installed SDK; the test is skipped where it cannot be installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("VideoSDK's server SDK needs node and npm")
    lock = json.loads((HERE / "package-lock.json").read_text())
    version = lock["packages"]["node_modules/@videosdk.live/server-sdk"]["version"]
    directory = Path(sys.prefix) / "share" / f"videosdk-server-sdk-{version}"  # beside what `make setup-dev` installs
    if not directory.is_dir():
        _install(directory)
    return directory


def _install(directory: Path) -> None:
    draft = directory.with_name(f"{directory.name}.{os.getpid()}")
    draft.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, draft)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=INSTALL_S, check=True)
    except subprocess.SubprocessError as error:
        shutil.rmtree(draft)
        reason = (error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)).partition("\n")[0]
        pytest.skip(f"npm could not install VideoSDK's server SDK: {reason}")
    draft.rename(directory)


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
