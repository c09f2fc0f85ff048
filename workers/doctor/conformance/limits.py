"""How long a conformance run waits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in s. `settle_s`: for late and repeated webhooks. `unanswered_s`: until a lost start counts as not taken.

    `ending_s` bounds the ending of one stream.
    """

    request_s: float = 10.0
    playable_s: float = 120.0
    recording_s: float = 10.0
    stopped_s: float = 60.0
    settle_s: float = 5.0
    poll_s: float = 1.0
    unanswered_s: float = 30.0
    ending_s: float = 120.0
    ending_poll_s: float = 2.0
