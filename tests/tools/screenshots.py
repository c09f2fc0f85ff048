"""Takes the README's pictures of the console of a running product: `make screenshots`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.support import paths
from tests.support.browser import DESKTOP, BrowserPage, a_browser
from tests.support.polling import wait_until
from tests.support.product import ADMIN_TOKEN, Product, product, webhook

IMAGES = paths.ROOT / "docs" / "images"
IMAGE_MAX_BYTES = 200_000
CONFIG = """
rooms:
  main-hall: {room_id: main-hall-live, groups: [webinar]}
  studio-b: {room_id: studio-b-live, groups: [webinar]}
  chapel: {room_id: chapel-live}
  lobby: {room_id: lobby-live}
  training-1: {room_id: training-one, groups: [training]}
  training-2: {room_id: training-two, groups: [training]}
rules:
  - name: sunday-service
    rooms: [chapel]
    schedule: {cron: "0 9 * * SUN", timezone: Europe/London, duration: 2h}
  - name: morning-show
    rooms: [studio-b]
    schedule: {cron: "30 6 * * *", duration: 3h}
  - name: lobby-always
    rooms: [lobby]
    schedule: {always: true}
  - name: live-with-the-host
    rooms: ["group:webinar"]
    on: participant-joined
    if: event.data.participantName.startsWith("Host")
    do: start
  - name: record-main-hall
    rooms: [main-hall]
    on: stream.playable
    do: start
    output: recording
  - name: end-when-empty
    rooms: ["*"]
    when: room.on_air && room.session.participant_count == 0
    for: 5m
    do: end
"""


def main() -> int:
    """Prepare rooms, take the pictures, print their sizes."""
    with tempfile.TemporaryDirectory() as home, a_browser() as browser:
        config = Path(home) / "tally.yaml"
        config.write_text(CONFIG)
        with product(Path(home), pinned=True, CONFIG_FILE=str(config)) as tally:
            prepare_rooms(tally)
            for name, path, scheme in (("wall", "/", "light"), ("room", "/rooms/main-hall-live", "dark")):
                page = BrowserPage(browser, tally.url, token=ADMIN_TOKEN, viewport=DESKTOP, color_scheme=scheme)
                page.log_in()
                page.open(path)
                expect(page.page.get_by_role("status").filter(has_text="Live")).to_be_visible()
                IMAGES.mkdir(exist_ok=True)
                page.page.screenshot(path=IMAGES / f"{name}.png")
                page.close()
                size = (IMAGES / f"{name}.png").stat().st_size
                print(f"docs/images/{name}.png: {size} bytes")
                assert size < IMAGE_MAX_BYTES
    return 0


def prepare_rooms(tally: Product) -> None:
    """Bring rooms into the states of a typical day."""
    assert tally.sandbox is not None
    tally.subscribe("stream.*", "broadcast.*", name="av-team")
    tally.subscribe("stream.*", name="website")
    for room in ("main-hall-live", "studio-b-live"):
        tally.sandbox.join(room, "ada", "Host Ada")
        tally.sandbox.join(room, "grace", "Grace")
    tally.sandbox.join("main-hall-live", "edsger", "Edsger")
    tally.sandbox.join("training-one", "barbara", "Barbara")
    for kind in ("session-started", "hls-starting"):
        tally.post_webhook(webhook(kind, "training-two", session="evening-course"))
    failed = webhook("hls-failed", "green-room", session="rehearsal", id="a1", reason="no encoder was free")
    tally.post_webhook(failed)
    for room in ("main-hall-live", "studio-b-live"):
        tally.wait_state(room, "playable")
    wait_until(lambda: (tally.room("lobby-live") or {}).get("armed"), 10, "the lobby to be armed")
    wait_until(lambda: (tally.room("main-hall-live") or {}).get("recording"), 10, "the main hall to be recorded")
    wait_until(lambda: tally.room("green-room"), 10, "the green room to be seen")


if __name__ == "__main__":
    sys.exit(main())
