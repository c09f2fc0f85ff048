"""A seeded world that goes wrong: the pure core against the sandbox's model of VideoSDK, at a few days a second.

`python -m tests.simulation` runs ever new seeds until it is stopped, `--seed N` one of them, telling what happens.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from sandbox import model
from sandbox.model import Outcome as Played
from sandbox.model import RefusedError, StreamState
from sandbox.shapes import stream_json, webhook_json
from webhook_app.domain.events import Event, Source
from webhook_app.domain.plan import outlook
from webhook_app.domain.room import Call, CallKind, CallState, Room
from webhook_app.domain.rules import Config, Settings
from webhook_app.domain.step import apply, step
from webhook_app.domain.turn import Outcome, Turn, World
from webhook_app.store import codec

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
ROOMS = ("aaaa-aaaa-aaaa", "bbbb-bbbb-bbbb")
PEOPLE = ("ada", "bob", "host-eve")
ACTS = (*("join",) * 8, *("leave",) * 3, *("start", "stop", "stop") * 2, *("fail",) * 4, "close", "say", "say", "rule")
EPOCH = 1_767_225_600_000  # 2026-01-01T00:00:00Z

# What the call job holds to (workers/call.py, store/calls.py), and what VideoSDK may do after it gave up.
LEASE_MS = 20 * SECOND
TOO_OLD_MS = 5 * SECOND
DEADLINE_MS = 10 * SECOND
DONE_AFTER_DEADLINE_MS = 15 * SECOND
DONE_AFTER_ANSWER_MS = 5 * SECOND

TROUBLE_H = 3
PEACE_MS = 15 * MINUTE
CALM_MS = 8 * MINUTE
PEACES_MAX = 6


class Broken(AssertionError):
    """An invariant that does not hold."""


@dataclass
class Faults:
    """How often each thing goes wrong, from 0 to 1; drawn anew for each seed."""

    repeat: float = 0
    drop: float = 0
    delay: float = 0
    refuse: float = 0
    broken: float = 0
    hang: float = 0
    crash: float = 0
    unreached: float = 0

    @classmethod
    def drawn(cls, rng: Random) -> "Faults":
        level = rng.choice((0.05, 0.2, 0.5))
        return cls(**{name: rng.choice((0, level)) for name in cls.__dataclass_fields__})


@dataclass
class Queued:
    """A call in the store: when it may be claimed (again), and whether it was marked."""

    call: Call
    due: int
    marked: bool = False


@dataclass
class Cloud:
    """VideoSDK: the model, and starts that it was sent and may still do."""

    world: model.World = field(default_factory=model.World)
    with_ids: bool = True
    late: dict[str, list[int]] = field(default_factory=dict)  # by room, until when
    heard: set[str] = field(default_factory=set)  # streams of which a webhook has arrived

    def running(self, room_id: str) -> model.Stream | None:
        room = self.world.rooms.get(room_id)
        return None if room is None else model.running_stream(self.world, room)

    def session(self, room_id: str) -> model.Session | None:
        room = self.world.rooms.get(room_id)
        return None if room is None else model.running_session(self.world, room)

    def on_air(self, room_id: str) -> bool:
        running = self.running(room_id)
        return running is not None and running.state in (StreamState.STARTED, StreamState.PLAYABLE)


class Simulation:
    """One seed's world. Everything that happens is a function called at its moment."""

    def __init__(self, seed: int, *, say: Callable[[str], None] = lambda line: None) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.say = say
        self.now = EPOCH + self.rng.randrange(365) * DAY + self.rng.randrange(24) * HOUR
        self.cloud = Cloud(model.World(seed=str(seed)), with_ids=self.rng.random() < 0.5)
        self.faults = Faults.drawn(self.rng)
        self.trouble = False
        self.token_ok = True
        self.forbidden: set[str] = set()
        self.down_until = {"worker": 0, "clock": 0, "call": 0}
        self.agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.order = count()
        self.config = Config(settings=Settings(calls=True))
        self.world = World(self.config)
        self.journal: list[Event] = []
        self.cursor = 0
        self.timers: dict[tuple[str, str], int] = {}
        self.queue: dict[str, Queued] = {}
        self.current: dict[str, str] = {}
        self.notices: dict[str, str] = {}
        self.calls: set[str] = set()
        self.edges: dict[str, int] = {}
        self.counts = {"events": 0, "starts": 0, "ends": 0, "checks": 0, "crashes": 0}

    # The whole

    def run(self, rounds: int = 2) -> None:
        """Trouble, then peace, some times over; Broken says what does not hold."""
        begun = self.now
        for room_id in ROOMS:
            self.put_rules(room_id)
        for _ in range(rounds):
            self.trouble = True
            until = self.now + self.rng.randrange(HOUR, TROUBLE_H * HOUR)
            self.later(0, self.somebody_acts)
            self.later(0, self.something_breaks)
            self.play(until)
            self.make_peace()
            for _ in range(PEACES_MAX):
                self.play(self.now + PEACE_MS)
                while self.cursor < len(self.journal):  # what came in this very moment
                    self.play(self.now + 50)
                if self.calm():
                    self.check_peace()
                    break
            self.check_fold()
        self.counts["ms"] = self.now - begun

    def play(self, until: int) -> None:
        while self.agenda and self.agenda[0][0] <= until:
            at, _, act, args = heappop(self.agenda)
            self.now = max(self.now, at)
            act(*args)
        self.now = max(self.now, until)

    def later(self, ms: int, act: Callable[..., None], *args: Any) -> None:
        heappush(self.agenda, (self.now + ms, next(self.order), act, args))

    def make_peace(self) -> None:
        self.trouble = False
        self.token_ok = True
        self.forbidden.clear()
        self.down_until = dict.fromkeys(self.down_until, 0)
        self.say("--- peace ---")
        self.later(0, self.work)
        self.later(0, self.tick)
        for call_id in list(self.queue):
            self.later(0, self.take, call_id)

    def chance(self, odds: float) -> bool:
        return self.trouble and self.rng.random() < odds

    # Journal, worker, clock

    def append(self, source: Source, kind: str, room_id: str | None, data: dict[str, Any]) -> None:
        event = Event(f"{self.now}-{len(self.journal)}", source, kind, room_id, self.now, data)
        self.journal.append(event)
        self.later(self.rng.choice((0, 5, 50)), self.work)

    def work(self) -> None:
        """Fold what is there and commit it in one step, unless the worker is down or dies in the middle."""
        if self.now < self.down_until["worker"]:
            self.later(self.down_until["worker"] - self.now, self.work)
            return
        while self.cursor < len(self.journal):
            size = self.rng.randint(1, 8)
            events = self.journal[self.cursor : self.cursor + size]
            before = self.world
            after = World(before.config, dict(before.rooms), dict(before.memory), dict(before.alarms))
            outcomes = []
            for event in events:
                outcome = step(after, event)
                apply(after, outcome)
                outcomes.append((event, outcome))
            if self.chance(self.faults.crash / 4):
                self.counts["crashes"] += 1
                self.world = self.read_back(before)
                self.say(f"{self.clock()} the worker dies before it commits {len(events)}")
                continue
            self.commit(after, outcomes)

    def commit(self, after: World, outcomes: list[tuple[Event, Outcome]]) -> None:
        before = self.world
        self.world = after
        self.cursor += len(outcomes)
        touched: set[str] = set()
        for event, outcome in outcomes:
            self.counts["events"] += 1
            touched |= outcome.rooms.keys()
            self.check_outcome(event, outcome)
            for call in outcome.calls.values():
                if call.state is CallState.WAITING and call.call_id not in self.calls:
                    self.calls.add(call.call_id)
                    self.queue[call.call_id] = Queued(call, self.now)
                    self.later(self.rng.choice((0, 10, 200)), self.take, call.call_id)
                elif call.state is CallState.WAITING and call.created_at == event.at:
                    raise Broken(f"call {call.call_id} is decided twice")
        for room_id in touched:
            old, room = before.rooms.get(room_id, Room(room_id)), after.rooms[room_id]
            for name in old.timers.keys() - room.timers.keys():
                self.timers.pop((room_id, name), None)
            for name, due in room.timers.items():
                if old.timers.get(name) != due:
                    self.timers[room_id, name] = due
                    self.later(max(0, due - self.now), self.tick)
            self.current.pop(room_id, None)
            if room.call is not None:
                self.current[room_id] = room.call.call_id
            if (old.window is None) != (room.window is None) or (old.wish != room.wish):
                self.edges[room_id] = self.now

    def tick(self) -> None:
        """Tell the timers that are due: popped and journaled in one step."""
        if self.now < self.down_until["clock"]:
            self.later(self.down_until["clock"] - self.now, self.tick)
            return
        for (room_id, name), due in sorted(self.timers.items(), key=lambda timer: timer[1]):
            if due <= self.now:
                del self.timers[room_id, name]
                self.append(Source.CLOCK, "timer", room_id, {"timer": name, "due": due})

    def read_back(self, world: World) -> World:
        """The world as a new worker reads it from the store."""
        rooms = {room_id: codec.room_of(codec.encode(room)) for room_id, room in world.rooms.items()}
        if rooms != world.rooms:
            raise Broken("a room that is read back is not what was written")
        return World(world.config, rooms, dict(world.memory), dict(world.alarms))

    # The call job

    def take(self, call_id: str) -> None:
        """Claim a call by lease, if nobody else has, and make it."""
        queued = self.queue.get(call_id)
        if queued is None:
            return
        free_at = max(queued.due, self.down_until["call"])
        if free_at > self.now:
            self.later(free_at - self.now, self.take, call_id)
            return
        queued.due = self.now + LEASE_MS
        self.later(LEASE_MS, self.take, call_id)
        if queued.call.kind is CallKind.PROBE:
            self.later(self.latency(), self.probe, queued.call, f"{self.journal[-1].id}", self.now)
        elif queued.marked:
            self.answer(queued.call, "unknown", message="its sender left no answer")
        elif self.dies():
            return
        elif queued.call.kind is CallKind.START:
            self.later(self.latency(), self.look, queued, self.now + DEADLINE_MS)
        else:
            self.mark(queued, self.now + DEADLINE_MS)

    def look(self, queued: Queued, deadline: int) -> None:
        call = queued.call
        refused = self.refusal(call.room_id)
        if refused is None and self.chance(self.faults.unreached):
            self.later(max(0, deadline - self.now), self.answer, call, "unreached")
        elif refused is not None and refused >= 500:
            self.answer(call, "unreached", status=refused)
        elif refused is not None:
            self.answer(call, "refused", status=refused)
        elif self.cloud.running(call.room_id) is not None:
            self.answer(call, "already", status=200, stream=self.active(call.room_id))
        elif not self.dies():
            self.mark(queued, deadline)

    def mark(self, queued: Queued, deadline: int) -> None:
        call = queued.call
        if self.current.get(call.room_id) != call.call_id:
            self.answer(call, "dropped", message="superseded")
        elif self.now - call.created_at > TOO_OLD_MS:
            self.answer(call, "dropped", message="older than 5 s before it could be sent")
        elif queued.marked:
            self.answer(call, "unknown", message="its sender left no answer")
        else:
            queued.marked = True
            if not self.dies():
                self.send(call)

    def send(self, call: Call) -> None:
        room_id, deadline_at = call.room_id, self.now + DEADLINE_MS
        gone = self.dies()  # after it has sent: VideoSDK does it, nobody hears the answer
        refused = self.refusal(room_id)
        self.counts["starts" if call.kind is CallKind.START else "ends"] += 1
        self.say(f"{self.clock()} {room_id[:1]} {call.kind} sent, {call.because}")
        if call.kind is CallKind.START:
            self.check_start(call)
        if refused is not None:
            if not gone:
                self.answer(call, "unknown" if refused >= 500 else "refused", status=refused, deadline_at=deadline_at)
            return
        hangs, breaks = self.chance(self.faults.hang), self.chance(self.faults.broken)
        if not hangs and not breaks:
            done, status = self.do(call)
            if not gone and status is None:
                self.later(self.latency(), self.answer, call, "succeeded", 200, done)
            elif not gone:
                self.answer(call, "refused", status=status)
            return
        answered_at = deadline_at if hangs else self.now + self.latency()
        if not gone:
            status = None if hangs else 502
            self.later(answered_at - self.now, self.answer, call, "unknown", status, None, deadline_at)
        limit = deadline_at + DONE_AFTER_DEADLINE_MS if hangs or gone else answered_at + DONE_AFTER_ANSWER_MS
        fate = self.rng.choice(("never", "at once", "late", "late"))
        if fate == "at once":
            self.do(call)
        elif fate == "late" and (call.kind is CallKind.START or call.body.get("id")):
            at = self.rng.choice((self.rng.randrange(self.now + 1, limit), limit - 1))
            if call.kind is CallKind.START:
                self.cloud.late.setdefault(room_id, []).append(at)
            self.later(at - self.now, self.do_late, call, at)

    def do_late(self, call: Call, at: int) -> None:
        if call.kind is CallKind.START:
            self.cloud.late[call.room_id].remove(at)
        self.say(f"{self.clock()} {call.room_id[:1]} {call.kind} done late")
        self.do(call)

    def do(self, call: Call) -> tuple[dict[str, Any] | None, int | None]:
        if call.kind is CallKind.END:
            return None, self.try_to(model.end, call.room_id, stream_id=call.body.get("id"))
        refused = self.try_to(model.start, call.room_id)
        return (self.active(call.room_id) if refused is None else None), refused

    def probe(self, call: Call, asked_id: str, asked_at: int) -> None:
        if self.dies() or call.call_id not in self.queue:
            return
        refused = self.refusal(call.room_id)
        reached = refused is None and not self.chance(self.faults.unreached)
        session = self.cloud.session(call.room_id)
        wanted = call.body.get("session_id")
        known = self.cloud.world.sessions.get(wanted) if wanted else session
        seen: dict[str, Any] | None = None
        if reached and call.body.get("session") and known is not None:
            present = {one.id: one.name for one in known.participants.values() if one.present}
            seen = {"session_id": known.id, "live": known.end_ms is None, "participants": present}
        asked: dict[str, Any] = {"reached": reached, "asked_id": asked_id, "asked_at": asked_at, "session": seen}
        failed = self.cloud.world.streams.get((call.body.get("failed") or {}).get("id") or "")
        if reached and failed is not None:
            asked["failed"] = {"id": failed.id, "reason": failed.reason}
        active = self.active(call.room_id) if reached else None
        self.later(self.latency(), self.answer, call, "probed", refused, None, None, {**asked, "active": active})

    def answer(
        self,
        call: Call,
        outcome: str,
        status: int | None = None,
        stream: dict[str, Any] | None = None,
        deadline_at: int | None = None,
        more: dict[str, Any] | None = None,
        message: str | None = None,
    ) -> None:
        """The answer's append and the end of the claim are one step; a call is answered once."""
        if self.dies() or self.queue.pop(call.call_id, None) is None:
            return
        source = Source.PROBE if call.kind is CallKind.PROBE else Source.CALL
        kind = "probed" if call.kind is CallKind.PROBE else f"{call.kind}-{outcome}"
        data: dict[str, Any] = {"call_id": call.call_id, "kind": call.kind.value, "outcome": outcome, **(more or {})}
        given = {"status": status, "stream": stream, "deadline_at": deadline_at, "message": message}
        data |= {name: value for name, value in given.items() if value is not None}
        if call.kind is not CallKind.PROBE:
            self.say(f"{self.clock()} {call.room_id[:1]} {kind} {status or ''}")
        self.append(source, kind, call.room_id, data)

    def dies(self) -> bool:
        return self.chance(self.faults.crash / 4)

    def latency(self) -> int:
        return self.rng.choice((20, 80, 300, 2_500 if self.trouble else 80))

    def refusal(self, room_id: str) -> int | None:
        """The status with which VideoSDK refuses whatever it is asked now."""
        if not self.token_ok:
            return 401
        if room_id in self.forbidden:
            return 403
        return self.rng.choice((409, 429, 400, 503)) if self.chance(self.faults.refuse) else None

    # VideoSDK

    def try_to(self, act: Any, room_id: str, *more: Any, **named: Any) -> int | None:
        """Let the model do it; the status if it refuses."""
        try:
            result = act(self.cloud.world, self.now, room_id, *more, **named)
        except RefusedError as refused:
            return refused.status
        self.played(result[-1])
        return None

    def played(self, outcome: Played) -> None:
        for due in outcome.due:
            self.later(due.at_ms - self.now, self.happen, due)
        for webhook in outcome.webhooks:
            body = webhook_json(webhook, stream_ids=self.cloud.with_ids)
            stream_id = getattr(webhook, "stream_id", None)
            copies = 0 if self.chance(self.faults.drop) else 2 if self.chance(self.faults.repeat) else 1
            for _ in range(copies):
                wait = self.rng.randrange(30 * SECOND) if self.chance(self.faults.delay) else 40
                self.later(wait, self.arrive, webhook.room_id, body, stream_id)

    def happen(self, due: model.Due) -> None:
        self.played(model.happen(self.cloud.world, self.now, due))

    def arrive(self, room_id: str, body: dict[str, Any], stream_id: str | None) -> None:
        if stream_id is not None:
            self.cloud.heard.add(stream_id)
        self.say(f"{self.clock()} {room_id[:1]} {body['webhookType']} arrives")
        self.append(Source.VIDEOSDK, body["webhookType"], room_id, body["data"])

    def active(self, room_id: str) -> dict[str, Any] | None:
        running = self.cloud.running(room_id)
        return None if running is None else stream_json(running, "https://api.example")

    # People, operators, rules

    def somebody_acts(self) -> None:
        if not self.trouble:
            return
        self.later(self.rng.choice((5, 30, 120, 600)) * self.rng.randrange(200, 2_000), self.somebody_acts)
        room_id = self.rng.choice(ROOMS)
        act = self.rng.choice(ACTS)
        self.say(f"{self.clock()} {room_id[:1]} somebody: {act}")
        match act:
            case "join":
                who = self.rng.choice(PEOPLE)
                self.try_to(model.join, room_id, participant_id=who, name=who.title())
            case "leave":
                self.try_to(model.leave, room_id, self.rng.choice(PEOPLE))
            case "start":
                if not self.cloud.late.get(room_id):  # two at once would be no doing of ours
                    self.try_to(model.start, room_id)
            case "stop":
                self.try_to(model.end, room_id)
            case "fail":
                self.try_to(model.fail, room_id, reason=self.rng.choice((None, "encoder crashed")))
            case "close":
                self.try_to(model.end_session, room_id)
            case "say":
                self.an_operator_says(room_id)
            case _:
                self.a_rule_changes(room_id)

    def an_operator_says(self, room_id: str) -> None:
        command = self.rng.choice(("start", "end", "release"))
        data: dict[str, Any] = {}
        if command != "release" and self.rng.random() < 0.5:
            data["until"] = self.now + self.rng.randrange(MINUTE, HOUR)
        self.say(f"{self.clock()} {room_id[:1]} operator: {command} {data}")
        self.append(Source.OPERATOR, command, room_id, data)

    def a_rule_changes(self, room_id: str) -> None:
        name = f"{self.rng.choice(('show', 'choir', 'in', 'out', 'empty'))}-{room_id[0]}"
        what = self.rng.choice(("put", "put", "rule-paused", "rule-resumed", "rule-resumed", "rule-skip-next", "drop"))
        if what == "put":
            self.put_rules(room_id, only=name)
        elif what == "drop":
            self.append(Source.OPERATOR, "rule-deleted", None, {"name": name})
        else:
            self.append(Source.OPERATOR, what, None, {"name": name})

    def put_rules(self, room_id: str, only: str | None = None) -> None:
        letter = room_id[0]
        rules = [
            {"name": f"show-{letter}", "schedule": self.a_schedule(), **self.options()},
            {"name": f"choir-{letter}", "schedule": self.a_schedule(), **self.options()},
            {"name": f"in-{letter}", "on": "participant-joined", "do": "start"},
            {"name": f"out-{letter}", "on": "participant-left", "do": "end"},
            {"name": f"empty-{letter}", "when": EMPTY, "for_s": 120, "do": "end"},
        ]
        for rule in rules:
            if rule["name"] == only or (only is None and self.rng.random() < 0.6):
                self.say(f"{self.clock()} rule {rule}")
                self.append(Source.CONFIG, "rule-put", None, {"rule": {"rooms": [room_id], **rule}})

    def a_schedule(self) -> dict[str, Any]:
        minute, long = self.rng.randrange(60), self.rng.choice((5, 20, 40, 60, 75)) * 60
        zone = self.rng.choice(("UTC", "Europe/London", "America/New_York", "Asia/Kathmandu"))
        which = self.rng.choice(("hourly", "hourly", "two-hourly", "always", "rrule"))
        if which == "always":
            return {"always": True, "timezone": zone}
        if which == "rrule":
            return {
                "rrule": "FREQ=HOURLY;INTERVAL=3",
                "dtstart": f"2025-12-01T00:{minute:02d}",
                "duration_s": long,
                "timezone": zone,
            }
        hours = "*" if which == "hourly" else "*/2"
        return {"cron": f"{minute} {hours} * * *", "duration_s": long, "timezone": zone}

    def options(self) -> dict[str, Any]:
        drawn: dict[str, Any] = {
            "late_after_s": 60,
            "remind_s": 300,
            "end_when_empty_s": 180,
            "overrun_s": 600,
            "max_run_s": 1_800,
            "restart": self.rng.choice(("always", "never", "on-failure")),
            "if": 'room.session.participants.exists(p, p.name.startsWith("Host"))',
            "start": {"config": {"quality": "high"}},
        }
        return {name: value for name, value in drawn.items() if self.rng.random() < 0.3}

    def something_breaks(self) -> None:
        if not self.trouble:
            return
        self.later(self.rng.randrange(2 * MINUTE, 40 * MINUTE), self.something_breaks)
        what = self.rng.choice(("worker", "clock", "call", "token", "forbidden", "well", "well"))
        if self.faults.crash + self.faults.refuse == 0:
            return
        long = self.rng.choice((5, 60, 600, 2_400)) * SECOND
        if what in self.down_until:
            self.down_until[what] = self.now + long
            self.say(f"{self.clock()} {what} is down for {long // SECOND} s")
        elif what == "token":
            self.token_ok = False
        elif what == "forbidden":
            self.forbidden.add(self.rng.choice(ROOMS))
        else:
            self.token_ok = True
            self.forbidden.clear()

    # What must hold

    def check_outcome(self, event: Event, outcome: Outcome) -> None:
        for notice in outcome.notices:
            content = codec.encode([event.id, notice.type, notice.data]).decode()
            if notice.notice_id in self.notices:
                raise Broken(f"notice {notice.notice_id} has told {self.notices[notice.notice_id]} and {content}")
            self.notices[notice.notice_id] = content
            self.say(
                f"{self.clock()} {(notice.room_id or '-')[:1]} told {notice.type} {notice.data.get('reason') or ''}"
            )
        for room_id, decisions in outcome.decisions.items():
            for decision in decisions:
                self.say(f"{self.clock()} {room_id[:1]} {decision.did} ({decision.rule})")

    def check_start(self, call: Call) -> None:
        if any(at > self.now for at in self.cloud.late.get(call.room_id, ())):
            raise Broken(f"{self.clock()} a second start in {call.room_id} while the first may still be done")

    def check_fold(self) -> None:
        """Folded again, from its beginning and one by one, the journal gives the same state."""
        again = World(self.config)
        for event in self.journal[: self.cursor]:
            apply(again, step(again, event))
        if again != self.world:
            raise Broken("folding the journal again gives another state")

    def calm(self) -> bool:
        """Whether nothing has changed what is wanted for a while, and nothing is about to."""
        return all(self.now - self.edges.get(room_id, 0) > CALM_MS for room_id in ROOMS)

    def check_peace(self) -> None:
        """After a while without faults the rooms are what is wanted, and we know it."""
        self.counts["checks"] += 1
        if self.cursor != len(self.journal):
            raise Broken("the journal is not folded to its end")
        if self.world.config.settings.paused:
            raise Broken("calls are still paused")
        known = {(one, name): due for one, room in self.world.rooms.items() for name, due in room.timers.items()}
        if known != self.timers:
            raise Broken(f"timers are lost: {known.keys() ^ self.timers.keys()}")
        for room_id in ROOMS:
            room = self.world.rooms.get(room_id, Room(room_id))
            if room.untold is not None and self.now > room.timers["untold"]:
                raise Broken(f"{room_id}: a failure is still untold")
            self.check_plan(room)
            self.check_room(room)

    def check_plan(self, room: Room) -> None:
        turn = Turn(self.world, Event("0-0", Source.SYSTEM, "look", room.room_id, self.now, {}), room, Outcome())
        current = outlook(turn, self.now).current
        window = room.window
        if current is None:
            if window is not None and not window.overrunning:
                raise Broken(f"{self.clock()} {room.room_id} has a window that nobody asks for: {window}")
        elif window is None or window.closes_at <= self.now or dict(window.start) != dict(current.start):
            raise Broken(f"{self.clock()} {room.room_id} has the window {window}, asked for is {current}")
        elif window.held is None and window.condition_met and not (room.schedule_wish and room.schedule_wish.on_air):
            raise Broken(f"{self.clock()} {room.room_id} is not wanted on air in its open window")
        if window is None and room.schedule_wish is not None and room.operator is None:
            raise Broken(f"{self.clock()} {room.room_id}: the schedule wants something after the close")

    def check_room(self, room: Room) -> None:
        on_air, running = self.cloud.on_air(room.room_id), self.cloud.running(room.room_id)
        wish = room.wish
        unheard = running is not None and running.id not in self.cloud.heard
        if unheard and (wish is None or not wish.on_air):
            return  # not one webhook of it has come, and nobody has a reason to ask
        if room.on_air != on_air:
            raise Broken(f"{self.clock()} {room.room_id} is {running and running.state}, we take it for {room.shown}")
        if wish is None:
            return
        session = self.cloud.session(room.room_id)
        if on_air != (wish.on_air and session is not None):
            raise Broken(
                f"{self.clock()} {room.room_id} is {'on' if on_air else 'off'} air with {wish}, "
                f"session {session and session.id}, waits {room.waits}, call {room.call}, timers {room.timers}"
            )

    def clock(self) -> str:
        return time.strftime("%d %H:%M:%S", time.gmtime(self.now / 1000)) + f".{self.now % 1000:03d}"


EMPTY = "room.on_air && room.session.participant_count == 0"


def simulate(seed: int, *, say: Callable[[str], None] = lambda line: None, rounds: int = 2) -> dict[str, int]:
    """Run one seed; raises Broken, or whatever the core raised, with the seed in its notes."""
    simulation = Simulation(seed, say=say)
    try:
        simulation.run(rounds)
    except Exception as error:
        error.add_note(f"seed {seed}: python -m tests.simulation --seed {seed}")
        raise
    return simulation.counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and tell what happens")
    parser.add_argument("--first", type=int, default=int(time.time()) * 1_000, help="the first of ever new seeds")
    parser.add_argument("--count", type=int, help="stop after so many")
    asked = parser.parse_args()
    if asked.seed is not None:
        print(simulate(asked.seed, say=print))
        return 0
    begun, totals, broken = time.monotonic(), dict[str, int](), 0
    try:
        for done in count(1):
            seed = asked.first + done - 1
            try:
                for name, number in simulate(seed).items():
                    totals[name] = totals.get(name, 0) + number
            except Exception as error:
                broken += 1
                print(f"\nseed {seed}: {type(error).__name__}: {str(error)[:600]}", flush=True)
            if done % 20 == 0 or done == asked.count:
                days = totals.get("ms", 0) / DAY
                told = ", ".join(f"{number} {name}" for name, number in totals.items() if name != "ms")
                pace = days / (time.monotonic() - begun) * 60
                print(f"{done} seeds, {broken} broken, {days:.0f} days, {pace:.0f} a minute: {told}", flush=True)
            if done == asked.count:
                break
    except KeyboardInterrupt:
        print()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
