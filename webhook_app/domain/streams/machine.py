"""The state machine of a stream, as one table.

| state \\ signal | started | playable | stopping | stopped | failed |
|---|---|---|---|---|---|
| starting | started | playable | stopping | stopped | failed |
| started | - | playable | stopping | stopped | failed |
| playable | - | - | stopping | stopped | failed |
| stopping | - | - | - | stopped | failed |
| stopped | - | - | - | - | failed |
| failed | - | - | - | - | - |

A signal without an entry is a repeat, or arrives late, and moves nothing. Only a probe that still shows a stopped
stream moves it back (`stream.reopen`).
"""

from enum import StrEnum


class StreamState(StrEnum):
    """Where a stream is; the order of the members is their rank."""

    STARTING = "starting"
    STARTED = "started"
    PLAYABLE = "playable"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


S = StreamState
MOVES: dict[StreamState, frozenset[StreamState]] = {
    S.STARTING: frozenset({S.STARTED, S.PLAYABLE, S.STOPPING, S.STOPPED, S.FAILED}),
    S.STARTED: frozenset({S.PLAYABLE, S.STOPPING, S.STOPPED, S.FAILED}),
    S.PLAYABLE: frozenset({S.STOPPING, S.STOPPED, S.FAILED}),
    S.STOPPING: frozenset({S.STOPPED, S.FAILED}),
    S.STOPPED: frozenset({S.FAILED}),
    S.FAILED: frozenset(),
}
ON_AIR = frozenset({S.STARTED, S.PLAYABLE, S.STOPPING})
WATCHABLE = frozenset({S.PLAYABLE, S.STOPPING})
ENDED = frozenset({S.STOPPED, S.FAILED})
ENDING = frozenset({S.STOPPING, S.STOPPED, S.FAILED})
