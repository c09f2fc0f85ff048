"""Fill a store for benchmarks: journaled webhooks and rules, and their processed state."""

from collections.abc import Iterable, Sequence
from typing import Any

from webhook_app.domain.events import Source
from webhook_app.providers.videosdk.webhook_schema import parse
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, Wake, entry
from workers.reduce.reducer import Reducer

__all__ = ["Asleep", "Entry", "append", "entries", "fold", "last_id", "setup"]

CHUNK = 200
KINDS: tuple[dict[str, Any], ...] = (
    {"on": "participant-joined", "if": 'event.data.participantName.startsWith("Host")', "do": "notify"},
    {"on": "stream.playable", "if": 'room.session.participant_count > 1 && room.state == "playable"', "do": "notify"},
    {"when": 'room.state == "starting"', "for_s": 120, "do": "notify"},
    {"on": "session.started", "if": 'room.room_id.startsWith("room-")', "do": "start"},
    {"when": "room.on_air && room.session.participant_count == 0", "for_s": 300, "do": "end"},
)


class Asleep(Wake):
    """A wake-up sender that sends nothing: the benchmark itself is the worker."""

    def wake(self, queue: str) -> None:
        """Do nothing."""


def entries(bodies: Iterable[bytes]) -> list[Entry]:
    """Return bodies as the receiver would journal them."""
    return [Entry(Source.VIDEOSDK, read.type, read.room_id, body) for body in bodies for read in (parse(body),)]


def setup(rooms: Sequence[str], *, calls: bool) -> list[Entry]:
    """Return the settings and one rule per room: each room has five rules, one of each kind."""
    entries = [entry(Source.SYSTEM, "settings", None, {"calls": calls})]
    for first in range(0, len(rooms), len(KINDS)):
        for at, kind in enumerate(KINDS):
            rule = {"name": f"rule-{first:03d}-{at}", "rooms": list(rooms[first : first + len(KINDS)]), **kind}
            entries.append(entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    return entries


def append(client: Client, entries: Sequence[Entry]) -> None:
    """Journal the entries in order."""
    journal = Journal(client)
    for at in range(0, len(entries), CHUNK):
        journal.append(entries[at : at + CHUNK])


def fold(client: Client) -> None:
    """Process everything in the journal."""
    reducer = Reducer(client, Asleep())
    while reducer.reduce():
        pass


def last_id(client: Client) -> str:
    """Return the id of the newest entry in the journal."""
    return Journal(client).last_id()
