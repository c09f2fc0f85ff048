"""The outputs of a room: what VideoSDK makes of a session. One machine runs them all; this table holds what differs.

| output | states |
|---|---|
| hls | starting, started, playable, stopping, stopped, failed |
| recording | starting, started, stopping, stopped, failed |
| rtmp | starting, started, stopping, stopped, failed |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Output(StrEnum):
    """What VideoSDK makes of a session."""

    HLS = "hls"  # the stream that viewers watch
    RECORDING = "recording"  # a file
    RTMP = "rtmp"  # simulcast to other platforms


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What differs between outputs.

    `path` is where the REST API has it under /v2; `webhooks` begins the types of its webhooks, `title` its messages,
    and `calls` the names by which faults select its calls. `is_playable`: viewers can watch some time after its start.
    """

    path: str
    webhooks: str
    title: str
    calls: str
    is_playable: bool = False


OUTPUTS: Mapping[Output, OutputSpec] = {
    Output.HLS: OutputSpec("hls", "hls", "HLS", "", is_playable=True),
    Output.RECORDING: OutputSpec("recordings", "recording", "Recording", "recording-"),
    Output.RTMP: OutputSpec("livestreams", "livestream", "Livestream", "rtmp-"),
}
