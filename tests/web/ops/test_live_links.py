"""Live links: one address that leads to what is on air now, and what it leads to can be played."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import scaled_limit, wait_until
from tests.support.product import ask, product, webhook
from tests.support.web_client import PROBLEM, ROOM, WebClient, append, fold_all
from webhook_app.domain.events import Source
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry

URL = "https://cdn.example/a/index.m3u8"


def happens(client: Client, kind: str, **more: Any) -> None:
    append(client, Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM, **more)))
    fold_all(client)


def test_a_link_leads_to_the_playback_while_the_room_can_be_watched(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client = WebClient(store_url, tmp_path, live_links=True)
    states = []
    for state in ("none", "starting", "started", "playable", "stopping", "stopped"):
        if state != "none":
            happens(client, f"hls-{state}", id="run-1", playbackHlsUrl=URL)
        answer = web_client.http.get(f"/live/{ROOM}.m3u8")
        states.append((state, answer.status_code, answer.headers.get("Location"), answer.headers.get("Retry-After")))
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"
    assert states == [
        ("none", 404, None, "15"),
        ("starting", 404, None, "2"),
        ("started", 404, None, "2"),
        ("playable", 302, URL, None),
        ("stopping", 302, URL, None),
        ("stopped", 404, None, "15"),
    ]
    assert answer.content_type == PROBLEM


def test_the_newest_stream_is_linked(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, live_links=True)
    happens(client, "hls-started", id="run-1", playbackHlsUrl=URL)
    happens(client, "hls-stopped", id="run-1")
    happens(client, "hls-playable", id="run-2", playbackHlsUrl=URL.replace("/a/", "/b/"))
    assert web_client.http.get(f"/live/{ROOM}.m3u8").headers["Location"] == URL.replace("/a/", "/b/")


def test_rooms_that_are_not_ours_and_addresses_that_are_none_lead_nowhere(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    happens(client, "hls-playable", id="run-1", playbackHlsUrl="javascript:alert(1)")
    assert WebClient(store_url, tmp_path, live_links=True).http.get(f"/live/{ROOM}.m3u8").status_code == 404
    happens(client, "hls-playable", id="run-2", playbackHlsUrl=URL)
    others = WebClient(store_url, tmp_path, live_links=True, rooms=("team-*",))
    assert others.http.get(f"/live/{ROOM}.m3u8").status_code == 404


@pytest.mark.parametrize("more", [{}, {"live_links": True, "surface": "receiver"}])
def test_there_are_no_links_unless_they_are_enabled(
    client: Client, store_url: str, tmp_path: Path, more: dict[str, Any]
) -> None:
    happens(client, "hls-started", id="run-1", playbackHlsUrl=URL)
    assert WebClient(store_url, tmp_path, **more).http.get(f"/live/{ROOM}.m3u8").status_code == 404


@pytest.mark.process
def test_what_a_link_leads_to_can_be_played(tmp_path: Path) -> None:
    with product(tmp_path, LIVE_LINKS="1") as instance:
        assert instance.sandbox is not None
        instance.add_room("the-room")
        instance.sandbox.join("the-room")
        assert instance.api("POST", "/rooms/the-room/start").status == 202
        instance.wait_state("the-room", "playable")
        link = f"{instance.url}/live/the-room.m3u8"
        playlist = ask("GET", ask("GET", link).headers["location"])
        assert playlist.status == 200 and playlist.body.startswith(b"#EXTM3U")
        assert playlist.headers["access-control-allow-origin"] == "*"
        if shutil.which("ffprobe") is not None:
            assert probed(link) == {"h264", "aac"}
        assert instance.api("POST", "/rooms/the-room/end").status == 202
        instance.wait_state("the-room", "stopped")
        recorded = (instance.room("the-room") or {})["stream"]["playback_url"]
        wait_until(lambda: b"#EXT-X-ENDLIST" in ask("GET", recorded).body, 10, "the recording")
        assert ask("GET", link).status == 404


def probed(url: str) -> set[str]:
    """The codecs that a real player's library finds at an address."""
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url]
    output = subprocess.run(command, capture_output=True, text=True, timeout=scaled_limit(30))
    assert output.returncode == 0, output.stderr
    return {line.strip(",") for line in output.stdout.split()}
