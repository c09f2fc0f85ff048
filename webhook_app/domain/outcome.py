"""The outcome of folding one event: new state, effects to carry out, and what the timeline records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.alarms.alarm import Alarm, AlarmReport
from webhook_app.domain.control.call import Call
from webhook_app.domain.explanations import Explanation, explain, joined_text, labelled_text
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.payloads import RoomPayload
from webhook_app.domain.outputs import Output
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import Window
from webhook_app.domain.streams.stream import Stream


@fast_init
@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule or the controller did at an event, or why it did nothing.

    `reason` is a `Reason` and `arguments` fill its text. Earlier versions stored the text as `did`, some of them
    without a reason.
    """

    reason: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rule: str | None = None
    call_id: str | None = None
    notice_id: str | None = None
    did: str | None = None

    @property
    def text(self) -> str:
        """The decision for people."""
        return self.did if self.did is not None else labelled_text(self.reason or "", self.arguments)


@fast_init
@dataclass(frozen=True, slots=True)
class DomainEvent:
    """A change in a room that notices announce and rules react to. `data` is the JSON of its payload."""

    type: str
    payload: RoomPayload
    data: Mapping[str, Any]
    because: str | None = None
    output: Output = Output.HLS


@dataclass
class StepOutcome:
    """Everything that one event led to. Nothing of it is in force until it is committed.

    `streams` are records to write, `dropped` the ids of records to delete. `raised` and `cleared` are alarms by key.
    `pause` pauses or resumes all calls. `unchanged` is set when a timer or a probe changed nothing that others can
    see: empty for a timer, the reason codes for a probe. `windows` caches the windows that were looked up, by rule,
    moment and span, so that all rooms of a rule share one lookup.
    """

    effects: tuple[Explanation, ...] = ()
    rooms: dict[str, Room] = field(default_factory=dict)
    forgotten_rooms: set[str] = field(default_factory=set)
    streams: dict[str, Stream] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    calls: dict[str, Call] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    decisions: dict[str, list[Decision]] = field(default_factory=dict)
    config: Config | None = None
    rules_changed: set[str] = field(default_factory=set)
    memory: dict[str, RuleState] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    raised: dict[str, AlarmReport] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    acknowledged: dict[str, Alarm] = field(default_factory=dict)
    pause: bool | None = None
    unchanged: str | None = None
    windows: dict[tuple[str, int, int | None], list[Window] | ScheduleError] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of what the event did."""
        return tuple([effect.code for effect in self.effects])

    @property
    def effect(self) -> str:
        """What the event did, for people."""
        return joined_text(self.effects)

    def record_effect(self, reason: Reason, **arguments: object) -> None:
        """Record what an event did that concerns no single room."""
        self.record_effects([explain(reason, **arguments)])

    def record_effects(self, effects: Sequence[Explanation]) -> None:
        """Record what the event did, in order."""
        self.effects = tuple(effects)
