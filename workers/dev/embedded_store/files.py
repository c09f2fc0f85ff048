"""Files of the embedded store: configuration, socket, log and append-only files."""

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
# An incomplete end is dropped only after the files have been copied.
aof-load-truncated no
save ""
stop-writes-on-bgsave-error yes
# A full store rejects writes; nothing is evicted.
maxmemory {maxmemory}
maxmemory-policy noeviction
"""


class StoreError(Exception):
    """The embedded store cannot run; the message says why."""


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """Paths of one embedded store."""

    directory: Path
    socket: Path

    @classmethod
    def of(cls, data_dir: Path) -> "StoreFiles":
        """Return the paths for a data directory."""
        directory = (data_dir / "store").resolve()
        return cls(directory, _socket_of(directory))

    @property
    def url(self) -> str:
        """The server's address in the form of REDIS_URL."""
        return f"unix://{quote(os.fspath(self.socket))}?db=0"

    @property
    def configuration(self) -> Path:
        """The server's configuration file."""
        return self.directory / "valkey.conf"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.directory / "valkey.log"

    @property
    def pidfile(self) -> Path:
        """The server's pid file."""
        return self.directory / "valkey.pid"

    @property
    def lock(self) -> Path:
        """The file that a running server locks."""
        return self.directory / "lock"

    @property
    def append_only(self) -> Path:
        """The directory of the append-only files."""
        return self.directory / "appendonlydir"

    def prepare(self) -> None:
        """Create the directories and write the configuration; existing data is not touched."""
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
                raise StoreError(f"no space left on the disk of {self.directory}: {error.strerror}") from None
            raise StoreError(f"DATA_DIR must be a writable directory: {error}") from None
        self._require_manifest()

    def set_aside(self) -> Path:
        """Copy the append-only files and return the copy. Raises OSError if there is no space."""
        copy = self.directory / f"appendonlydir.before-cut.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        try:
            shutil.copytree(self.append_only, copy, dirs_exist_ok=True)
        except OSError:
            shutil.rmtree(copy, ignore_errors=True)  # a partial copy only wastes space
            raise
        return copy

    def pid(self) -> int:
        """Return the process id in the server's pid file; 0 if there is none."""
        try:
            return int(self.pidfile.read_text())
        except (OSError, ValueError):
            return 0

    def make_room(self) -> None:
        """Delete unfinished temporary files; raise StoreError if the disk is too full to start the server.

        Call it only while no server is running.
        """
        for path in self.directory.glob("temp-*"):
            if path.suffix in (".aof", ".rdb"):
                with contextlib.suppress(OSError):
                    path.unlink()
        free = shutil.disk_usage(self.directory).free
        if free < ROOM_MIN_BYTES:
            raise StoreError(f"no space left on the disk of {self.directory}: {free // 1024} KiB free")

    def _write_configuration(self) -> None:
        """Write the configuration atomically, and only if it has changed, so that a full disk is no obstacle."""
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
        """Raise StoreError if the manifest is missing: Valkey would start empty and overwrite the files."""
        names = [path.name for path in self.append_only.glob("*")]
        if names and not any(name.endswith(".manifest") for name in names):
            raise StoreError(f"{self.append_only} has no manifest: restore it from a backup")


def _socket_of(directory: Path) -> Path:
    socket = directory / "valkey.sock"
    if len(os.fsencode(socket)) <= SOCKET_PATH_MAX_BYTES:
        return socket
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:20] + ".sock"
    short = Path(tempfile.gettempdir()) / f"tallylight-{os.getuid()}" / name
    if len(os.fsencode(short)) <= SOCKET_PATH_MAX_BYTES:
        return short
    return Path("/tmp") / f"tallylight-{os.getuid()}" / name  # noqa: S108 - 0700 and checked to be private


def _require_private(directory: Path) -> None:
    info = directory.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise StoreError(f"{directory} must be accessible by this user only: delete it, or use a shorter DATA_DIR")


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _memory_bytes() -> int:
    """Return the memory of this machine, or of the container if that is less."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP_LIMITS:
        try:
            sizes.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return min(sizes)
