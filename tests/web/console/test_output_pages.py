"""The console shows each output of a room, and starts, ends and releases each by itself."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from tests.support.product import webhook
from tests.support.scenario import MINUTE, Scenario
from tests.support.web_client import ROOM, WebClient, append, configure_room, fold_all
from tests.web.console.test_console import Visitor, ordered, put
from webhook_app.console.components.lamps import Lamp, badges_of, lamp_of, urgency
from webhook_app.console.components.output_cards import output_card
from webhook_app.console.components.rule_form import form_of, rule_of
from webhook_app.console.components.trigger_forms import summarize
from webhook_app.console.pages.confirmations import destination_inputs
from webhook_app.domain.events import Source
from webhook_app.domain.outputs import Output
from webhook_app.domain.times import rfc3339
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.state.batch import notice_refs

FILE = "https://cdn.example/run.mp4"


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("outputs"))


@pytest.fixture
def admin(client: Client, web_client: WebClient) -> Visitor:
    return Visitor(web_client)


def receive(client: Client, *kinds: str, **more: Any) -> None:
    append(client, *(Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM, **more)) for kind in kinds))
    fold_all(client)


def room_after(*kinds: str) -> Any:
    scenario = Scenario()
    scenario.joined("ada")
    for kind in kinds:
        scenario.webhook(kind)
    return scenario.room


def test_the_tally_lamp_stands_for_hls_and_rtmp_and_the_recording_has_a_badge() -> None:
    recording = room_after("recording-started")
    assert lamp_of(recording) is Lamp.OFF
    assert [(badge.name, badge.lamp, badge.note) for badge in badges_of(recording)] == [("REC", Lamp.ON, "")]
    by_rtmp = room_after("livestream-started")
    assert lamp_of(by_rtmp) is Lamp.ON
    assert [badge.name for badge in badges_of(by_rtmp)] == ["RTMP"]
    assert badges_of(room_after("recording-started", "recording-stopped")) == []


def test_a_failed_recording_is_as_urgent_as_a_failed_stream() -> None:
    failed = room_after("hls-started", "hls-playable", "recording-started", "recording-failed")
    assert urgency(failed) == 0
    assert [(badge.name, badge.note) for badge in badges_of(failed)] == [("REC", "failed")]
    assert urgency(room_after("recording-started")) == 5


@pytest.mark.parametrize("path", ["/", f"/rooms/{ROOM}"])
def test_a_room_that_is_recorded_says_so_in_words(client: Client, admin: Visitor, path: str) -> None:
    receive(client, "session-started", "recording-started")
    page = admin.page(path)
    assert 'data-output="recording" data-lamp="on"' in page
    assert "<b>REC</b>" in page
    assert 'data-lamp="off"' in page


def test_the_wall_is_filtered_by_rooms_that_record(client: Client, admin: Visitor) -> None:
    receive(client, "session-started", "recording-started")
    assert f'data-room="{ROOM}"' in admin.page("/?state=recording")
    receive(client, "recording-stopped")
    assert f'data-room="{ROOM}"' not in admin.page("/?state=recording")


def test_a_room_shows_the_files_of_its_recording(client: Client, admin: Visitor) -> None:
    receive(client, "session-started", "recording-started")
    receive(client, "recording-stopped", filePath="recordings/run.mp4", fileUrl=FILE)
    page = admin.page(f"/rooms/{ROOM}")
    assert f'<a href="{FILE}" rel="noreferrer">recordings/run.mp4</a>' in page
    assert "Recent streams" not in page or "Recording" in page


def test_a_file_in_the_customers_own_storage_is_shown_without_a_link(client: Client, admin: Visitor) -> None:
    receive(client, "session-started", "recording-started")
    receive(client, "recording-stopped", filePath="own/run.mp4", fileUrl=None)
    assert '<span class="mono">own/run.mp4</span>' in admin.page(f"/rooms/{ROOM}")


def test_a_room_that_uses_hls_alone_offers_the_other_outputs_to_operators(client: Client, admin: Visitor) -> None:
    receive(client, "session-started", "hls-started")
    page = admin.page(f"/rooms/{ROOM}")
    assert 'id="recording-title"' not in page
    assert "Start recording" in page
    assert "Start RTMP stream" in page


@pytest.mark.parametrize(
    ("output", "form", "start"),
    [
        ("recording", {"file_format": "webm"}, {"fileFormat": "webm"}),
        (
            "rtmp",
            {"url": "rtmps://a.example/live", "stream_key": "key-1", "quality": "high"},
            {
                "config": {"layout": {"type": "GRID", "priority": "SPEAKER"}, "quality": "high"},
                "streams": [{"url": "rtmps://a.example/live", "stream_key": "key-1"}],
            },
        ),
    ],
)
def test_an_output_is_started_ended_and_released_by_itself(
    client: Client, admin: Visitor, output: str, form: dict[str, str], start: dict[str, Any]
) -> None:
    configure_room(client)
    assert f'name="output" value="{output}"' in admin.page(f"/rooms/{ROOM}/start?output={output}")
    admin.after(admin.post(f"/rooms/{ROOM}/start", output=output, **form))
    admin.after(admin.post(f"/rooms/{ROOM}/end", output=output))
    admin.after(admin.post(f"/rooms/{ROOM}/release", output=output))
    commands = ordered(client)
    assert [(kind, data["output"]) for kind, _, data in commands] == [
        ("start", output),
        ("end", output),
        ("release", output),
    ]
    if output == "recording":
        assert commands[0][2]["start"] == start


def test_an_rtmp_stream_without_a_destination_is_refused_with_what_is_missing(client: Client, admin: Visitor) -> None:
    configure_room(client)
    answer = admin.post(f"/rooms/{ROOM}/start", output="rtmp")
    assert answer.status_code == 422
    assert "Enter where to send it" in answer.get_data(as_text=True)
    assert ordered(client) == []


def test_an_invalid_destination_has_its_error_at_the_field_and_shows_no_stream_key(
    client: Client, admin: Visitor
) -> None:
    configure_room(client)
    destinations = {"url": ["rtmps://a.example/live", "ftp://b.example/"], "stream_key": ["key-of-a", "key-of-b"]}
    answer = admin.post(f"/rooms/{ROOM}/start", output="rtmp", **destinations)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'value="rtmps://a.example/live"' in page
    assert 'value="ftp://b.example/" aria-invalid="true" aria-describedby="why-destination-1"' in page
    assert 'id="why-destination-1" role="alert">url: must be an rtmp:// or rtmps:// URL' in page
    assert "key-of-" not in page
    assert ordered(client) == []


def test_each_error_is_read_once_however_many_destinations_a_form_holds() -> None:
    class Errors(list[tuple[str, str]]):
        reads = 0

        def __iter__(self) -> Iterator[tuple[str, str]]:
            self.reads += 1
            return super().__iter__()

    count = 2_000
    errors = Errors([(f"rtmp.streams.{at}.url", "must be a URL") for at in range(count)])
    form = {"url": ["a"] * count, "stream_key": ["k"] * count}
    with Flask(__name__).test_request_context(method="POST", data=form):
        inputs = destination_inputs((), errors)
    assert [shown["whys"] for shown in inputs] == [["url: must be a URL"]] * count
    assert errors.reads <= 2


def test_a_room_shows_where_its_rtmp_stream_is_sent(client: Client, admin: Visitor) -> None:
    configure_room(client)
    streams = {"url": ["rtmps://a.example/live", "rtmps://b.example/live"], "stream_key": ["key-of-a", "key-of-b"]}
    admin.after(admin.post(f"/rooms/{ROOM}/start", output="rtmp", **streams))
    receive(client, "session-started")
    card = admin.page(f"/rooms/{ROOM}").partition('data-output="rtmp">')[2].partition("</section>")[0]
    assert re.findall(r'<span class="mono">(rtmps://[ab][^<]*)</span>', card) == streams["url"]
    assert "key-of-" not in card


def test_the_destinations_of_the_rooms_rule_are_offered_without_their_keys(
    client: Client, web_client: WebClient, admin: Visitor
) -> None:
    url = "rtmps://a.example/live"
    schedule = {"at": "2031-01-01T09:00", "duration": "1h"}
    rtmp = {"streams": [{"url": url, "stream_key": "key-of-a"}]}
    rule = {"rooms": [ROOM], "schedule": schedule, "outputs": ["rtmp"], "rtmp": rtmp}
    assert web_client.api("PUT", "/rules/simulcast", rule).status_code == 202
    receive(client, "session-started")
    page = admin.page(f"/rooms/{ROOM}/start?output=rtmp")
    assert f'value="{url}"' in page and 'name="stream_key" value="****"' in page
    assert "key-of-a" not in page
    admin.after(admin.post(f"/rooms/{ROOM}/start", output="rtmp", url=url, stream_key="****"))
    [(_, _, command)] = ordered(client)
    assert command["start"]["streams"][0]["url"] == url
    assert command["start"]["streams"][0]["stream_key"] not in ("****", "key-of-a")
    other = admin.post(f"/rooms/{ROOM}/start", output="rtmp", url="rtmps://b.example/live", stream_key="****")
    assert other.status_code == 422
    assert len(ordered(client)) == 1


def test_the_card_of_a_failed_rtmp_stream_says_which_destination_failed() -> None:
    scenario = Scenario(output=Output.RTMP)
    scenario.joined("ada")
    urls = ["rtmps://a.example/live", "rtmps://b.example/live"]
    scenario.operator("start", start={"streams": [{"url": url, "stream_key": "sealed"} for url in urls]})
    scenario.output_webhooks("started")
    scenario.output_webhooks("failed", reason="rtmps://b.example/live refused the connection")
    card = output_card(scenario.stored_room, Output.RTMP, scenario.view["outputs"], scenario.world.config)
    assert card["destinations"] == [{"url": urls[0], "failed": False}, {"url": urls[1], "failed": True}]


def test_an_unknown_output_is_refused(client: Client, admin: Visitor) -> None:
    configure_room(client)
    answer = admin.get(f"/rooms/{ROOM}/start?output=video")
    assert answer.status_code == 422
    assert "hls, recording, rtmp" in answer.get_data(as_text=True)


def test_the_rule_form_keeps_the_outputs_and_destinations_of_a_rule() -> None:
    rule: dict[str, Any] = {
        "name": "service",
        "rooms": ["*"],
        "schedule": {"cron": "0 9 * * SUN", "duration": "2h"},
        "outputs": ["hls", "recording", "rtmp"],
        "recording": {"fileFormat": "mp4"},
        "rtmp": {
            "streams": [{"url": "rtmps://a.example/live", "stream_key": "k 1"}, {"url": "rtmps://b.example/live"}]
        },
    }
    form = form_of(rule)
    assert form["outputs"] == "hls, recording, rtmp"
    assert form["rtmp"] == "rtmps://a.example/live k 1\nrtmps://b.example/live"
    assert rule_of(form, rule) == rule
    assert rule_of(form | {"outputs": "recording"}, rule).keys() == rule.keys() - {"rtmp"}


def test_the_rule_form_keeps_only_the_body_of_the_output_that_is_started() -> None:
    rule: dict[str, Any] = {"name": "r", "rooms": ["*"], "on": "session.started", "do": "start", "output": "recording"}
    rule |= {"recording": {"fileFormat": "webm"}}
    assert rule_of(form_of(rule), rule) == rule
    assert rule_of(form_of(rule) | {"output": ""}, rule).keys() == rule.keys() - {"recording", "output"}
    notifying = rule_of(form_of(rule) | {"do": "notify"}, rule)
    assert notifying.keys() == rule.keys() - {"recording", "output"}


@pytest.mark.parametrize(
    ("rule", "summary"),
    [
        ({"on": "session.started", "do": "start", "output": "recording"}, "on session.started: start recording"),
        ({"on": "session.started", "do": "end", "output": "hls"}, "on session.started: end"),
        (
            {"schedule": {"always": True}, "outputs": ["hls", "recording"]},
            "Always (UTC): hls, recording",
        ),
        ({"schedule": {"always": True}, "outputs": ["hls"]}, "Always (UTC)"),
    ],
)
def test_the_summary_of_a_rule_names_outputs_other_than_hls_alone(rule: dict[str, Any], summary: str) -> None:
    assert summarize(rule) == summary


def test_the_schedule_and_the_rule_name_the_outputs_of_a_window(client: Client, admin: Visitor) -> None:
    opens = datetime.now(UTC) + timedelta(hours=5)
    schedule = {"at": opens.strftime("%Y-%m-%dT%H:%M"), "duration": "1h"}
    put(client, name="talk", rooms=[ROOM], schedule=schedule)
    assert '<span class="tag">REC</span>' not in admin.page("/schedule")
    put(client, name="talk", rooms=[ROOM], schedule=schedule, outputs=["hls", "recording"])
    page = admin.page("/schedule")
    assert '<span class="tag">HLS</span>' in page
    assert '<span class="tag">REC</span>' in page
    assert ">recording</span>" in admin.page("/rules/talk")


def test_the_wall_and_the_room_show_the_next_window_of_a_recording(client: Client, admin: Visitor) -> None:
    opens = (datetime.now(UTC) + timedelta(hours=5)).replace(second=0, microsecond=0)
    schedule = {"at": opens.strftime("%Y-%m-%dT%H:%M"), "duration": "1h"}
    put(client, name="talk", rooms=[ROOM], schedule=schedule, outputs=["recording"])
    receive(client, "session-started", "recording-started")
    assert re.search(r"<span>next <time[^>]*>[^<]*</time>: REC</span>", admin.page("/"))
    card = admin.page(f"/rooms/{ROOM}").partition('data-output="recording">')[2].partition("</section>")[0]
    assert re.search(r"<dt>Next window</dt><dd><time.* to <time.*, talk</dd>", card)


def test_a_room_shows_how_far_the_mp4_of_its_stream_is(client: Client, admin: Visitor) -> None:
    rule = {"name": "cut", "rooms": [ROOM], "schedule": {"always": True, "given": {}}, "mp4": True}
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    receive(client, "session-started", "hls-started")
    assert "requested after the end of the stream" in admin.page(f"/rooms/{ROOM}")


def test_the_rule_form_keeps_mp4_where_the_rule_still_starts_hls() -> None:
    base = {"name": "r", "rooms": ["*"], "on": "session.started", "do": "start", "mp4": True}
    form = {"name": "r", "rooms": "*", "trigger": "on", "on": "session.started"}
    assert rule_of(form | {"do": "start"}, base)["mp4"] is True
    assert "mp4" not in rule_of(form | {"do": "notify", "message": "hi"}, base)


def test_a_missed_recording_does_not_mark_the_stream_of_its_window(client: Client, admin: Any) -> None:
    opened = (datetime.now(UTC) - timedelta(hours=3)).replace(second=0, microsecond=0)
    schedule = {"at": opened.strftime("%Y-%m-%dT%H:%M"), "duration": "1h"}
    put(client, name="talk", rooms=[ROOM], schedule=schedule, outputs=["hls", "recording"])
    client.delete(keys.timeline(ROOM))
    closed, opens_at = (int((opened + timedelta(hours=hours)).timestamp() * 1000) for hours in (1, 0))
    references = [
        ["msg_1", "broadcast.completed", rfc3339(opens_at)],
        ["msg_2", "broadcast.missed", rfc3339(opens_at), "recording"],
    ]
    client.xadd(keys.timeline(ROOM), {"e": "", "d": b"", "n": codec.encode(references)}, id=f"{closed}-0")
    assert sorted(re.findall(r'class="plan (\w+)"', admin.page("/schedule"))) == ["done", "missed"]


def test_a_broadcast_is_referred_to_with_its_output() -> None:
    scenario = Scenario(output=Output.RECORDING)
    scenario.joined("ada")
    scenario.put_rule({"name": "talk", "schedule": {"always": True}, "outputs": ["hls", "recording"]})
    scenario.wait(2 * MINUTE)
    late = [notice for notice in scenario.announced if notice.type == "broadcast.late"]
    references = notice_refs(late, ROOM)[scenario.room_id]
    assert [reference[3:] for reference in references] == [(), ("recording",)]
