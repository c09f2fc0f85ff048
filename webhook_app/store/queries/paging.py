"""Pages of sorted sets, newest first, by a cursor that stays right while more is written."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from webhook_app.store.connection.clients import Client

CHUNK = 200
SCAN_MAX = 5_000
_SCORE = re.compile(r"[0-9]{1,20}")
T = TypeVar("T")


class InvalidCursorError(ValueError):
    """A cursor that this product did not create."""

    def __init__(self) -> None:
        super().__init__("Invalid cursor. Omit it to start from the beginning.")


def encode_cursor(position: str) -> str:
    """A position as an opaque cursor."""
    return base64.urlsafe_b64encode(position.encode()).decode("ascii").rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The position in a cursor; InvalidCursorError if this product did not create it."""
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        raise InvalidCursorError from None


def page_by_score(
    client: Client,
    key: str,
    *,
    cursor: str | None,
    limit: int,
    load: Callable[[Sequence[str]], Sequence[T | None]],
    keep: Callable[[T], bool] = lambda item: True,
) -> tuple[list[T], str | None]:
    """Members of a sorted set by falling score, loaded and filtered; the cursor names the last one looked at."""
    position = decode_cursor(cursor)
    top, after = "+inf", None
    if position is not None:
        score, bar, after = position.partition("|")
        if not bar or not _SCORE.fullmatch(score):
            raise InvalidCursorError
        top = score
    items: list[T] = []
    looked = skipped = 0
    while looked < SCAN_MAX:
        raw = client.zrevrangebyscore(key, top, "-inf", start=skipped, num=CHUNK, withscores=True)
        if not raw:
            return items, None
        skipped += len(raw)
        members = [(member.decode(), score) for member, score in raw]
        if after is not None:
            members = [(name, score) for name, score in members if score < float(top) or name < after]
        loaded = load([name for name, _ in members]) if members else []
        for at, ((name, score), item) in enumerate(zip(members, loaded, strict=True), 1):
            looked += 1
            if item is not None and keep(item):
                items.append(item)
                if len(items) == limit:
                    was_last = at == len(members) and len(raw) < CHUNK
                    return items, None if was_last else encode_cursor(f"{score:.0f}|{name}")
        last = members[-1] if members else None
    return items, encode_cursor(f"{last[1]:.0f}|{last[0]}") if last else None
