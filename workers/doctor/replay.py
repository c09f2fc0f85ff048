"""Replay the journal and compare the result with the stored state."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import order
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.state import SystemState
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import SkippedEventStore
from webhook_app.store.queries.rooms import known_room_ids
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from workers.doctor.finding import Finding, failed, ok, warning
from workers.folding import fold

BATCH = 500
LOOKS_MAX = 200  # attempts to read the state at one cursor
NAMED_MAX = 5
NAME = "replay"


def check_replay(client: Client, *, progress: Callable[[int], None] = lambda count: None) -> Finding:
    """Replay from the snapshot to the reducer's cursor, then compare; the reducer keeps running meanwhile."""
    journal, state = Journal(client), StateStore(client)
    replayed, at = Snapshots(client).load()
    count = 0
    for _ in range(LOOKS_MAX):
        cursor = state.cursor()
        skipped = SkippedEventStore(client).load()
        while order(at) < order(cursor):
            events = [event for event in journal.read(at, BATCH) if order(event.id) <= order(cursor)]
            if not events:
                return failed(NAME, f"the journal ends before the cursor {cursor}", "restore the store from a backup")
            _, replayed = fold(replayed, events, skipped)
            at, count = events[-1].id, count + len(events)
            progress(count)
        stored = state.load_state()
        stored.rooms.update(state.rooms(known_room_ids(client)))
        if state.cursor() == cursor:
            return replay_finding(differing(stored, replayed), count, len(replayed.rooms))
    return warning(NAME, "the state changed too fast to be read", "try again when there is less load")


def differing(stored: SystemState, folded: SystemState) -> list[str]:
    """Return the names of records whose stored value differs from the replayed one."""
    pairs: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("room", stored.rooms, {name: codec.room_of(codec.encode_room(room)) for name, room in folded.rooms.items()}),
        ("rule", stored.config.rules, _as_stored(folded.config.rules)),
        ("name", stored.config.names, folded.config.names),
        ("settings", {"": stored.config.settings}, {"": folded.config.settings}),
        ("memory of rule", stored.memory, _with_stored_text(stored.memory, folded.memory, "last_error")),
        ("alarm", stored.alarms, _with_stored_text(stored.alarms, folded.alarms, "summary")),
    ]
    return [
        f"{kind} {name}".strip()
        for kind, stored_records, replayed_records in pairs
        for name in sorted(stored_records.keys() | replayed_records.keys())
        if stored_records.get(name) != replayed_records.get(name)
    ]


def _with_stored_text(stored: Mapping[str, Any], folded: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The folded values, with the text that an earlier version stored where today an explanation is stored."""
    texts = {name: getattr(value, field) for name, value in stored.items()}
    return {
        name: replace(value, **{field: texts[name]}) if isinstance(texts.get(name), str) else value
        for name, value in folded.items()
    }


def replay_finding(different: list[str], count: int, rooms: int) -> Finding:
    """Assess the comparison."""
    if not different:
        return ok(NAME, f"{count} events reproduce the stored state of {rooms} rooms exactly")
    names = ", ".join(different[:NAMED_MAX]) + (
        f" and {len(different) - NAMED_MAX} more" if different[NAMED_MAX:] else ""
    )
    return warning(
        NAME,
        f"{count} events produce another state than is stored: {names}",
        "expected after an upgrade that changed processing, until the journal is trimmed; otherwise please report it",
    )


def _as_stored(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return rules as they are after encoding and decoding."""
    return {name: codec.rule_of(codec.encode_rule(rule)) for name, rule in rules.items()}
