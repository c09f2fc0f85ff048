"""Checks in a row that changed nothing are one line of the timeline, so that page 1 shows what matters."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.web_client import ADMIN_TOKEN, ROOM, WebClient, append, fold_all
from tests.web.console.test_pages import log_in
from webhook_app.domain.events import Source
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry
from webhook_app.store.state.store import StateStore

NO_SESSION = {"reached": True, "active": None, "session": None}


@pytest.fixture
def web_client(store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


class Watched:
    """A room whose probes come due and are answered, one after another."""

    def __init__(self, client: Client) -> None:
        self.client = client
        append(client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
        opened = datetime.now(UTC) - timedelta(minutes=2)
        schedule = {"at": opened.strftime("%Y-%m-%dT%H:%M"), "duration": "2h"}
        rule = RuleSchema().load({"name": "show", "rooms": [ROOM], "schedule": schedule})
        append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
        fold_all(client)

    @property
    def room(self) -> Any:
        return StateStore(self.client).room(ROOM)

    def timer(self, name: Any) -> None:
        append(self.client, entry(Source.CLOCK, "timer", ROOM, {"timer": name, "due": self.room.timers[name]}))
        fold_all(self.client)

    def check(self, times: int = 1, **expected: Any) -> None:
        for _ in range(times):
            if self.room.probing.probe is None:
                self.timer(min(name for name in self.room.timers if name.startswith(("armed", "ask:"))))
            data = {
                "call_id": self.room.probing.probe.call_id,
                "kind": "probe",
                "outcome": "probed",
                **(expected or NO_SESSION),
            }
            append(self.client, entry(Source.PROBE, "probed", ROOM, data))
            fold_all(self.client)


def items_of(web_client: Any, query: str = "?collapse=1") -> Any:
    return web_client.get(f"/rooms/{ROOM}/timeline{query}")["items"]


def test_checks_that_found_the_same_are_one_item_between_what_matters(client: Client, web_client: WebClient) -> None:
    room = Watched(client)
    room.check()  # armed
    room.check(times=40)
    room.timer("late")
    room.check(times=3)
    shown = [(item["type"], item["run"] and item["run"]["checks"]) for item in items_of(web_client)]
    assert shown[0] == ("probed", 3)
    assert shown[1] == ("timer", None)
    assert shown[2] == ("probed", 40)
    assert len(shown) <= 5
    run = items_of(web_client)[2]["run"]
    assert run["events"] == 80
    assert items_of(web_client)[1]["notices"][0]["type"] == "broadcast.late"


def test_every_event_stays_on_the_whole_timeline_and_keeps_its_effect(client: Client, web_client: WebClient) -> None:
    room = Watched(client)
    room.check(times=10)
    collapsed, whole = items_of(web_client), items_of(web_client, "?limit=500")
    assert len(whole) == sum(item["run"]["events"] if item["run"] else 1 for item in collapsed)
    assert all(item["effect"] and item["run"] is None for item in whole)
    assert {item["unchanged"] for item in whole if item["source"] == "config"} <= {False}
    assert [item["unchanged"] for item in whole[:8]] == [True] * 8
    events = web_client.get(f"/events?room_id={ROOM}")["items"]
    assert [event["unchanged"] for event in events[:8]] == [True] * 8


def test_a_check_that_finds_something_else_begins_another_line(client: Client, web_client: WebClient) -> None:
    room = Watched(client)
    room.check(times=5)
    room.check(times=2, reached=False)
    room.check(times=4)
    runs = [(item["run"]["checks"], item["effect"]) for item in items_of(web_client) if item["run"]]
    assert [count for count, _ in runs][:3] == [4, 2, 4]
    assert "could not be reached" in runs[1][1]


def test_pages_of_a_collapsed_timeline_show_each_item_once(client: Client, web_client: WebClient) -> None:
    room = Watched(client)
    for _ in range(6):
        room.check(times=3)
        append(client, entry(Source.OPERATOR, "release", ROOM, {}))
        fold_all(client)
    whole = [item["id"] for item in items_of(web_client, "?collapse=1&limit=500")]
    paged: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = web_client.get(f"/rooms/{ROOM}/timeline?collapse=1&limit=2{cursor and '&cursor=' + cursor}")
        paged += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert paged == whole
    assert len(set(whole)) == len(whole) >= 12


def test_a_timeline_of_an_earlier_version_is_read_behind_the_outline(client: Client, web_client: WebClient) -> None:
    """What was folded before has no outline: its events are listed one by one."""
    room = Watched(client)
    room.check(times=4)
    old = [item["id"] for item in items_of(web_client, "?limit=500")]
    client.delete(keys.outline(ROOM))
    room.check(times=3)
    append(client, entry(Source.OPERATOR, "release", ROOM, {}))
    fold_all(client)
    items = items_of(web_client, "?collapse=1&limit=500")
    assert [item["run"] and item["run"]["checks"] for item in items[:2]] == [None, 3]
    assert [item["id"] for item in items[2:]] == old


def test_the_rooms_page_shows_what_matters_however_long_it_was_checked(client: Client, web_client: WebClient) -> None:
    room = Watched(client)
    room.check()
    room.timer("late")
    room.check(times=45)
    log_in(web_client.http, ADMIN_TOKEN)
    page = web_client.http.get(f"/rooms/{ROOM}").get_data(as_text=True)
    assert "broadcast.late" in page
    assert "Checked 45 times since" in page
    assert ": no session" in page
    each = page[page.index("?each=1") :].partition('"')[0].replace("&amp;", "&")
    listed = web_client.http.get(f"/rooms/{ROOM}{each}").get_data(as_text=True)
    assert "Checked 45 times" not in listed
    assert listed.count('id="e-') == 40


def event(
    number: Any, source: str = "probe", *, room: Any = ROOM, effect: str = "as we knew", unchanged: bool = True
) -> dict[str, Any]:
    at = f"2026-11-28T12:{number:02d}:00.000Z"
    return {"id": f"{number}-0", "source": source, "type": "probed" if source == "probe" else "timer", "room_id": room,
            "at": at, "effect": effect, "unchanged": unchanged}  # fmt: skip


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        (
            [event(n, s) for n in range(1, 5) for s in ("clock", "probe")],
            ["checked 4 times since 2026-11-28 12:01:00Z"],
        ),
        ([event(1, "clock"), event(1), event(2, "operator", unchanged=False)], ["timer", "probed", "timer"]),
        (
            [
                event(1),
                event(2),
                event(3),
                event(4, effect="VideoSDK could not be reached"),
                event(5, "clock", unchanged=False),
            ],
            ["checked 3 times", "could not be reached", "12:05:00Z"],
        ),
        (
            [event(n, room=room) for n in range(1, 4) for room in ("a", "b")],
            ["a  checked 3 times", "b  checked 3 times"],
        ),
    ],
)
def test_the_events_command_prints_checks_that_changed_nothing_as_one_line(
    events: Any, lines: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from workers.cli.commands.events import _Printer

    printer = _Printer(as_json=False, everything=False)
    for event in events:
        printer.take(event)
    printer.close()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(lines)
    assert all(part in line for part, line in zip(lines, printed, strict=True))


def test_trimming_takes_the_outline_along(client: Client, web_client: WebClient) -> None:
    from webhook_app.store.state.snapshots import Snapshots

    room = Watched(client)
    room.check(times=3)
    last = client.xrevrange(keys.JOURNAL, count=1)[0][0].decode()
    world = StateStore(client).load_state()
    assert Snapshots(client).keep(world, before="0-0", after=last)
    assert (client.xlen(keys.timeline(ROOM)), client.xlen(keys.outline(ROOM))) == (0, 0)
