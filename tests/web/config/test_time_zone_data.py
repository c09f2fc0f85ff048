"""The newest time zone data wins, wherever it lies; every process and doctor say the same."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tzdata

from tests.support.product import TREE
from webhook_app.config.time_zone_data import PACKAGE, ZoneData, newest

ALMATY = "Asia/Almaty"
OURS = Path(tzdata.__file__).parent / "zoneinfo"
OPENS = """
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones
from webhook_app.config.time_zone_data import use_newest
choice = use_newest()
opens = datetime(2026, 11, 29, 9, tzinfo=ZoneInfo("Asia/Almaty"))
print(opens.utcoffset().total_seconds() / 3600, len(available_timezones()) > 400, choice.used.source)
"""


def zone_files(directory: Path, version: str | None, *, file: str = "tzdata.zi") -> Path:
    """Zone files from before Almaty went from +06 to +05."""
    (directory / "Asia").mkdir(parents=True)
    shutil.copy(OURS / "Etc" / "GMT-6", directory / ALMATY)
    if version is not None:
        text = f"# version {version}\n# This zic input file\n" if file == "tzdata.zi" else f"{version}\n"
        (directory / file).write_text(text)
    return directory


@pytest.mark.parametrize(
    ("versions", "source"),
    [
        ([None], PACKAGE),
        (["2020a"], PACKAGE),
        ([tzdata.IANA_VERSION], PACKAGE),
        (["2098a"], "0"),
        (["2020a", "2098b", "2098a"], "1"),
        ([None, "2098a"], "1"),
        ([], PACKAGE),
    ],
)
def test_the_newest_version_is_used(tmp_path: Path, versions: list[str | None], source: str) -> None:
    directories = [str(zone_files(tmp_path / str(at), version)) for at, version in enumerate(versions)]
    choice = newest([*directories, str(tmp_path / "missing")])
    assert choice.used.source == (PACKAGE if source == PACKAGE else str(tmp_path / source))
    assert len(choice.others) == len(versions)


@pytest.mark.parametrize(("file", "version"), [("tzdata.zi", "2098a"), ("+VERSION", "2098a")])
def test_both_kinds_of_version_files_are_read(tmp_path: Path, file: str, version: str) -> None:
    directory = zone_files(tmp_path / "system", version, file=file)
    assert newest([str(directory)]).used == ZoneData(str(directory), version)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no version", b"# version \n", b"# version 98a"])
def test_a_version_file_that_cannot_be_read_is_of_unknown_age(tmp_path: Path, content: bytes) -> None:
    directory = zone_files(tmp_path / "system", None)
    (directory / "tzdata.zi").write_bytes(content)
    choice = newest([str(directory)])
    assert choice.used.source == PACKAGE
    assert choice.others == (ZoneData(str(directory), None),)
    assert "of unknown version" in str(choice.others[0])


@pytest.mark.parametrize(("version", "offset"), [(None, "5.0"), ("2020a", "5.0"), ("2098a", "6.0")])
def test_a_window_opens_by_the_newest_data(tmp_path: Path, version: str | None, offset: str) -> None:
    directory = zone_files(tmp_path / "system", version)
    printed = subprocess.run(
        [sys.executable, "-c", OPENS],
        cwd=TREE,
        env={"PATH": os.environ["PATH"], "PYTHONTZPATH": str(directory)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    assert printed[:2] == [offset, "True"]


def test_doctor_names_source_and_version(tmp_path: Path) -> None:
    directory = zone_files(tmp_path / "system", "2020a")
    environ = {"PATH": os.environ["PATH"], "PYTHONTZPATH": str(directory), "DATA_DIR": str(tmp_path / "var")}
    environ["VIDEOSDK_API_URL"] = "http://127.0.0.1:9"
    doctor = subprocess.run(
        [sys.executable, "-m", "workers", "doctor", "--json"], cwd=tmp_path, env=environ | {"PYTHONPATH": str(TREE)},
        capture_output=True, text=True,
    )  # fmt: skip
    [message] = [check["said"] for check in json.loads(doctor.stdout)["checks"] if check["name"] == "time zones"]
    assert f"{PACKAGE} ({tzdata.IANA_VERSION})" in message
    assert f"{directory} (2020a)" in message
