"""Backtest: recorded events folded through draft rules, to see what would have been done beside what was.

The draft world has timers of its own, and a VideoSDK that does what it is told: a start that would have been made
gives a run that becomes playable, an end that would have been made ends it. What came of calls that were really made
(their answers, and the webhooks of the runs they started) is passed over; runs that people started are kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from webhook_app.domain.asking import SESSION_GONE_MS
from webhook_app.domain.conditions import stored_condition
from webhook_app.domain.events import Event, Source, room_of, stream_fact
from webhook_app.domain.ids import derive
from webhook_app.domain.room import Call, CallKind, CallState, Room
from webhook_app.domain.rules import Config, RoomName, Rule, make_config
from webhook_app.domain.step import RULE_CHANGES, apply, poisoned, step
from webhook_app.domain.stream import SIGNALS, State
from webhook_app.domain.times import SECOND, rfc3339
from webhook_app.domain.turn import Outcome, World
from webhook_app.domain.values import replace

STARTED_AFTER_MS = 2 * SECOND
PLAYABLE_AFTER_MS = 7 * SECOND
ENDED_AFTER_MS = 1 * SECOND
SAME_WITHIN_MS = 10 * SECOND
ACTS_MAX = 100_000
TOLD = ("broadcast.", "rule.")


@dataclass(frozen=True, slots=True)
class Act:
    """Something done because of a rule: `kind` is start, end, or the type of a notice."""

    at: int
    room_id: str
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What would have been done, what was, and where the two differ."""

    would: tuple[Act, ...]
    did: tuple[Act, ...]
    only_would: tuple[Act, ...]
    only_did: tuple[Act, ...]


@dataclass
class _Draft:
    """The draft world and what is to come in it: timers of its own, answers and webhooks of its VideoSDK."""

    world: World
    since: int
    looks: bool
    acts: list[Act] = field(default_factory=list)
    coming: list[tuple[int, int, Event]] = field(default_factory=list)
    timers: list[tuple[int, str, str, int]] = field(default_factory=list)
    number: int = 0
    ended: set[str] = field(default_factory=set)


def backtest(
    before: World,
    events: Iterable[Event],
    rules: Iterable[Rule],
    *,
    since: int,
    until: int,
    names: Mapping[str, RoomName] | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> Comparison:
    """Fold recorded events, oldest first, from a world as it was before them.

    Up to `since` everything is folded as it was; from there on the draft rules stand in place of all rules. `names`
    are what the drafts call the rooms; those of `since` when left out.
    """
    actual = World(before.config, dict(before.rooms), dict(before.memory), dict(before.alarms))
    draft: _Draft | None = None
    ours = _Ours()
    did: list[Act] = []
    for count, event in enumerate(events, 1):
        if event.at >= until:
            break
        if draft is None and event.at >= since:
            draft = _begin(actual, rules, since, names)
        outcome = _fold(actual, event)
        if event.at >= since:
            did += _acts(outcome, event.at)
        ours.note(event)
        if draft is not None and not _passed_over(event, ours):
            _run_to(draft, event.at)
            _tell(draft, event)
        if count % 1_000 == 0:
            progress(count)
    if draft is None:
        draft = _begin(actual, rules, since, names)
    _run_to(draft, until)
    return _compare(draft.acts, did)


class _Ours:
    """Which runs our real calls started, so that their webhooks can be told from a person's."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._rooms: set[str] = set()

    def note(self, event: Event) -> None:
        if event.source is Source.CALL and event.data.get("kind") == "start" and event.room_id is not None:
            stream = event.data.get("stream")
            if event.data.get("outcome") == "succeeded" and isinstance(stream, Mapping):
                fact = stream_fact(stream)
                self._names |= {name for name in (fact.videosdk_id, fact.url_key) if name}
                self._rooms.add(event.room_id)

    def started(self, event: Event) -> bool:
        fact = stream_fact(event.data)
        if not fact.bare:
            return fact.videosdk_id in self._names or fact.url_key in self._names
        return room_of(event.data) in self._rooms


def _passed_over(event: Event, ours: _Ours) -> bool:
    if event.source in (Source.CLOCK, Source.CALL, Source.PROBE):
        return True
    if event.type in RULE_CHANGES and event.type != "calendar-fetched":
        return True
    return event.source is Source.VIDEOSDK and event.type in SIGNALS and ours.started(event)


def _begin(actual: World, rules: Iterable[Rule], since: int, names: Mapping[str, RoomName] | None) -> _Draft:
    known: Config = actual.config
    settings = replace(known.settings, calls=True, paused=False, bodies=False)
    drafts = {rule.name: replace(rule, from_file=False, paused=False) for rule in rules}
    config = make_config(drafts, known.names if names is None else names, settings, known.calendars)
    world = World(config, {room_id: _as_found(room) for room_id, room in actual.rooms.items()})
    draft = _Draft(world, since, _looks_matter(drafts.values()))
    for room_id in sorted({*world.rooms, *(room for rule in drafts.values() for room in config.rooms_of(rule) or ())}):
        _tell(draft, _event(draft, since, Source.SYSTEM, "replan", room_id, {}))
    return draft


def _as_found(room: Room) -> Room:
    """The room with what was seen of it, and nothing of what anybody but the operator wanted."""
    return replace(
        room,
        event_wish=None,
        schedule_wish=None,
        window=None,
        next_window=None,
        call=None,
        probe=None,
        asks=(),
        timers={name: due for name, due in room.timers.items() if name == "until"},
        holding={},
        fired={},
        confirming=(),
        tries=0,
        waits=None,
        replace_run=None,
        reminded_at=None,
    )


def _run_to(draft: _Draft, moment: int) -> None:
    while len(draft.acts) < ACTS_MAX:
        due = draft.timers[0][0] if draft.timers else None
        told = draft.coming[0][0] if draft.coming else None
        if told is not None and told <= moment and (due is None or told <= due):
            _tell(draft, heappop(draft.coming)[2])
        elif due is not None and due <= moment:
            when, room_id, name, due = heappop(draft.timers)
            room = draft.world.rooms.get(room_id)
            if room is not None and room.timers.get(name) == due and (draft.looks or _may_matter(room, name)):
                data = {"timer": name, "due": due}
                _tell(draft, _event(draft, max(when, draft.since), Source.CLOCK, "timer", room_id, data))
        else:
            return


def _may_matter(room: Room, timer: str) -> bool:
    """Whether a timer can change anything: the draft's VideoSDK, when it is asked, sees what we know already.

    A look at a run that is on its way may still move it on; one that finds a room on air as it was, or nobody
    there, may not. These are most of all there is to fold.
    """
    if timer == "armed":
        return False
    over = room.session is not None and not room.session.live
    return timer != "watch" or over or any(run.state in (State.STARTING, State.STARTED) for run in room.streams)


def _looks_matter(rules: Iterable[Rule]) -> bool:
    """Whether a condition sees how long a stream has been on: then every look is a moment at which it may hold."""
    for rule in rules:
        inside = stored_condition(rule.when).room_paths.get("stream", frozenset()) if rule.when else frozenset()
        if inside is None or "duration_s" in inside:
            return True
    return False


def _tell(draft: _Draft, event: Event) -> None:
    world = draft.world
    outcome = _outcome(world, event)
    before = {room_id: world.rooms[room_id].timers for room_id in outcome.rooms if room_id in world.rooms}
    apply(world, outcome)
    for room_id, room in outcome.rooms.items():
        old = before.get(room_id, {})
        for name, due in room.timers.items():
            if old.get(name) != due:
                heappush(draft.timers, (due, room_id, name, due))
        missed = room.timers.get("watch")
        if missed is not None and missed <= event.at and not draft.looks and _may_matter(room, "watch"):
            # It was passed over while it could not matter, and now it may.
            heappush(draft.timers, (event.at + SESSION_GONE_MS, room_id, "watch", missed))
    draft.acts += _acts(outcome, event.at)
    for call in outcome.calls.values():
        if call.state is CallState.WAITING:
            _answer(draft, call, event.at)


def _answer(draft: _Draft, call: Call, at: int) -> None:
    room = draft.world.rooms[call.room_id]
    session = room.session.session_id if room.session is not None else None
    if call.kind is CallKind.PROBE:
        _probed(draft, call, at)
        return
    if call.kind is CallKind.CAPTURE:
        return  # a picture changes nothing
    run = {
        "id": derive("draft-", call.call_id) if call.kind is CallKind.START else call.body.get("id"),
        "meetingId": call.room_id,
        "sessionId": session,
    }
    answer = {"call_id": call.call_id, "kind": call.kind.value, "outcome": "succeeded", "status": 200, "stream": run}
    _later(draft, at, Source.CALL, f"{call.kind}-succeeded", call.room_id, answer)
    if call.kind is CallKind.START:
        _later(draft, at + STARTED_AFTER_MS, Source.VIDEOSDK, "hls-started", call.room_id, run)
        _later(draft, at + PLAYABLE_AFTER_MS, Source.VIDEOSDK, "hls-playable", call.room_id, run)
    else:
        # It may be a run whose id was never learned: its address names it, and failing that a look finds it gone.
        live = [one for one in room.streams if one.live and not one.provisional]
        draft.ended |= {one.stream_id for one in live[-1:]}
        run["playbackHlsUrl"] = live[-1].playback_url if live else None
        _later(draft, at + ENDED_AFTER_MS, Source.VIDEOSDK, "hls-stopped", call.room_id, run)


def _probed(draft: _Draft, call: Call, at: int) -> None:
    """The draft's VideoSDK sees what the draft world holds to be so; a stream ends with its session."""
    room = draft.world.rooms[call.room_id]
    session = room.session
    over = session.session_id if session is not None and not session.live else None
    live = [run for run in room.streams if run.live and not run.provisional and run.session_id != (over or "")]
    live = [run for run in live if run.stream_id not in draft.ended]
    seen: dict[str, Any] = {
        "call_id": call.call_id,
        "kind": "probe",
        "reached": True,
        "asked_at": at,
        "asked_id": f"{at}-{draft.number}",
        "active": {"id": live[-1].videosdk_id, "playbackHlsUrl": live[-1].playback_url, "end": None} if live else None,
    }
    if session is not None and session.live:
        people = dict(session.participants) if session.complete else None
        seen["session"] = {"session_id": session.session_id, "live": True, "participants": people}
    _later(draft, at, Source.PROBE, "probed", call.room_id, seen)


def _later(draft: _Draft, at: int, source: Source, kind: str, room_id: str, data: Mapping[str, Any]) -> None:
    event = _event(draft, at, source, kind, room_id, data)
    heappush(draft.coming, (at, draft.number, event))


def _event(draft: _Draft, at: int, source: Source, kind: str, room_id: str | None, data: Mapping[str, Any]) -> Event:
    draft.number += 1
    return Event(f"{at}-{1_000_000 + draft.number}", source, kind, room_id, at, data)


def _fold(world: World, event: Event) -> Outcome:
    outcome = _outcome(world, event)
    apply(world, outcome)
    return outcome


def _outcome(world: World, event: Event) -> Outcome:
    try:
        return step(world, event)
    except Exception as error:  # what is poisoned was poisoned then, too
        return poisoned(world, event, error)


def _acts(outcome: Outcome, at: int) -> list[Act]:
    calls = [
        Act(call.created_at, call.room_id, call.kind.value, call.because)
        for call in outcome.calls.values()
        if call.state is CallState.WAITING and call.kind in (CallKind.START, CallKind.END) and call.created_at == at
    ]
    told = [
        Act(at, notice.room_id or "", notice.type, notice.because or "")
        for notice in outcome.notices
        if notice.type.startswith(TOLD)
    ]
    return calls + told


def _compare(would: list[Act], did: list[Act]) -> Comparison:
    rest: dict[tuple[str, str], list[Act]] = {}
    for act in did:
        rest.setdefault((act.room_id, act.kind), []).append(act)
    only_would: list[Act] = []
    for act in would:
        same = rest.get((act.room_id, act.kind), [])
        near = next((one for one in same if abs(one.at - act.at) <= SAME_WITHIN_MS), None)
        if near is None:
            only_would.append(act)
        else:
            same.remove(near)
    only_did = sorted((act for acts in rest.values() for act in acts), key=lambda act: (act.at, act.room_id))
    return Comparison(tuple(would), tuple(did), tuple(only_would), tuple(only_did))


def act_view(act: Act) -> dict[str, Any]:
    """An act as the API shows it."""
    return {"at": rfc3339(act.at), "room_id": act.room_id, "kind": act.kind, "because": act.because}
