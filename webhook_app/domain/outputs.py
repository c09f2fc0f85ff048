"""The outputs of a room: what VideoSDK makes of a session, each with a life cycle of its own.

| output | states | the promise is kept from | which one is active |
|---|---|---|---|
| hls | starting, started, playable, stopping, stopped, failed | playable | VideoSDK has an endpoint for it |
| recording | starting, started, stopping, stopped, failed | started | lists show it, perhaps late or not at all |
| rtmp | starting, started, stopping, stopped, failed | started | lists show it, perhaps late or not at all |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Output(StrEnum):
    """What VideoSDK makes of a session. The values are stored."""

    HLS = "hls"  # the stream that viewers watch
    RECORDING = "recording"  # a file
    RTMP = "rtmp"  # simulcast to other platforms


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What differs between outputs.

    `label` names it in texts, `notices` begins the types of its notices. `has_playable`: viewers can watch only once
    it is playable, which is a state of its own. `has_active_lookup`: VideoSDK tells which one is active, so that a
    probe can conclude that none is.
    """

    label: str
    notices: str
    has_playable: bool
    has_active_lookup: bool


OUTPUTS: Mapping[Output, OutputSpec] = {
    Output.HLS: OutputSpec("stream", "stream", has_playable=True, has_active_lookup=True),
    Output.RECORDING: OutputSpec("recording", "recording", has_playable=False, has_active_lookup=False),
    Output.RTMP: OutputSpec("RTMP stream", "rtmp", has_playable=False, has_active_lookup=False),
}
OTHER_OUTPUTS = (Output.RECORDING, Output.RTMP)
