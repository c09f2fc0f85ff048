"""The console's pages over HTTP: who may do what, what a form does, and that what is typed is shown and not obeyed."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import wait_until
from tests.support.product import webhook
from tests.support.values import found_group
from tests.support.web_client import ADMIN_TOKEN, ROOM, VIEWER_TOKEN, WebClient, append, fold_all, folding
from webhook_app.console.components.alarm_advice import OTHERWISE, advice_for, title_of
from webhook_app.console.components.rule_form import form_of, rule_of
from webhook_app.console.components.rule_text import TextError, as_put, read_rule, write
from webhook_app.domain.alarms.alarm import Alarm, AlarmName
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.event_rates import events_by_minute
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.operations.processes import Processes

RULE = """name: end-when-empty
rooms: ["*"]
when: room.on_air && room.session.participant_count == 0
for: 5m
do: end
"""


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("doors"))


def text_of(answer: Any) -> Any:
    return answer.get_data(as_text=True)


def csrf_of(answer: Any) -> Any:
    return found_group(r'name="csrf" (?:value|content)="([^"]+)"', text_of(answer))


class Visitor:
    """A browser that has logged in, without a script."""

    def __init__(self, web_client: Any, token: Any = ADMIN_TOKEN) -> None:
        self.http = web_client.web.app.test_client()
        self.http.post("/login", data={"token": token, "csrf": csrf_of(self.http.get("/login"))})

    def get(self, path: Any, **more: Any) -> Any:
        return self.http.get(path, **more)

    def post(self, path: Any, **form: Any) -> Any:
        return self.http.post(path, data={"csrf": csrf_of(self.http.get("/rules"))} | form)

    def page(self, path: Any) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, text_of(answer)
        return text_of(answer)

    def after(self, answer: Any) -> Any:
        """The page that a form leads to."""
        assert answer.status_code == 303, text_of(answer)
        return self.page(answer.headers["Location"])


@pytest.fixture
def admin(client: Client, web_client: WebClient) -> Any:
    return Visitor(web_client)


@pytest.fixture
def viewer(client: Client, web_client: WebClient) -> Any:
    return Visitor(web_client, VIEWER_TOKEN)


def journal_rooms(client: Client, *rooms: Any) -> None:
    append(
        client, *(Entry(Source.VIDEOSDK, "session-started", room, webhook("session-started", room)) for room in rooms)
    )
    fold_all(client)


def ordered(client: Client) -> Any:
    return [
        (fields[b"t"].decode(), fields[b"r"].decode(), json.loads(fields[b"d"]))
        for _, fields in client.xrange(keys.JOURNAL)
        if fields[b"s"] == b"operator"
    ]


POSTS = [
    f"/rooms/{ROOM}/start",
    f"/rooms/{ROOM}/end",
    f"/rooms/{ROOM}/release",
    f"/rooms/{ROOM}/capture",
    "/new-room",
    f"/rooms/{ROOM}/settings",
    f"/rooms/{ROOM}/forget",
    "/rules/some-rule/pause",
    "/rules/some-rule/skip-next",
    "/rules/some-rule/occurrences/2026-11-29T09:00:00.000Z/skip",
    "/rules/some-rule/delete",
    "/rule-text/check",
    "/rule-text/draft",
    "/rule-text/save",
    "/backtest",
    "/new-subscriber",
    "/subscribers/sub_x/test",
    "/subscribers/sub_x/retry-dead",
    "/subscribers/sub_x/rotate",
    "/subscribers/sub_x/delete",
    "/subscribers/sub_x/edit",
    "/deliveries/dlv_x/retry",
    "/alarms/alarm_x/acknowledge",
]


def test_this_file_tests_every_form_of_the_console(web_client: WebClient) -> None:
    rules = [rule for rule in web_client.web.app.url_map.iter_rules() if rule.endpoint.startswith("console.")]
    posting = {rule.endpoint for rule in rules if "POST" in (rule.methods or ())}
    adapter = web_client.web.app.url_map.bind("tally")
    tried = {adapter.match(path, method="POST")[0] for path in POSTS}
    assert posting - tried == {"console.login", "console.logout"}


@pytest.mark.parametrize("path", POSTS)
def test_a_cross_site_form_does_nothing(client: Client, admin: Any, path: Any) -> None:
    before = client.xlen(keys.JOURNAL)
    for csrf in ({}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": "ä"}):
        answer = admin.http.post(path, data=csrf)
        assert answer.status_code == 403
        assert "form expired" in text_of(answer)
    assert client.xlen(keys.JOURNAL) == before


@pytest.mark.parametrize("path", POSTS)
def test_a_viewer_can_read_pages_but_take_no_action(client: Client, viewer: Any, path: Any) -> None:
    answer = viewer.post(path, name="x")
    assert answer.status_code == 403
    assert "Read-only" in text_of(answer)
    assert client.xlen(keys.JOURNAL) == 0


@pytest.mark.parametrize("path", POSTS)
def test_a_page_redirects_to_the_login_without_a_session(client: Client, web_client: WebClient, path: Any) -> None:
    answer = web_client.web.app.test_client().post(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    assert client.xlen(keys.JOURNAL) == 0


PAGES = ["/", "/events", "/schedule", "/rules", "/backtest", "/subscribers", "/alarms", "/system", f"/rooms/{ROOM}"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_a_session(client: Client, web_client: WebClient, viewer: Any, path: Any) -> None:
    journal_rooms(client, ROOM)
    assert web_client.web.app.test_client().get(path).status_code == 302
    page = viewer.page(path)
    assert "Log out" in page
    assert f'href="/rooms/{ROOM}/start' not in page


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_of_the_sandbox_sees_every_page_and_no_form_that_acts(
    client: Client, store_url: str, tmp_path: Path, path: Any
) -> None:
    web_client = WebClient(store_url, tmp_path, sandbox_url="http://127.0.0.1:8001")
    journal_rooms(client, ROOM)
    page = text_of(web_client.http.get(path))
    assert ">Log in</a>" in page
    assert 'name="csrf"' not in page.replace('name="csrf" value=""', "")
    assert web_client.http.post(f"/rooms/{ROOM}/start").status_code == 403


def test_changing_the_admin_token_ends_every_session(client: Client, store_url: str, tmp_path: Path) -> None:
    first = WebClient(store_url, tmp_path)
    visitor = Visitor(first)
    cookie = visitor.http.get_cookie("tallylight").value
    again = WebClient(store_url, tmp_path)
    again.http.set_cookie("tallylight", cookie)
    assert again.http.get("/").status_code == 200
    rotated = WebClient(store_url, tmp_path, admin_token="another-token-than-before")
    rotated.http.set_cookie("tallylight", cookie)
    assert rotated.http.get("/").status_code == 302


def test_the_login_leads_to_the_requested_page(client: Client, web_client: WebClient) -> None:
    visitor = web_client.web.app.test_client()
    answer = visitor.get("/schedule?q=hall")
    assert answer.headers["Location"] == "/login?back=%2Fschedule%3Fq%3Dhall"
    form = visitor.get(answer.headers["Location"])
    data = {"token": ADMIN_TOKEN, "csrf": csrf_of(form), "back": "/schedule?q=hall"}
    assert 'name="back" value="/schedule?q=hall"' in text_of(form)
    assert visitor.post("/login", data=data).headers["Location"] == "/schedule?q=hall"
    other = web_client.web.app.test_client()
    data = {"token": ADMIN_TOKEN, "csrf": csrf_of(other.get("/login")), "back": "https://evil.example/"}
    assert other.post("/login", data=data).headers["Location"] == "/"


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_a_form_redirects_to_our_own_pages_only(client: Client, admin: Any, back: str) -> None:
    journal_rooms(client, ROOM)
    answer = admin.post(f"/rooms/{ROOM}/end", back=back)
    assert answer.headers["Location"] == "/"
    assert "evil" not in admin.page(f"/rooms/{ROOM}/end?back={back}")


def test_a_command_is_confirmed_and_then_sent(client: Client, admin: Any) -> None:
    journal_rooms(client, ROOM)
    page = admin.page(f"/rooms/{ROOM}/start")
    assert 'id="dialog-title">Start <em>' in page
    assert ordered(client) == []
    answer = admin.post(f"/rooms/{ROOM}/start", minutes="60", quality="high", back=f"/rooms/{ROOM}")
    assert "Start requested" in admin.after(answer)
    [(kind, room, data)] = ordered(client)
    assert (kind, room) == ("start", ROOM)
    assert data["start"] == {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}, "quality": "high"}}
    assert 3_590_000 < data["until"] - datetime.now(UTC).timestamp() * 1000 <= 3_600_000


@pytest.mark.parametrize("form", [{"quality": "superb"}, {"layout": "PILE"}])
def test_an_invalid_command_is_not_sent(client: Client, admin: Any, form: dict[str, Any]) -> None:
    journal_rooms(client, ROOM)
    answer = admin.post(f"/rooms/{ROOM}/start", **form)
    assert answer.status_code == 422
    assert "must be one of" in text_of(answer)
    assert ordered(client) == []


def test_a_refusal_is_shown_in_the_words_of_the_api(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, videosdk_api_key=None, videosdk_secret=None)
    journal_rooms(client, ROOM)
    visitor = Visitor(web_client)
    assert "No VideoSDK credentials" in visitor.after(visitor.post(f"/rooms/{ROOM}/start"))
    web_client = WebClient(store_url, tmp_path, rooms=("ours-*",))
    visitor = Visitor(web_client)
    assert "not managed here" in visitor.after(visitor.post(f"/rooms/{ROOM}/end"))


def tiles(page: Any) -> Any:
    return re.findall(r'data-room="([^"]+)" data-lamp="([^"]+)"', page)


def test_the_wall_shows_urgent_rooms_first_and_pages_the_rest(client: Client, admin: Any) -> None:
    journal_rooms(client, *(f"room-{at:04}" for at in range(130)))
    run = {"id": "run-1", "playbackHlsUrl": "https://cdn.example/1/index.m3u8"}
    append(client, Entry(Source.VIDEOSDK, "hls-started", "room-0129", webhook("hls-started", "room-0129", **run)))
    fold_all(client)
    first = tiles(admin.page("/"))
    assert first[0] == ("room-0129", "on")
    assert len(first) == 60
    shown = [room for number in (1, 2, 3) for room, _ in tiles(admin.page(f"/?page={number}"))]
    assert sorted(shown) == [f"room-{at:04}" for at in range(130)]
    assert [room for room, _ in tiles(admin.page("/?state=on"))] == ["room-0129"]
    assert [room for room, _ in tiles(admin.page("/?q=M-0077"))] == ["room-0077"]
    assert tiles(admin.page("/?page=99999999999")) == first
    assert "No rooms match" in admin.page("/?q=nothing&state=on")


def test_waiting_requests_share_one_read_of_rooms_that_is_no_older_than_they_are(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webhook_app.console.room_cache import RoomCache

    journal_rooms(client, ROOM)
    rooms = RoomCache(client)
    assert set(rooms.all()) == {ROOM}
    room = rooms.all()[ROOM]
    journal_rooms(client, "room-2")
    assert set(rooms.all()) == {ROOM, "room-2"}
    assert rooms.all()[ROOM] is room
    reads = []
    real = rooms._read

    def slow_read() -> None:
        reads.append(1)
        wait_until(lambda: len(callers) == 8, 10, "eight callers")
        real()

    callers: list[int] = []

    def read_rooms(caller: int) -> set[str]:
        callers.append(caller)
        return set(rooms.all())

    monkeypatch.setattr(rooms, "_read", slow_read)
    journal_rooms(client, "room-3")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(read_rooms, range(8)))
    assert results == [{ROOM, "room-2", "room-3"}] * 8
    assert len(reads) == 1


def test_the_wall_can_show_one_group_only(client: Client, admin: Any) -> None:
    names = {"hall": {"room_id": ROOM, "groups": ["webinar"]}, "lab": {"room_id": "lab-1", "groups": []}}
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": names, "rules": []}))
    fold_all(client)
    assert [room for room, _ in tiles(admin.page("/?group=webinar"))] == [ROOM]


def test_an_unchanged_part_of_a_page_is_not_sent_again(client: Client, admin: Any) -> None:
    journal_rooms(client, ROOM)
    for path in ("/page/live", f"/page/live/rooms/{ROOM}", "/page/live/alarms"):
        first = admin.get(path)
        again = admin.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.get_data()) == (304, b"")
    first = admin.get("/page/live")
    journal_rooms(client, "room-2")
    assert admin.get("/page/live", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_room_page_shows_the_rule_the_call_and_the_notice_of_each_event(
    client: Client, web_client: WebClient, admin: Any
) -> None:
    append(client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
    rule = {"name": "with-the-host", "rooms": [ROOM], "on": "participant-joined", "do": "start"}
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    body = webhook("participant-joined", ROOM, participantId="p", participantName="Host Ada")
    append(client, Entry(Source.VIDEOSDK, "participant-joined", ROOM, body))
    fold_all(client)
    page = admin.page(f"/rooms/{ROOM}")
    for text in (
        "Host Ada joined",
        explain(Reason.RULE_MATCHED, action="start").text,
        "call <strong>start</strong>",
        "participant.joined",
        "p&#34;",
    ):
        assert text in page
    assert 'aria-label="The states of a stream' in page


def test_a_room_distinguishes_hosts_from_viewers(client: Client, admin: Any) -> None:
    journal_rooms(client, ROOM)
    for who, mode in (("eve", "VIEWER"), ("ada", "CONFERENCE")):
        body = webhook("participant-joined", ROOM, participantId=who, participantName=who.title(), mode=mode)
        append(client, Entry(Source.VIDEOSDK, "participant-joined", ROOM, body))
    fold_all(client)
    page = admin.page(f"/rooms/{ROOM}")
    assert "1 host, 1 viewer" in page
    assert "Ada (host), Eve" in page


def test_a_room_with_an_odd_name_has_a_page(client: Client, admin: Any) -> None:
    odd = 'a/b?c#d "<i>'
    journal_rooms(client, odd)
    [href] = re.findall(r'class="cover" href="([^"]+)"', admin.page("/"))
    assert "&lt;i&gt;" in admin.page(href.replace("&amp;", "&"))


def test_the_page_of_an_unknown_room_says_that_it_is_unknown(admin: Any) -> None:
    answer = admin.get("/rooms/never")
    assert answer.status_code == 404
    assert "Room never not found" in text_of(answer)


def put(client: Client, **rule: Any) -> None:
    from webhook_app.schemas.rule import RuleSchema

    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": RuleSchema().load(rule)}))
    fold_all(client)


def test_the_week_shows_windows_beside_what_was_on_air(client: Client, admin: Any) -> None:
    opens = datetime.now(UTC) + timedelta(hours=5)
    schedule = {"at": opens.strftime("%Y-%m-%dT%H:%M"), "duration": "1h"}
    put(client, name="talk", rooms=[ROOM], schedule=schedule)
    page = admin.page("/schedule")
    assert 'class="plan planned"' in page
    assert f"{opens:%H:%M}–" in page
    assert 'class="on-air"' not in page
    run = {"id": "run-1", "playbackHlsUrl": "https://cdn.example/1/index.m3u8"}
    append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM, **run)))
    fold_all(client)
    assert 'class="on-air"' in admin.page("/schedule")


def test_a_window_is_skipped_and_its_rule_paused_from_the_schedule(client: Client, admin: Any) -> None:
    put(client, name="talk", rooms=[ROOM], schedule={"cron": "0 * * * *", "duration": "10m"})
    first, second = re.findall(
        r'href="(/rules/talk/occurrences/[^"?]+/skip)[?]back=/schedule"', admin.page("/schedule")
    )[:2]
    assert "You can undo this" in admin.page(second)
    with folding(client):
        page = admin.after(admin.post(second, back="/schedule"))
        assert "Skipped one window" in page
        assert first in page
        assert second.replace("/skip", "/unskip") in page
        page = admin.after(admin.post(second.replace("/skip", "/unskip"), back="/schedule"))
        assert "Restored one window" in page
        assert second in page
        page = admin.after(admin.post("/rules/talk/pause", back="/schedule"))
        assert "paused" in page
        assert "Resume" in page
        admin.post("/rules/talk/resume")
    assert second in admin.page("/rules/talk")


def test_a_missed_window_is_marked_by_its_notice(client: Client, admin: Any) -> None:
    from webhook_app.store import codec

    opened = datetime.now(UTC) - timedelta(hours=3)
    put(client, name="talk", rooms=[ROOM], schedule={"at": opened.strftime("%Y-%m-%dT%H:%M"), "duration": "1h"})
    page = admin.page("/schedule")
    assert 'class="plan no_data"' in page
    assert "1 more without data" in page
    closed = int((opened + timedelta(hours=1)).replace(second=0, microsecond=0).timestamp() * 1000)
    client.delete(keys.timeline(ROOM))
    announced = codec.encode([["msg_1", "broadcast.missed"]])
    client.xadd(keys.timeline(ROOM), {"e": "a window closed", "d": b"", "n": announced}, id=f"{closed + 40}-0")
    page = admin.page("/schedule")
    assert "1 missed" in page
    assert 'class="plan missed"' in page


@pytest.mark.parametrize("ending", ["missed", "completed"])
def test_a_window_that_opens_at_the_close_of_another_does_not_take_its_result(
    client: Client, admin: Any, ending: str
) -> None:
    """Two adjacent windows desire different streams; the end of the first is announced while the second opens."""
    from webhook_app.domain.times import rfc3339
    from webhook_app.store import codec

    closed = datetime.now(UTC).replace(second=0, microsecond=0)
    opened = closed - timedelta(hours=1)
    high = {"config": {"layout": {"type": "GRID", "priority": "SPEAKER", "gridSize": 4}}}
    for name, at, start in (("first", opened, {}), ("second", closed, high)):
        schedule = {"at": at.strftime("%Y-%m-%dT%H:%M"), "duration": "1h"}
        put(client, name=name, rooms=[ROOM], schedule=schedule, start=start)
    client.delete(keys.timeline(ROOM))
    moment, opens_at = (int(at.timestamp() * 1000) for at in (closed, opened))
    announced = codec.encode([["msg_1", f"broadcast.{ending}", rfc3339(opens_at)]])
    client.xadd(keys.timeline(ROOM), {"e": "the window closed", "d": b"", "n": announced}, id=f"{moment}-0")
    assert re.findall(r'class="plan (\w+)"', admin.page("/schedule")) == [
        {"missed": "missed", "completed": "done"}[ending],
        "open",
    ]


def check(admin: Any, text: Any, was: str = "") -> Any:
    answer = admin.post("/rule-text/check", text=text, was=was)
    assert answer.status_code == 200
    return unescape(re.sub(r"<[^>]+>", "", answer.json["feedback"])), answer.json.get("form")


@pytest.mark.parametrize(
    ("trigger", "says"),
    [
        ('rrule: "FREQ=DAILY;INTERVAL=0", dtstart: "2026-12-01T00:00"', "INTERVAL=0 is not a whole number"),
        ('rrule: "FREQ=HOURLY;BYMONTHDAY=31;BYMONTH=2", dtstart: "2026-12-01T00:00"', "never comes due"),
        ('rrule: "FREQ=HOURLY;COUNT=999999999", dtstart: "2026-12-01T00:00"', "COUNT is too high"),
        ('cron: "0 9 ? * SUN"', "write * in its place"),
    ],
)
def test_the_editor_refuses_a_schedule_that_cannot_be_computed(admin: Any, trigger: str, says: str) -> None:
    """The preview goes through the same bounded check as saving does."""
    feedback, _ = check(admin, f"name: x\nrooms: [a]\nschedule: {{{trigger}, duration: 10m}}\n")
    assert says in feedback


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("on_air", "on_ari"), "on_ari"),
        (("5m", "five minutes"), "line 4 'five minutes' is not a duration"),
        (("do: end", "do: finish"), "line 5 must be one of: start, end, notify"),
        (("do: end", "do: end\nwhn: x"), "line 6 unknown field; did you mean when?"),
        (('rooms: ["*"]', "rooms: []"), "specify at least one room"),
        (("end-when-empty", "End When Empty"), "may contain a-z, 0-9 and -"),
        (("do: end", "do: [end"), "not YAML"),
        (("do: end", "do: end\ndo: start"), "not YAML"),
        (("do: end", "do: &a end\nmessage: *a"), "anchors and aliases are not supported"),
        ((RULE, "- 1\n- 2"), "a rule must be a mapping"),
        ((RULE, "\x00"), "a character that YAML does not allow"),
        ((RULE, ""), "the text is empty"),
        ((RULE, "[" * 3000), "nested more than 64 levels deep"),
        ((RULE, "x" * 70_000), "longer than"),
    ],
)
def test_an_invalid_rule_is_explained_with_its_field_and_line(
    client: Client, admin: Any, change: Any, message: str
) -> None:
    feedback, _ = check(admin, RULE.replace(*change))
    assert message in " ".join(feedback.split())


def test_a_valid_rule_is_confirmed_and_fills_the_form(client: Client, admin: Any) -> None:
    feedback, form = check(admin, RULE)
    assert "Valid." in feedback
    assert (form["trigger"], form["for"], form["rooms"]) == ("when", "5m", "*")
    feedback, _ = check(admin, "name: x\nrooms: [a]\nschedule: {at: 2100-01-01T10:00, duration: 1h}")
    assert "Valid, with 1 warning." in feedback


def test_fields_that_the_form_does_not_show_are_kept() -> None:
    rule = read_rule(
        "name: x\nrooms: [a]\nschedule: {cron: 0 9 * * *, duration: 1h, except: ['2026-12-27']}\nstart: {}"
    )
    form = form_of(rule) | {"duration": "2h"}
    assert rule_of(form, rule) == {
        "name": "x",
        "rooms": ["a"],
        "schedule": {"cron": "0 9 * * *", "duration": "2h", "except": ["2026-12-27"]},
        "start": {},
    }


@pytest.mark.parametrize(
    "rule",
    [
        {"name": "a", "rooms": ["*"], "on": "stream.failed", "do": "notify", "message": '{room.room_id}: it\'s "off"'},
        {"name": "b", "rooms": ["x", "group:y"], "schedule": {"at": ["2026-12-25T10:00"], "duration": "1h"}},
        {"name": "c", "rooms": ["yes", "0123", "null"], "when": "room.on_air", "for": "5m", "do": "end"},
    ],
)
def test_a_rule_is_unchanged_after_being_written_and_read(rule: dict[str, Any]) -> None:
    assert read_rule(write(rule)) == rule
    assert read_rule(write(as_put(rule | {"from_file": False, "cooldown": "0s"}))) == rule


def test_dates_stay_text() -> None:
    assert read_rule("at: 2026-12-25T10:00:00\nday: 2026-12-25\non: yes") == {
        "at": "2026-12-25T10:00:00",
        "day": "2026-12-25",
        "on": "yes",
    }


def test_an_error_in_yaml_names_its_line() -> None:
    with pytest.raises(TextError) as wrong:
        read_rule("name: x\nrooms: [a\ndo: end")
    assert wrong.value.line == 3


def test_a_rule_is_saved_shown_and_changed(client: Client, admin: Any) -> None:
    with folding(client):
        page = admin.after(admin.post("/rule-text/save", text=RULE))
        assert "end-when-empty saved." in page
        edit = admin.page("/rules/end-when-empty/edit")
        seen_as = found_group(r'name="seen" value="([^"]+)"', edit)
        more = {"was": "end-when-empty", "seen": seen_as}
        answer = admin.post("/rule-text/save", text=RULE.replace("5m", "7m"), **more)
        assert "for: 7m" in admin.after(answer)
        answer = admin.post("/rule-text/save", text=RULE.replace("5m", "9m"), **more)
        assert answer.status_code == 422
        assert "This rule was changed by someone else" in text_of(answer)
        answer = admin.post("/rule-text/save", text=RULE)
        assert "rule end-when-empty already exists" in text_of(answer)
        answer = admin.post("/rule-text/save", text=RULE.replace("end-when", "stop-when"), **more)
        assert "be renamed" in text_of(answer)
        assert "deleted." in admin.after(admin.post("/rules/end-when-empty/delete"))
        answer = admin.post("/rule-text/save", text=RULE, **more)
        assert "This rule was changed by someone else" in text_of(answer)


def test_a_rule_is_not_saved_here_while_the_api_is_changing_it(client: Client, admin: Any) -> None:
    client.set(keys.rule_lock("end-when-empty"), "another request", px=60_000)
    answer = admin.post("/rule-text/save", text=RULE)
    assert answer.status_code == 422 and "Rule end-when-empty is being changed by another request" in text_of(answer)
    client.delete(keys.rule_lock("end-when-empty"))
    with folding(client):
        assert "saved." in admin.after(admin.post("/rule-text/save", text=RULE))


def test_a_rule_of_the_file_is_paused_here_and_changed_there(client: Client, admin: Any) -> None:
    rule = {"name": "filed", "rooms": ["*"], "on": "stream.failed", "do": "notify"}
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": {}, "rules": [rule]}))
    fold_all(client)
    page = admin.page("/rules/filed")
    assert "config file" in page
    assert "/rules/filed/edit" not in page
    assert admin.get("/rules/filed/edit").status_code == 409
    assert admin.post("/rules/filed/delete").status_code == 409
    answer = admin.post("/rule-text/save", text=write(rule), was="filed")
    assert "managed by" in text_of(answer)
    with folding(client):
        assert "paused. Running" in admin.after(admin.post("/rules/filed/pause"))


def test_drafts_are_backtested_on_recorded_events(client: Client, admin: Any) -> None:
    run = {"id": "run-1", "playbackHlsUrl": "https://cdn.example/1/index.m3u8"}
    for kind in ("session-started", "hls-started"):
        append(client, Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM, **(run if kind[0] == "h" else {}))))
    fold_all(client)
    draft = "name: tell\nrooms: ['*']\non: stream.started\ndo: notify\nmessage: on air"
    page = text_of(admin.post("/backtest", text=draft, span="1h", others="1"))
    assert "+ 1 added" in page
    assert "− 0 removed" in page
    assert "rule.tell" in page
    page = text_of(admin.post("/backtest", text=draft.replace("notify", "nothing"), span="1h"))
    assert "must be one of" in page


def test_an_alarm_says_what_to_do(client: Client, admin: Any) -> None:
    summary = "VideoSDK does not accept our token"
    alarm = {"name": "videosdk-credentials", "severity": "critical", "summary": summary}
    append(client, entry(Source.SYSTEM, "alarm-raised", None, alarm))
    fold_all(client)
    assert summary in admin.page("/")
    page = admin.page("/alarms")
    assert "Check VIDEOSDK_API_KEY" in page
    append(client, entry(Source.SYSTEM, "alarm-cleared", None, {"name": "videosdk-credentials"}))
    fold_all(client)
    assert "No worker process is running" in admin.page("/alarms")
    assert "Everything is working" not in admin.page("/alarms")
    for process in ("worker", "call", "deliver", "clock"):
        Processes(client).record(process, "here:1")
    assert "Everything is working" in admin.page("/alarms")
    append(client, entry(Source.SYSTEM, "alarm-raised", None, alarm | {"summary": "and again"}))
    append(client, entry(Source.SYSTEM, "alarm-cleared", None, {"name": "videosdk-credentials"}))
    fold_all(client)
    assert "and again" in admin.page("/alarms")
    assert summary in admin.page("/alarms")
    assert summary not in admin.page("/")


def test_every_alarm_that_can_be_raised_has_its_advice() -> None:
    for name in AlarmName:
        assert advice_for(name) != OTHERWISE
        assert title_of(Alarm(name.value, "warning", "", 1)) != name
    assert advice_for("something-new") == OTHERWISE


def test_the_system_page_names_missing_processes_and_counts_webhooks(client: Client, admin: Any) -> None:
    journal_rooms(client, ROOM, "room-2")
    page = admin.page("/system")
    assert "worker, call, deliver, clock" in page
    assert "2 in total" in page
    assert ">none<" in page
    assert events_by_minute(client, 60) == ([0] * 59 + [2], True)
    append(client, Entry(Source.VIDEOSDK, "x", ROOM, webhook("x", ROOM)))
    assert "1 event, oldest" in admin.page("/system")


SUBSCRIBER = {"name": "av-team", "url": "https://example.com/hook", "types": "stream.*", "rooms": "*", "because": "*"}


def test_a_subscriber_is_created_changed_tested_and_deleted(client: Client, web_client: WebClient, admin: Any) -> None:
    page = text_of(admin.post("/new-subscriber", **SUBSCRIBER))
    secret = found_group(r"whsec_[A-Za-z0-9+/=]+", page.replace("&#43;", "+"), 0)
    assert secret not in str(admin.http.get_cookie("tallylight"))
    [subscriber] = web_client.get("/subscribers")["items"]
    path = f"/subscribers/{subscriber['id']}"
    assert secret not in admin.page(path)
    answer = admin.post(path + "/edit", **(SUBSCRIBER | {"url": "", "types": "stream.failed, broadcast.*"}))
    assert "saved." in admin.after(answer)
    [subscriber] = web_client.get("/subscribers")["items"]
    assert subscriber["types"] == ["stream.failed", "broadcast.*"]
    assert subscriber["url"] == "https://example.com/hook"
    answer = admin.post(path + "/edit", **(SUBSCRIBER | {"types": "streem.*"}))
    assert answer.status_code == 422
    assert "matches no notice type" in text_of(answer)
    assert "Test requested" in admin.after(admin.post(path + "/test"))
    assert "whsec_" in text_of(admin.post(path + "/rotate"))
    assert "Disabled." in admin.after(admin.post(path + "/disable"))
    assert "Enable it first" in admin.after(admin.post(path + "/test"))
    assert "Resending what was missed" in admin.after(admin.post(path + "/enable", span="24h"))
    assert "Resending dead and missed" in admin.after(admin.post(path + "/recover", span="1h"))
    assert "deleted." in admin.after(admin.post(path + "/delete"))
    assert web_client.get("/subscribers")["items"] == []


@pytest.mark.parametrize(
    ("field", "value"), [("url", "http://127.0.0.1/"), ("url", "x"), ("rate_limit", "-1"), ("types", "")]
)
def test_an_invalid_subscriber_is_refused_with_its_field(
    client: Client, web_client: WebClient, admin: Any, field: str, value: str
) -> None:
    answer = admin.post("/new-subscriber", **(SUBSCRIBER | {field: value}))
    assert answer.status_code == 422
    assert f'id="why-{field}"' in text_of(answer)
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', text_of(answer))
    assert web_client.get("/subscribers")["items"] == []


def test_events_are_found_by_room_type_and_source(client: Client, web_client: WebClient, admin: Any) -> None:
    journal_rooms(client, ROOM, "room-2")
    page = admin.page("/events?room_id=room-2")
    assert "room-2" in page
    assert ROOM not in page
    assert "No events match" in admin.page("/events?type=hls-stopped")
    assert "No events match" in admin.page("/events?source=call")
    [path] = re.findall(r'href="(/events/[0-9-]+)"', page)
    page = admin.page(path)
    assert "Session s1 started" in page
    assert "session.started" in page
    assert admin.get("/events/nonsense").status_code == 404
    assert admin.get("/events/1-1").status_code == 404


def test_pages_with_odd_cursors_say_so(client: Client, web_client: WebClient, admin: Any) -> None:
    journal_rooms(client, ROOM)
    for cursor in ("nonsense", "%00", "LTE"):
        assert admin.get(f"/rooms/{ROOM}?cursor={cursor}").status_code == 422
