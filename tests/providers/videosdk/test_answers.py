"""What VideoSDK's answers mean, whatever form they come in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_app.providers.videosdk.answers import (
    EXCERPT_MAX_CHARS,
    ApiAnswer,
    StreamActivity,
    list_rows,
    read_active,
    read_list,
    started_stream,
)

ROOM = "abcd-efgh-ijkl"
URL = "https://cdn.videosdk.live/meetings-hls/11111111-2222-3333-4444-555555555555/index.m3u8"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "data", "id", "end", "roomId", "meetingId", "playbackHlsUrl", "pageInfo", "lastPage"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def active(body: Any, status: int = 200) -> Any:
    return read_active(ApiAnswer(status, body)).activity


@pytest.mark.parametrize("status", [None, 401, 403, 408, 429, 500, 502, 503, 504, 599])
@given(body=json_values)
def test_a_status_that_says_nothing_about_the_room_is_unavailable(status: int | None, body: Any) -> None:
    assert read_active(ApiAnswer(status, body)).activity is StreamActivity.UNAVAILABLE
    assert read_list(ApiAnswer(status, body), ROOM).activity is StreamActivity.UNAVAILABLE


@pytest.mark.parametrize("code", [401, 403, 429, 500, "503"])
def test_a_code_in_the_body_counts_as_the_status(code: int | str) -> None:
    assert active({"code": code, "data": None}) is StreamActivity.UNAVAILABLE


@pytest.mark.parametrize("status", [402, 404])
@given(body=json_values)
def test_402_and_404_mean_no_stream_with_any_body(status: int, body: Any) -> None:
    assert active(body, status) is StreamActivity.NONE


@pytest.mark.parametrize(
    "stream",
    [
        {"id": "a", "end": None},
        {"_id": "a", "end": ""},
        {"recordingId": "a", "roomId": ROOM, "end": None},
        {"id": 7, "end": None},
        {"composerId": "c", "end": None},
        {"playbackHlsUrl": URL},
        {"downstreamUrl": URL, "meetingId": ROOM},
        {"livestreamUrl": URL, "end": None},
        {"id": "a", "roomId": "its-custom-name", "meetingId": ROOM, "end": None},
        {"id": "a", "roomId": "the-id-of-a-room-that-was-asked-for-by-its-custom-id", "end": None},
    ],
)
@pytest.mark.parametrize(
    "envelope", [lambda stream: {"code": 200, "data": stream}, lambda stream: {"data": stream}, lambda stream: stream]
)
@pytest.mark.parametrize("status", [200, 201, 203])
def test_an_object_with_an_address_or_with_an_id_and_no_end_is_active(
    stream: dict[str, Any], envelope: Any, status: int
) -> None:
    reading = read_active(ApiAnswer(status, envelope(stream)))
    assert (reading.activity, reading.stream) == (StreamActivity.ACTIVE, stream)


@given(body=json_values)
def test_no_stream_that_has_ended_is_taken_for_an_active_one(body: Any) -> None:
    reading = read_active(ApiAnswer(200, body))
    if reading.activity is StreamActivity.ACTIVE:
        assert reading.stream is not None
        assert not reading.stream.get("end")


@given(body=json_values, status=st.integers(100, 599))
def test_every_form_has_a_reading_and_an_excerpt(body: Any, status: Any) -> None:
    answer = ApiAnswer(status, body)
    for reading in (read_active(answer), read_list(answer, ROOM)):
        assert (reading.stream is not None) == (reading.activity is StreamActivity.ACTIVE)
    assert answer.excerpt.startswith(str(status))
    assert len(answer.excerpt) <= EXCERPT_MAX_CHARS + 4
    assert answer.ok + answer.missing + answer.unavailable <= 1
    started_stream(answer)


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJhcGlrZXkiOiJrZXkiLCJ2ZXJzaW9uIjoyfQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


@pytest.mark.parametrize(
    "body",
    [
        f"unexpected header Authorization: {TOKEN}",
        f"token {TOKEN[:70]}",
        {"message": f"invalid token '{TOKEN}'"},
        {"error": TOKEN, "headers": {"authorization": TOKEN}},
    ],
)
def test_an_answer_that_quotes_our_token_is_passed_on_without_it(body: str | dict[str, Any]) -> None:
    answer = ApiAnswer(418, body)
    for text in (answer.message, answer.excerpt):
        assert text is not None
        assert "****" in text
        assert "eyJ" not in text


def rows(*items: Any, last: int = 1) -> Any:
    return ApiAnswer(200, {"pageInfo": {"lastPage": last}, "data": list(items)})


OVER = {"id": "o", "roomId": ROOM, "end": "2026-11-28T10:00:00Z"}


@pytest.mark.parametrize(
    ("answer", "activity"),
    [
        (rows(), StreamActivity.NONE),
        (rows(OVER), StreamActivity.NONE),
        (ApiAnswer(200, {"data": None}), StreamActivity.NONE),
        (ApiAnswer(200, {"data": {}}), StreamActivity.NONE),
        (ApiAnswer(200, []), StreamActivity.NONE),
        (ApiAnswer(404, None), StreamActivity.NONE),
        (rows(OVER, {"id": "a", "roomId": ROOM, "end": None}), StreamActivity.ACTIVE),
        (rows({"sessionId": "s", "end": None}), StreamActivity.ACTIVE),
        (ApiAnswer(200, [{"id": "a", "meetingId": ROOM, "end": None}]), StreamActivity.ACTIVE),
        (ApiAnswer(200, {"data": {"data": [{"id": "a", "end": None}]}}), StreamActivity.ACTIVE),
        (rows({"id": "a", "roomId": "another", "end": None}), StreamActivity.NONE),
        (rows({"id": "a", "roomId": "another", "end": None}, last=2), StreamActivity.UNKNOWN_FORM),
        (rows({"id": "a", "roomId": ROOM}), StreamActivity.UNKNOWN_FORM),
        (rows("a"), StreamActivity.UNKNOWN_FORM),
        (ApiAnswer(200, "nothing"), StreamActivity.UNKNOWN_FORM),
        (ApiAnswer(200, {"streams": []}), StreamActivity.UNKNOWN_FORM),
        (ApiAnswer(200, {}), StreamActivity.UNKNOWN_FORM),
        (ApiAnswer(400, {"message": "roomId is required"}), StreamActivity.UNKNOWN_FORM),
        (ApiAnswer(200, {"code": 4020, "data": []}), StreamActivity.UNKNOWN_FORM),
    ],
)
def test_a_rooms_list_shows_whether_a_stream_is_active(answer: Any, activity: Any) -> None:
    assert read_list(answer, ROOM).activity is activity


def test_of_several_active_rows_the_latest_counts() -> None:
    early = {"id": "a", "start": "2026-11-28T09:00:00Z", "end": None}
    late = {"id": "b", "start": "2026-11-28T10:00:00Z", "end": None}
    for answer in (rows(early, late), rows(late, early)):
        assert read_list(answer, ROOM).stream == late


def test_an_answer_that_is_no_list_is_not_an_empty_list() -> None:
    assert list_rows(ApiAnswer(200, "x")) is None
    assert list_rows(ApiAnswer(200, {"message": "ok"})) is None
    assert list_rows(ApiAnswer(200, {"data": []})) == []
