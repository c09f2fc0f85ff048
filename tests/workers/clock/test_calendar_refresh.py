"""Calendars are fetched, read and journaled: through a real store, real files and a server on loopback."""

import gzip
import ipaddress
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.support.polling import wait_until
from tests.support.values import present
from tests.support.web_client import fold_all
from webhook_app.config.settings import Settings
from webhook_app.domain.alarms.changes import calendar_alarm_key
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.calendars.calendar import horizon_at
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.outbound.calendar_address import fetch_urls
from webhook_app.runtime.loops import Loops
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from workers.clock.calendar_fetch import read_file
from workers.clock.calendar_limits import CalendarLimits
from workers.clock.calendars import CalendarRefresher, calendar_refresher
from workers.store_access import open_store

WITHIN_S = 60
POLLS = 100
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
DAY_MS = 86_400_000


def text(*events: Any, stamp: str = "20260101T000000Z") -> Any:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", f"DTSTAMP:{stamp}", *event, "END:VEVENT"]
    return ("\r\n".join([*lines, "END:VCALENDAR", ""])).encode()


def event(day: Any, summary: str = "Live: service") -> Any:
    return [f"DTSTART:{day}T100000Z", "DURATION:PT1H", f"SUMMARY:{summary}"]


def soon(days: int = 3) -> Any:
    """A day in the horizon of a calendar that is read now."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + days * 86_400, UTC).strftime("%Y%m%d")


class Web:
    """A server of calendars with settable status, headers and body; it keeps the requests' headers."""

    def __init__(self) -> None:
        self.status, self.body = 200, text(event(soon()))
        self.headers: dict[str, str] = {}
        self.requests: list[dict[str, str]] = []
        self.sends_to = "/basic.ics"
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.requests.append(dict(self.headers))
                status, headers, body = web.status, dict(web.headers), web.body
                if self.path == "/moved":
                    status, headers, body = 301, {"Location": "/there"}, b""
                if self.path.startswith("/loop"):
                    status, headers, body = 302, {"Location": self.path + "x"}, b""
                if self.path == "/inside":
                    status, headers, body = 302, {"Location": "http://[::1]:9/"}, b""
                if self.path == "/sent-on":
                    status, headers, body = 302, {"Location": web.sends_to}, b""
                if self.path.startswith("/no-http"):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000)
                    return
                if (
                    status == 200
                    and headers.get("ETag") is not None
                    and self.headers.get("If-None-Match") == headers["ETag"]
                ):
                    status, body = 304, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) + (100 if self.path == "/half" else 0)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/basic.ics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class RefreshHarness:
    """A store with rules on calendars, and the refresher of these calendars."""

    def __init__(self, client: Client, store_url: str) -> None:
        self.client = client
        self.settings = Settings(redis_url=store_url, allow_networks=LOOPBACK)
        self._refreshers: list[CalendarRefresher] = []
        self.refresh_anew(fetch_every_s=0, file_every_s=0, retry_first_s=0)

    def refresh_anew(self, **waits: Any) -> None:
        """Refresh with a new refresher, as after a restart of the process."""
        self.refresh_with(CalendarRefresher(self.settings, open_store(self.settings), CalendarLimits(**waits)))

    def refresh_with(self, refresher: CalendarRefresher) -> None:
        self.calendar_refresher = refresher
        self._refreshers.append(self.calendar_refresher)

    def rule(self, name: Any, source: Any) -> None:
        ics = {"url" if "://" in source else "file": str(source)}
        rule = {"name": name, "rooms": ["abcd-efgh-ijkl"], "schedule": {"ics": ics}}
        Journal(self.client).append([entry(Source.OPERATOR, "rule-put", None, {"rule": rule})])
        fold_all(self.client)

    def delete_rule(self, name: Any) -> None:
        Journal(self.client).append([entry(Source.OPERATOR, "rule-deleted", None, {"name": name})])
        fold_all(self.client)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.calendar_refresher.check()
            fold_all(self.client)

    def close(self) -> None:
        for refresher in self._refreshers:
            refresher.close()

    def begins(self, source: Any) -> Any:
        calendar = StateStore(self.client).calendars([str(source)]).get(str(source))
        if calendar is None:
            return None
        return [datetime.fromtimestamp(row[0] / 1000, UTC).strftime("%Y%m%d") for row in calendar.instants]

    @property
    def alarms(self) -> Any:
        alarms = [codec.alarm_of(raw) for raw in self.client.hgetall(keys.ALARMS).values()]
        return [alarm.summary_text for alarm in alarms if alarm.cleared_at is None]

    def journaled(self, kind: Any) -> Any:
        return sum(fields[b"t"] == kind.encode() for _, fields in self.client.xrange(keys.JOURNAL))


@pytest.fixture
def harness(client: Client, store_url: str) -> Iterator[Any]:
    harness = RefreshHarness(client, store_url)
    yield harness
    harness.close()


@pytest.fixture
def web() -> Iterator[Any]:
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()


def test_a_poll_without_a_real_change_adds_nothing_to_the_journal(harness: Any, web: Any) -> None:
    harness.rule("r", web.url)
    days = [event(soon(number % 28 + 1), f"Meeting {number}") for number in range(100)]
    for poll in range(POLLS):
        web.body = text(*(days if poll % 2 else reversed(days)), stamp=f"20260101T{poll // 60:02}{poll % 60:02}00Z")
        harness.look()
    assert len(web.requests) == POLLS
    assert (harness.journaled("calendar-fetched"), harness.journaled("alarm-raised")) == (1, 0)
    web.body = text(event(soon(9)))
    harness.look()
    assert harness.journaled("calendar-fetched") == 2
    assert harness.begins(web.url) == [soon(9)]


def test_a_request_for_a_calendar_is_conditional_and_names_its_user_agent(harness: Any, web: Any) -> None:
    web.headers = {"ETag": '"v1"', "Last-Modified": "Sat, 28 Nov 2026 10:00:00 GMT"}
    harness.rule("r", web.url)
    harness.look(times=3)
    assert [request.get("If-None-Match") for request in web.requests] == [None, '"v1"', '"v1"']
    assert web.requests[-1]["If-Modified-Since"] == "Sat, 28 Nov 2026 10:00:00 GMT"
    assert web.requests[0]["User-Agent"].startswith("Tallylight/")
    assert (harness.begins(web.url), harness.alarms) == ([soon()], [])


@pytest.mark.parametrize("path", ["moved", "basic.ics"])
@pytest.mark.parametrize("scheme", ["http", "HTTP", "webcal", "WEBCAL"])
def test_a_calendar_is_had_by_every_scheme(harness: Any, web: Any, scheme: str, path: str) -> None:
    source = f"{scheme}://127.0.0.1:{web.port}/{path}"
    harness.rule("r", source)
    harness.look()
    assert (harness.begins(source), harness.alarms) == ([soon()], [])


@pytest.mark.parametrize(
    ("address", "urls"),
    [
        ("https://h.example/a", ("https://h.example/a",)),
        ("HTTPS://h.example/a%2Fb?c=%20", ("https://h.example/a%2Fb?c=%20",)),
        ("webcals://h.example/", ("https://h.example/",)),
        ("Webcal://u:p@h.example:80/", ("https://u:p@h.example:80/", "http://u:p@h.example:80/")),
    ],
)
def test_an_address_is_read_in_one_way(address: str, urls: Any) -> None:
    assert fetch_urls(address) == urls


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://h.example/", "file:///etc/passwd", "https://", "https:///a", "https://h:99999/", "https://[/"),
        *("h.example", "https://h.example/a\nb", "https://h.example/\0", "https://h exa/", "webcal:h.example"),
    ],
)
def test_an_address_that_cannot_be_fetched_is_refused(address: Any) -> None:
    with pytest.raises(ValueError, match="a calendar's address"):
        fetch_urls(address)


def test_compressed_and_recoded_calendars_are_read(harness: Any, web: Any) -> None:
    web.headers = {"Content-Encoding": "gzip"}
    web.body = gzip.compress(text(event(soon())))
    harness.rule("r", web.url)
    harness.look()
    assert harness.begins(web.url) == [soon()]
    web.headers = {"Content-Type": "text/calendar; charset=ISO-8859-1"}
    web.body = text(event(soon(5), "Größe")).decode().encode("latin-1")
    harness.look()
    assert harness.begins(web.url) == [soon(5)]
    assert harness.alarms == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": b"<html>Sign in</html>"}, "a web page"),
        ({"body": b""}, "empty"),
        ({"body": text(event("20270301"))[:-10]}, "cut short"),
        ({"status": 403}, "the server answered 403"),
        ({"status": 500}, "the server answered 500"),
        ({"status": 204, "body": b""}, "the server answered 204"),
        ({"body": b"BEGIN:VCALENDAR\r\n" + b"X" * (11 * 1024 * 1024)}, "at most 10 MiB, this one has 11.0 MiB"),
        ({"headers": {"Content-Encoding": "gzip"}, "body": gzip.compress(b"X" * (30 * 1024 * 1024))}, "at most 10 MiB"),
        ({"headers": {"Content-Encoding": "gzip"}, "body": gzip.compress(b"X" * 5_000)[:-12]}, "truncated"),
        ({"headers": {"Content-Encoding": "gzip"}}, "invalid gzip data"),
        ({"headers": {"Content-Encoding": "br"}}, "unsupported content encoding br"),
    ],
)
def test_a_fault_of_a_fetched_calendar_is_reported_and_the_last_good_one_stays(
    harness: Any, web: Any, change: dict[str, Any], message: str
) -> None:
    harness.rule("r", web.url)
    good = web.body
    for name, value in change.items():
        setattr(web, name, value)
    harness.look()
    assert harness.begins(web.url) is None
    assert message in harness.alarms[0]
    assert "no earlier version is available" in harness.alarms[0]
    web.status, web.headers, web.body = 200, {}, good
    harness.look()
    assert (harness.begins(web.url), harness.alarms) == ([soon()], [])
    for name, value in change.items():
        setattr(web, name, value)
    harness.look(times=3)
    assert harness.begins(web.url) == [soon()]
    assert message in harness.alarms[0]
    assert "the last good version is used" in harness.alarms[0]
    assert harness.journaled("alarm-raised") == 2


@pytest.mark.parametrize(
    ("path", "message"),
    [("half", "truncated"), ("loop", "more than 3 redirects"), ("inside", "private, loopback or reserved")],
)
def test_a_server_that_misleads_is_said_to(harness: Any, web: Any, path: str, message: str) -> None:
    source = web.url.replace("basic.ics", path)
    harness.rule("r", source)
    harness.look()
    assert message in harness.alarms[0]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("ftp://calendars.example/{secret}", "redirected to an address that is not http:// or https://"),
        ("file:///{secret}", "redirected to an address that is not http:// or https://"),
        ("webcal://calendars.example/{secret}", "redirected to an address that is not http:// or https://"),
        ("http://[calendars.example/{secret}", "redirected to an invalid address"),
        ("http://calendars.example:99999/{secret}", "redirected to an invalid address"),
        ("http://user:{secret}@[::1]:9/{secret}", "private, loopback or reserved"),
        ("http://127.0.0.1:{port}/no-http?token={secret}", "invalid HTTP response"),
    ],
)
def test_an_alarm_says_what_is_wrong_with_a_redirect_and_quotes_no_address_of_it(
    harness: Any, web: Any, target: str, reason: str
) -> None:
    secret = "private-0123456789abcdef0123456789abcdef"
    web.sends_to = target.format(secret=secret, port=web.port)
    harness.rule("r", web.url.replace("basic.ics", "sent-on"))
    harness.look()
    assert reason in harness.alarms[0]
    assert secret not in harness.alarms[0]


def test_an_address_that_is_inside_is_not_fetched_unless_a_setting_allows_it(harness: Any, web: Any) -> None:
    harness.settings = harness.calendar_refresher.settings = Settings(redis_url=harness.settings.redis_url)
    harness.rule("r", web.url)
    harness.look()
    assert web.requests == []
    assert "ALLOW_NETWORKS" in harness.alarms[0]


def test_an_entry_that_is_left_out_is_named_in_an_alarm_until_it_is_mended(harness: Any, web: Any) -> None:
    harness.rule("r", web.url)
    web.body = text(event(soon()), [*event(soon(), "Chore"), "RRULE:FREQ=DAILY;INTERVAL=0"])
    harness.look(times=2)
    assert harness.begins(web.url) == [soon()]
    assert harness.alarms == [
        f"calendar {web.url} was read only in part: "
        "“Chore” left out: its RRULE cannot be read (FREQ=DAILY;INTERVAL=0); used by rule r"
    ]
    assert harness.journaled("alarm-raised") == 1
    web.body = text(event(soon()))
    harness.look()
    assert harness.alarms == []


def test_the_alarm_of_a_calendar_ends_when_no_rule_names_it(harness: Any, tmp_path: Path) -> None:
    harness.rule("r", str(tmp_path / "missing.ics"))
    harness.look()
    assert len(harness.alarms) == 1
    harness.delete_rule("r")
    harness.look()
    assert harness.alarms == []


@pytest.mark.parametrize(
    "secret", ["u5er:pa55word@127.0.0.1:{port}/a.ics", "127.0.0.1:{port}/private-0123456789abcdef/basic.ics"]
)
def test_no_alarm_and_no_log_shows_a_secret_of_an_address(
    harness: Any, web: Any, secret: str, capfd: pytest.CaptureFixture[str]
) -> None:
    web.status = 404
    source = "http://" + secret.format(port=web.port)
    harness.rule("r", source)
    harness.rule("refused", source.replace(str(web.port), "1"))
    harness.look()
    assert len(harness.alarms) == 2
    output = "".join(harness.alarms) + "".join(capfd.readouterr())
    assert not any(word in output for word in ("pa55word", "u5er", "0123456789abcdef"))


def special_files(tmp_path: Path) -> dict[str, Any]:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "big.ics").write_bytes(b"X" * (10 * 1024 * 1024 + 1))
    (tmp_path / "secret.ics").write_bytes(b"")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    return {
        "fifo": tmp_path / "fifo",
        "directory": tmp_path,
        "null device": "/dev/zero",
        "too big": tmp_path / "big.ics",
        "empty": tmp_path / "secret.ics",
        "loop": tmp_path / "loop",
        "missing": tmp_path / "missing.ics",
        "nul": "/tmp/a\0b",
        "long": "/" + "a" * 5_000,
    }


def test_paths_that_are_no_files_are_reported_and_delay_no_others(harness: Any, tmp_path: Path) -> None:
    good = tmp_path / "good.ics"
    good.write_bytes(text(event(soon())))
    files = special_files(tmp_path)
    for name, path in files.items():
        harness.rule(name.replace(" ", "-"), str(path))
    harness.rule("good", str(good))
    harness.look(times=2)
    assert harness.begins(good) == [soon()]
    assert len(harness.alarms) == len(files)


def test_an_unchanged_file_is_not_read_again_and_a_replaced_one_is(tmp_path: Path) -> None:
    path = tmp_path / "a.ics"
    path.write_bytes(b"one")
    file = present(read_file(str(path), None))
    assert file.content == b"one"
    assert read_file(str(path), file.identity) is None
    other = tmp_path / "b.ics"
    other.write_bytes(b"two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert present(read_file(str(path), file.identity)).content == b"two"


def test_a_changed_file_is_taken_in(harness: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.ics"
    path.write_bytes(text(event(soon())))
    harness.rule("r", str(path))
    harness.look(times=3)
    path.write_bytes(text(event(soon(6))))
    harness.look()
    assert harness.begins(path) == [soon(6)]
    assert harness.journaled("calendar-fetched") == 2


@contextmanager
def silent_server() -> Iterator[Any]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/a.ics"


def test_a_silent_server_costs_its_deadline_and_delays_no_other_calendar(harness: Any, web: Any) -> None:
    harness.refresh_anew(fetch_every_s=0, file_every_s=0, retry_first_s=0, fetch_deadline_s=1.0)
    with silent_server() as silent:
        harness.rule("a-silent", silent)
        harness.rule("good", web.url)
        harness.look()
    assert harness.begins(web.url) == [soon()]
    assert "not received within 1 seconds" in harness.alarms[0]


def test_a_failed_fetch_is_tried_again_soon_and_then_less_often(harness: Any, web: Any) -> None:
    web.status = 503
    harness.refresh_anew()
    harness.rule("r", web.url)
    waits = []
    for _ in range(9):
        harness.look()
        refresh = harness.calendar_refresher.state_of(web.url)
        waits.append(round(refresh.due_at - monotonic()))
        refresh.due_at = 0.0
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    web.status = 200
    harness.look()
    assert round(harness.calendar_refresher.state_of(web.url).due_at - monotonic()) == 900


def test_the_thread_survives_any_exception_of_a_calendar(harness: Any, web: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ics"
    bad.write_bytes(text(event(soon())))
    harness.rule("a-bad", str(bad))

    def read_or_raise(raw: Any, horizon: Any, *, charset: Any = None) -> Any:
        if raw == bad.read_bytes():
            raise MemoryError("nobody foresaw this")
        return read_calendar(raw, horizon, charset=charset)

    web.body = text(event(soon(2)))
    stop, limits = threading.Event(), CalendarLimits(check_every_s=0.05)
    store = open_store(harness.settings)
    with calendar_refresher(harness.settings, store, Loops(), stop, limits=limits, read=read_or_raise):
        harness.rule("good", web.url)

        def good_is_fetched_and_bad_has_an_alarm() -> bool:
            fold_all(harness.client)
            return harness.begins(web.url) is not None and bool(harness.alarms)

        wait_until(good_is_fetched_and_bad_has_an_alarm, 20, "both calendars")
        stop.set()
    assert harness.begins(web.url) == [soon(2)]
    assert "could not be read: unexpected error" in harness.alarms[0]


def test_a_calendar_that_is_another_one_at_each_fetch_cannot_fill_the_journal(
    harness: Any, web: Any, tmp_path: Path
) -> None:
    harness.refresh_anew(fetch_every_s=0, file_every_s=0, retry_first_s=0, journal_bytes_per_s=0)
    path = tmp_path / "a.ics"
    harness.rule("r", web.url)
    harness.rule("file", str(path))
    for source, change in ((web.url, lambda raw: setattr(web, "body", raw)), (str(path), path.write_bytes)):
        before = harness.journaled("calendar-fetched")
        for number in range(5):
            change(text(*(event(soon(day % 28 + 1), f"{number} {day} " + "x" * 190) for day in range(6_000))))
            harness.look()
        assert harness.journaled("calendar-fetched") - before < 5
        harness.calendar_refresher.updater.record_of(source).allowance.bytes_left = CalendarLimits().journal_burst_bytes
        harness.look()
        assert StateStore(harness.client).calendars([source])[source].instants[0][2].startswith("4 ")


def test_calendars_that_no_rule_names_are_dropped_when_another_one_changes(
    harness: Any, web: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.ics"
    path.write_bytes(text(event(soon())))
    harness.rule("file", str(path))
    harness.rule("r", web.url)
    harness.look()
    harness.delete_rule("file")
    web.body = text(event(soon(7)))
    harness.look()
    assert (harness.begins(path), harness.begins(web.url)) == (None, [soon(7)])
    assert harness.client.hkeys(keys.CALENDARS) == [web.url.encode()]
    assert harness.client.hkeys(keys.CALENDAR_TEXTS) == [web.url.encode()]


def months_later(client: Client, months: Any) -> Any:
    seconds, _ = client.time()
    return horizon_at((int(seconds) + months * 31 * 86_400) * 1000)


@pytest.mark.parametrize("kind", ["away", "unchanged"])
def test_the_horizon_moves_on_also_when_nothing_new_can_be_had(harness: Any, web: Any, kind: str) -> None:
    far = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 28 * 31 * 86_400, UTC).strftime("%Y%m%d")
    web.body, web.headers = text(event(far), event(soon())), {"ETag": '"v1"'}
    harness.rule("r", web.url)
    harness.look()
    assert harness.begins(web.url) == [soon()]
    web.status = 503 if kind == "away" else 200
    later = months_later(harness.client, 6)
    limits = CalendarLimits(fetch_every_s=0, retry_first_s=0)
    store = open_store(harness.settings)
    harness.refresh_with(CalendarRefresher(harness.settings, store, limits, horizon_of=lambda client: later))
    harness.look(times=2)
    assert harness.begins(web.url) == [far]
    assert harness.journaled("calendar-fetched") == 2
    assert bool(harness.alarms) == (kind == "away")


# What earlier versions left behind


RUNAWAY = [*event("20261201", "Chore"), "RRULE:FREQ=DAILY;INTERVAL=0"]


def test_an_event_that_holds_a_text_is_folded_without_its_runaway_entry(harness: Any) -> None:
    source = "https://c.example/a.ics"
    harness.rule("r", source)
    data = {"source": source, "text": text(event(soon()), RUNAWAY).decode()}
    Journal(harness.client).append([entry(Source.CONFIG, "calendar-fetched", None, data)])
    fold_all(harness.client)
    assert harness.begins(source) == [soon()]


def test_a_stored_text_is_read_and_replaced_though_its_source_is_away(harness: Any, tmp_path: Path) -> None:
    source = str(tmp_path / "gone.ics")
    harness.rule("r", source)
    harness.client.hset(keys.CALENDARS, source, text(event(soon()), RUNAWAY))
    assert harness.begins(source) == [soon()]
    assert list(StateStore(harness.client).config().calendars) == [source]
    harness.look()
    assert codec.is_calendar_data(harness.client.hget(keys.CALENDARS, source))
    assert harness.begins(source) == [soon()]
    assert "the last good version is used" in harness.alarms[0]


def test_a_stored_text_that_cannot_be_read_counts_as_never_fetched(harness: Any) -> None:
    harness.client.hset(keys.CALENDARS, "https://c.example/a.ics", b"no calendar")
    assert StateStore(harness.client).config().calendars == {}


def test_snapshots_hold_calendars_and_those_of_earlier_versions_are_read(harness: Any) -> None:
    source = "https://c.example/a.ics"
    data = {"source": source, "text": text(event(soon())).decode()}
    ids, _ = Journal(harness.client).append([entry(Source.CONFIG, "calendar-fetched", None, data)])
    fold_all(harness.client)
    world = StateStore(harness.client).load_state()
    snapshots = Snapshots(harness.client)
    assert snapshots.keep(world, before="0-0", after=ids[0])
    assert snapshots.load()[0].config.calendars == world.config.calendars
    harness.client.hset(keys.SNAPSHOT, "calendars", json.dumps({source: data["text"]}))
    assert snapshots.load()[0].config.calendars[source].instants == world.config.calendars[source].instants


def test_an_alarm_that_holds_a_text_gets_a_code_and_is_not_announced_again(harness: Any, tmp_path: Path) -> None:
    source = str(tmp_path / "gone.ics")
    harness.rule("r", source)
    alarm = {"key": calendar_alarm_key(source), "name": "calendar-failing", "summary": "calendar could not be read"}
    Journal(harness.client).append([entry(Source.SYSTEM, "alarm-raised", None, alarm)])
    fold_all(harness.client)
    assert harness.alarms == ["calendar could not be read"]
    announced = harness.client.xlen(keys.OUTBOX)
    harness.look(times=2)
    assert "there is no such file (no earlier version is available)" in harness.alarms[0]
    assert (harness.journaled("alarm-raised"), harness.client.xlen(keys.OUTBOX)) == (2, announced)
