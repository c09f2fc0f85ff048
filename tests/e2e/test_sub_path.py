"""The whole product under a path of a host: every link, form, script and redirect stays under it."""

import html
import http.client
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from tests.support.product import ask, signature, webhook
from tests.support.web_client import ROOM, append, fold_all
from tests.support.web_process import ADMIN_TOKEN, serving
from webhook_app.domain.events import Source
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry

PREFIX = "/tally"
HOST = "tally.example"
RULE = "sunday-service"
TOKEN = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
REFERENCES = re.compile(r'(?:href|src|action|formaction|data-live|data-stream)="([^"]*)"')
PAGES_MAX = 200


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: str


class Mounted:
    """A browser whose proxy leads `https://tally.example/tally/` to the web process."""

    def __init__(self, port: int, *, strips: bool, headers: dict[str, str]) -> None:
        self._port, self._strips, self._headers = port, strips, headers
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        assert path == PREFIX or path.startswith(f"{PREFIX}/"), f"{path} is outside the prefix"
        sent = path.removeprefix(PREFIX) or "/" if self._strips else path
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(
            method, sent, body, {**self._headers, **(cookies if self.cookies else {}), **(headers or {})}
        )
        answer = connection.getresponse()
        text = "" if answer.headers.get_content_type() == "text/event-stream" else answer.read().decode()
        answer.close()
        connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition("=")
            assert f"Path={PREFIX}" in cookie
            assert "; Secure" in cookie
            self.cookies[name] = value.partition(";")[0]
        return Reply(answer.status, answer.headers, text)

    def follow(self, path: str) -> Reply:
        reply = self.ask("GET", path)
        while reply.status in (302, 303):
            reply = self.ask("GET", reply.headers["Location"])
        return reply

    def submit(self, path: str, **fields: str) -> Reply:
        return self.ask("POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"})


PROXIES = {
    "strips and passes the host": (True, {"Host": HOST, "X-Forwarded-For": "198.51.100.7"}),
    "strips and names the prefix": (
        True, {"Host": "10.0.0.1:8000", "X-Forwarded-Prefix": PREFIX, "X-Forwarded-Proto": "https"},
    ),
    "strips nothing": (False, {"Host": HOST, "X-Forwarded-Proto": "https"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sub-path")


@pytest.fixture
def port(client: Client, store_url: str, home: Path) -> Iterator[int]:
    run = {"downstreamUrl": "https://cdn.example/a/index.m3u8"}
    rule = RuleSchema().load({"name": RULE, "rooms": [ROOM], "schedule": {"cron": "0 9 * * *", "duration": "1h"}})
    append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM, **run)))
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    fold_all(client)
    with serving(store_url, home, PUBLIC_URL=f"https://{HOST}{PREFIX}", WEBHOOK_TOKEN="tok-en_12345") as port:
        yield port


def log_in(browser: Mounted, back: str) -> Reply:
    form = browser.follow(f"{PREFIX}{back}")
    assert form.status == 200
    [csrf] = re.findall(r'name="csrf" value="([^"]+)"', form.body)
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form.body))
    return browser.submit(
        f"{PREFIX}/login", token=ADMIN_TOKEN, csrf=csrf, **({"back": fields["back"]} if "back" in fields else {})
    )


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_console_stays_under_its_path_behind_a_proxy_that(proxy: str, port: int) -> None:
    strips, headers = PROXIES[proxy]
    browser = Mounted(port, strips=strips, headers=headers)
    reply = log_in(browser, "/rules")
    assert (reply.status, reply.headers["Location"]) == (303, f"{PREFIX}/rules")

    created = browser.ask("POST", f"{PREFIX}/api/v1/subscribers", b'{"url": "https://subscriber.example/in"}', TOKEN)
    assert created.headers["Location"].startswith(f"{PREFIX}/api/v1/subscribers/")
    visited: set[str] = set()
    to_visit = [f"{PREFIX}/", f"{PREFIX}/rules"]
    while to_visit:
        page = to_visit.pop()
        if page in visited or len(visited) >= PAGES_MAX:
            continue
        visited.add(page)
        reply = browser.follow(page)
        # Nothing is delivered here, so no page knows the notices.
        assert reply.status == 200 or page.startswith(f"{PREFIX}/notices/"), page
        if reply.headers.get_content_type() != "text/html":
            continue
        for reference in map(html.unescape, REFERENCES.findall(reply.body)):
            target = urlsplit(urljoin(f"https://{HOST}{page}", reference))
            if target.netloc != HOST or reference.startswith("#"):
                continue
            assert target.path.startswith(PREFIX), f"{page} leads to {reference}"
            if f'action="{html.escape(reference)}"' not in reply.body:
                to_visit.append(target.path + (f"?{target.query}" if target.query else ""))
    paths = {urlsplit(page).path for page in visited}
    assert {f"{PREFIX}/static/live.js", f"{PREFIX}/api/v1/events/stream", f"{PREFIX}/openapi.json"} <= paths
    assert {f"{PREFIX}/rooms/{ROOM}", f"{PREFIX}/rules/{RULE}", f"{PREFIX}/new-rule"} <= paths
    assert any(path.startswith(f"{PREFIX}/subscribers/") for path in paths)


@pytest.mark.parametrize("proxy", PROXIES)
def test_api_and_webhooks_answer_under_the_path_behind_a_proxy_that(proxy: str, port: int) -> None:
    strips, headers = PROXIES[proxy]
    browser = Mounted(port, strips=strips, headers=headers)
    paused = browser.ask("POST", f"{PREFIX}/api/v1/rules/{RULE}/pause", b"{}", TOKEN)
    assert paused.status == 202
    assert paused.headers["Location"] == f"{PREFIX}/api/v1/events/{json.loads(paused.body)['id']}"
    assert browser.ask("GET", paused.headers["Location"], headers=TOKEN).status == 200
    assert json.loads(browser.ask("GET", f"{PREFIX}/openapi.json").body)["servers"] == [{"url": PREFIX}]
    body = webhook("hls-started", ROOM)
    path = f"{PREFIX}/webhooks/videosdk/tok-en_12345"
    assert browser.ask("POST", path, body, {"videosdk-signature": signature(body)}).status == 200
    assert browser.ask("GET", f"{PREFIX}/readyz").status in (200, 503)


def test_this_machine_reaches_it_without_the_path(port: int) -> None:
    reply = ask("GET", f"http://127.0.0.1:{port}/login")
    assert reply.status == 200
    assert b'action="/login"' in reply.body
    assert b'="/tally/' not in reply.body
