"""Logs: one structured line for each thing worth knowing, text for people or JSON for machines."""

import logging
import sys
from collections.abc import Sequence
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from webhook_app.log_stream import LogStream
from webhook_app.settings import LogFormat, LogLevel

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)


def logger() -> Any:
    """A logger; in a program that has not configured its logs (a test, a bench) it says what is info or worse."""
    if not structlog.is_configured():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    return structlog.get_logger()


def configure(process: str, log_format: LogFormat, log_level: LogLevel = "info") -> None:
    """Set up logging once a process; what libraries say comes out in the same form, warnings and worse."""

    def named(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        # Not bound to the context: each thread begins with one of its own.
        event["process"] = process
        return event

    before: Sequence[Processor] = (structlog.contextvars.merge_contextvars, named, structlog.processors.add_log_level)
    after = _rendered(log_format)
    stream = LogStream(sys.stderr)
    handler = logging.StreamHandler(cast(TextIO, stream))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.add_logger_name, _TIME],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("rq").setLevel(logging.CRITICAL)  # a store that is away is one line of ours, not its traceback
    structlog.configure(
        processors=[*before, _TIME, *after],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[log_level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )


def _rendered(log_format: LogFormat) -> Sequence[Processor]:
    if log_format == "json":
        return (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=0,
        exception_formatter=structlog.dev.plain_traceback,  # rich would print every local: slow, and secrets
    )
    return (structlog.processors.StackInfoRenderer(), console)
