"""Process events with growing ids and times in memory, and show the outcome."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.events import Event, JournalEvent, Source
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import Decision, StepOutcome
from webhook_app.domain.outputs import Output
from webhook_app.domain.reducer import apply, step
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config, Settings
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.timers import timer_of_output
from webhook_app.domain.views import room_view
from webhook_app.store import codec

ROOM = "abcd-efgh-ijkl"
SESSION = "s1"
NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
SECOND = 1_000
MINUTE = 60 * SECOND


def url(run: str, file: str = "index.m3u8") -> str:
    """The playback URL of a run."""
    return f"https://cdn.example/meetings-hls/{run}/{file}"


def rest(run: str, session: str | None = SESSION) -> dict[str, Any]:
    """A run as VideoSDK's REST API shows it."""
    return {
        "id": run,
        "sessionId": session,
        "roomId": ROOM,
        "playbackHlsUrl": url(run),
        "livestreamUrl": url(run, "live.m3u8"),
        "end": None,
    }


def shown(run: Stream) -> dict[str, Any]:
    """A run whose VideoSDK id is known, as VideoSDK's REST API shows it."""
    assert run.videosdk_id is not None
    return rest(run.videosdk_id, run.session_id)


class Scenario:
    """A room whose events are processed as they come. `after` is the time since the previous event, in ms.

    `output` is the one that `room`, `answer`, `probe` and `operator` are about.
    """

    def __init__(self, *, calls: bool = True, room: str = ROOM, output: Output = Output.HLS) -> None:
        self.output = output
        self.world = SystemState(Config(settings=Settings(calls=calls)))
        self.room_id = room
        self.now = NOON
        self.events: list[JournalEvent] = []
        self.outcomes: list[StepOutcome] = []
        self.announced: list[Notice] = []
        self.calls: list[Call] = []

    def process(
        self,
        source: Source,
        kind: str,
        data: Mapping[str, Any],
        *,
        room: str | None = "",
        after: int = SECOND,
    ) -> StepOutcome:
        """Process one event; with `room=None` it belongs to no room."""
        self.now += after
        room_id = self.room_id if room == "" else room
        event = codec.journal_event(Event(f"{self.now}-{len(self.events)}", source, kind, room_id, self.now, data))
        outcome = step(self.world, event)
        apply(self.world, outcome)
        self.events.append(event)
        self.outcomes.append(outcome)
        self.announced += outcome.notices
        known_ids = {call.call_id for call in self.calls}
        self.calls += [call for call in outcome.calls.values() if call.call_id not in known_ids]
        return outcome

    def webhook(
        self,
        kind: str,
        *,
        id: str | None = None,
        url: str | None = None,
        session: str | None = SESSION,
        room: str = "",
        after: int = SECOND,
        **more: Any,
    ) -> StepOutcome:
        """VideoSDK's webhook; without `id` and `url` it is bare."""
        named = {"meetingId": room or self.room_id, "sessionId": session, "id": id, "playbackHlsUrl": url, **more}
        data = {key: value for key, value in named.items() if value is not None}
        return self.process(Source.VIDEOSDK, kind, data, room=room, after=after)

    def output_webhooks(self, *states: str, **more: Any) -> None:
        """One webhook of the output after another; as documented they name no stream."""
        prefix = {Output.HLS: "hls", Output.RECORDING: "recording", Output.RTMP: "livestream"}[self.output]
        for state in states:
            self.webhook(f"{prefix}-{state}", **more)

    def hls(self, *states: str, **more: Any) -> None:
        """One `hls-` webhook after another, each with the same names."""
        for state in states:
            self.webhook(f"hls-{state}", **more)

    def joined(self, who: str, **more: Any) -> StepOutcome:
        return self.webhook("participant-joined", participantId=who, participantName=who.title(), **more)

    def left(self, who: str, **more: Any) -> StepOutcome:
        return self.webhook("participant-left", participantId=who, participantName=who.title(), **more)

    def operator(self, command: str, *, after: int = SECOND, **data: Any) -> StepOutcome:
        """An operator's `start`, `end` or `release`."""
        named = {} if self.output is Output.HLS else {"output": self.output.value}
        return self.process(Source.OPERATOR, command, named | data, after=after)

    def timer(self, name: str, *, due: int | None = None, late: int = 0) -> StepOutcome:
        """Fire a timer of the output when it is due, or with another `due` than the room stores."""
        return self._fire(timer_of_output(self.output, name), self.room.timers[name] if due is None else due, late=late)

    def _fire(self, name: str, at: int, *, late: int = 0) -> StepOutcome:
        return self.process(Source.CLOCK, "timer", {"timer": name, "due": at}, after=max(0, at - self.now) + late)

    def wait(self, ms: int) -> None:
        """Let time pass, and fire each timer that falls due."""
        until = self.now + ms
        while due := [(at, name) for name, at in self.stored_room.all_timers.items() if at <= until]:
            at, name = min(due)
            self._fire(name, at)
        self.now = max(self.now, until)

    def answer(
        self,
        outcome: str,
        *,
        run: str | None = None,
        call: Call | None = None,
        stream: dict[str, Any] | None = None,
        after: int = SECOND,
        **more: Any,
    ) -> StepOutcome:
        """The answer to the room's call; `run` is the one that VideoSDK says it has started."""
        call = call or self.room.control.call
        assert call is not None
        shown = rest(run) if run else stream
        data = {"call_id": call.call_id, "kind": call.kind.value, "outcome": outcome, "stream": shown, **more}
        if call.output is not Output.HLS:
            data["output"] = call.output.value
        return self.process(Source.CALL, f"{call.kind}-{outcome}", data, after=after)

    def probe(
        self,
        active: dict[str, Any] | None = None,
        *,
        reached: bool = True,
        asked_id: str | None = None,
        asked_at: int | None = None,
        after: int = SECOND,
        **more: Any,
    ) -> StepOutcome:
        """The answer to the room's probe, sent just now unless `asked_at` differs; makes the probe due if need be."""
        if self.room.probing.probe is None:
            self.ask()
        assert self.room.probing.probe is not None
        data = {
            "call_id": self.room.probing.probe.call_id,
            "kind": "probe",
            "outcome": "probed",
            "reached": reached,
            "asked_id": asked_id or self.last_id,
            "asked_at": self.now if asked_at is None else asked_at,
            "active": active,
            **more,
        }
        return self.process(Source.PROBE, "probed", data, after=after)

    def ask(self) -> str:
        """Make the room's next probe due. Returns the journal's last id at that moment."""
        probe_timers = [
            (at, name) for name, at in self.room.timers.items() if name.startswith(("watch", "ask:", "armed"))
        ]
        self.timer(min(probe_timers)[1])
        return self.last_id

    def put_rule(self, rule: dict[str, Any]) -> StepOutcome:
        """Put a rule as the API journals it, for every room unless it names its rooms."""
        return self.process(Source.CONFIG, "rule-put", {"rule": {"rooms": ["*"], **rule}}, room=None)

    def pause(self, rule: str) -> StepOutcome:
        return self.process(Source.OPERATOR, "rule-paused", {"name": rule}, room=None)

    def delete(self, rule: str) -> StepOutcome:
        return self.process(Source.OPERATOR, "rule-deleted", {"name": rule}, room=None)

    @property
    def room(self) -> Room:
        """The room as the output sees it."""
        return self.stored_room.seen_from(self.output)

    @property
    def stored_room(self) -> Room:
        """The room as it is stored: as HLS sees it."""
        return self.world.rooms.get(self.room_id) or Room(self.room_id)

    @property
    def session(self) -> Session:
        """The room's session, which there must be."""
        assert self.room.session is not None
        return self.room.session

    @property
    def pending_probe(self) -> Call:
        """The room's probe that waits for its answer, which there must be."""
        assert self.room.probing.probe is not None
        return self.room.probing.probe

    @property
    def view(self) -> dict[str, Any]:
        """The room as the API shows it."""
        return room_view(self.stored_room, self.world.config, self.now)

    @property
    def runs(self) -> list[Stream]:
        """The runs that are shown."""
        return [run for run in self.room.streams if not run.provisional]

    @property
    def states(self) -> list[str]:
        return [run.state.value for run in self.runs]

    @property
    def last(self) -> StepOutcome:
        return self.outcomes[-1]

    @property
    def last_id(self) -> str:
        return self.events[-1].id

    @property
    def effect(self) -> str:
        return self.last.effect

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reason codes of the last event's effects."""
        return self.last.reasons

    @property
    def notices(self) -> list[str]:
        """The types of all notices so far."""
        return [notice.type for notice in self.announced]

    @property
    def decisions(self) -> list[Decision]:
        """The last event's, in this room."""
        return self.last.decisions.get(self.room_id, [])

    @property
    def decided(self) -> list[str | None]:
        """The codes of the last event's decisions in this room."""
        return [decision.reason for decision in self.decisions]

    @property
    def explained(self) -> list[Explanation]:
        """The last event's decisions in this room, and its effects, with their arguments."""
        decided = [Explanation(decision.reason or "", decision.arguments) for decision in self.decisions]
        return [*decided, *self.last.effects]

    @property
    def last_starts(self) -> list[Call]:
        """The newest value of each start."""
        newest = {call_id: call for outcome in self.outcomes for call_id, call in outcome.calls.items()}
        return [newest[call.call_id] for call in self.starts]

    @property
    def starts(self) -> list[Call]:
        return [call for call in self.calls if call.kind is CallKind.START]

    @property
    def ends(self) -> list[Call]:
        return [call for call in self.calls if call.kind is CallKind.END]

    @property
    def probes(self) -> list[Call]:
        return [call for call in self.calls if call.kind is CallKind.PROBE]


def on_air(run: str = "a", **more: Any) -> Scenario:
    """A room with somebody in it whose run is playable, nobody having asked for it."""
    scenario = Scenario(**more)
    scenario.webhook("session-started")
    scenario.hls("starting", "started", "playable", id=run, url=url(run))
    return scenario


def with_session(**more: Any) -> Scenario:
    """A room with an empty session."""
    scenario = Scenario(**more)
    scenario.webhook("session-started")
    return scenario


def wanted_on_air(run: str = "a", **more: Any) -> Scenario:
    """A room that an operator put on air."""
    scenario = with_session(**more)
    scenario.operator("start")
    scenario.answer("succeeded", run=run)
    scenario.hls("started", "playable", id=run, url=url(run))
    return scenario
