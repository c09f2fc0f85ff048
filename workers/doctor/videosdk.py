"""What VideoSDK says: whether it is reached, takes our credentials, and gives its public key."""

from collections.abc import Iterator
from time import monotonic

from webhook_app.config.settings import Settings
from webhook_app.outbound.failures import failure_text
from webhook_app.providers.videosdk.client import ApiAnswer, Token, VideoSDK
from webhook_app.providers.videosdk.public_key import fetch_from
from webhook_app.providers.videosdk.signature import PublicKeyError, fingerprint, read_key
from workers.doctor.finding import Finding, failed, ok, warning
from workers.doctor.running import RunningProduct

DEADLINE_S = 10.0
TEST_ROOM_ID = "tallylight-doctor"  # asked for its sessions; whether it exists does not matter
_WAY_OUT = "check the way out of this machine (DNS, firewall), and VIDEOSDK_API_URL; see docs/how-to/outbound.md"


def check_videosdk(
    settings: Settings, *, remembered: str | None, product: RunningProduct | None = None
) -> Iterator[Finding]:
    """One authenticated GET, and the key; `remembered` is the key that the store keeps.

    What only the running product has, its credentials or its pinned key, is judged by what it says of itself.
    """
    if product is not None and product.has_credentials and not settings.has_credentials:
        yield product_credentials(product)
    else:
        yield _credentials(settings)
    yield _key(settings, remembered) if product is None else product_key(product, settings, remembered)


def product_credentials(product: RunningProduct) -> Finding:
    """What the product has met with its credentials, which this shell does not know."""
    refused = product.alarms.get("videosdk-credentials")
    if refused is not None:
        return failed("VideoSDK", f"the product's token is refused: {refused}", "copy the credentials anew")
    url = product.settings.get("VIDEOSDK_API_URL")
    return ok("VideoSDK", f"the product has credentials for {url}, and none was refused")


def product_key(product: RunningProduct, settings: Settings, remembered: str | None) -> Finding:
    """The key that the product checks webhooks with."""
    name = "public key"
    if not product.key_known:
        return failed(name, "the product has none: every webhook is answered 503", _WAY_OUT)
    if product.key_pinned:
        return ok(name, f"the product has pinned {product.key_fingerprint}")
    return _key(settings, remembered)


def judge(answer: ApiAnswer, url: str) -> Finding:
    """What the answer to an authenticated GET says of the credentials."""
    name, status = "VideoSDK", answer.status
    if status is None:
        return failed(name, f"{url} is not reached: {answer.message}", _WAY_OUT)
    if status == 401:
        return failed(
            name,
            "refuses our token (401)",
            "copy VIDEOSDK_API_KEY and VIDEOSDK_SECRET anew from VideoSDK's dashboard; see that the clock is right",
        )
    if status == 403:
        return failed(name, "does not permit us to ask (403)", "see that the API key is active and not restricted")
    if status == 429:
        return warning(name, "takes our token, and asks us to be slower (429)", "look at the account's rate limits")
    if status >= 500:
        return warning(name, f"has trouble of its own ({status})", "look at VideoSDK's status page; nothing to do here")
    if 200 <= status < 300 or status in (400, 402, 404):
        return ok(name, f"{url} takes our token")
    return warning(name, f"answers {status}: {answer.message or 'nothing'}", "see that VIDEOSDK_API_URL is VideoSDK's")


def _credentials(settings: Settings) -> Finding:
    if settings.videosdk_api_key is None or settings.videosdk_secret is None:
        return warning(
            "VideoSDK",
            "no credentials: webhooks are recorded and told, nothing is started or ended",
            "set VIDEOSDK_API_KEY and VIDEOSDK_SECRET, or leave it so",
        )
    token = Token(settings.videosdk_api_key, settings.videosdk_secret)
    videosdk = VideoSDK(settings.videosdk_api_url, token, settings.proxies)
    return judge(videosdk.ongoing_session(TEST_ROOM_ID, deadline=monotonic() + DEADLINE_S), settings.videosdk_api_url)


def _key(settings: Settings, remembered: str | None) -> Finding:
    name = "public key"
    if settings.videosdk_public_key is not None:
        return ok(name, f"pinned, {fingerprint(settings.videosdk_public_key)}")
    try:
        pem = fetch_from(settings.videosdk_api_url, settings.proxies)()
        read_key(pem)
    except Exception as error:  # whatever it is, there is no newest key; the web says the same of it
        said = f"cannot be had from {settings.videosdk_api_url}: {_why(error)}"
        hint = _WAY_OUT + "; or pin the key with VIDEOSDK_PUBLIC_KEY"
        if remembered is not None:
            return warning(name, said + "; the one that the store remembers is used", hint)
        return failed(name, said + ": every webhook is answered 503", hint)
    if remembered is not None and fingerprint(remembered) != fingerprint(pem):
        return warning(
            name,
            f"{fingerprint(pem)} now, and the store remembers {fingerprint(remembered)}",
            "VideoSDK has a new key: `tally web` takes it with the next webhook; ask again in a minute",
        )
    return ok(name, fingerprint(pem))


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, PublicKeyError) else failure_text(error)
