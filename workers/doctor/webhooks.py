"""Webhooks that nearly came in: what was wrong with them, and what would make them right."""

from collections.abc import Iterator
from typing import Any

from webhook_app.api.system import refused_webhooks
from webhook_app.domain.times import HOUR, from_rfc3339
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from workers.doctor.finding import Finding, ok, warning

RECENT_MS = 24 * HOUR
ADVICE: dict[tuple[str, str | None], tuple[str, str]] = {
    ("wrong-address", "token-missing"): (
        "came to /webhooks/videosdk without the token",
        "give VideoSDK the whole address, PUBLIC_URL/webhooks/videosdk/<token>; `tally rooms create` registers it",
    ),
    ("wrong-address", "token-wrong"): (
        "came with a token that is not ours",
        "compare the address that VideoSDK has with WEBHOOK_TOKEN, or DATA_DIR/webhook_token",
    ),
    ("wrong-address", "token-unknown"): (
        "came with a token, and none is expected",
        "set WEBHOOK_TOKEN to it, or remove what follows /webhooks/videosdk in the address that VideoSDK has",
    ),
    ("wrong-address", None): (
        "came to another address under /webhooks",
        "the address is PUBLIC_URL/webhooks/videosdk, and /<token> after it where there is a token",
    ),
    ("unsigned", "header-missing"): (
        "had no videosdk-signature header",
        "see that a proxy passes the header on; who calls by hand must sign",
    ),
    ("unsigned", None): ("had a signature that cannot be one", "see that a proxy passes the header on unchanged"),
    ("wrong-signature", None): (
        "were signed with another key, or changed on the way",
        "see that a proxy passes the body on unchanged, and that VIDEOSDK_PUBLIC_KEY, if set, is VideoSDK's",
    ),
    ("not-ours", None): ("are about rooms outside ROOMS", "add the room to ROOMS if it is yours"),
    ("too-large", None): ("were over 256 KiB", "nothing that VideoSDK sends is as large: see who sends it"),
    ("too-slow", None): ("did not arrive whole in 10 s", "look at the line and the proxy between VideoSDK and here"),
    ("overloaded", None): ("came when there was no memory for them", "see who sends large bodies"),
    ("no-key", None): ("came while there was no public key", "see what is said of the public key"),
    ("store-unavailable", None): ("could not be stored", "see what is said of the store"),
}
# What anybody on the internet can cause, what is meant so, and what was over when its cause was: that has its own line.
NO_CAUSE_FOR_ALARM = frozenset({"unsigned", "not-ours", "no-key", "store-unavailable", "overloaded"})


def check_webhooks(client: Client) -> Iterator[Finding]:
    """A line for each way in which webhooks of the last day missed."""
    now = now_ms(client)
    recent = [view for view in refused_webhooks(client) if now - from_rfc3339(view["last_at"]) < RECENT_MS]
    if not recent:
        yield ok("refused webhooks", "none was refused in the last 24 h")
    for view in recent:
        yield assess_refused(view)


def assess_refused(view: dict[str, Any]) -> Finding:
    """What one outcome means, and what to do about those that may be VideoSDK's."""
    outcome, detail = view["outcome"], view["detail"]
    what, hint = ADVICE.get((outcome, detail)) or ADVICE.get((outcome, None)) or (f"ended as {outcome}", "see the log")
    last = f"; the last at {view['last_at']}" + (f", about {detail}" if outcome == "not-ours" else "")
    said = f"{view['count']} so far {what}{last}"
    return ok("refused webhooks", said) if outcome in NO_CAUSE_FOR_ALARM else warning("refused webhooks", said, hint)
