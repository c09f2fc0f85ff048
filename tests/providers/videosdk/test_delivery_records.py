"""A repair quotes VideoSDK's own record of the webhook that should have told it; nothing is concluded from a record."""

from time import monotonic
from typing import Any

import pytest

from tests.support.scenario import Scenario, on_air, rest, url, wanted_on_air, with_session
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.probing.delivery_record import records_to_read
from webhook_app.domain.probing.probe_request import read_request
from webhook_app.domain.reasons import Reason
from webhook_app.providers.videosdk.answers import ApiAnswer
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.providers.videosdk.delivery_records import read_record
from webhook_app.providers.videosdk.record_reading import read_records

FOLDER = "https://cdn.example/meetings-hls/a"
LIVE = {"names": ["a", FOLDER], "late": False}
LATE = {"names": ["a", FOLDER], "late": True}
WITHOUT_NAMES = {"names": [], "late": True}
BY_URL = {"names": [FOLDER], "late": False}


@pytest.mark.parametrize(
    ("expected", "active", "quoted"),
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
        ([WITHOUT_NAMES], [], []),
        ([LIVE, {"names": ["c"], "late": False}, {"names": ["d"], "late": False}], [], ["a", "c"]),
        ([{}, {"names": None}, {"names": [5]}], [], []),
    ],
)
def test_records_are_read_only_of_streams_that_differ_from_what_is_known(
    expected: Any, active: Any, quoted: Any
) -> None:
    request = read_request({"expected": expected})
    assert records_to_read(request.expected, active) == quoted


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
def test_a_record_is_read_as_far_as_it_can_be(shown: dict[str, Any], record: dict[str, Any]) -> None:
    assert read_record(shown) == record


@pytest.mark.parametrize(
    ("webhooks", "effect"),
    [
        ({}, explain(Reason.WEBHOOKS_NOT_RECORDED)),
        ({"hls-started": [1, 1]}, explain(Reason.WEBHOOK_NOT_SENT, type="hls-stopped")),
        ({"hls-stopped": [1, 1]}, explain(Reason.WEBHOOK_DELIVERED, type="hls-stopped")),
        ({"hls-stopped": [0, 2]}, explain(Reason.WEBHOOK_NOT_DELIVERED, type="hls-stopped")),
        ({"hls-stopped": [1, 2]}, explain(Reason.WEBHOOK_PARTLY_DELIVERED, type="hls-stopped", sent=2, delivered=1)),
        ({"hls-stopped": 5}, explain(Reason.WEBHOOK_NOT_SENT, type="hls-stopped")),
    ],
)
def test_a_record_is_quoted_with_a_reason_code(webhooks: dict[str, Any], effect: Explanation) -> None:
    scenario = on_air()
    scenario.ask()
    scenario.probe(records=[{"id": "a", "webhooks": webhooks}])
    assert effect in scenario.last.effects


def record(run: Any, **webhooks: Any) -> dict[str, Any]:
    return {"id": run, "webhooks": {f"hls-{state}": (int(arrived), 1) for state, arrived in webhooks.items()}}


def expected_of(scenario: Scenario) -> Any:
    """What the next probe takes along."""
    scenario.ask()
    return scenario.pending_probe.body.get("expected")


def test_an_end_that_a_probe_finds_quotes_the_record() -> None:
    scenario = on_air()
    assert expected_of(scenario) == [{"names": ["a", url("a", "").rstrip("/")], "late": False}]
    scenario.probe(records=[record("a", started=True, stopped=False)])
    assert scenario.states == ["stopped"]
    assert explain(Reason.WEBHOOK_NOT_DELIVERED, type="hls-stopped") in scenario.last.effects


def test_a_start_that_a_probe_finds_quotes_the_record() -> None:
    scenario = with_session()
    scenario.operator("start")
    scenario.answer("succeeded", run="a")
    assert expected_of(scenario)[0]["late"] is True
    scenario.probe(rest("a"), records=[record("a", starting=True)])
    assert scenario.states == ["started"]
    assert explain(Reason.WEBHOOK_NOT_SENT, type="hls-started") in scenario.last.effects


def test_a_probe_that_moves_nothing_quotes_nothing() -> None:
    scenario = on_air()
    scenario.ask()
    scenario.probe(rest("a"), records=[record("a", stopped=False)])
    assert scenario.states == ["playable"]
    assert not any(code.startswith("webhook") for code in scenario.reasons)


@pytest.mark.parametrize(
    "records", [None, 5, {}, [5], [{}], [{"id": "a"}], [{"id": "a", "webhooks": 5}], [{"id": 5, "webhooks": {}}]]
)
def test_records_of_deliveries_decide_nothing(records: Any) -> None:
    with_records, without_records = wanted_on_air(), wanted_on_air()
    with_records.probe(records=records)
    without_records.probe()
    assert (with_records.states, with_records.last.effects) == (without_records.states, without_records.last.effects)


class Reader(VideoSDK):
    """A VideoSDK client that answers questions for one stream."""

    def __init__(self, answer: Any) -> None:
        super().__init__("https://api.example", Token("key", "secret"))
        self.answer = answer
        self.requested_ids: list[str] = []

    def stream(self, videosdk_id: str, *, deadline: float) -> Any:
        self.requested_ids.append(videosdk_id)
        return self.answer


def read(answer: Any, active: Any = None, expected: Any = (LIVE,)) -> Any:
    reader = Reader(answer)
    request = read_request({"about": "watch", "expected": list(expected)})
    records = read_records(
        reader, request.expected, active, deadline=monotonic() + 5, observe_answer=lambda answer: answer
    )
    return records, reader.requested_ids


SHOWN = {"id": "a", "webhook": {"data": [{"type": "hls-stopped", "success": False}]}}


def test_the_record_is_one_request_for_a_repair_and_none_otherwise() -> None:
    assert read(ApiAnswer(200, SHOWN)) == ([record("a", stopped=False)], ["a"])
    assert read(ApiAnswer(200, SHOWN), active=rest("a")) == ([], [])
    assert read(ApiAnswer(200, SHOWN), expected=()) == ([], [])


@pytest.mark.parametrize(
    ("shown", "record"),
    [
        ({"id": "a", "end": None}, [{"id": "a", "ended": False}]),
        ({"id": "a", "end": None, "webhook": None}, [{"id": "a", "webhooks": {}, "ended": False}]),
        ({"id": "a", "end": "2026-11-28T10:00:00Z"}, []),
        ({"end": None}, []),
    ],
)
def test_that_the_streams_own_object_shows_no_end_is_kept(shown: dict[str, Any], record: Any) -> None:
    assert read(ApiAnswer(200, shown)) == (record, ["a"])


@pytest.mark.parametrize(
    "answer",
    [
        ApiAnswer(404, {"message": "HLS not found"}),
        ApiAnswer(500, None),
        ApiAnswer(429, {"message": "Too many requests"}),
        ApiAnswer(None, None, "timed out"),
        ApiAnswer(200, "text"),
        ApiAnswer(200, {"id": "a"}),
        ApiAnswer(200, None),
    ],
    ids=str,
)
def test_a_record_that_cannot_be_read_is_left_out(answer: Any) -> None:
    assert read(answer) == ([], ["a"])


def test_a_probe_of_an_earlier_version_reads_no_record_of_what_it_did_not_expect() -> None:
    reader = Reader(ApiAnswer(200, SHOWN))
    assert (
        read_records(
            reader,
            read_request({"about": "watch"}).expected,
            None,
            deadline=monotonic() + 5,
            observe_answer=lambda answer: answer,
        )
        == []
    )
    assert reader.requested_ids == []
