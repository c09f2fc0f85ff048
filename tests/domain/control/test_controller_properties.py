"""The controller against a model of VideoSDK, whatever is lost, late, repeated, or answered wrong."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from sandbox import model
from sandbox.json_views import stream_json, webhook_json
from sandbox.model import Outcome, RefusedError, ScheduledStep, StreamState
from tests.support.scenario import ROOM, SECOND, Scenario
from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.events import Source
from webhook_app.providers.videosdk.answers import ApiAnswer, classify_refusal

SENT_WITHIN_MS = 5 * SECOND
DEADLINE_MS = 10 * SECOND
VIDEOSDK_ACTS_WITHIN_MS = 24 * SECOND
PEACE_S = 600


@dataclass
class Cloud:
    """VideoSDK: the sandbox's pure model on the story's clock, and what it was asked to do but has not yet done."""

    world: model.SandboxState = field(default_factory=model.SandboxState)
    due: list[ScheduledStep] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    with_ids: bool = True

    def play(self, outcome: Outcome) -> None:
        self.due += outcome.due
        self.sent += [webhook_json(webhook, stream_ids=self.with_ids) for webhook in outcome.webhooks]

    def pass_time(self, until: int) -> None:
        for at in sorted(at for at in self.late if at <= until):
            self.late.remove(at)
            self.try_to(model.start, at)
        while ready := [due for due in self.due if due.at_ms <= until]:
            due = min(ready, key=lambda due: due.at_ms)
            self.due.remove(due)
            self.play(model.advance(self.world, due.at_ms, due))

    def try_to(self, act: Any, now: int, *more: Any, **named: Any) -> tuple[Any, int | None]:
        """What the act gave, or the status it was refused with."""
        try:
            result = act(self.world, now, ROOM, *more, **named)
        except RefusedError as refused:
            return None, refused.status
        self.play(result[-1])
        return result[0], None

    @property
    def running(self) -> model.Stream | None:
        room = self.world.rooms.get(ROOM)
        return None if room is None else model.running_stream(self.world, room)

    @property
    def active(self) -> dict[str, Any] | None:
        return None if self.running is None else stream_json(self.running, "https://api.example")

    @property
    def session(self) -> dict[str, Any] | None:
        room = self.world.rooms.get(ROOM)
        session = None if room is None else model.running_session(self.world, room)
        if session is None:
            return None
        present = {
            participant.id: participant.name for participant in session.participants.values() if participant.present
        }
        return {"session_id": session.id, "live": True, "participants": present}


class Interleavings(RuleBasedStateMachine):
    """Operators, people, VideoSDK, the network and the clock, in any order."""

    @initialize(with_ids=st.booleans(), joined=st.booleans())
    def begin(self, with_ids: bool, joined: bool) -> None:
        self.scenario = Scenario()
        self.cloud = Cloud(with_ids=with_ids)
        self.made_ids: set[str] = set()
        self.answered_probes: set[str] = set()
        self.answers: list[tuple[Source, dict[str, Any]]] = []
        if joined:
            self.somebody_joins("ada")
            self.deliver_all()

    # Those who want something

    @rule(command=st.sampled_from(["start", "start", "end", "release"]))
    def an_operator_says(self, command: str) -> None:
        self.scenario.operator(command, after=0)

    @rule(who=st.sampled_from(["ada", "bob"]))
    def somebody_joins(self, who: str) -> None:
        self.cloud.try_to(model.join, self.scenario.now, participant_id=who, name=who.title())

    @rule(who=st.sampled_from(["ada", "bob"]))
    def somebody_leaves(self, who: str) -> None:
        self.cloud.try_to(model.leave, self.scenario.now, who)

    @rule()
    def a_person_stops_the_stream(self) -> None:
        self.cloud.try_to(model.end, self.scenario.now)

    @rule()
    def the_stream_breaks(self) -> None:
        self.cloud.try_to(model.fail, self.scenario.now)

    # The call job

    @precondition(lambda self: self.to_make is not None)
    @rule(
        fate=st.sampled_from(["fine", "fine", "lost", "late", "never", "502", "502-done", "429", "409", "400", "406"])
    )
    def the_call_is_made(self, fate: str) -> None:
        call = self.to_make
        assert call is not None
        self.made_ids.add(call.call_id)
        now = self.scenario.now
        if now - call.created_at > SENT_WITHIN_MS:
            self.answer(call, "dropped", message="older than 5 s before it could be sent")
        elif call.kind is CallKind.END:
            self.make_end(call, fate)
        elif self.cloud.active is not None:
            self.answer(call, "already", stream=self.cloud.active)
        else:
            self.make_start(call, fate)

    def make_start(self, call: Call, fate: str) -> None:
        now = self.scenario.now
        assert not self.cloud.late, "a second start while VideoSDK may still do the first"
        if fate in ("502", "429", "409", "400", "406"):
            status = int(fate)
            self.answer(call, "unknown" if status >= 500 else "refused", status=status)
        elif fate == "never":
            self.answer(call, "unknown", deadline_at=now + DEADLINE_MS)
        elif fate == "late":
            self.cloud.late.append(now + VIDEOSDK_ACTS_WITHIN_MS)
            self.answer(call, "unknown", deadline_at=now + DEADLINE_MS)
        else:
            _, refused = self.cloud.try_to(model.start, now)
            if refused is not None:
                self.answer(call, "refused", status=refused)
            elif fate == "fine":
                self.answer(call, "succeeded", status=200, stream=self.cloud.active)
            elif fate == "lost":
                self.answer(call, "unknown", deadline_at=now + DEADLINE_MS)
            else:
                self.answer(call, "unknown", status=502, deadline_at=now + DEADLINE_MS)

    def make_end(self, call: Call, fate: str) -> None:
        if fate in ("429", "409", "400", "406", "502", "never"):
            outcome = "unknown" if fate in ("502", "never") else "refused"
            self.answer(call, outcome, status=None if fate == "never" else int(fate))
            return
        _, refused = self.cloud.try_to(model.end, self.scenario.now, stream_id=call.body.get("id"))
        if refused is not None:
            self.answer(call, "refused", status=refused)
        elif fate == "fine":
            self.answer(call, "succeeded", status=200)
        else:
            self.answer(call, "unknown", deadline_at=self.scenario.now + DEADLINE_MS)

    @precondition(lambda self: self.to_ask is not None)
    @rule(reached=st.sampled_from([True, True, True, False]), readable=st.booleans())
    def videosdk_is_asked(self, reached: bool, readable: bool = True) -> None:
        probe = self.to_ask
        assert probe is not None
        self.answered_probes.add(probe.call_id)
        session = {
            "call_id": probe.call_id,
            "kind": "probe",
            "outcome": "probed",
            "reached": reached,
            "asked_id": self.scenario.last_id,
            "asked_at": self.scenario.now,
            "active": self.cloud.active if reached else None,
            "session": self.cloud.session if reached and probe.body.get("session") else None,
        }
        if not reached and not readable:
            session["unreadable"] = "418 teapot"
        self.answers.append((Source.PROBE, session))

    # The network

    @precondition(lambda self: self.answers)
    @rule(which=st.integers(0, 3))
    def an_answer_arrives(self, which: int) -> None:
        source, data = self.answers.pop(which % len(self.answers))
        self.scenario.process(source, "answer", data, after=0)

    @precondition(lambda self: self.cloud.sent)
    @rule(which=st.integers(0, 5), fate=st.sampled_from(["once", "once", "once", "again", "lost"]))
    def a_webhook_arrives(self, which: int, fate: str) -> None:
        which %= len(self.cloud.sent)
        body = self.cloud.sent[which] if fate == "again" else self.cloud.sent.pop(which)
        if fate != "lost":
            self.scenario.process(Source.VIDEOSDK, body["webhookType"], body["data"], after=0)

    @rule()
    def deliver_all(self) -> None:
        while self.cloud.sent:
            self.a_webhook_arrives(0, "once")
        while self.answers:
            self.an_answer_arrives(0)

    # Time

    @rule(ms=st.sampled_from([100, SECOND, 3 * SECOND, 15 * SECOND, 60 * SECOND, 130 * SECOND]), ticks=st.booleans())
    def time_passes(self, ms: int, ticks: bool) -> None:
        """With `ticks` the clock tells each timer that has come due, else it is behind."""
        self.scenario.now += ms
        self.cloud.pass_time(self.scenario.now)
        if ticks:
            self.clock_ticks()

    @rule()
    def clock_ticks(self) -> None:
        for name, at in sorted(self.scenario.room.timers.items(), key=lambda timer: timer[1]):
            if at <= self.scenario.now and self.scenario.room.timers.get(name) == at:
                self.scenario.timer(name)

    # What holds

    def teardown(self) -> None:
        """Given peace, the room is what it should be, and we know it."""
        if not hasattr(self, "scenario"):
            return
        for _ in range(PEACE_S):
            self.time_passes(SECOND, True)
            if self.to_make is not None:
                self.the_call_is_made("fine")
            if self.to_ask is not None:
                self.videosdk_is_asked(True)
            self.deliver_all()
        running, desired = self.cloud.running, self.scenario.room.desired
        on_air = running is not None and running.state in (StreamState.STARTED, StreamState.PLAYABLE)
        assert self.scenario.view["on_air"] == on_air, "we know what is"
        if desired is not None:
            assert on_air == (desired.on_air and self.cloud.session is not None), "what is wanted has come"

    def answer(self, call: Call, outcome: str, **more: Any) -> None:
        refusal = classify_refusal(ApiAnswer(more.get("status"), None), start=call.kind is CallKind.START)
        if outcome == "refused" and refusal is not None:
            more["refusal"] = refusal.value
        self.answers.append(
            (Source.CALL, {"call_id": call.call_id, "kind": call.kind.value, "outcome": outcome, **more})
        )

    @property
    def to_make(self) -> Call | None:
        call = self.scenario.room.control.call
        return call if call is not None and call.call_id not in self.made_ids else None

    @property
    def to_ask(self) -> Call | None:
        probe = self.scenario.room.probing.probe
        return probe if probe is not None and probe.call_id not in self.answered_probes else None


Interleavings.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestNeverTwoRunsAtOnceAndTheDesiredStateIsReached = Interleavings.TestCase
