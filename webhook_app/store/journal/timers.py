"""The index of timers: the clock pops what is due and journals it, in one atomic step."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import WAKE_TTL_MS
from webhook_app.store.scripts import lua

POP_MAX = 200


class Timers:
    """Pops what is due by the store's own time."""

    def __init__(self, client: Client) -> None:
        self._pop = client.register_script(lua("pop_timers"))

    def pop(self) -> tuple[int, bool, int | None]:
        """Journal what is due: how many, whether `process` wants a wake-up, ms until the next (None: none)."""
        count, woken, wait = self._pop(
            keys=[keys.TIMERS, keys.JOURNAL, keys.wake("process")], args=[POP_MAX, WAKE_TTL_MS]
        )
        return int(count), bool(woken), None if int(wait) < 0 else int(wait)
