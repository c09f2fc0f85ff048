"""A rule: what sets it off, what it does, and what it has done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from webhook_app.domain.explanations import Explanation
from webhook_app.domain.outputs import Output
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.triggers import ScheduleTrigger, Trigger

ACTIONS_MAX_PER_MINUTE = 12


@dataclass(frozen=True)
class RuleFields:
    """What every rule has, whatever its trigger is.

    `output` is what `do: start` or `do: end` is about; `start`, `recording` and `rtmp` are the bodies of the starts of
    HLS, a recording and an RTMP stream. `mp4`: an MP4 is made of each HLS stream of the rule once it has ended.
    """

    name: str
    rooms: tuple[str, ...]
    do: str
    message: str | None = None
    cooldown_s: int = 0
    start: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    paused: bool = False
    from_file: bool = False
    output: Output = Output.HLS
    recording: Mapping[str, Any] = field(default_factory=dict)
    rtmp: Mapping[str, Any] = field(default_factory=dict)
    mp4: bool = False


@dataclass(frozen=True)
class Rule(RuleFields):
    """One rule: what sets it off, and what it does."""

    trigger: Trigger = field(kw_only=True)

    @property
    def because(self) -> str:
        """The cause of what the rule requests and of its notices."""
        return f"rule:{self.name}"

    @property
    def schedule_trigger(self) -> ScheduleTrigger | None:
        """The rule's schedule with what goes with it; None for a rule with another trigger."""
        return self.trigger if isinstance(self.trigger, ScheduleTrigger) else None

    @property
    def window_outputs(self) -> tuple[Output, ...]:
        """The outputs that the rule's windows turn on; none without a schedule."""
        trigger = self.schedule_trigger
        return () if trigger is None else trigger.outputs

    def body_of(self, output: Output) -> Mapping[str, Any]:
        """The body with which the rule starts an output."""
        match output:
            case Output.HLS:
                return self.start
            case Output.RECORDING:
                return self.recording
            case Output.RTMP:
                return self.rtmp
            case _ as never:
                assert_never(never)


def rule_of(because: str) -> str | None:
    """The name of the rule in a cause; None when the cause is the operator."""
    return because.removeprefix("rule:") if because.startswith("rule:") else None


@dataclass(frozen=True)
class RuleState:
    """What a rule has done: when it last acted, and the last error of its schedule or condition.

    Earlier versions stored the error's text.
    """

    last_fired_at: int | None = None
    last_error: Explanation | str | None = None

    @property
    def has_failing_schedule(self) -> bool:
        """Whether the rule's windows could not be computed when they were last looked up."""
        return isinstance(self.last_error, Explanation) and self.last_error.code == Reason.SCHEDULE_NOT_COMPUTED
