"""A real browser on a page of ours: its errors and warnings, and the accessibility violations that axe reports."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Response, expect, sync_playwright

from tests.support import paths
from tests.support.polling import scaled_limit

ARTIFACTS = paths.ROOT / "tests" / "artifacts"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WITHIN_MS = round(scaled_limit(8.0) * 1000)
AXE = Axe()
expect.set_options(timeout=WITHIN_MS)
WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A Chromium, or the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


class BrowserPage:
    """One visitor's page, and everything that went wrong on it."""

    def __init__(self, browser: Browser, site: str, *, token: str = "", **more: Any) -> None:
        self.site = site
        self._token = token
        self.context = browser.new_context(**{"viewport": DESKTOP, **more})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WITHIN_MS)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", self._on_console_message)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _on_console_message(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str = "/") -> Response | None:
        return self.page.goto(self.site + path)

    def log_in(self, token: str | None = None) -> None:
        self.open("/login")
        self.page.get_by_label("Admin or viewer token").fill(self._token if token is None else token)
        self.page.get_by_role("button", name="Log in").click()

    def room(self, room: str) -> Locator:
        return self.page.locator(f'[data-room="{room}"][data-lamp]')

    def picture(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)

    def scheme(self, name: Literal["light", "dark"]) -> None:
        """Light or dark, from now on."""
        self.page.emulate_media(color_scheme=name)

    def fits(self) -> bool:
        """Whether nothing sticks out sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))

    def faults(self, *, contrast_only: bool = False) -> list[str]:
        """What axe finds wrong by WCAG 2.1 A and AA."""
        rules = {"type": "rule", "values": ["color-contrast"]} if contrast_only else WCAG_AA
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.axe_script)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        violations = self.page.evaluate("options => axe.run(document, options)", options)["violations"]
        return [f"{violation['id']}: {node['html'][:160]}" for violation in violations for node in violation["nodes"]]

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert self.hosts == {urlsplit(self.site).netloc}
