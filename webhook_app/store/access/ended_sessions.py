"""Console sessions that were logged out: their cookies are signed and would be valid until they expire."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms

SECONDS_MS = 1_000


class EndedSessions:
    """Ids of logged-out sessions, kept until their cookies have expired."""

    def __init__(self, client: Client, *, kept_s: int) -> None:
        self._client = client
        self._kept_ms = kept_s * SECONDS_MS

    def end(self, session_id: str) -> None:
        """End a session; sessions whose cookies have expired are forgotten."""
        now = now_ms(self._client)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(keys.SESSIONS_ENDED, "-inf", now)
            pipe.zadd(keys.SESSIONS_ENDED, {session_id: now + self._kept_ms})
            pipe.execute()

    def has_ended(self, session_id: str) -> bool:
        """Whether this session was logged out."""
        return self._client.zscore(keys.SESSIONS_ENDED, session_id) is not None
