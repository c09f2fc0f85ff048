"""Executes a transaction, and distinguishes "nothing was applied" from "applied in part"."""

from collections.abc import Sequence
from typing import Any

import redis

from webhook_app.store.connection.clients import Client, StoreUnavailableError
from webhook_app.store.connection.refusals import refusal_of

_WRITES_NOTHING = frozenset({"TIME"})


class PartialCommitError(Exception):
    """A transaction was applied in part: the store holds something of a wrong type. Reducing must stop."""


def execute(pipe: Client) -> list[Any]:
    """Execute what is queued on a pipeline and return its answers.

    1. A watched key moved, or the connection was lost: redis.WatchError, redis.ConnectionError or redis.TimeoutError.
    2. The store refused the transaction, or each command in it that writes: StoreUnavailableError. Nothing was applied.
    3. Some commands failed and others did not: PartialCommitError. Redis undoes nothing.
    """
    names = [str(args[0]) for args, _ in pipe.command_stack]
    try:
        answers: list[Any] = pipe.execute(raise_on_error=False)
    except (redis.WatchError, redis.ConnectionError, redis.TimeoutError):
        raise
    except redis.ResponseError as error:
        raise StoreUnavailableError(str(error)) from error
    failures = [answer for answer in answers if isinstance(answer, Exception)]
    if failures and _all_refused(names, answers):
        raise StoreUnavailableError(str(failures[0])) from failures[0]
    if failures:
        raise PartialCommitError(str(failures[0]))
    return answers


def _all_refused(names: Sequence[str], answers: Sequence[object]) -> bool:
    return all(
        name in _WRITES_NOTHING or (isinstance(answer, Exception) and refusal_of(answer) is not None)
        for name, answer in zip(names, answers, strict=True)
    )
