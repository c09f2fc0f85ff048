"""Conditional writes of rules: `If-Match` and `If-None-Match`, and one writer of a rule at a time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from secrets import token_hex
from time import monotonic, sleep
from typing import Any

from werkzeug.datastructures import Headers

from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.store import codec, keys
from webhook_app.store.scripts import lua
from webhook_app.usecases.context import AppContext

LOCK_MS = 10_000
LOCK_WAIT_S = 3.0
LOCK_LOOK_S = 0.01
_TAG = re.compile(r'"([^"]*)"')


def rule_etag(context: AppContext, name: str, view: dict[str, Any]) -> str:
    """The ETag of a rule as it is shown: first of what it says, then of what it has done, which is no change of it."""
    raw = context.client.hget(keys.RULES, name) or b""
    return f'"{_digest(raw)}.{_digest(codec.encode(view))}"'


@contextmanager
def rule_lock(context: AppContext, name: str, what: str = "rule {}") -> Iterator[None]:
    """Nobody else changes this rule by the API meanwhile, and what was ordered before is folded.

    `what` says what is being changed when it is not a rule; `name` then is no rule's name.
    """
    key, mine = keys.rule_lock(name), token_hex(8)
    until = monotonic() + LOCK_WAIT_S
    while not context.client.set(key, mine, nx=True, px=LOCK_MS):
        if monotonic() > until:
            detail = f"somebody else is changing {what.format(name)}: try again"
            raise Problem(409, detail, reason=ErrorReason.BEING_CHANGED)
        sleep(LOCK_LOOK_S)
    try:
        context.wait_until_processed(context.journal.last_id())
        yield
    finally:
        context.client.eval(lua("release_lock"), 1, key, mine)


def check_conditions(context: AppContext, name: str, headers: Headers) -> None:
    """412 unless the rule is as the caller believes; a condition that cannot be read does not hold."""
    if_match, if_none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if if_match is None and if_none_match is None:
        return
    raw = context.client.hget(keys.RULES, name)
    now = None if raw is None else _digest(raw)
    if if_none_match is not None and now is not None and now in _tags(if_none_match, now):
        raise Problem(412, f"there is a rule {name} already", reason=ErrorReason.NAME_TAKEN)
    if if_match is not None and (now is None or now not in _tags(if_match, now)):
        raise Problem(412, f"rule {name} has been changed since: read it again")


def _tags(header: str, every: str) -> set[str]:
    """What the ETags of a header say of the rule itself; `*` is every one."""
    if header.strip() == "*":
        return {every}
    return {tag.partition(".")[0] for tag in _TAG.findall(header)}


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=8).hexdigest()
