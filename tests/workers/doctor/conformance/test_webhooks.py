"""The table of a conformance run: what the webhooks show."""

from typing import Any

import pytest

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer
from workers.doctor.conformance.observations import Observations, ReceivedWebhook, Step, TimedAnswer
from workers.doctor.conformance.rows import Result, Row
from workers.doctor.conformance.webhook_checks import session_end_rows, webhook_rows

FOLDER = "https://cdn.example/meetings-hls/f1"
STREAM = {"id": "stream-1", "playbackHlsUrl": f"{FOLDER}/index.m3u8"}
URLS = {"playbackHlsUrl": f"{FOLDER}/index.m3u8"}
HLS = ("hls-starting", "hls-started", "hls-playable", "hls-stopping", "hls-stopped")
WITH_URL = ("hls-started", "hls-playable")


def webhooks(*kinds: str, step_ms: int = 1_000, **data: Any) -> tuple[ReceivedWebhook, ...]:
    return tuple(
        ReceivedWebhook(f"{number}-0", kind, number * step_ms, {**(URLS if kind in WITH_URL else {}), **data})
        for number, kind in enumerate(kinds, 1)
    )


def rows(received: tuple[ReceivedWebhook, ...], output: Output = Output.HLS, start: Any = STREAM) -> dict[str, Row]:
    answers = {Step.START: TimedAnswer(ApiAnswer(200, start))}
    return {row.check: row for row in webhook_rows(Observations(output, answers, received))}


def test_documented_webhooks_are_as_assumed() -> None:
    table = rows(webhooks(*HLS))
    assert {row.result for row in table.values()} == {Result.AS_ASSUMED}
    assert table["playable-delay"].observed == table["stopped-delay"].observed == "1.0 s"


def test_without_a_start_there_is_nothing_to_say_about_webhooks() -> None:
    answers = {Step.START: TimedAnswer(ApiAnswer(400, None))}
    assert list(webhook_rows(Observations(Output.HLS, answers, webhooks(*HLS)))) == []


def test_webhooks_that_do_not_arrive_at_all_are_a_failure() -> None:
    table = rows(webhooks("participant-joined"))
    assert (list(table), table["webhooks-arrive"].result) == (["webhooks-arrive"], Result.FAILED)


def test_a_missing_webhook_is_named_and_no_delay_is_made_up() -> None:
    table = rows(webhooks("hls-starting", "hls-started", "hls-stopping", "hls-stopped"))
    assert "missing: hls-playable" in table["webhooks-arrive"].observed
    assert table["playable-delay"].result is Result.NOT_OBSERVED


def test_order_and_repeats_are_shown() -> None:
    table = rows(webhooks("hls-started", "hls-starting", "hls-playable", "hls-stopping", "hls-stopped", "hls-stopped"))
    assert (table["webhook-order"].result, table["webhook-repeats"].observed) == (Result.DIFFERS, "hls-stopped 2 times")


@pytest.mark.parametrize(
    ("data", "result", "observed"),
    [
        ({}, Result.AS_ASSUMED, "no id"),
        ({"id": "stream-1"}, Result.AS_ASSUMED, "id in 5 of 5; as in REST"),
        ({"id": "composer-1"}, Result.DIFFERS, "id in 5 of 5; other ids than REST's"),
        ({"composerId": "composer-1"}, Result.DIFFERS, "composerId in 5 of 5; other ids than REST's"),
    ],
)
def test_the_ids_in_webhooks_are_compared_with_rests(data: Any, result: Result, observed: str) -> None:
    row = rows(webhooks(*HLS, **data))["webhook-ids"]
    assert (row.result, row.observed) == (result, observed)


@pytest.mark.parametrize(
    ("data", "observed"),
    [
        ({"playbackHlsUrl": "https://cdn.example/meetings-hls/f2/index.m3u8"}, "URLs in several folders"),
        ({"playbackHlsUrl": None}, "no URL in hls-started, hls-playable"),
    ],
)
def test_urls_are_to_share_a_folder(data: Any, observed: str) -> None:
    row = rows(webhooks(*HLS, **data))["webhook-urls"]
    assert (row.result, row.observed) == (Result.DIFFERS, observed)


def test_a_slow_stream_differs() -> None:
    assert rows(webhooks(*HLS, step_ms=121_000))["playable-delay"].result is Result.DIFFERS


def test_a_recording_has_no_playable_and_names_its_file() -> None:
    kinds = ("recording-starting", "recording-started", "recording-stopping", "recording-stopped")
    table = rows(webhooks(*kinds, fileUrl=None, filePath="a/b.mp4"), Output.RECORDING, "started")
    assert {row.result for row in table.values()} == {Result.AS_ASSUMED}
    assert "recording-file" in table and "playable-delay" not in table
    assert rows(webhooks(*kinds), Output.RECORDING, "started")["recording-file"].result is Result.DIFFERS


@pytest.mark.parametrize(
    ("kinds", "result"),
    [
        (("hls-stopping", "hls-stopped", "session-ended"), Result.AS_ASSUMED),
        (("session-ended", "hls-stopped"), Result.DIFFERS),
        (("session-ended",), Result.DIFFERS),
        ((), Result.FAILED),
    ],
)
def test_what_the_end_of_a_session_sends_is_listed(kinds: tuple[str, ...], result: Result) -> None:
    answers = {Step.START_AGAIN: TimedAnswer(ApiAnswer(200, STREAM)), Step.END_SESSION: TimedAnswer(ApiAnswer(200, {}))}
    received = webhooks("hls-starting", "hls-started", "hls-playable", *kinds)
    observations = Observations(Output.HLS, answers, received)
    assert [row.result for row in session_end_rows(observations)] == [result]
    assert list(webhook_rows(observations)) == []
