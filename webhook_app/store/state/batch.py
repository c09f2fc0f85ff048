"""What folding several events gives, to be committed together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.control.call import Call, CallState
from webhook_app.domain.events import Event
from webhook_app.domain.explanations import Explanation, joined_text
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.outcome import Decision, StepOutcome
from webhook_app.domain.outputs import Output
from webhook_app.domain.overlay import Overlay
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.streams.stream import Stream
from webhook_app.store.operations import metrics

# A notice's id and type; if it names a window, when that opens; and the window's output unless that is HLS.
NoticeRef = tuple[str, ...]


@fast_init
@dataclass(frozen=True, slots=True)
class Effect:
    """A row of a timeline: what an event did to a room, what was decided, and which notices were emitted.

    `unchanged` is described at `StepOutcome.unchanged`.
    """

    event_id: str
    room_id: str  # "" for an event that names no room
    explanations: tuple[Explanation, ...]
    decisions: Sequence[Decision] = ()
    notices: Sequence[NoticeRef] = ()
    unchanged: str | None = None

    @property
    def text(self) -> str:
        """What the event did, for people."""
        return joined_text(self.explanations)


@dataclass
class Batch:
    """The newest version of each thing that the events changed, and every effect in order.

    `dropped` has streams that turned out to be another one, each with its room.
    """

    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    rooms: dict[str, Room] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    past_alarms: list[Alarm] = field(default_factory=list)  # an alarm may be cleared and raised again in one batch
    config: Config | None = None
    rules_changed: set[str] = field(default_factory=set)
    rule_states: dict[str, RuleState] = field(default_factory=dict)
    rules_reset: list[str] = field(default_factory=list)
    forgotten_rooms: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    committed_at: int = 0  # the store's time in ms, set by the commit

    @property
    def waiting_calls(self) -> list[Call]:
        """Calls that are to be made."""
        return [call for call in self.calls.values() if call.state is CallState.WAITING]

    def add(self, event: Event, outcome: StepOutcome) -> None:
        """Add the outcome of one event."""
        self.events.append(event)
        home = event.room_id or ""
        refs = notice_refs(outcome.notices, home)
        decisions_at_home = outcome.decisions.get(home, ())
        self.effects.append(
            Effect(event.id, home, outcome.effects, decisions_at_home, refs.get(home, ()), outcome.unchanged)
        )
        for room_id, decisions in outcome.decisions.items():
            if room_id != home:
                self.effects.append(Effect(event.id, room_id, outcome.effects, decisions, refs.get(room_id, ())))
        if outcome.notices or event.source in metrics.RESULT_SOURCES:  # most events count nothing
            for name in metrics.counted(event, outcome.notices):
                self.counts[name] += 1
        for room_id in outcome.forgotten_rooms:
            self.rooms.pop(room_id, None)
            self.forgotten_rooms.add(room_id)
        self.rooms.update(outcome.rooms)
        self.streams.update(outcome.streams)
        for stream_id in outcome.dropped:
            self.streams.pop(stream_id, None)
            self.dropped[stream_id] = home
        self.calls.update(outcome.calls)
        self.notices += outcome.notices
        if outcome.alarms:
            self.alarms.update(outcome.alarms)
            self.past_alarms += [alarm for alarm in outcome.alarms.values() if not alarm.is_active]
        if outcome.config is not None:
            self.config = outcome.config
            self.rules_changed |= outcome.rules_changed

    def set_rule_states(self, states: Overlay[RuleState]) -> None:
        """Set what rules have done; in one batch a rule may act, be deleted and be put again."""
        self.rule_states = dict(states.changed)
        self.rules_reset = sorted(name for name in states.removed if name not in states.changed and name in states.base)


def notice_refs(notices: Iterable[Notice], home: str) -> dict[str, list[NoticeRef]]:
    """References to notices by their room, or by the event's for a notice without one."""
    refs: dict[str, list[NoticeRef]] = {}
    for notice in notices:
        ref: NoticeRef = (notice.notice_id, notice.type)
        opens_at, output = notice.data.get("opens_at"), notice.data.get("output")
        if opens_at:
            ref = (*ref, str(opens_at)) if output in (None, Output.HLS) else (*ref, str(opens_at), str(output))
        refs.setdefault(notice.room_id or home, []).append(ref)
    return refs
