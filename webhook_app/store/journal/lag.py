"""How far the reducer is behind the journal."""

from dataclasses import dataclass
from typing import Any

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua

COUNTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Lag:
    """The entries after the cursor: how many, and which is next; `oldest_at` is its append's time, ms."""

    cursor: str
    events: int
    next_id: str
    next_type: str
    oldest_at: int

    def waited_s(self, now_ms: int) -> float:
        """How many seconds the next entry has waited."""
        return max(0, now_ms - self.oldest_at) / 1000 if self.events else 0.0


def read_lag(client: Client, *, at_most: int = COUNTED_MAX) -> Lag:
    """The lag now, counted up to a limit."""
    return lag_of(queue_lag(client, at_most=at_most))


def queue_lag(pipe: Client, *, at_most: int = COUNTED_MAX) -> Any:
    """Queue reading the lag on a pipeline; `lag_of` decodes the answer."""
    return pipe.eval(lua("read_lag"), 2, keys.JOURNAL, keys.CURSOR, at_most)


def lag_of(answer: Any) -> Lag:
    """The lag out of the script's answer."""
    cursor, events, next_id, kind, at = answer
    return Lag(cursor.decode(), int(events), next_id.decode(), kind.decode(errors="replace"), int(at))
