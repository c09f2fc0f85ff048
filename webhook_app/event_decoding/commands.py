"""Decodes operators' commands."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.facts.commands import (
    AcknowledgeAlarm,
    CaptureSnapshot,
    OperatorFact,
    RecoverSubscriber,
    ReleaseRoom,
    SetOnAir,
    TestSubscriber,
    UnknownCommand,
)
from webhook_app.domain.outputs import Output

JSON = Mapping[str, Any]
ACKNOWLEDGE = "alarm-acknowledged"


def decode_command(kind: str, data: JSON) -> OperatorFact:
    """The command in an operator's event."""
    if kind == ACKNOWLEDGE:
        return _acknowledge_alarm(data)
    if data.get("output", Output.HLS) not in set(Output):
        return UnknownCommand(kind)  # of a version that knows more outputs
    match kind:
        case "start" | "end":
            return _set_on_air(data, on_air=kind == "start")
        case "capture":
            return CaptureSnapshot()
        case "release":
            return ReleaseRoom(_output(data))
        case "subscriber-test":
            return TestSubscriber(str(data["subscriber_id"]))
        case "subscriber-recover":
            return RecoverSubscriber(str(data["subscriber_id"]), int(data["from"]), data.get("to"))
        case _:
            return UnknownCommand(kind)


def _set_on_air(data: JSON, *, on_air: bool) -> SetOnAir:
    until, start = data.get("until"), data.get("start")
    return SetOnAir(
        on_air,
        until if isinstance(until, int) else None,
        start if isinstance(start, Mapping) else {},
        _output(data),
    )


def _output(data: JSON) -> Output:
    return Output(data.get("output", Output.HLS))


def _acknowledge_alarm(data: JSON) -> AcknowledgeAlarm:
    acknowledged_by, until = data.get("by"), data.get("until")
    return AcknowledgeAlarm(
        alarm_id=str(data.get("alarm_id")),
        name=data.get("name"),
        acknowledged_by=acknowledged_by if isinstance(acknowledged_by, str) and acknowledged_by else "operator",
        until=until if isinstance(until, int) else None,
        is_system=data.get("is_system") is True,
    )
