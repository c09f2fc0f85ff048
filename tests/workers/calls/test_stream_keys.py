"""Stream keys in the call worker: opened right before a start of RTMP is sent, and nowhere in what it journals."""

import json
from typing import Any

import pytest

from tests.support.call_harness import CallHarness
from tests.support.product import webhook
from tests.support.web_client import ROOM, SECRETS_KEY, append, fold_all
from webhook_app.domain.control.call import CallState
from webhook_app.domain.events import Source
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, entry
from webhook_app.store.queries.calls import progress_of_calls
from webhook_app.usecases.stream_keys import sealed_override

KEY = "wxyz-9876-tuvw-5432-qrst"
URL = "rtmp://ops:s3cretpw@live.example/app/pathkey"
STREAM = {"url": URL, "stream_key": KEY}
STARTED = (200, "Livestream started successfully")
NOTHING_LISTED = (200, {"pageInfo": {"currentPage": 1, "lastPage": 1, "total": 0}, "data": []})


def decided_start(harness: CallHarness, *, secrets_key: str = SECRETS_KEY) -> Any:
    command = sealed_override({"output": "rtmp", "start": {"streams": [STREAM]}}, SecretBox(secrets_key))
    append(
        harness.client,
        entry(Source.SYSTEM, "settings", None, {"calls": True}),
        Entry(Source.VIDEOSDK, "session-started", ROOM, webhook("session-started", ROOM)),
        entry(Source.OPERATOR, "start", ROOM, command),
    )
    fold_all(harness.client)
    return harness.call()


@pytest.fixture
def rtmp(stub: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stub with its responses for RTMP: `starts`, and `listed`."""
    stub.starts, stub.listed = STARTED, NOTHING_LISTED
    monkeypatch.setattr(stub, "response_to", lambda method, path: stub.starts if method == "POST" else stub.listed)
    return stub


def journal_text(client: Client) -> str:
    calls = [client.get(key) for key in client.keys("*call*") if client.type(key) == b"string"]
    raw = repr(client.xrange(keys.JOURNAL)) + repr(calls)
    return raw + json.dumps([dict(event.data) for event in Journal(client).scan()], ensure_ascii=False)


def test_a_start_is_sent_with_its_key_and_journaled_without(harness: Any, rtmp: Any) -> None:
    call = decided_start(harness)
    assert KEY not in json.dumps(dict(call.body)) and "s3cretpw" not in json.dumps(dict(call.body))
    harness.work()
    assert rtmp.posts() == [
        (
            "/v2/livestreams/start",
            {
                "roomId": ROOM,
                "config": {"layout": {"type": "GRID", "priority": "SPEAKER"}},
                "outputs": [{"url": URL, "streamKey": KEY}],
            },
        )
    ]
    assert harness.answer()["outcome"] == "succeeded"
    assert not [secret for secret in (KEY, "s3cretpw", "pathkey") if secret in journal_text(harness.client)]


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"message": f"cannot publish {KEY}"}),
        (400, f"no such stream: {KEY.upper()} {URL}/{KEY}".replace(KEY.upper(), KEY)),
        (409, {"error": "x" * 285 + KEY}),
        (500, {"message": f"{URL}/{KEY}: handshake failed"}),
        (200, {"id": "run-1", "outputs": [{"url": URL, "streamKey": KEY}], "note": [f"to {KEY}"]}),
        (200, {"code": 400, "message": json.dumps({"streamKey": KEY})}),
        (406, {"message": {"streamKey": KEY}}),
    ],
)
def test_no_answer_that_quotes_the_key_brings_it_into_the_journal(harness: Any, rtmp: Any, answer: Any) -> None:
    rtmp.starts = answer
    decided_start(harness)
    harness.work()
    assert len(rtmp.posts()) == 1
    text = journal_text(harness.client)
    assert not [secret for secret in (KEY, KEY[:8], "s3cretpw", "pathkey") if secret in text]


def test_what_a_list_shows_of_destinations_is_journaled_masked(harness: Any, rtmp: Any) -> None:
    row = {"id": "run-1", "roomId": ROOM, "end": None, "outputs": [{"url": f"{URL}/{KEY}", "streamKey": KEY}]}
    rtmp.listed = (200, {"pageInfo": {"currentPage": 1, "lastPage": 1, "total": 1}, "data": [row]})
    decided_start(harness)
    harness.work()
    answer = harness.answer()
    assert (answer["outcome"], rtmp.posts()) == ("already", [])
    assert answer["stream"]["outputs"] == [{"url": "rtmp://****@live.example/app/****/****", "streamKey": "****"}]


def test_a_key_that_cannot_be_opened_is_not_sent_and_given_up_at_once(harness: Any, rtmp: Any) -> None:
    decided_start(harness, secrets_key="another key of sixteen or more")
    harness.work()
    answer = harness.answer()
    assert (answer["outcome"], answer["refusal"], rtmp.requests) == ("refused", "sealed", [])
    assert "SECRETS_KEY" in answer["message"]
    fold_all(harness.client)
    assert harness.call().state is CallState.GIVEN_UP
    [alarm] = [codec.alarm_of(raw) for raw in harness.client.hvals(keys.ALARMS)]
    assert alarm.name == "start-refused" and "give the key again" in str(alarm.summary_text)


def test_a_failed_check_that_quotes_the_key_does_not_bring_it_into_the_journal(harness: Any, rtmp: Any) -> None:
    rtmp.listed = (403, {"message": f"not yours: {KEY}"})
    decided_start(harness)
    harness.work()
    assert harness.answer()["message"] == "the check before it failed: not yours: ****"
    [attempt] = progress_of_calls(harness.client, [harness.call().call_id])[0].attempts
    assert attempt["message"] == "check: not yours: ****"
