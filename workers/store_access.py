"""Connect a worker process to the store."""

from dataclasses import dataclass
from typing import Any

from webhook_app.config.settings import Settings
from webhook_app.store.connection.clients import Client, connect, connect_async
from webhook_app.store.connection.reconnecting import Generation
from webhook_app.store.journal.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """One process's clients: RQ changes the time-outs of its client, so it has a separate one."""

    client: Client
    queue_client: Client
    wakeups: Wakeups
    _url: str
    _options: dict[str, Any]

    def connect_async(self) -> Client:
        """Open a further client, for use on an event loop."""
        return connect_async(self._url, **self._options)


def open_store(settings: Settings) -> StoreAccess:
    """Create the clients of a process; they connect on first use. Needs REDIS_URL."""
    if settings.redis_url is None:
        raise ValueError("REDIS_URL is not set")
    options: dict[str, Any] = {"sentinel_login": settings.sentinel_login, "generation": Generation()}
    client, queue_client = (connect(settings.redis_url, **options) for _ in range(2))
    return StoreAccess(client, queue_client, Wakeups(queue_client), settings.redis_url, options)
