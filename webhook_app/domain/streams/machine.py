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

All outputs share the table. Recordings and RTMP streams are never playable: see `STATES`.
"""

from collections.abc import Mapping
from enum import StrEnum

from webhook_app.domain.outputs import OUTPUTS, Output


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
STATES: Mapping[Output, tuple[StreamState, ...]] = {
    output: tuple(state for state in StreamState if spec.has_playable or state is not S.PLAYABLE)
    for output, spec in OUTPUTS.items()
}
ENDING = frozenset({S.STOPPING, S.STOPPED, S.FAILED})
