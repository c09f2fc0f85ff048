"""Structured logs: one line per event, as text for terminals or as JSON."""

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from webhook_app.config.known_secrets import KnownSecrets
from webhook_app.config.settings import LogFormat, LogLevel
from webhook_app.masking.stream_keys import is_stream_key, masked_value
from webhook_app.runtime.log_stream import LogStream
from webhook_app.text.printable import printable, printable_lines

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)


def logger() -> Any:
    """A logger; in a program that has not configured its logs (a test, a bench) it logs info and above."""
    if not structlog.is_configured():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    return structlog.get_logger()


def configure(
    process: str, log_format: LogFormat, log_level: LogLevel = "info", *, secrets: KnownSecrets | None = None
) -> None:
    """Set up logging once a process; library logs of warning and above use the same format.

    The values of `secrets` are masked. Uncaught exceptions are logged the same way.
    """

    def named(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        # Not bound to the context: each thread starts with a new one.
        event["process"] = process
        return event

    before: Sequence[Processor] = (structlog.contextvars.merge_contextvars, named, structlog.processors.add_log_level)
    after = _rendered(log_format, secrets or KnownSecrets())
    stream = LogStream(sys.stderr)
    handler = logging.StreamHandler(cast(TextIO, stream))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.add_logger_name, _TIME],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("rq").setLevel(logging.CRITICAL)  # an unavailable store is one line, without a traceback
    structlog.configure(
        processors=[*before, _TIME, *after],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[log_level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger().critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(hook: threading.ExceptHookArgs) -> None:
    if hook.exc_type is not SystemExit and hook.exc_value is not None:
        name = hook.thread.name if hook.thread else None
        exc_info = (hook.exc_type, hook.exc_value, hook.exc_traceback)
        logger().critical("uncaught exception in a thread", thread=name, exc_info=exc_info)


def _rendered(log_format: LogFormat, secrets: KnownSecrets) -> Sequence[Processor]:
    """The last processors: exceptions become text before it is masked and made safe to print."""
    texts: Sequence[Processor] = (structlog.processors.StackInfoRenderer(), structlog.processors.format_exc_info)
    if log_format == "json":  # which escapes every control character by itself
        return (*texts, _cleaner(secrets, escape=False), structlog.processors.JSONRenderer())
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=0,
        exception_formatter=structlog.dev.plain_traceback,  # rich would print every local: slow, and secrets
    )
    return (*texts, _cleaner(secrets, escape=True), console)


def _cleaner(secrets: KnownSecrets, *, escape: bool) -> Processor:
    """A processor that masks secrets in every value and, for terminals, escapes unprintable characters."""

    def clean(value: Any, *, lines: bool = False) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {
                clean(str(key)): masked_value(item) if is_stream_key(key) else clean(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(item) for item in value]
        text = secrets.masked(value if isinstance(value, str) else repr(value))
        if not escape:
            return text
        return printable_lines(text) if lines else printable(text)

    def clean_all(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {name: clean(value, lines=name in ("exception", "stack")) for name, value in event.items()}

    return clean_all
