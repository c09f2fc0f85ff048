"""A repair quotes VideoSDK's own record of the webhook that should have told it; nothing is concluded from a record."""

from time import monotonic

import pytest

from tests.support.scenario import Story, on_air, rest, url, wanted_on_air, with_session
from webhook_app.domain.probing.delivery_record import read_record, records_to_read
from webhook_app.providers.videosdk.answers import Answer
from workers.calls.delivery_record import read_records

FOLDER = "https://cdn.example/meetings-hls/a"
LIVE = {"names": ["a", FOLDER], "late": False}
LATE = {"names": ["a", FOLDER], "late": True}
NAMELESS = {"names": [], "late": True}
BY_URL = {"names": [FOLDER], "late": False}


@pytest.mark.parametrize(
    ("expected", "active", "wanted"),
    [
        ([], [], []),
        ([LIVE], ["a"], []),
        ([LIVE], ["a", FOLDER], []),
        ([LIVE], ["composer", FOLDER], []),
        ([LIVE], [], ["a"]),
        ([LATE], ["a"], ["a"]),
        ([LATE], [], ["a"]),
        ([], ["b"], ["b"]),
        ([], ["b", "https://cdn.example/meetings-hls/b"], ["b"]),
        ([], ["https://cdn.example/meetings-hls/b"], []),
        ([LIVE], ["b"], ["a", "b"]),
        ([BY_URL], [], []),
        ([BY_URL], ["a", FOLDER], []),
        ([NAMELESS], [], []),
        ([LIVE, {"names": ["c"], "late": False}, {"names": ["d"], "late": False}], [], ["a", "c"]),
        ([{}, {"names": None}, {"names": [5]}], [], []),
    ],
)
def test_records_are_read_only_of_streams_that_differ_from_what_is_known(expected, active, wanted):
    assert records_to_read(expected, active) == wanted


@pytest.mark.parametrize(
    ("shown", "record"),
    [
        ({}, {}),
        ({"webhook": None}, {}),
        ({"webhook": {"totalCount": 0, "successCount": 0, "data": []}}, {}),
        ({"webhook": {"data": [{"type": "hls-started", "success": True}]}}, {"hls-started": (1, 1)}),
        (
            {
                "webhook": {
                    "data": [{"type": "hls-stopped", "success": True}, {"type": "hls-stopped", "success": False}]
                }
            },
            {"hls-stopped": (1, 2)},
        ),
        ({"webhook": {"data": [5, {"type": None}, {"success": True}, {"type": "x"}]}}, {"x": (0, 1)}),
        ({"webhook": {"data": {"type": "x"}}}, {}),
    ],
)
def test_a_record_is_read_as_far_as_it_can_be(shown, record):
    assert read_record(shown) == record


@pytest.mark.parametrize(
    ("webhooks", "text"),
    [
        ({}, "VideoSDK's record shows no webhook of this stream"),
        ({"hls-started": [1, 1]}, "VideoSDK's record: hls-stopped not sent"),
        ({"hls-stopped": [1, 1]}, "VideoSDK's record: hls-stopped sent, delivered"),
        ({"hls-stopped": [0, 2]}, "VideoSDK's record: hls-stopped sent, delivery failed"),
        ({"hls-stopped": [1, 2]}, "VideoSDK's record: hls-stopped sent 2 times, delivered 1 times"),
        ({"hls-stopped": 5}, "VideoSDK's record: hls-stopped not sent"),
    ],
)
def test_a_record_is_quoted_with_a_reason_code(webhooks, text):
    story = on_air()
    story.ask()
    story.probe(records=[{"id": "a", "webhooks": webhooks}])
    assert text in story.effect


def record(run, **webhooks):
    return {"id": run, "webhooks": {f"hls-{state}": (int(arrived), 1) for state, arrived in webhooks.items()}}


def expected_of(story: Story):
    """What the next probe takes along."""
    story.ask()
    return story.room.probe.body.get("expected")


def test_an_end_that_a_probe_finds_quotes_the_record():
    story = on_air()
    assert expected_of(story) == [{"names": ["a", url("a", "").rstrip("/")], "late": False}]
    story.probe(records=[record("a", started=True, stopped=False)])
    assert story.states == ["stopped"]
    assert "VideoSDK's record: hls-stopped sent, delivery failed" in story.effect


def test_a_start_that_a_probe_finds_quotes_the_record():
    story = with_session()
    story.operator("start")
    story.answer("succeeded", run="a")
    assert expected_of(story)[0]["late"] is True
    story.probe(rest("a"), records=[record("a", starting=True)])
    assert story.states == ["started"]
    assert "VideoSDK's record: hls-started not sent" in story.effect


def test_a_probe_that_moves_nothing_quotes_nothing():
    story = on_air()
    story.ask()
    story.probe(rest("a"), records=[record("a", stopped=False)])
    assert story.states == ["playable"]
    assert "record" not in story.effect


@pytest.mark.parametrize(
    "records", [None, 5, {}, [5], [{}], [{"id": "a"}], [{"id": "a", "webhooks": 5}], [{"id": 5, "webhooks": {}}]]
)
def test_records_decide_nothing_whatever_they_hold(records):
    told, untold = wanted_on_air(), wanted_on_air()
    told.probe(records=records)
    untold.probe()
    assert (told.states, told.effect) == (untold.states, untold.effect)


class Reader:
    """A VideoSDK client that answers questions for one stream."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def stream(self, videosdk_id, *, deadline):
        self.asked.append(videosdk_id)
        return self.answer


def read(answer, active=None, expected=(LIVE,)):
    reader = Reader(answer)
    body = {"about": "watch", "expected": list(expected)}
    records = read_records(reader, body, active, deadline=monotonic() + 5, heed=lambda answer: answer)
    return records, reader.asked


SHOWN = {"id": "a", "webhook": {"data": [{"type": "hls-stopped", "success": False}]}}


def test_the_record_is_one_request_for_a_repair_and_none_otherwise():
    assert read(Answer(200, SHOWN)) == ([record("a", stopped=False)], ["a"])
    assert read(Answer(200, SHOWN), active=rest("a")) == ([], [])
    assert read(Answer(200, SHOWN), expected=()) == ([], [])


@pytest.mark.parametrize(
    ("shown", "record"),
    [
        ({"id": "a", "end": None}, [{"id": "a", "ended": False}]),
        ({"id": "a", "end": None, "webhook": None}, [{"id": "a", "webhooks": {}, "ended": False}]),
        ({"id": "a", "end": "2026-11-28T10:00:00Z"}, []),
        ({"end": None}, []),
    ],
)
def test_that_the_streams_own_object_shows_no_end_is_kept(shown, record):
    assert read(Answer(200, shown)) == (record, ["a"])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, {"message": "HLS not found"}),
        Answer(500, None),
        Answer(429, {"message": "Too many requests"}),
        Answer(None, None, "timed out"),
        Answer(200, "text"),
        Answer(200, {"id": "a"}),
        Answer(200, None),
    ],
    ids=str,
)
def test_a_record_that_cannot_be_read_is_left_out(answer):
    assert read(answer) == ([], ["a"])


def test_a_probe_of_an_earlier_version_reads_no_record_of_what_it_did_not_expect():
    reader = Reader(Answer(200, SHOWN))
    assert read_records(reader, {"about": "watch"}, None, deadline=monotonic() + 5, heed=lambda answer: answer) == []
    assert reader.asked == []
