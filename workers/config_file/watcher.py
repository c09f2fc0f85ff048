"""Apply the configuration file at startup and whenever it changes."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from webhook_app.config.settings import Settings
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.failures import Failure
from webhook_app.masking.masking import masked
from webhook_app.runtime.loops import Loops
from webhook_app.store.connection.clients import STORE_ERRORS
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.usecases.declared_configuration import ALARM, Applied, DeclaredConfiguration
from workers.config_file.apply import apply
from workers.config_file.reading import parse
from workers.config_file.yaml import FileError, read_content
from workers.regular_file import FileIdentity, identity_of
from workers.store_access import StoreAccess

CHECK_EVERY_S = 1.0
SETTLED_AFTER_S = 3.0

log = structlog.get_logger()

Apply = Callable[[DeclaredConfiguration, StoreAccess, Settings], Applied]


class ConfigWatcher:
    """Applies the file whenever its content changes.

    A file that cannot be applied for any reason changes nothing and raises the alarm once.
    """

    def __init__(self, path: Path, settings: Settings, store: StoreAccess, *, apply_file: Apply = apply) -> None:
        self._path = path
        self._settings = settings
        self._store = store
        self._apply_file = apply_file
        self._identity: FileIdentity | None = None
        self._digest: str | None = None  # of the content handled last

    def check(self) -> None:
        """Apply the file if its content has changed since the last call."""
        identity = settled_identity(self._path, now_s=time.time())
        if identity is not None and identity == self._identity:
            return
        content: bytes | None = None
        try:
            content = read_content(self._path)
            digest = hashlib.sha256(content).hexdigest()
        except FileError as error:
            digest = str(error)
        if digest != self._digest:
            self._apply(content)
        self._digest, self._identity = digest, identity if content is not None else None

    def _apply(self, content: bytes | None) -> None:
        try:
            config_file = parse(self._path, read_content(self._path) if content is None else content, self._settings)
            self._apply_file(config_file, self._store, self._settings)
            if config_file.warnings:
                log.warning("configuration file applied with warnings", warnings=config_file.warnings)
        except FileError as error:
            log.error("invalid configuration file; keeping the current configuration", wrong=error.lines)
            self._raise_alarm(AlarmSummary.CONFIGURATION_INVALID, error=masked(error.lines[0]))
        except STORE_ERRORS:
            raise
        except Exception:  # the loop must survive any content, to apply the next version
            log.exception("configuration file could not be applied; keeping the current configuration")
            self._raise_alarm(AlarmSummary.CONFIGURATION_NOT_APPLIED, why=explain(Failure.UNFORESEEN))

    def _raise_alarm(self, code: AlarmSummary, **arguments: object) -> None:
        summary = explain(code, file=self._path.name, **arguments)
        alarm = {"name": ALARM, "severity": "warning", "summary": summary.stored}
        if Journal(self._store.client).append([entry(Source.SYSTEM, "alarm-raised", None, alarm)])[1]:
            self._store.wakeups.wake("process")


@contextmanager
def config_watcher(settings: Settings, store: StoreAccess, loops: Loops, stop: threading.Event) -> Iterator[None]:
    """Watch CONFIG_FILE on a thread while the body runs; does nothing if it is not set."""
    if settings.config_file is not None:
        watcher = ConfigWatcher(settings.config_file, settings, store)
        loops.start("config-file", watcher.check, every_s=CHECK_EVERY_S, stop=stop)
    yield


def settled_identity(path: Path, *, now_s: float) -> FileIdentity | None:
    """Return the identity of a file's current version, None while it is not conclusive.

    A file that changed seconds ago may change again within one tick of the file system's clock, so it is read again.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return None if abs(now_s - status.st_ctime) < SETTLED_AFTER_S else identity_of(status)
