"""Which bodies of a start are accepted and passed on unchanged, and which are refused, with words that help."""

import copy
from itertools import product
from typing import Any

import pytest
from marshmallow import ValidationError

from webhook_app.providers.videosdk.start_schema import StartSchema
from webhook_app.schemas.rule import RuleSchema

LAYOUT = {"type": "GRID", "priority": "SPEAKER"}
ACCEPTED = [
    {},
    {"config": {}},
    {"templateUrl": "https://template.example/?meetingId=abcd-efgh-ijkl"},
    {"templateUrl": "https://template.example/", "config": {}},
    {"templateUrl": "http://template:3000/layout", "config": {"layout": LAYOUT}},
    {"config": {"layout": {"priority": "PIN"}}},
    *({"config": {"layout": LAYOUT | {"gridSize": size}}} for size in (0, 1, 4, 24, 25)),
    *({"config": {"layout": LAYOUT, "quality": quality}} for quality in ("low", "med", "high", "ultra")),
    *({"config": {"layout": LAYOUT, "theme": theme}} for theme in ("DARK", "LIGHT", "DEFAULT")),
    *({"config": {"layout": LAYOUT, "mode": mode}} for mode in ("video-and-audio", "audio")),
    *({"config": {"layout": LAYOUT, "orientation": turned}} for turned in ("landscape", "portrait")),
    *(
        {"config": {"layout": {"type": kind, "priority": priority}}}
        for kind, priority in product(("GRID", "SPOTLIGHT", "SIDEBAR"), ("SPEAKER", "PIN"))
    ),
    {"config": {"layout": LAYOUT, "recording": {"enabled": True}}},
    {"recording": {"enabled": True}},
    {"theme": "DARK"},
    {"transcription": {"enabled": True}},
    {"transcription": {"enabled": True}, "summary": {"enabled": True, "prompt": "Key points"}},
    {"transcription": {"enabled": True, "summary": {"enabled": True, "prompt": "Key points"}}},
    {"transcription": {"enabled": True, "language": "en", "modelConfig": {"tone": ["calm", 1.5, None]}}},
    {"webhookUrl": "https://me.example/webhooks/videosdk", "resourceId": "res_1"},
    {"somethingNewOfTheirs": {"enabled": True}, "config": {"layout": LAYOUT | {"padding": 4}, "bitrate": 2_500_000}},
]
REFUSED: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    *(
        ({"config": config} | more, ("config", "layout"), "406")
        for config in ({"quality": "high"}, {"mode": "audio"}, {"recording": {"enabled": True}}, {"layout": None})
        for more in ({}, {"templateUrl": "https://template.example/"})
    ),
    *(
        ({"config": {"layout": layout}}, ("config", "layout", "priority"), "406")
        for layout in ({}, {"type": "GRID"}, {"priority": None}, {"gridSize": 4})
    ),
    ({"config": {"layout": {"priority": "LOUDEST"}}}, ("config", "layout", "priority"), "SPEAKER, PIN"),
    ({"config": {"layout": LAYOUT | {"type": "CIRCLE"}}}, ("config", "layout", "type"), "SPOTLIGHT"),
    *(
        ({"config": {"layout": LAYOUT | dict[str, Any](gridSize=size)}}, ("config", "layout", "gridSize"), "")
        for size in (-1, 26, "4", 4.5, None)
    ),
    ({"config": {"layout": LAYOUT, "quality": "best"}}, ("config", "quality"), "ultra"),
    ({"config": {"layout": LAYOUT, "theme": "PINK"}}, ("config", "theme"), "DARK"),
    ({"config": {"layout": LAYOUT, "mode": "video"}}, ("config", "mode"), "video-and-audio"),
    ({"config": {"layout": LAYOUT, "orientation": "round"}}, ("config", "orientation"), "portrait"),
    ({"config": {"layout": LAYOUT, "recording": {"enabled": "yes"}}}, ("config", "recording", "enabled"), "boolean"),
    ({"recording": True}, ("recording",), ""),
    ({"config": []}, ("config",), ""),
    ({"transcription": {"enabled": True, "summary": True}}, ("transcription", "summary"), ""),
    ({"summary": {"prompt": 5}}, ("summary", "prompt"), ""),
    ({"templateUrl": "ftp://template.example/"}, ("templateUrl",), "URL"),
    ({"webhookUrl": "https://me.example/" + "a" * 500}, ("webhookUrl",), "512"),
    ({"roomId": "abcd-efgh-ijkl"}, ("roomId",), "not part"),
    ({"preSignedUrl": "https://bucket.example/"}, ("preSignedUrl",), "recordings"),
    ({"layout": LAYOUT}, ("layout",), "`config`"),
    ({"gridSize": 4}, ("gridSize",), "`config.layout`"),
    ({"quality": "high"}, ("quality",), "`config`"),
    ({"config": {"layout": LAYOUT, "gridSize": 4}}, ("config", "gridSize"), "`config.layout`"),
    ({"templateURL": "https://template.example/"}, ("templateURL",), "`templateUrl`"),
    ({"template_url": "https://template.example/"}, ("template_url",), "`templateUrl`"),
    ({"transcriptions": {"enabled": True}}, ("transcriptions",), "`transcription`"),
    ({"config": {"layout": LAYOUT | {"gridsize": 4}}}, ("config", "layout", "gridsize"), "`gridSize`"),
    ({"config": {"layout": LAYOUT, "Quality": "high"}}, ("config", "Quality"), "`quality`"),
    ({"a" * 101: 1}, ("a" * 100,), "100 characters"),
    ({"": 1}, ("",), "a name"),
]


def rule_with(start: Any) -> dict[str, Any]:
    return {"name": "show", "rooms": ["abcd"], "on": "participant-joined", "do": "start", "start": start}


def message_at(errors: Any, path: Any) -> Any:
    for name in path:
        errors = errors[name]
    return str(errors)


@pytest.mark.parametrize("body", ACCEPTED, ids=str)
def test_a_body_that_videosdk_takes_is_passed_on_unchanged(body: Any) -> None:
    original = copy.deepcopy(body)
    assert StartSchema().load(original) == body
    assert RuleSchema().load(rule_with(original))["start"] == body


@pytest.mark.parametrize(("body", "path", "words"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_body_that_videosdk_would_refuse_is_refused_by_field(body: Any, path: Any, words: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        StartSchema().load(body)
    assert words in message_at(refused.value.messages, path)
    with pytest.raises(ValidationError) as refused:
        RuleSchema().load(rule_with(body))
    assert words in message_at(refused.value.messages, ("start", *path))
