"""The texts of all codes, in the words of each output: a recording is never "on air"."""

import re
from enum import StrEnum
from string import Formatter

import pytest

from tests.support.scenario import MINUTE, Scenario
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.explanations import TEXTS, explain, labelled_text, text_of
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.text import render_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.output_words import OUTPUT_WORDS, words_of
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.reasons import Reason

# About HLS alone, about no single output, or about what VideoSDK itself calls so.
OTHERS_THAN_OUTPUTS = {
    Reason.ROOMS_CHECKED,
    Reason.STREAM_KEY_SEALED,
    AlarmSummary.STREAM_KEY_SEALED,
    AlarmSummary.STREAMS_IN_USE,
    AlarmSummary.ROOMS_ON_AIR,
    AlarmSummary.ROOM_ON_AIR,
}
OF_HLS_ALONE = ("snapshot-", "mp4-")
CODES: list[StrEnum] = [
    code
    for code in (*Reason, *AlarmSummary)
    if code not in OTHERS_THAN_OUTPUTS and not code.value.startswith(OF_HLS_ALONE)
]
WORDS_OF_HLS = re.compile(r"\b(on air|off air|(?<!RTMP )streams?|broadcasts?|watch|playable)\b", re.IGNORECASE)


def shown(code: str, output: Output) -> str:
    """The text of a code on the timeline, with its arguments left out."""
    fields = [field for _, field, _, _ in Formatter().parse(TEXTS[code]) if field]
    arguments = dict.fromkeys((field for field in fields if not field.startswith("output.")), "…")
    explanation = explain(code, **arguments).of_output(output)
    return labelled_text(explanation.code, explanation.arguments)


@pytest.mark.parametrize("output", OTHER_OUTPUTS)
def test_the_text_of_each_code_names_the_output_in_its_own_words(output: Output) -> None:
    name = OUTPUT_WORDS[output].title.removesuffix(" stream").lower()
    for code in CODES:
        text = shown(code, output)
        assert WORDS_OF_HLS.search(text) is None, (code, text)
        assert re.search(rf"\b({name}|recorded)", text, re.IGNORECASE), (code, text)
        assert "{" not in text, (code, text)


def test_the_texts_of_hls_name_no_other_output() -> None:
    for code in CODES:
        text = shown(code, Output.HLS)
        assert "{" not in text and not text.startswith(("Recording", "RTMP", "Stream:")), (code, text)
    assert shown(Reason.OPERATOR_WANTS_ON, Output.HLS) == "Operator override: on air"
    assert shown(Reason.OPERATOR_WANTS_ON, Output.RECORDING) == "Operator override: recording on"


def test_a_text_inside_another_is_in_the_words_of_its_output_and_has_no_label() -> None:
    outer = explain(Reason.HELD_BACK, why=explain(Reason.MAYBE_LATE)).of_output(Output.RECORDING)
    assert outer.text.endswith(": it may be a late event of a recording that has ended")
    outer = explain(Reason.HELD_BACK, why=explain(Reason.END_BEFORE_START)).of_output(Output.RECORDING)
    assert labelled_text(outer.code, outer.arguments).count("Recording: ") == 1


def test_an_output_of_a_newer_version_is_named_by_its_own_name() -> None:
    assert words_of("hologram") == OUTPUT_WORDS[Output.HLS]
    assert labelled_text(Reason.NO_CHANGE, {"output": "hologram"}) == "hologram: No change"


def texts_of(notice: Notice) -> str:
    text = render_notice(notice, room_name="main-hall", base_url=None)
    return f"{text.title}\n{text.body}"


@pytest.mark.parametrize("output", OTHER_OUTPUTS)
def test_what_is_sent_of_a_window_of_an_output_is_in_its_words(output: Output) -> None:
    scenario = Scenario(output=output)
    scenario.put_rule(
        {"name": "show", "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600, "given": {}}}
        | {"outputs": [output.value]}
    )
    scenario.webhook("session-started")
    scenario.webhook("session-ended")
    scenario.wait(3 * 60 * MINUTE)
    notices = {notice.type: texts_of(notice) for notice in scenario.announced if notice.type.startswith("broadcast.")}
    summaries = [str(text_of(report.summary)) for outcome in scenario.outcomes for report in outcome.raised.values()]
    assert {"broadcast.late", "broadcast.missed"} <= notices.keys()
    for text in (*notices.values(), *summaries):
        assert WORDS_OF_HLS.search(text) is None, text
    assert f"main-hall {OUTPUT_WORDS[output].never_on}" in notices["broadcast.missed"]
    assert any(OUTPUT_WORDS[output].nothing_yet in summary for summary in summaries)


def test_the_headline_of_a_refused_mp4_says_what_was_requested() -> None:
    data = {"call": {"kind": "transcode", "output": "hls"}}
    notice = make_notice(
        "1-0", NoticeType.CALL_REFUSED, 0, room_id="r", sequence=1, because=None, data=data, room_name=None
    )
    assert texts_of(notice).startswith("main-hall: VideoSDK refused to make an MP4\n")
