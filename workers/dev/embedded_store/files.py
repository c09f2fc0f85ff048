"""The embedded store's files: its configuration, socket, log and append-only file."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SOCKET_PATH_MAX_BYTES = 100  # the kernel takes 107 on Linux and 103 on macOS
LOG_MAX_BYTES = 4 * 1024 * 1024
ROOM_MIN_BYTES = 1024 * 1024
MEMORY_MIN_BYTES = 256 * 1024 * 1024
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

CONFIGURATION = """\
# Written by Tallylight at each start; changes made here are lost.
port 0
unixsocket {socket}
unixsocketperm 700
dir {directory}
pidfile {pidfile}
logfile {log}
set-proc-title no
daemonize no
databases 16
# Acknowledged means on disk.
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-use-rdb-preamble yes
aof-timestamp-enabled no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
# A torn end is cut off only once a copy has been set aside: see embedded.py.
aof-load-truncated no
save ""
stop-writes-on-bgsave-error yes
# Full is an error to whoever writes, and nothing is forgotten.
maxmemory {maxmemory}
maxmemory-policy noeviction
"""


class StoreError(Exception):
    """The embedded store cannot run: one line that says why."""


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """Where everything of one embedded store is."""

    directory: Path
    socket: Path

    @classmethod
    def of(cls, data_dir: Path) -> "StoreFiles":
        directory = (data_dir / "store").resolve()
        return cls(directory, _socket_of(directory))

    @property
    def url(self) -> str:
        """The store's address, in the form of REDIS_URL."""
        return f"unix://{quote(os.fspath(self.socket))}?db=0"

    @property
    def configuration(self) -> Path:
        return self.directory / "valkey.conf"

    @property
    def log(self) -> Path:
        return self.directory / "valkey.log"

    @property
    def pidfile(self) -> Path:
        return self.directory / "valkey.pid"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def append_only(self) -> Path:
        return self.directory / "appendonlydir"

    def prepare(self) -> None:
        """Make the directories and write the configuration; damages nothing that is there."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.socket.parent != self.directory:
                self.socket.parent.mkdir(mode=0o700, exist_ok=True)
                _require_private(self.socket.parent)
            self._write_configuration()
            if self.log.exists() and self.log.stat().st_size > LOG_MAX_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreError(f"no room is left on the disk of {self.directory}: {error.strerror}") from None
            raise StoreError(f"DATA_DIR must be a directory we can write to: {error}") from None
        self._require_manifest()

    def set_aside(self) -> Path:
        """A copy of the append-only files as they are; raises OSError when there is no room for it."""
        copy = self.directory / f"appendonlydir.before-cut.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        try:
            shutil.copytree(self.append_only, copy, dirs_exist_ok=True)
        except OSError:
            shutil.rmtree(copy, ignore_errors=True)  # half a copy only takes the room that is missing
            raise
        return copy

    def pid(self) -> int:
        """The server's process by its own word; 0 when it has none."""
        try:
            return int(self.pidfile.read_text())
        except (OSError, ValueError):
            return 0

    def make_room(self) -> None:
        """Delete what a server that ended left unfinished; refuse to start one that would end at its first write.

        Call it while no server runs.
        """
        for path in self.directory.glob("temp-*"):
            if path.suffix in (".aof", ".rdb"):
                with contextlib.suppress(OSError):
                    path.unlink()
        free = shutil.disk_usage(self.directory).free
        if free < ROOM_MIN_BYTES:
            raise StoreError(f"no room is left on the disk of {self.directory}: {free // 1024} KiB free")

    def _write_configuration(self) -> None:
        """Write it aside first, and only when it has changed: a full disk is then no obstacle."""
        text = self._configuration()
        if self.configuration.exists() and self.configuration.read_text("utf-8") == text:
            return
        aside = self.configuration.with_suffix(".new")
        aside.write_text(text, "utf-8")
        aside.replace(self.configuration)

    def _configuration(self) -> str:
        return CONFIGURATION.format(
            socket=_quoted(self.socket),
            directory=_quoted(self.directory),
            pidfile=_quoted(self.pidfile),
            log=_quoted(self.log),
            maxmemory=max(MEMORY_MIN_BYTES, _memory_bytes() // 2),
        )

    def _require_manifest(self) -> None:
        """Without its manifest Valkey would start empty and write over the files that are there."""
        names = [path.name for path in self.append_only.glob("*")]
        if names and not any(name.endswith(".manifest") for name in names):
            raise StoreError(f"{self.append_only} lacks its manifest: restore it from a copy")


def _socket_of(directory: Path) -> Path:
    beside = directory / "valkey.sock"
    if len(os.fsencode(beside)) <= SOCKET_PATH_MAX_BYTES:
        return beside
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:20] + ".sock"
    short = Path(tempfile.gettempdir()) / f"tallylight-{os.getuid()}" / name
    if len(os.fsencode(short)) <= SOCKET_PATH_MAX_BYTES:
        return short
    return Path("/tmp") / f"tallylight-{os.getuid()}" / name  # noqa: S108 - 0700 and checked to be ours


def _require_private(directory: Path) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreError(f"{directory} must be ours alone: delete it, or shorten DATA_DIR")


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _memory_bytes() -> int:
    """What this machine, or the container around us, has."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP_LIMITS:
        try:
            sizes.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return min(sizes)
