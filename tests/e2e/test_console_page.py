"""The console's page in a real browser: its lamps, its log-in, its looks, and that it stays on this machine."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

from tests.support.browser import DESKTOP, PHONE, WITHIN_MS, BrowserPage, a_browser
from tests.support.deliverer_factory import put_delivery, subscribers_of
from tests.support.product import signature, webhook
from tests.support.web_client import ADMIN_TOKEN, ROOM, WebClient, append, fold_all, folding
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.notices.filters import Filter
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.outbox import outbox_entry_of
from webhook_app.store.journal.journal import Entry, entry

pytestmark = pytest.mark.browser

CURRENT = re.compile(r"Auto-refresh every 2 s|Live")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def site(web_client: WebClient) -> Iterator[Any]:
    """The app behind a real socket; its address."""

    def app(environ: Any, start_response: Any) -> Any:
        answer = web_client.web.app(environ, start_response)
        if not environ["PATH_INFO"].startswith("/static/"):
            return answer
        # The server of the tests leaves a file open when the browser hangs up on it.
        with closing(ClosingIterator(answer)) as body:
            return [b"".join(body)]

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def visit(browser: Any, site: Any, client: Client) -> Iterator[Any]:
    visitor = BrowserPage(browser, site, token=ADMIN_TOKEN)
    yield visitor
    visitor.close()


def post(web_client: Any, kind: Any, room: Any = ROOM, **more: Any) -> None:
    body = webhook(kind, room, **more)
    answer = web_client.web.app.test_client().post(
        "/webhooks/videosdk", data=body, headers={"videosdk-signature": signature(body)}
    )
    assert answer.status_code == 200


RUN = {"id": "run-1", "playbackHlsUrl": "https://cdn.example/run-1/index.m3u8"}


def test_a_lamp_goes_red_by_itself_when_a_room_goes_on_air_and_out_again(
    visit: Any, web_client: WebClient, client: Client
) -> None:
    visit.log_in()
    expect(visit.page.get_by_text("No rooms yet")).to_be_visible()
    with folding(client):
        post(web_client, "session-started")
        post(web_client, "hls-starting", id="run-1")
        expect(visit.room(ROOM)).to_have_attribute("data-lamp", "soon", timeout=WITHIN_MS)
        post(web_client, "hls-started", **RUN)
        expect(visit.room(ROOM)).to_have_attribute("data-lamp", "on", timeout=WITHIN_MS)
        expect(visit.room(ROOM)).to_contain_text("ON AIR")
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("1 of 1 room on air")
        lamp = visit.room(ROOM).locator(".lamp")
        red, green, blue = map(int, re.findall(r"\d+", lamp.evaluate("it => getComputedStyle(it).backgroundColor"))[:3])
        assert red > 180 > 80 > max(green, blue)
        post(web_client, "hls-stopped", id="run-1")
        expect(visit.room(ROOM)).to_have_attribute("data-lamp", "off", timeout=WITHIN_MS)
    assert visit.page.url == visit.site + "/"


def test_a_token_that_is_wrong_is_refused_and_the_right_one_then_taken(visit: Any) -> None:
    visit.log_in("not-the-token-of-this-place")
    expect(visit.page.get_by_role("alert")).to_contain_text("Wrong token.")
    visit.complaints.clear()  # the browser itself remarks upon a 403
    visit.page.get_by_label("Admin or viewer token").fill(ADMIN_TOKEN)
    visit.page.keyboard.press("Enter")
    expect(visit.page).to_have_url(visit.site + "/")


def test_the_page_says_when_it_may_be_old_and_recovers(visit: Any) -> None:
    visit.log_in()
    expect(visit.page.get_by_role("status")).to_have_text(CURRENT)
    visit.context.set_offline(True)
    expect(visit.page.get_by_role("status")).to_contain_text("may be out of date", timeout=WITHIN_MS)
    visit.picture("lost")
    visit.context.set_offline(False)
    expect(visit.page.get_by_role("status")).to_have_text(CURRENT, timeout=WITHIN_MS)
    visit.complaints.clear()  # the browser itself remarks upon being offline


def test_who_is_logged_out_meanwhile_is_sent_to_the_log_in(visit: Any) -> None:
    visit.log_in()
    visit.context.clear_cookies()
    expect(visit.page).to_have_url(visit.site + "/login", timeout=WITHIN_MS)
    visit.complaints.clear()  # the browser itself remarks upon a 401


def test_the_page_can_be_used_by_keyboard_alone(visit: Any) -> None:
    visit.log_in()
    visit.page.wait_for_url(visit.site + "/")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_text("Skip to content")).to_be_focused()
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Tallylight")).to_be_focused()


def test_a_room_whose_name_is_markup_is_text(visit: Any, web_client: WebClient, client: Client) -> None:
    evil = "<img src=x onerror=document.title='owned'>"
    post(web_client, "session-started", evil)
    fold_all(client)
    visit.log_in()
    expect(visit.page.get_by_role("heading", name=evil)).to_be_visible()
    assert visit.page.title() == "On air: Tallylight"


def busy(client: Client) -> None:
    """Rooms in every state, long names, deliveries that went well and badly."""
    entries = [entry(Source.SYSTEM, "settings", None, {"calls": True})]
    names = {
        "main-hall": {"room_id": ROOM, "groups": ["webinar"]},
        "a-very-long-name-of-a-room-that-does-not-fit-on-one-line-of-a-phone": {"room_id": "long-name", "groups": []},
    }
    entries.append(entry(Source.CONFIG, "file-applied", None, {"rooms": names, "rules": []}))
    histories = {
        ROOM: "session-started participant-joined hls-starting hls-started hls-playable",
        "long-name": "session-started hls-starting hls-started",
        "starting-now": "session-started hls-starting",
        "went-wrong": "session-started hls-starting hls-failed",
        "is-over": "session-started hls-starting hls-started hls-playable hls-stopping hls-stopped",
        "x" * 120: "session-started",
    }
    for room, scenario in histories.items():
        for kind in scenario.split():
            more = {"participantId": "p", "participantName": "Host Ada"} if kind.startswith("part") else {}
            if kind.startswith("hls"):
                more = {"id": f"run-{room[:9]}", "playbackHlsUrl": f"https://cdn.example/run-{room[:9]}/index.m3u8"}
            entries.append(Entry(Source.VIDEOSDK, kind, room, webhook(kind, room, session=f"s-{room[:9]}", **more)))
    entries.append(entry(Source.OPERATOR, "start", "armed-room", {}))
    entries.append(entry(Source.OPERATOR, "end", ROOM, {}))
    append(client, *entries)
    fold_all(client)
    kept = subscribers_of(client)
    kept.put(Subscriber("sub_tv", "The studio's TV", "https://example.com/", 1, Filter(("*",))))
    url = "https://a-subscriber.example.com/with/a/long/path/to/its/hook"
    kept.put(Subscriber("sub_x", "", url, 1, shown_url=url))
    notices = [outbox_entry_of(*entry) for entry in client.xrange(keys.OUTBOX)]
    states = [DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.DEAD]
    for at, outbox_entry in enumerate(notices[-12:]):
        who, state = ("sub_tv", "sub_x")[at % 2], states[at % 5 % 3]
        put_delivery(
            client,
            Delivery(
                f"dlv_{at}", outbox_entry.notice.notice_id, who, outbox_entry.notice.at, outbox_entry.entry, state
            ),
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_the_page_fits_every_screen_in_light_and_dark(
    browser: Any, site: Any, client: Client, device: str, viewport: Any, scheme: str
) -> None:
    busy(client)
    visit = BrowserPage(browser, site, token=ADMIN_TOKEN, viewport=viewport, color_scheme=scheme)
    visit.open("/login")
    visit.picture(f"login-{device}-{scheme}")
    assert visit.fits()
    visit.log_in()
    expect(visit.room(ROOM)).to_have_attribute("data-lamp", "on")
    expect(visit.room("starting-now")).to_have_attribute("data-lamp", "soon")
    expect(visit.room("armed-room")).to_have_attribute("data-lamp", "armed")
    expect(visit.room("went-wrong")).to_have_attribute("data-lamp", "failed")
    visit.picture(f"page-{device}-{scheme}")
    assert visit.fits()
    assert contrast(visit.page) >= 4.5
    visit.open("/docs")
    visit.picture(f"docs-{device}-{scheme}")
    assert visit.fits()
    visit.close()


LEAST_CONTRAST = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = it => {
    for (; it; it = it.parentElement) {
      const found = parse(getComputedStyle(it).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const it of document.querySelectorAll("main *")) {
    const own = [...it.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !it.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(it).color)), light(ground(it))].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
}"""


def contrast(page: Any) -> Any:
    """The least contrast of any text with its ground."""
    return page.evaluate(LEAST_CONTRAST)
