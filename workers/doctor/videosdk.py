"""What VideoSDK says: whether it is reached, takes our credentials, and gives its public key."""

from collections.abc import Iterator
from hashlib import sha256
from time import monotonic

from webhook_app.public_key import fetch_from
from webhook_app.settings import Settings
from workers.doctor.finding import Finding, failed, ok, warning
from workers.videosdk import Answer, Token, VideoSDK

DEADLINE_S = 10.0
NOBODYS_ROOM = "tallylight-doctor"  # asked for its sessions; whether it exists does not matter
_WAY_OUT = "check the way out of this machine (DNS, firewall), and VIDEOSDK_API_URL"


def look_at_videosdk(settings: Settings, *, remembered: str | None) -> Iterator[Finding]:
    """One authenticated GET, and the key; `remembered` is the key that the store keeps."""
    yield _credentials(settings)
    yield _key(settings, remembered)


def judge(answer: Answer, url: str) -> Finding:
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
    return judge(videosdk.ongoing_session(NOBODYS_ROOM, deadline=monotonic() + DEADLINE_S), settings.videosdk_api_url)


def _key(settings: Settings, remembered: str | None) -> Finding:
    from webhook_app.signature import read_key

    name = "public key"
    if settings.videosdk_public_key is not None:
        return ok(name, f"pinned, {_print(settings.videosdk_public_key)}")
    try:
        pem = fetch_from(settings.videosdk_api_url, settings.proxies)()
        read_key(pem)
    except Exception as error:  # whatever it is, there is no newest key; the web says the same of it
        said = f"cannot be had from {settings.videosdk_api_url}: {type(error).__name__}"
        hint = _WAY_OUT + "; or pin the key with VIDEOSDK_PUBLIC_KEY"
        if remembered is not None:
            return warning(name, said + "; the one that the store remembers is used", hint)
        return failed(name, said + ": every webhook is answered 503", hint)
    if remembered is not None and _print(remembered) != _print(pem):
        return warning(
            name,
            f"{_print(pem)} now, and the store remembers {_print(remembered)}",
            "VideoSDK has a new key: `tally web` takes it with the next webhook; ask again in a minute",
        )
    return ok(name, _print(pem))


def _print(pem: str) -> str:
    """The beginning of the key's fingerprint, whatever form it is written in."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from webhook_app.signature import read_key

    der = read_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{sha256(der).hexdigest()[:16]}"
