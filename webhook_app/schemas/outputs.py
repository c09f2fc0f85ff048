"""Outputs in rules and commands: their names, and the bodies of their starts."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields, validate

from webhook_app.domain.outputs import Output
from webhook_app.providers.registry import PROVIDER

# The field that holds the body of a start, by output.
BODY_FIELDS: Mapping[Output, str] = {Output.HLS: "start", Output.RECORDING: "recording", Output.RTMP: "rtmp"}
NAMES = [output.value for output in Output]
STREAMS_HINT = 'is missing: where to send it, as {"streams": [{"url": "rtmps://…", "stream_key": "…"}]}'
Errors = dict[str, list[str]]

is_output = validate.OneOf(NAMES, error=f"unknown output {{input!r}}: one of {', '.join(NAMES)}")


def body_fields() -> dict[str, fields.Field[Any]]:
    """The fields of the bodies."""
    return {name: fields.Nested(PROVIDER.start_schema(output)) for output, name in BODY_FIELDS.items()}


def body_errors(data: Mapping[str, Any], started: Sequence[Output]) -> Errors:
    """What is wrong with the bodies of a rule or command that starts these outputs.

    1. A body for an output that is not started.
    2. RTMP without a destination.
    3. A recording inside the HLS body beside a recording of its own: there would be two.
    """
    errors: Errors = {}
    for output, name in BODY_FIELDS.items():
        if name in data and output not in started:
            errors[name] = [f"`{name}` is the body of a start of {output}, which this does not start"]
    if Output.RTMP in started and not (data.get("rtmp") or {}).get("streams"):
        errors["rtmp"] = [STREAMS_HINT]
    if {Output.HLS, Output.RECORDING} <= set(started) and _records_by_itself(data.get("start") or {}):
        errors["start"] = ["`recording` in `start` records a second time beside the output `recording`: remove it"]
    return errors


def _records_by_itself(start: Mapping[str, Any]) -> bool:
    config = start.get("config")
    switches = [start.get("recording"), config.get("recording") if isinstance(config, Mapping) else None]
    return any(isinstance(switch, Mapping) and switch.get("enabled") is True for switch in switches)
