"""A lock that lets one writer at a time change a rule, or the rooms."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from time import monotonic, sleep

from webhook_app.error_reasons import ErrorReason
from webhook_app.store.state.rule_locks import try_lock, unlock
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError


@contextmanager
def rule_lock(context: AppContext, name: str, subject: str = "Rule {}") -> Iterator[None]:
    """Hold the lock of a rule; when it is held, all earlier events have been processed.

    `subject` names what is locked in the error; with another subject, `name` must not be a possible rule name. Raises
    ConflictError when another writer holds the lock for too long.
    """
    limits = context.limits
    token = token_hex(8)
    deadline = monotonic() + limits.lock_timeout_s
    while not try_lock(context.client, name, token, kept_ms=limits.lock_expires_ms):
        if monotonic() > deadline:
            detail = f"{subject.format(name)} is being changed by another request. Try again."
            raise ConflictError(detail, reason=ErrorReason.BEING_CHANGED)
        sleep(limits.poll_interval_s)
    try:
        context.wait_until_processed(context.journal.last_id())
        yield
    finally:
        unlock(context.client, name, token)
