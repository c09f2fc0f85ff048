"""Check VideoSDK: reachability, credentials and the public key."""

from collections.abc import Iterator
from time import monotonic

from webhook_app.config.settings import Settings
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.outbound.failures import failure_text
from webhook_app.providers.videosdk.client import ApiAnswer, Token, VideoSDK
from webhook_app.providers.videosdk.public_key import fetch_from
from webhook_app.providers.videosdk.signature import PublicKeyError, fingerprint, read_key
from workers.doctor.finding import Finding, failed, ok, warning
from workers.doctor.running import RunningProduct

DEADLINE_S = 10.0
TEST_ROOM_ID = "tallylight-doctor"  # its sessions are requested; it need not exist
_WAY_OUT = "check outbound network, DNS and firewall, and VIDEOSDK_API_URL; see docs/how-to/outbound.md"


def check_videosdk(
    settings: Settings, *, remembered: str | None, product: RunningProduct | None = None
) -> Iterator[Finding]:
    """Make one authenticated GET and fetch the key; `remembered` is the key in the store.

    Credentials or a pinned key that only the running product has are checked through its own status.
    """
    if product is not None and product.has_credentials and not settings.has_credentials:
        yield product_credentials(product)
    else:
        yield _credentials(settings)
    yield _key(settings, remembered) if product is None else product_key(product, settings, remembered)


def product_credentials(product: RunningProduct) -> Finding:
    """Report on the product's credentials, which this shell does not have."""
    refused = product.alarms.get(AlarmName.VIDEOSDK_CREDENTIALS)
    if refused is not None:
        return failed(
            "VideoSDK",
            f"the product's token was rejected: {refused}",
            "copy the credentials again from the VideoSDK dashboard",
        )
    url = product.settings.get("VIDEOSDK_API_URL")
    return ok("VideoSDK", f"the product has credentials for {url}; none were rejected")


def product_key(product: RunningProduct, settings: Settings, remembered: str | None) -> Finding:
    """Check the key with which the product verifies webhooks."""
    name = "public key"
    if not product.key_known:
        return failed(name, "the product has none: every webhook gets 503", _WAY_OUT)
    if product.key_pinned:
        return ok(name, f"the product has pinned {product.key_fingerprint}")
    return _key(settings, remembered)


def answer_finding(answer: ApiAnswer, url: str) -> Finding:
    """Assess the answer to an authenticated GET."""
    name, status = "VideoSDK", answer.status
    if status is None:
        return failed(name, f"{url} is unreachable ({answer.message})", _WAY_OUT)
    if status == 401:
        return failed(
            name,
            "rejected the token (401)",
            "copy VIDEOSDK_API_KEY and VIDEOSDK_SECRET again from the VideoSDK dashboard and check the system clock",
        )
    if status == 403:
        return failed(name, "access denied (403)", "check that the API key is active and not restricted")
    if status == 429:
        return warning(name, "credentials accepted, but rate limited (429)", "check the account's rate limits")
    if status >= 500:
        return warning(name, f"server error ({status})", "check VideoSDK's status page; nothing to do here")
    if 200 <= status < 300 or status in (400, 402, 404):
        return ok(name, f"{url}: credentials accepted")
    return warning(
        name,
        f"unexpected status {status}: {answer.message or 'no message'}",
        "check that VIDEOSDK_API_URL is VideoSDK's",
    )


def _credentials(settings: Settings) -> Finding:
    if settings.videosdk_api_key is None or settings.videosdk_secret is None:
        return warning(
            "VideoSDK",
            "no credentials: webhooks are recorded and notified, nothing is started or ended",
            "set VIDEOSDK_API_KEY and VIDEOSDK_SECRET, or ignore",
        )
    token = Token(settings.videosdk_api_key, settings.videosdk_secret)
    videosdk = VideoSDK(settings.videosdk_api_url, token, settings.proxies)
    return answer_finding(
        videosdk.ongoing_session(TEST_ROOM_ID, deadline=monotonic() + DEADLINE_S), settings.videosdk_api_url
    )


def _key(settings: Settings, remembered: str | None) -> Finding:
    name = "public key"
    if settings.videosdk_public_key is not None:
        return ok(name, f"pinned, {fingerprint(settings.videosdk_public_key)}")
    try:
        pem = fetch_from(settings.videosdk_api_url, settings.proxies)()
        read_key(pem)
    except Exception as error:  # any error means that there is no current key; the web process reports the same
        message = f"could not be fetched from {settings.videosdk_api_url}: {_why(error)}"
        hint = _WAY_OUT + "; or pin the key with VIDEOSDK_PUBLIC_KEY"
        if remembered is not None:
            return warning(name, message + "; the key stored earlier is used", hint)
        return failed(name, message + ": every webhook gets 503", hint)
    if remembered is not None and fingerprint(remembered) != fingerprint(pem):
        return warning(
            name,
            f"{fingerprint(pem)} now, but {fingerprint(remembered)} is stored",
            "VideoSDK has a new key: `tally web` loads it with the next webhook; check again in a minute",
        )
    return ok(name, fingerprint(pem))


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, PublicKeyError) else failure_text(error)
