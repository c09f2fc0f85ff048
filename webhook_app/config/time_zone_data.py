"""Chooses the newest time zone data that this machine has: the system's, PYTHONTZPATH's, or the `tzdata` package's.

Rules of time zones change at a few days' notice, and an image's system data may be years old. Python takes whatever
directory comes first in its search path; every Tallylight process compares their versions at its start instead.
"""

import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tzdata

PACKAGE = "the tzdata package"
# Where a directory of zone files says which release it holds: on Linux, on macOS and the BSDs.
_VERSION_FILES = (
    ("tzdata.zi", re.compile(r"#\s*version\s+(\d{4}[a-z]{1,2})")),
    ("+VERSION", re.compile(r"(\d{4}[a-z]{1,2})")),
)
_HEAD_BYTES = 200


@dataclass(frozen=True, slots=True)
class ZoneData:
    """One source of time zone data; `version` is a release of the IANA as `2026f`, None when the source has none."""

    source: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.source} ({self.version or 'of unknown version'})"


@dataclass(frozen=True, slots=True)
class ZoneDataChoice:
    """The data that is used, and what else there was."""

    used: ZoneData
    others: tuple[ZoneData, ...]


@cache
def use_newest() -> ZoneDataChoice:
    """Make this process read the newest data; the first call decides, so make it before any zone is loaded.

    1. Each directory of the search path is a candidate, and the package.
    2. A directory without a version file may be of any age, so it is never chosen.
    3. Of equal versions the package wins: it is whole, and the same on every machine.
    """
    choice = newest(zoneinfo.TZPATH)
    zoneinfo.reset_tzpath(() if choice.used.source == PACKAGE else (choice.used.source,))
    zoneinfo.ZoneInfo.clear_cache()
    return choice


def newest(directories: Sequence[str]) -> ZoneDataChoice:
    """The newest data among these directories and the package."""
    package = ZoneData(PACKAGE, tzdata.IANA_VERSION)
    sources = [ZoneData(path, _version_in(Path(path))) for path in directories if Path(path).is_dir()]
    used = max([package, *sources], key=lambda data: data.version or "")
    return ZoneDataChoice(used, tuple(data for data in (package, *sources) if data is not used))


def _version_in(directory: Path) -> str | None:
    for name, pattern in _VERSION_FILES:
        try:
            with (directory / name).open("rb") as file:
                head = file.read(_HEAD_BYTES).decode("ascii", "replace")
        except OSError:
            continue
        version = pattern.match(head)
        if version is not None:
            return version[1]
    return None
