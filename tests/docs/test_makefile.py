"""`make` repairs an incomplete environment, and says what is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.product import TREE

# A fake Python: its virtual environments are scripts that log the commands they are given.
PYTHON = """#!/bin/sh
case "$*" in
  *"-m venv"*)
    mkdir -p .venv/bin
    printf '#!/bin/sh\\ntest -e .venv/bin/pip\\n' > .venv/bin/python
    chmod +x .venv/bin/python
    test -e broken && { echo "ensurepip is not available" >&2; exit 1; }
    printf '#!/bin/sh\\necho "pip $*" >> log; test ! -e offline\\n' > .venv/bin/pip
    chmod +x .venv/bin/pip
    echo venv >> log ;;
esac
"""


class Checkout:
    """A directory with the Makefile and the fake Python."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copy(TREE / "Makefile", path)
        for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
            (path / name).touch()
        (path / "python").write_text(PYTHON)
        (path / "python").chmod(0o755)

    def make(self, *goals: str) -> "subprocess.CompletedProcess[str]":
        (self.path / "log").unlink(missing_ok=True)
        return subprocess.run(
            ["make", f"PYTHON={self.path}/python", *goals], cwd=self.path, capture_output=True, text=True
        )

    @property
    def log(self) -> list[str]:
        """What the last `make` created and installed."""
        log = self.path / "log"
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_environment_is_created_once(checkout: Checkout) -> None:
    assert checkout.make("setup").returncode == 0
    assert checkout.log == ["venv", "pip", "pip"]
    assert checkout.make("setup").returncode == 0
    assert checkout.log == []


def test_without_python3_venv_make_says_so_and_succeeds_once_it_is_installed(checkout: Checkout) -> None:
    (checkout.path / "broken").touch()
    for _ in range(2):
        failed = checkout.make("setup")
        assert failed.returncode != 0
        assert "sudo apt install python3-venv" in failed.stderr
        assert not (checkout.path / ".venv").exists()
    (checkout.path / "broken").unlink()
    assert checkout.make("setup").returncode == 0
    assert checkout.log == ["venv", "pip", "pip"]


@pytest.mark.parametrize("missing", ["bin/pip", "bin/python", "bin"])
def test_an_incomplete_environment_is_recreated(checkout: Checkout, missing: str) -> None:
    checkout.make("setup-dev")
    part = checkout.path / ".venv" / missing
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    assert checkout.make("setup-dev").returncode == 0
    assert checkout.log == ["venv", "pip", "pip", "pip"]


def test_an_environment_from_another_directory_is_recreated(checkout: Checkout) -> None:
    checkout.make("setup")
    (checkout.path / ".venv/bin/pip").write_text("#!/moved/away/.venv/bin/python\n")
    assert checkout.make("setup").returncode == 0
    assert checkout.log == ["venv", "pip", "pip"]


def test_an_interrupted_installation_is_resumed(checkout: Checkout) -> None:
    (checkout.path / "offline").touch()
    failed = checkout.make("setup")
    assert failed.returncode != 0
    assert "Run make again to go on" in failed.stderr
    (checkout.path / "offline").unlink()
    assert checkout.make("setup").returncode == 0
    assert checkout.log == ["pip", "pip"]
