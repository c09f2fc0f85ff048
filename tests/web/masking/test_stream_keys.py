"""Stream keys in texts and in VideoSDK's data: masked by the name of their field, and where an address holds one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_app.masking.masked_data import masked_destinations, shown_data, shown_provider_data
from webhook_app.masking.masked_excerpt import masked_excerpt
from webhook_app.masking.masking import masked
from webhook_app.masking.url_masking import MASK, secret_parts, shown_url
from webhook_app.providers.videosdk.answers import ApiAnswer, journaled_fields
from webhook_app.providers.videosdk.journaled_body import journaled_body
from webhook_app.providers.videosdk.webhook_body import read_body
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.stream_keys import Destination, seal_destination

KEY = "abcd-efgh-1234-mnop"
KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).map(lambda key: f"k!{key}!k")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtmp://a.rtmp.youtube.com/live2", "rtmp://a.rtmp.youtube.com/live2"),
        ("rtmps://live-api-s.facebook.com:443/rtmp/", "rtmps://live-api-s.facebook.com:443/rtmp/"),
        ("rtmp://live.example/app/some-name", "rtmp://live.example/app/****"),
        (f"rtmp://a.rtmp.youtube.com/live2/{KEY}", "rtmp://a.rtmp.youtube.com/live2/****"),
        ("rtmp://live.example/0123456789abcdef0123456789abcdef", "rtmp://live.example/****"),
        ("rtmp://ana:opensesame@live.example/app", "rtmp://****@live.example/app"),
        ("rtmp://live.example/app?user=ana&word=sesame", "rtmp://live.example/app?user=****&word=****"),
        ("rtmp://live.example", "rtmp://live.example"),
    ],
)
def test_of_an_rtmp_address_host_and_application_are_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert masked(f"could not publish to {url}: refused") == f"could not publish to {shown}: refused"
    assert bool(secret_parts(url)) == (url != shown)


@given(KEYS)
def test_no_quoted_stream_key_survives_in_a_text(key: str) -> None:
    for text in (
        json.dumps({"streamKey": key, "id": "x"}),
        json.dumps({"stream_key": key}, ensure_ascii=False),
        json.dumps(json.dumps({"streamKey": key})),
        repr({"stream_key": key}),
        json.dumps({"streamKey": key})[:-3],
    ):
        shown = masked(text)
        assert key not in shown and key[:10] not in shown, shown


@pytest.mark.parametrize(
    "text",
    [
        "rules.show.rtmp.streams.0.stream_key: is missing",
        "a stream key is missing",
        "stream_key: must be a string (quote it)",
        "the sealed: envelope",
        "stream keys: see the platform",
    ],
)
def test_texts_about_stream_keys_stay(text: str) -> None:
    assert masked(text) == text


def test_unquoted_and_sealed_keys_are_masked() -> None:
    sealed = seal_destination(Destination("rtmp://h.example/app", KEY), SecretBox("a key of sixteen or more"))
    assert KEY not in masked(f"streamKey={KEY}&x=1") + masked(f"stream key: {KEY} refused")
    assert masked(f"was {sealed}.") == f"was {MASK}."


@given(KEYS)
def test_videosdks_data_is_kept_without_its_destinations(key: str) -> None:
    row = {"id": "run-1", "outputs": [{"url": f"rtmp://h.example/app/{KEY}", "streamKey": key}], "end": None}
    masked_row = {"id": "run-1", "outputs": [{"url": "rtmp://h.example/app/****", "streamKey": MASK}], "end": None}
    assert journaled_fields(row) == masked_destinations(row) == shown_provider_data(row) == masked_row
    assert shown_data(row)["outputs"] == masked_row["outputs"]
    excerpt = ApiAnswer(200, {"odd": [row]}).excerpt
    assert key not in excerpt and KEY not in excerpt


@given(KEYS)
def test_a_webhook_is_journaled_without_its_destinations(key: str) -> None:
    data = {
        "meetingId": "abcd-efgh-ijkl",
        "outputs": [{"url": f"rtmps://h.example/app/{KEY}", "streamKey": key}, {"streamKey": None}],
        "error": f"rtmps://h.example/app/{KEY} refused",
    }
    for raw in (
        json.dumps({"webhookType": "livestream-failed", "data": data}),
        json.dumps({"webhookType": "livestream-failed", "data": data}, ensure_ascii=False, indent=1),
        json.dumps({"webhookType": "livestream-failed", "data": data}).replace("/", "\\/"),
    ):
        kept = journaled_body(raw.encode())
        assert KEY.encode() not in kept and key.encode() not in kept and json.dumps(key)[1:-1].encode() not in kept
        body = read_body(kept)
        assert body.reason is None and body.room_id == "abcd-efgh-ijkl"
        assert body.data["outputs"] == [{"url": "rtmps://h.example/app/****", "streamKey": MASK}, {"streamKey": None}]


@pytest.mark.parametrize("raw", [b"", b"{", b'{"data": 1}', b'{"webhookType":"livestream-failed","data":{"a":"\xff"}}'])
def test_other_bodies_stay_byte_for_byte(raw: bytes) -> None:
    assert journaled_body(raw) == raw


@pytest.mark.parametrize("piece", ['\\"', '"', "\\", '"streamKey":', '"rtmp:', "stream_key='", "stream key=", '\\\\"'])
def test_a_hostile_text_takes_no_longer_than_any_other(piece: str) -> None:
    text = ("rtmp: streamKey " + piece * 20_000)[:65_536]
    journaled_body(text.encode())
    masked(text)


@given(KEYS.filter(lambda key: len(key) > 12), st.integers(4, 10))
def test_a_named_key_is_masked_also_where_a_text_was_cut(key: str, cut: int) -> None:
    assert key[:cut] not in masked_excerpt(f"the platform refuses {key[:cut]}", secrets=[key])
    assert key not in masked_excerpt(f"the platform refuses {key} for now", secrets=[key])
