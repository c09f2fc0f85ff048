"""What a probe is about."""

from enum import StrEnum


class ProbeSubject(StrEnum):
    """Why VideoSDK is probed. The values are stored: in timers (`ask:<subject>`), probe queues and calls."""

    AGAIN = "again"  # the last answer was overtaken by an event, or left something open
    ARMED = "armed"  # the room waits for a session
    CREDENTIALS = "credentials"  # calls are paused: is our token accepted again?
    ENDED = "ended"  # an end was accepted: has the stream ended?
    FAILURE = "failure"  # why a stream failed
    OLDER = "older"  # a stream that was live when another one started
    PARTICIPANTS = "participants"  # who is there
    PROVISIONAL = "provisional"  # a stream that was reported without a name
    REFUSED = "refused"  # a call was refused: the requested state may hold already
    SESSION = "session"
    SETTLE = "settle"  # which stream a stop without a name has ended
    START_UP = "start-up"  # the worker has just started
    UNKNOWN = "unknown"  # the outcome of a call
    WATCH = "watch"  # routine


def read_subject(value: object) -> ProbeSubject:
    """A stored subject; one that this version does not know is probed as AGAIN."""
    try:
        return ProbeSubject(str(value))
    except ValueError:
        return ProbeSubject.AGAIN


WITH_SESSION = frozenset({ProbeSubject.PARTICIPANTS, ProbeSubject.SESSION, ProbeSubject.ARMED, ProbeSubject.REFUSED})
