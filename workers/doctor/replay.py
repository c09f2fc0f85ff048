"""Replay the journal and compare the result with the stored state."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import order
from webhook_app.domain.room import Room
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
            unfollowed = unfollowed_rooms(stored, replayed)
            return replay_finding(differing(stored, replayed), count, len(replayed.rooms), unfollowed=len(unfollowed))
    return warning(NAME, "the state changed too fast to be read", "try again when there is less load")


def unfollowed_rooms(stored: SystemState, folded: SystemState) -> list[str]:
    """Return the rooms of which only the replay has recordings or RTMP streams: an earlier version ignored them."""
    return [
        name for name, room in folded.rooms.items() if room.others and not (stored.rooms.get(name) or Room(name)).others
    ]


def differing(stored: SystemState, folded: SystemState) -> list[str]:
    """Return the names of records whose stored value differs from the replayed one.

    Recordings and RTMP streams of `unfollowed_rooms` are left out: they are no difference of processing.
    """
    rooms = {name: codec.room_of(codec.encode_room(room)) for name, room in folded.rooms.items()}
    for name in unfollowed_rooms(stored, folded):
        rooms[name] = _without_other_outputs(rooms[name], stored.rooms.get(name))
        if name not in stored.rooms and not rooms[name].was_observed:
            del rooms[name]
    pairs: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("room", stored.rooms, rooms),
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


def _without_other_outputs(room: Room, stored: Room | None) -> Room:
    """The room without its recordings and RTMP streams, and without what their notices have counted."""
    if stored is None:
        return replace(room, others={})
    return replace(room, others={}, sequence=stored.sequence, updated_at=stored.updated_at)


def _with_stored_text(stored: Mapping[str, Any], folded: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The folded values, with the text that an earlier version stored where today an explanation is stored."""
    texts = {name: getattr(value, field) for name, value in stored.items()}
    return {
        name: replace(value, **{field: texts[name]}) if isinstance(texts.get(name), str) else value
        for name, value in folded.items()
    }


def replay_finding(different: list[str], count: int, rooms: int, *, unfollowed: int = 0) -> Finding:
    """Assess the comparison; `unfollowed` is the number of `unfollowed_rooms`."""
    if not different:
        detail = f"{count} events reproduce the stored state of {rooms} rooms exactly"
        if unfollowed:
            detail += f"; recordings and RTMP streams of {unfollowed}, from before an upgrade, are left out"
        return ok(NAME, detail)
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
