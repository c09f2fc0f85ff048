"""Report rejected webhooks: what was wrong with them, and how to fix it."""

from collections.abc import Iterator
from typing import Any

from webhook_app.domain.times import HOUR, from_rfc3339
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.usecases.system import refused_webhooks
from workers.doctor.finding import Finding, ok, warning

RECENT_MS = 24 * HOUR
ADVICE: dict[tuple[str, str | None], tuple[str, str]] = {
    ("wrong-address", "token-missing"): (
        "sent to /webhooks/videosdk without the token",
        "give VideoSDK the full address, PUBLIC_URL/webhooks/videosdk/<token>; `tally rooms create` registers it",
    ),
    ("wrong-address", "token-wrong"): (
        "sent with a wrong token",
        "compare the address registered at VideoSDK with WEBHOOK_TOKEN or DATA_DIR/webhook_token",
    ),
    ("wrong-address", "token-unknown"): (
        "sent with a token, but none is expected",
        "set WEBHOOK_TOKEN to it, or remove it from the address registered at VideoSDK",
    ),
    ("wrong-address", None): (
        "sent to another address under /webhooks",
        "the address is PUBLIC_URL/webhooks/videosdk, followed by /<token> if there is a token",
    ),
    ("unsigned", "header-missing"): (
        "had no signature header",
        "check that proxies forward the header; manual requests must be signed",
    ),
    ("unsigned", None): ("had a malformed signature", "check that proxies forward the header unchanged"),
    ("wrong-signature", None): (
        "were signed with another key or changed in transit",
        "check that proxies forward the body unchanged, and that VIDEOSDK_PUBLIC_KEY, if set, is VideoSDK's",
    ),
    ("not-ours", None): ("were about rooms outside ROOMS", "add the room to ROOMS if it is yours"),
    ("too-large", None): ("were larger than 256 KiB", "VideoSDK sends nothing that large: find the sender"),
    ("too-slow", None): (
        "did not arrive within 10 s",
        "check the network and proxies between VideoSDK and this machine",
    ),
    ("overloaded", None): ("arrived when memory was exhausted", "find who sends large bodies"),
    ("no-key", None): ("arrived without a public key to verify them", "see the finding about the public key"),
    ("store-unavailable", None): ("could not be stored", "see the findings about the store"),
}
# Not warned about: what anyone on the internet can cause, what is intended, and what other findings already cover.
NO_CAUSE_FOR_ALARM = frozenset({"unsigned", "not-ours", "no-key", "store-unavailable", "overloaded"})


def check_webhooks(client: Client) -> Iterator[Finding]:
    """Yield a finding for each kind of webhook rejected in the last 24 hours."""
    now = now_ms(client)
    recent = [view for view in refused_webhooks(client) if now - from_rfc3339(view["last_at"]) < RECENT_MS]
    if not recent:
        yield ok("refused webhooks", "none in the last 24 h")
    for view in recent:
        yield assess_refused(view)


def assess_refused(view: dict[str, Any]) -> Finding:
    """Explain one kind of rejection; a warning if VideoSDK may be the sender."""
    outcome, detail = view["outcome"], view["detail"]
    what, hint = (
        ADVICE.get((outcome, detail)) or ADVICE.get((outcome, None)) or (f"had the outcome {outcome}", "see the log")
    )
    last = f"; last at {view['last_at']}" + (f", room {detail}" if outcome == "not-ours" else "")
    message = f"{view['count']} {what}{last}"
    return (
        ok("refused webhooks", message) if outcome in NO_CAUSE_FOR_ALARM else warning("refused webhooks", message, hint)
    )
