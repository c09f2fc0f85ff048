"""Events per minute: the journal's newest entries, counted in the store itself."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua

COUNTED_MAX = 5_000
CHUNK = 500


def events_by_minute(client: Client, minutes: int) -> tuple[list[int], bool]:
    """Events a minute, the newest last, and whether they cover the whole span.

    At most the newest 5,000 entries are counted.
    """
    answer = client.eval(lua("count_events_by_minute"), 1, keys.JOURNAL, minutes, COUNTED_MAX, CHUNK)
    now, counted, oldest, *pairs = answer
    counts = {int(pairs[at]): int(pairs[at + 1]) for at in range(0, len(pairs), 2)}
    whole = int(counted) < COUNTED_MAX
    span = minutes if whole else max(1, (int(now) - int(oldest)) // 60_000)
    return [counts.get(ago, 0) for ago in range(span - 1, -1, -1)], whole
