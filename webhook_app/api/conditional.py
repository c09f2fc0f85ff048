"""Conditional writes of rules with `If-Match` and `If-None-Match`."""

import re
from hashlib import blake2b
from typing import Any

from werkzeug.datastructures import Headers

from webhook_app.error_reasons import ErrorReason
from webhook_app.problems.problems import Problem
from webhook_app.store import codec
from webhook_app.store.queries.rules import stored_rule
from webhook_app.usecases.context import AppContext

_TAG = re.compile(r'"([^"]*)"')


def rule_etag(context: AppContext, name: str, view: dict[str, Any]) -> str:
    """Return the ETag of a rendered rule: the digest of its definition, a dot, the digest of the whole view."""
    raw = stored_rule(context.client, name) or b""
    return f'"{_digest(raw)}.{_digest(codec.encode(view))}"'


def check_conditions(context: AppContext, name: str, headers: Headers) -> None:
    """Raise Problem 412 unless the conditions hold. A condition that cannot be parsed does not hold."""
    if_match, if_none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if if_match is None and if_none_match is None:
        return
    raw = stored_rule(context.client, name)
    now = None if raw is None else _digest(raw)
    if if_none_match is not None and now is not None and now in _tags(if_none_match, now):
        raise Problem(412, f"Rule {name} already exists.", reason=ErrorReason.NAME_TAKEN)
    if if_match is not None and (now is None or now not in _tags(if_match, now)):
        raise Problem(412, f"Rule {name} has changed since you read it. Fetch it again.")


def _tags(header: str, every: str) -> set[str]:
    """Extract the definition digests from the ETags of a header; `*` matches `every`."""
    if header.strip() == "*":
        return {every}
    return {tag.partition(".")[0] for tag in _TAG.findall(header)}


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=8).hexdigest()
