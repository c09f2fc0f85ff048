"""Rules with `mp4`, and the MP4 of a stream, as users write and see them."""

import json
from typing import Any

import pytest

from tests.support.scenario import NOON
from webhook_app.api.schemas import StreamSchema
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import File
from webhook_app.domain.streams.stream import Mp4, Mp4State, Stream
from webhook_app.domain.views import stream_view
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store import codec

SCHEDULE = {"cron": "0 9 * * SUN", "duration": "2h"}


def errors_of(**written: Any) -> Any:
    return RuleSchema().validate({"name": "r", "rooms": ["*"], **written})


@pytest.mark.parametrize(
    "written",
    [
        {"schedule": SCHEDULE},
        {"schedule": SCHEDULE, "outputs": ["hls", "recording"]},
        {"on": "session-started", "do": "start"},
    ],
)
def test_a_rule_that_starts_hls_takes_mp4(written: dict[str, Any]) -> None:
    assert errors_of(**written, mp4=True) == {}
    assert decode_rule(RuleSchema().load({"name": "r", "rooms": ["*"], **written, "mp4": True})).mp4


@pytest.mark.parametrize(
    "written",
    [
        {"schedule": SCHEDULE, "outputs": ["recording"]},
        {"on": "session-started", "do": "start", "output": "recording"},
        {"on": "session-started", "do": "end"},
        {"on": "session-started", "do": "notify"},
    ],
)
def test_another_rule_with_mp4_is_refused_with_the_fields_name(written: dict[str, Any]) -> None:
    assert errors_of(**written, mp4=True)["mp4"] == ["`mp4` goes with a rule that starts HLS"]
    assert "mp4" not in errors_of(**written, mp4=False)


def test_a_stream_shows_how_far_its_mp4_is_and_its_file_without_a_url() -> None:
    stream = Stream("st_1", "abcd", "s1", StreamState.STOPPED, NOON, "1-0", files=(File("/mine/a.mp4", None),))
    assert "mp4" not in stream_view(stream, NOON)
    ready = Stream(**{**vars(stream), "mp4": Mp4(Mp4State.READY, "rule:r")})
    view = StreamSchema().dump(stream_view(ready, NOON))
    assert (view["mp4"], view["files"]) == ("ready", [{"path": "/mine/a.mp4", "url": None}])
    assert codec.stream_of(codec.encode_stream(ready)) == ready
    assert json.loads(codec.encode_stream(ready))["mp4"] == {"state": "ready", "because": "rule:r"}
