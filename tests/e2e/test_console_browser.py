"""The console on the product as it runs, in a real browser: log in, watch, order, edit, retry; on every screen."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP, PHONE, WITHIN_MS, BrowserPage, a_browser
from tests.support.polling import scaled_limit, wait_until
from tests.support.product import ADMIN_TOKEN, product, webhook
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

pytestmark = [pytest.mark.browser, pytest.mark.process]

FAR_APART = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "light"}, id="desktop-light"),
    pytest.param({"viewport": PHONE, "color_scheme": "dark"}, id="phone-dark"),
]
SOON_MS = round(scaled_limit(20.0) * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with product(tmp_path_factory.mktemp("console"), pinned=True, VIEWER_TOKEN="a-token-that-may-only-look") as running:
        yield running


@pytest.fixture
def visit(browser: Any, tally: Any) -> Iterator[Any]:
    visitor = BrowserPage(browser, tally.url, token=ADMIN_TOKEN)
    yield visitor
    visitor.close()


def signed(tally: Any, kind: Any, room: Any, **more: Any) -> None:
    answer = tally.post_webhook(webhook(kind, room, session=f"session-of-{room}", **more))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("screen", FAR_APART)
def test_a_lamp_goes_red_by_a_signed_webhook(browser: Any, tally: Any, screen: Any) -> None:
    visit = BrowserPage(browser, tally.url, token=ADMIN_TOKEN, **screen)
    room = f"red-{screen['color_scheme']}-room"
    visit.log_in()
    signed(tally, "session-started", room)
    expect(visit.room(room)).to_have_attribute("data-lamp", "off", timeout=WITHIN_MS)
    signed(tally, "hls-starting", room, id=f"run-{room}")
    expect(visit.room(room)).to_have_attribute("data-lamp", "soon", timeout=WITHIN_MS)
    signed(tally, "hls-started", room, id=f"run-{room}", playbackHlsUrl=f"https://cdn.example/{room}/index.m3u8")
    expect(visit.room(room)).to_have_attribute("data-lamp", "on", timeout=WITHIN_MS)
    expect(visit.room(room)).to_contain_text("ON AIR")
    expect(visit.page.get_by_role("status")).to_have_text("Live")
    signed(tally, "hls-stopped", room, id=f"run-{room}")
    expect(visit.room(room)).to_have_attribute("data-lamp", "off", timeout=WITHIN_MS)
    visit.close()


@pytest.mark.parametrize("screen", FAR_APART)
def test_a_room_is_put_on_air_and_taken_off_by_hand(browser: Any, tally: Any, screen: Any) -> None:
    visit = BrowserPage(browser, tally.url, token=ADMIN_TOKEN, **screen)
    room = f"hand-{screen['color_scheme']}-room"
    tally.sandbox.join(room)
    wait_until(lambda: tally.room(room), 10, "the room being known")
    visit.log_in()
    visit.room(room).get_by_role("link", name="Start").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text(f"Start {room}?")
    assert visit.faults() == []
    dialog.get_by_label("Keep override").select_option("60")
    dialog.get_by_role("button", name="Start").click()
    expect(visit.page.get_by_text("Start requested")).to_be_visible()
    expect(visit.room(room)).to_have_attribute("data-lamp", "on", timeout=SOON_MS)
    expect(visit.room(room)).to_contain_text("by the operator")
    visit.room(room).get_by_role("link", name=room).click()
    expect(visit.page.get_by_role("img", name="The stream is playable")).to_be_visible(timeout=SOON_MS)
    expect(visit.page.locator(".timeline")).to_contain_text(explain(Reason.START_SENT, because="operator").text)
    visit.page.get_by_role("button", name="Take a snapshot").click()
    expect(visit.page.get_by_role("link", name="taken")).to_be_visible(timeout=SOON_MS)
    visit.room(room).get_by_role("link", name="End").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="End").click()
    expect(visit.room(room)).to_have_attribute("data-lamp", "off", timeout=SOON_MS)
    visit.close()


@pytest.mark.parametrize("screen", FAR_APART)
def test_a_mistake_in_a_rule_is_explained_as_it_is_typed(browser: Any, tally: Any, screen: Any) -> None:
    visit = BrowserPage(browser, tally.url, token=ADMIN_TOKEN, **screen)
    name = f"end-when-empty-{screen['color_scheme']}"
    visit.log_in()
    visit.open("/new-rule")
    page, feedback = visit.page, visit.page.locator("#feedback")
    page.get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Condition").fill("room.on_ari && room.session.participant_count == 0")
    expect(feedback).to_contain_text("on_ari")
    expect(feedback.locator("b")).to_have_text("Condition")
    expect(page.get_by_role("textbox", name="Condition")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#why-when")).to_contain_text("did you mean room.on_air?")
    assert visit.faults() == []
    visit.picture(f"rule-mistake-{screen['color_scheme']}")
    text = page.get_by_role("textbox", name="YAML or JSON")
    text.fill(text.input_value().replace("on_ari", "on_air").replace("when:", "for: five minutes\nwhen:"))
    expect(feedback).to_contain_text("'five minutes' is not a duration")
    text.fill(text.input_value().replace("five minutes", "5m"))
    expect(feedback).to_contain_text("Valid.")
    expect(page.get_by_label("For at least")).to_have_value("5m")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"{name} saved.")).to_be_visible()
    assert tally.get(f"/rules/{name}")["for"] == "5m"
    page.get_by_role("link", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    visit.close()


@pytest.mark.parametrize("trigger", ["schedule", "on", "when"])
def test_nothing_in_a_new_rule_is_marked_before_it_is_typed_or_left(visit: Any, trigger: str) -> None:
    visit.log_in()
    visit.open("/new-rule")
    page, feedback = visit.page, visit.page.locator("#feedback")
    page.locator(f"[name=trigger][value={'on' if trigger == 'when' else 'when'}]").check()
    page.locator(f"[name=trigger][value={trigger}]").check()
    expect(feedback).to_contain_text("Required: Name")
    expect(page.locator("[aria-invalid]")).to_have_count(0)
    expect(page.locator(".field-why:visible")).to_have_count(0)
    page.get_by_label("Name").focus()
    page.get_by_label("Rooms").focus()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#why-name")).to_be_visible()
    assert visit.faults() == []


def test_an_unknown_room_is_warned_of_at_its_field_before_it_is_saved(visit: Any, tally: Any) -> None:
    tally.sandbox.join("warned-room")
    wait_until(lambda: tally.room("warned-room"), 10, "the room being known")
    visit.log_in()
    visit.open("/new-rule")
    page = visit.page
    page.get_by_label("Name").fill("warned")
    page.get_by_role("textbox", name="Condition").fill("room.on_air")
    page.get_by_label("Rooms").fill("warned-rooom")
    expect(page.locator("#why-rooms")).to_contain_text("did you mean warned-room?")
    expect(page.locator("#feedback")).to_contain_text("Valid, with 1 warning")
    assert visit.faults() == []
    page.get_by_label("Rooms").fill("warned-room")
    expect(page.locator("#feedback")).to_contain_text("Valid.")
    expect(page.locator("#why-rooms")).to_be_hidden()


def test_unsaved_text_is_asked_about_before_it_is_lost(visit: Any) -> None:
    visit.log_in()
    visit.open("/new-rule")
    page, requests = visit.page, []

    def accept(dialog: Any) -> None:
        requests.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    visit.open("/rules")
    assert requests == []
    visit.open("/new-rule")
    page.get_by_label("Name").press_sequentially("half-written")
    visit.open("/rules")
    assert requests == ["beforeunload"]


def test_the_week_says_what_became_of_each_window(visit: Any, tally: Any) -> None:
    opens = (datetime.now(UTC) + timedelta(seconds=4)).strftime("%Y-%m-%dT%H:%M:%S")
    tally.sandbox.join("kept-room")
    for room in ("kept-room", "missed-room"):
        tally.put_rule(f"short-{room}", rooms=[room], schedule={"at": opens, "duration": "4s"})

    def over() -> bool:
        notices = [item["notices"] for item in tally.get("/rooms/missed-room/timeline")["items"]]
        return "broadcast.missed" in [notice["type"] for item in notices for notice in item]

    wait_until(over, 20, "the windows being over")
    tally.wait_state("kept-room", "stopped")
    visit.log_in()
    visit.open("/schedule")
    past = visit.page.get_by_role("region", name="Past 24 hours")
    expect(past.locator("li").filter(has_text="short-kept-room")).to_contain_text("completed")
    expect(past.locator("li").filter(has_text="short-missed-room")).to_contain_text("missed")
    expect(past).to_contain_text("1 missed")
    assert visit.page.locator("rect.on-air").count() >= 1
    assert visit.page.locator("rect.plan.missed").count() == 1
    visit.picture("week-over")


def test_a_delivery_that_failed_is_retried_by_hand(visit: Any, tally: Any) -> None:
    tally.sink.refuse_next(2)
    subscriber = tally.subscribe("stream.started", rooms=["retried-room"], name="the sink")
    signed(tally, "hls-started", "retried-room", id="run-r", playbackHlsUrl="https://cdn.example/r/index.m3u8")

    def failed_twice() -> Any:
        deliveries = tally.get(f"/subscribers/{subscriber['id']}/deliveries")["items"]
        return deliveries and len(deliveries[0]["attempts"]) == 2

    wait_until(failed_twice, 20, "two attempts")
    visit.log_in()
    visit.open("/subscribers")
    visit.page.get_by_role("link", name="the sink").click()
    delivery = visit.page.locator("[data-delivery]").first
    expect(delivery).to_contain_text("2 attempts, last 503")
    delivery.locator("summary").click()
    expect(delivery.get_by_label("Request body")).to_contain_text("retried-room")
    delivery.get_by_role("button", name="Try now").click()
    expect(visit.page.locator("[data-delivery]").first).to_contain_text("delivered", timeout=WITHIN_MS)
    assert len({notice.id for notice in tally.sink.requests if notice.json["data"]["room_id"] == "retried-room"}) == 1


def test_it_can_be_used_without_a_script(browser: Any, tally: Any) -> None:
    visit = BrowserPage(browser, tally.url, token=ADMIN_TOKEN, java_script_enabled=False)
    visit.log_in()
    signed(tally, "session-started", "plain-room")
    wait_until(lambda: tally.room("plain-room"), 10, "the room being known")
    visit.page.get_by_placeholder("Find a room").fill("plain")
    visit.page.get_by_role("button", name="Find").click()
    assert visit.page.locator("[data-lamp]").count() == 1
    visit.room("plain-room").get_by_role("link", name="Start").click()
    visit.page.get_by_role("button", name="Start").click()
    expect(visit.page.get_by_text("Start requested")).to_be_visible()
    visit.open("/new-rule")
    visit.page.get_by_label("Name").fill("plain-rule")
    visit.page.get_by_role("textbox", name="Condition").fill("room.on_air")
    visit.page.get_by_role("button", name="Generate YAML").click()
    expect(visit.page.locator("#feedback")).to_contain_text("Valid.")
    visit.page.get_by_role("button", name="Log out").click()
    expect(visit.page).to_have_url(tally.url + "/login")
    visit.close()


def test_a_dialog_is_left_by_keyboard_and_gives_its_place_back(visit: Any, tally: Any) -> None:
    signed(tally, "session-started", "keyboard-room")
    wait_until(lambda: tally.room("keyboard-room"), 10, "the room being known")
    visit.log_in()
    visit.page.goto(tally.url + "/?q=keyboard-room")
    link = visit.room("keyboard-room").get_by_role("link", name="Start")
    link.focus()
    visit.page.keyboard.press("Enter")
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Keep override")).to_be_focused()
    visit.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


def test_the_place_is_kept_when_the_page_is_replaced_under_a_dialog(visit: Any, tally: Any) -> None:
    for room in ("under-a", "under-b"):
        signed(tally, "session-started", room)
        wait_until(partial(tally.room, room), 10, "the room being known")
    visit.log_in()
    visit.page.goto(tally.url + "/?q=under-")
    link = visit.room("under-b").get_by_role("link", name="Start")
    link.focus()
    visit.page.keyboard.press("Enter")
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    visit.page.evaluate("document.querySelector('#live').firstElementChild.dataset.mark = 'old'")
    signed(tally, "participant-joined", "under-a", participantId="p1", participantName="Ada")
    expect(visit.page.locator("[data-mark=old]")).to_have_count(0)
    visit.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


def test_the_place_stays_in_its_room_when_what_was_offered_there_changes(visit: Any, tally: Any) -> None:
    signed(tally, "session-started", "turning-room")
    wait_until(lambda: tally.room("turning-room"), 10, "the room being known")
    visit.log_in()
    visit.page.goto(tally.url + "/?q=turning-room")
    visit.room("turning-room").get_by_role("link", name="Start").focus()
    signed(tally, "hls-started", "turning-room", id="run-t", playbackHlsUrl="https://cdn.example/t/index.m3u8")
    expect(visit.room("turning-room").get_by_role("link", name="End")).to_be_focused()


def test_what_was_done_is_said_and_leaves_when_the_page_has_moved_on(visit: Any, tally: Any) -> None:
    tally.sandbox.join("said-room")
    wait_until(lambda: tally.room("said-room"), 10, "the room being known")
    visit.log_in()
    visit.page.goto(tally.url + "/?q=said-room")
    visit.room("said-room").get_by_role("link", name="Start").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="Start").click()
    flash = visit.page.get_by_text("Start requested")
    expect(flash).to_be_visible()
    expect(visit.room("said-room")).to_have_attribute("data-lamp", "on", timeout=SOON_MS)
    expect(flash).to_have_count(0, timeout=SOON_MS)


def test_what_was_done_leaves_in_time_where_nothing_follows(visit: Any, tally: Any) -> None:
    tally.put_rule("some-day", rooms=["quiet-room"], schedule={"cron": "0 9 * * SUN", "duration": "1h"})
    visit.log_in()
    visit.page.clock.install()
    visit.page.goto(tally.url + "/rules/some-day/pause?back=/%3Fq%3Dno-room-is-called-so")
    visit.page.get_by_role("button", name="Pause").click()
    flash = visit.page.locator(".flash.done")
    expect(flash).to_be_visible()
    visit.page.clock.fast_forward(20_000)
    expect(flash).to_have_count(0)


def filled(tally: Any) -> Any:
    """Something on every page."""
    for kind in ("session-started", "hls-starting", "hls-started", "hls-playable"):
        signed(tally, kind, "full-room", id="run-f", playbackHlsUrl="https://cdn.example/f/index.m3u8")
    signed(tally, "hls-failed", "bad-room", id="run-b", reason="out of encoders")
    tally.put_rule("every-morning", rooms=["full-room"], schedule={"cron": "30 6 * * *", "duration": "3h"})
    return tally.subscribe("*", name="everything", rooms=["full-room"])["id"]


@pytest.mark.parametrize(("device", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_every_page_fits_and_axe_finds_no_fault(browser: Any, tally: Any, device: str, viewport: Any) -> None:
    subscriber = filled(tally)
    visit = BrowserPage(browser, tally.url, token=ADMIN_TOKEN, viewport=viewport, color_scheme="light")
    visit.open("/login")
    assert visit.faults() == []
    visit.log_in()
    visit.page.wait_for_url(tally.url + "/")
    pages = {
        "wall": "/",
        "room": "/rooms/full-room",
        "order": "/rooms/full-room/end",
        "new-room": "/new-room",
        "room-settings": "/rooms/full-room/settings",
        "room-forget": "/rooms/full-room/forget",
        "schedule": "/schedule",
        "rules": "/rules",
        "rule": "/rules/every-morning",
        "rule-edit": "/rules/every-morning/edit",
        "backtest": "/backtest",
        "subscribers": "/subscribers",
        "subscriber": f"/subscribers/{subscriber}",
        "subscriber-edit": f"/subscribers/{subscriber}/edit",
        "alarms": "/alarms",
        "system": "/system",
        "events": "/events",
        "event": f"/events/{tally.get('/events')['items'][0]['id']}",
        "docs": "/docs",
        "new-rule": "/new-rule",
    }
    wrong = {}
    for page, path in pages.items():
        visit.scheme("light")
        visit.open(path)
        visit.picture(f"{page}-{device}-light")
        visit.page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
        faults = visit.faults() + ([] if visit.fits() else ["it does not fit"])
        visit.scheme("dark")
        visit.picture(f"{page}-{device}-dark")
        faults += visit.faults(contrast_only=True)
        if faults:
            wrong[page] = faults
    assert wrong == {}
    visit.close()
