"""A room's timeline and its outline: every event in the one, runs of checks that changed nothing as one in the other.

A room that waits for a session is checked twice a minute, and each check is two events. The timeline keeps them all,
by the id of the event: `r` the codes of its effects, `a` their arguments, `d` the decisions, `n` the notices, `q` when
nothing changed (the codes of a probe, empty for a timer). Earlier versions stored the text of the effects as `e`.

The outline holds one entry for each event that did change something (`n` its notices), and one for each run of checks
with the same finding between them: `c` probes, `v` events, `f` the first event's id, `p` the last probe's, `w` what
they found. So a page of it costs the same after a minute and after a week.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webhook_app.domain.explanations import Explanation, joined_text
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua
from webhook_app.store.state.batch import Effect


@dataclass(frozen=True, slots=True)
class CollapsedChecks:
    """Checks in a row that changed nothing: how many probes and events, from which event on, and what was found."""

    probes: int
    events: int
    first_id: str
    finding: str


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """One entry of an outline: an event with its notices as they are stored, or the last of a run."""

    event_id: str
    shown_id: str
    notices: bytes = b""
    run: CollapsedChecks | None = None


def append(pipe: Client, effects: Sequence[Effect]) -> None:
    """Append to the rooms' timelines and outlines, in one command."""
    names: list[str] = []
    rows: list[str | bytes] = []
    for effect in effects:
        names += (keys.timeline(effect.room_id), keys.outline(effect.room_id) if effect.room_id else "")
        rows += (
            effect.event_id,
            " ".join([explanation.code for explanation in effect.explanations]),
            encode_arguments(effect.explanations),
            codec.encode(effect.decisions) if effect.decisions else b"",
            codec.encode(effect.notices) if effect.notices else b"",
            "0" if effect.unchanged is None else "1",
            effect.unchanged or "",
        )
    pipe.eval(lua("append_timelines"), len(names), *names, *rows)


def read(client: Client, room_id: str, *, before: str | None, count: int, since: str = "-") -> list[OutlineEntry]:
    """Read an outline from the newest entry before an event's id back, at most `count` entries.

    What an earlier version folded has no outline: where that begins, each event of the timeline stands for itself.
    """
    top = "+" if before is None else f"({before}"
    entries = [
        _entry(entry_id.decode(), fields)
        for entry_id, fields in client.xrevrange(keys.outline(room_id), max=top, min=since, count=count)
    ]
    if len(entries) < count:
        oldest = entries[-1].run.first_id if entries and entries[-1].run else entries[-1].event_id if entries else None
        top = top if oldest is None else f"({oldest}"
        rest = client.xrevrange(keys.timeline(room_id), max=top, min=since, count=count - len(entries))
        entries += [
            OutlineEntry(entry_id.decode(), entry_id.decode(), fields.get(b"n", b"")) for entry_id, fields in rest
        ]
    return entries


def _entry(entry_id: str, fields: Mapping[bytes, bytes]) -> OutlineEntry:
    if b"c" not in fields:
        return OutlineEntry(entry_id, entry_id, fields.get(b"n", b""))
    run = CollapsedChecks(int(fields[b"c"]), int(fields[b"v"]), fields[b"f"].decode(), fields[b"w"].decode())
    return OutlineEntry(entry_id, fields[b"p"].decode() or entry_id, run=run)


def encode_arguments(explanations: Sequence[Explanation]) -> bytes:
    """The arguments of each explanation as JSON, in order; empty when none has any."""
    for explanation in explanations:
        if explanation.arguments:
            return codec.encode([explanation.arguments for explanation in explanations])
    return b""


def effects_of(row: Mapping[bytes, bytes]) -> list[Explanation]:
    """The effects of a row of a timeline. Of what earlier versions stored as text, only the codes are known."""
    codes = row.get(b"r", b"").decode().split()
    arguments = codec.arguments_of(row[b"a"]) if b"a" in row else [{} for _ in codes]
    return [Explanation(code, values) for code, values in zip(codes, arguments, strict=True)]


def effect_text(row: Mapping[bytes, bytes]) -> str:
    """The effect of a row of a timeline, for people: in the words of the version that stored it, if it stored any."""
    return row[b"e"].decode() if b"e" in row else joined_text(effects_of(row))
