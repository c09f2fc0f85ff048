"""Decodes rules from their checked form, the one that validation returns and the journal keeps."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.rule import Rule


def decode_rule(data: Mapping[str, Any]) -> Rule:
    """A rule from its checked form.

    The formats of triggers bring marshmallow and CEL along. Most processes never decode a rule, so these are imported
    by the first one.
    """
    from webhook_app.schemas.trigger_formats import decode_trigger

    return Rule(
        name=str(data["name"]),
        rooms=tuple(data["rooms"]),
        do=str(data.get("do") or "start"),
        message=data.get("message"),
        cooldown_s=int(data.get("cooldown_s") or 0),
        start=data.get("start") or {},
        output=Output(data.get("output") or Output.HLS),
        recording=data.get("recording") or {},
        rtmp=data.get("rtmp") or {},
        mp4=bool(data.get("mp4", False)),
        timezone=str(data.get("timezone") or "UTC"),
        paused=bool(data.get("paused", False)),
        trigger=decode_trigger(data),
    )
