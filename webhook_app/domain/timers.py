"""Timers: what each of them is for, and the names under which rooms, the store and the journal keep them.

A stored name is the kind, or `<kind>:<subject>` for the kinds of which a room can have several: `ask:settle`,
`for:<rule>`, `alarm:<key>`. Those of an output other than HLS begin with it: `recording/ask:settle`. A timer of a room
lives in `Room.timers`; an alarm's has no room.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.probing.subjects import ProbeSubject, read_subject

SubjectTimerName = NewType("SubjectTimerName", str)  # the stored name of a timer with a subject


class TimerKind(StrEnum):
    """What happens when a timer fires. The values are stored."""

    WATCH = "watch"  # the routine probe
    PROBE = "ask"  # a probe for a `ProbeSubject`
    ARMED = "armed"  # probe again whether somebody has opened a session
    PROBE_LOST = "probe-lost"  # a probe got no answer
    CALL_LOST = "call-lost"  # a start or an end got no answer
    CAPTURE_LOST = "capture-lost"  # a capture got no answer
    TRANSCODE = "transcode"  # request the MP4 of a stream, or check how far it is
    BACKOFF = "backoff"  # a call may be tried again
    START_UNKNOWN = "start-unknown"  # the outcome of a start has been unknown for too long
    INFER_END = "infer-end"  # end what cannot be checked
    FAILURE_NOTICE = "untold"  # send the notice of a failure although its reason is not known
    OPERATOR_UNTIL = "until"  # the operator's desire expires
    WINDOW = "window"  # a window opens or closes
    REMIND = "remind"  # a window opens soon
    LATE = "late"  # a window's stream is not watchable yet
    EMPTY = "empty"  # the room has been empty for long enough to end
    OVERRUN = "overrun"  # the stream may go on no longer after its window closed
    MAX_RUN = "max-run"  # the stream is as old as the rule allows, and is replaced
    RULE = "for"  # a rule's condition has held for its `for`; the subject is the rule's name
    ALARM = "alarm"  # an alarm clears by itself; the subject is its key


WINDOW_TIMERS = (
    TimerKind.WINDOW,
    TimerKind.REMIND,
    TimerKind.LATE,
    TimerKind.EMPTY,
    TimerKind.OVERRUN,
    TimerKind.MAX_RUN,
)
_WITH_SUBJECT = frozenset({TimerKind.PROBE, TimerKind.RULE, TimerKind.ALARM})


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer's kind, and its subject for the kinds that have one."""

    kind: TimerKind
    subject: str = ""

    @property
    def probe_subject(self) -> ProbeSubject:
        """What the probe of a PROBE timer is for; an unknown subject of another version is probed as AGAIN."""
        return read_subject(self.subject)


# How a timer is named to set and clear it: its kind, or the name that one of the functions below gives.
TimerName = TimerKind | SubjectTimerName


def probe_timer(subject: ProbeSubject) -> SubjectTimerName:
    """The stored name of the timer that probes for a subject."""
    return _PROBE_TIMERS[subject]


def rule_timer(rule_name: str) -> SubjectTimerName:
    """The stored name of the timer that runs while a rule's condition holds."""
    return SubjectTimerName(f"{TimerKind.RULE}:{rule_name}")


def alarm_timer(alarm_key: str) -> SubjectTimerName:
    """The stored name of the timer that clears an alarm."""
    return SubjectTimerName(f"{TimerKind.ALARM}:{alarm_key}")


def timer_of_output(output: Output, name: str) -> str:
    """The stored name of an output's timer."""
    return name if output is Output.HLS else f"{output}/{name}"


def split_output(name: str) -> tuple[Output, str]:
    """The output of a stored name, and the name within it."""
    head, slash, rest = name.partition("/")
    return (Output(head), rest) if slash and head in _OTHERS else (Output.HLS, name)


def is_probe_timer(name: str) -> bool:
    """Whether a stored name is that of a timer that probes for a subject."""
    return name.startswith(f"{TimerKind.PROBE}:")


def rule_of_timer(name: str) -> str | None:
    """The rule whose condition a stored timer waits for, None for other timers."""
    kind, _, rule_name = name.partition(":")
    return rule_name if kind == TimerKind.RULE else None


def read_timer(name: str) -> Timer | None:
    """A timer by its stored name; None for a name that this version does not know."""
    kind_name, colon, subject = name.partition(":")
    try:
        kind = TimerKind(kind_name)
    except ValueError:
        return None
    return Timer(kind, subject) if bool(colon) == (kind in _WITH_SUBJECT) else None


_OTHERS = frozenset(OTHER_OUTPUTS)
_PROBE_TIMERS = {subject: SubjectTimerName(f"{TimerKind.PROBE}:{subject}") for subject in ProbeSubject}
