"""Record what folding a journal gives, as JSON that knows codes and data but no sentences.

Whatever is text for people is left out (`TEXT_FIELDS`), so that copy may change while behaviour stays.
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from webhook_app.domain.events import Event
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import Decision, StepOutcome
from webhook_app.domain.reducer import apply
from webhook_app.domain.state import SystemState
from webhook_app.domain.views import room_view
from webhook_app.store import codec
from workers.folding import fold_one

JournalRow = list[str]  # id, source, type, room ("" for none), append time in ms, data as latin-1 text
TEXT_FIELDS = frozenset({"message", "summary", "title", "effect", "did", "text"})
WHOLE_VIEW_EVERY = 100


def load(path: Path) -> Any:
    """Read gzip'd JSON."""
    return json.loads(gzip.decompress(path.read_bytes()))


def dump(path: Path, value: Any) -> None:
    """Write gzip'd JSON; the same value gives the same bytes."""
    path.write_bytes(gzip.compress(json.dumps(value, separators=(",", ":")).encode(), 9, mtime=0))


def events_of(rows: Iterable[JournalRow]) -> Iterator[Event]:
    """The events of recorded journal entries, decoded as the reducer decodes them."""
    for entry_id, source, kind, room_id, at, data in rows:
        fields = {b"s": source, b"t": kind, b"r": room_id, b"a": at, b"d": data}
        yield codec.event_of(entry_id.encode(), {name: value.encode("latin-1") for name, value in fields.items()})


def record(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Fold events from an empty state, one after another; a record of each event's outcome."""
    state = SystemState()
    records = []
    for number, event in enumerate(events):
        outcome = fold_one(state, codec.journal_event(event))
        apply(state, outcome)
        records.append(_record(state, event, outcome, whole=number % WHOLE_VIEW_EVERY == 0))
    last = records[-1]
    last["rooms"] = {room_id: _view(state, room_id, event.at) for room_id in sorted(state.rooms)}
    return records


def without_text(value: Any) -> Any:
    """JSON data without the fields that hold sentences."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): without_text(item) for name, item in value.items() if name not in TEXT_FIELDS}
    if isinstance(value, (list, tuple)):
        return [without_text(item) for item in value]
    return value


def _record(state: SystemState, event: Event, outcome: StepOutcome, *, whole: bool) -> dict[str, Any]:
    """The outcome of one event; empty parts are left out."""
    names = {notice.notice_id: _notice_name(notice) for notice in outcome.notices}
    touched = sorted(outcome.rooms)
    views = {room_id: _view(state, room_id, event.at) for room_id in touched}
    parts = {
        "reasons": [str(reason) for reason in outcome.reasons],
        "unchanged": None if outcome.unchanged is None else [outcome.unchanged],
        "decisions": {
            room_id: [_decision(decision, names) for decision in decisions]
            for room_id, decisions in sorted(outcome.decisions.items())
        },
        "notices": [_notice(notice) for notice in outcome.notices],
        "calls": [
            [call.call_id, call.kind.value, call.state.value, without_text(call.body)]
            for call in outcome.calls.values()
        ],
        "alarms": [
            [key, alarm.name, alarm.severity, alarm.reason, alarm.cleared_at]
            for key, alarm in sorted(outcome.alarms.items())
        ],
        "streams": [
            [stream.stream_id, stream.state.value, stream.stopped_because] for stream in outcome.streams.values()
        ],
        "timers": {room_id: dict(sorted(state.rooms[room_id].timers.items())) for room_id in touched},
        "views": {room_id: _digest(view) for room_id, view in views.items()},
        "rooms": views if whole else {},
        "rules": sorted(outcome.rules_changed),
        "forgotten": sorted(outcome.forgotten_rooms),
        "dropped": sorted(outcome.dropped),
    }
    filled = {name: part for name, part in parts.items() if part}
    plain: dict[str, Any] = json.loads(json.dumps({"id": event.id, **filled}))
    return plain


def _view(state: SystemState, room_id: str, now: int) -> dict[str, Any]:
    view: dict[str, Any] = without_text(room_view(state.rooms[room_id], state.config, now))
    return view


def _digest(view: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:8]


def _decision(decision: Decision, names: Mapping[str, str]) -> list[str | None]:
    notice = names.get(decision.notice_id or "", decision.notice_id)
    return [decision.reason and str(decision.reason), decision.rule, decision.call_id, notice]


def _notice(notice: Notice) -> list[Any]:
    return [_notice_name(notice), notice.type, notice.room_id, notice.because, without_text(notice.data)]


def _notice_name(notice: Notice) -> str:
    """The notice's id; that of a notice which holds a sentence depends on the sentence, and is left out."""
    return "*" if _holds_text(notice.data) else notice.notice_id


def _holds_text(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(name in TEXT_FIELDS or _holds_text(item) for name, item in value.items())
    return isinstance(value, (list, tuple)) and any(_holds_text(item) for item in value)
