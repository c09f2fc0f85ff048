"""Journal the start of a worker, and the settings that the reducer depends on when they have changed."""

from webhook_app.config.settings import Settings
from webhook_app.domain.events import Source
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, Wake, entry
from webhook_app.store.state.store import StateStore


def announce_start(client: Client, wake: Wake, settings: Settings) -> None:
    """Append `worker-started`, preceded by `settings` if those in the state differ from this process's."""
    current = {
        "calls": settings.makes_calls,
        "observing": settings.observe,
        "max_stream_s": settings.max_stream_duration_s,
    }
    stored = StateStore(client).names().settings
    changed = {name: value for name, value in current.items() if getattr(stored, name) != value}
    entries = [entry(Source.SYSTEM, "worker-started", None, {})]
    if changed:
        entries.insert(0, entry(Source.SYSTEM, "settings", None, changed))
    _, woken = Journal(client).append(entries)
    if woken:
        wake.wake("process")
