"""The start options of each output as VideoSDK wants them."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.outputs import Output

# Where VideoSDK's REST API has each output.
PATHS: Mapping[Output, str] = {Output.HLS: "/hls", Output.RECORDING: "/recordings", Output.RTMP: "/livestreams"}

# Whose starts take `webhookUrl`. RTMP's webhooks go only where the room was registered with.
TAKES_WEBHOOK_URL = frozenset({Output.HLS, Output.RECORDING})

# VideoSDK wants a layout in every start of RTMP; these are its own defaults elsewhere.
DEFAULT_CONFIG: Mapping[str, Any] = {"layout": {"type": "GRID", "priority": "SPEAKER"}}


def start_body(output: Output, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a start without the room: RTMP's `streams` are VideoSDK's `outputs`."""
    if output is not Output.RTMP:
        return options
    outputs = [{"url": stream["url"], "streamKey": stream["stream_key"]} for stream in options.get("streams", ())]
    others = {name: value for name, value in options.items() if name != "streams"}
    return {"config": DEFAULT_CONFIG, **others, "outputs": outputs}
