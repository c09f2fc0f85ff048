"""Whether the world reaches us: a one-time word fetched through PUBLIC_URL, and an unsigned webhook that is refused."""

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from webhook_app.config.settings import Settings
from webhook_app.outbound.blocking import make_session
from webhook_app.outbound.proxies import Proxies
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from workers.container import webhook_url
from workers.doctor.finding import Finding, failed, ok

TIMEOUT_S = 10.0
ANSWER_MAX_BYTES = 4096
TOKEN_TTL_S = 60
_CERTIFICATE = (
    "let Caddy or certbot get a certificate for that name, whole chain and all; VideoSDK will not take it either"
)
_FORWARD = "let the proxy pass /doctor/ and /webhooks/ on to HOST and PORT (deploy/Caddyfile, deploy/nginx.conf)"


def check_reachability(client: Client, settings: Settings) -> Iterator[Finding]:
    """Two requests to PUBLIC_URL; nothing when it is not set."""
    if settings.public_url is None:
        return
    nonce, word = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    client.set(keys.doctor_word(nonce), word, ex=TOKEN_TTL_S)
    status, body, where = _request(settings.proxies, "GET", f"{settings.public_url}/doctor/{nonce}")
    client.delete(keys.doctor_word(nonce))
    found = assess_reachability(settings.public_url, status, body, word=word, location=where)
    yield found
    if found.hint is None:
        status, body, where = _request(settings.proxies, "POST", webhook_url(settings) or "")
        yield assess_unsigned_webhook(status, body)


def assess_reachability(url: str, status: int | None, body: str, *, word: str, location: str | None) -> Finding:
    """What came of fetching the word; without a status, `body` says what went wrong."""
    name = "reachable"
    if status is None:
        hint = _CERTIFICATE if "certificate" in body else f"check DNS and firewall of that name; {_FORWARD}"
        return failed(name, f"{url} is not reached: {body}", hint)
    if status == 200 and body.strip() == word:
        return ok(name, f"{url} leads here")
    if 300 <= status < 400:
        return failed(
            name,
            f"{url} sends elsewhere ({status}, to {_origin(location)})",
            "set PUBLIC_URL to the address that answers itself: VideoSDK may not follow",
        )
    if status in (502, 503, 504):
        return failed(name, f"{url} answers {status}: the proxy does not reach Tallylight", _FORWARD)
    if status == 404:
        return failed(
            name,
            f"{url} answers 404 to a word that we have just left in the store",
            f"another product may answer there, or one with another store; else {_FORWARD}",
        )
    return failed(name, f"{url} answers {status}, and not our word", _FORWARD)


def assess_unsigned_webhook(status: int | None, body: str) -> Finding:
    """What came of an unsigned webhook: 401 is right."""
    name = "webhooks"
    if status == 401:
        return ok(name, "come through, and unsigned ones are refused")
    if status is None:
        return failed(name, f"do not come through: {body}", _FORWARD)
    if status == 404:
        return failed(
            name,
            "are answered 404",
            "the web has another WEBHOOK_TOKEN or DATA_DIR than this shell, or SURFACE=console; give both the same",
        )
    return failed(name, f"unsigned ones are answered {status} where 401 would be right", _FORWARD)


def _request(proxies: Proxies, method: str, url: str) -> tuple[int | None, str, str | None]:
    """Status, the beginning of the body, and where a redirect leads; no status and why, when there is no answer."""
    try:
        with (
            make_session(proxies) as session,
            session.request(
                method,
                url,
                data=b"{}" if method == "POST" else None,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            body = answer.raw.read(ANSWER_MAX_BYTES, decode_content=True)
            return answer.status_code, body.decode(errors="replace"), answer.headers.get("Location")
    except requests.exceptions.SSLError as error:
        return None, f"its certificate is not accepted ({_why(error)})", None
    except requests.RequestException as error:
        return None, _why(error), None


def _origin(location: str | None) -> str:
    parts = urlsplit(location or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "another path"


def _why(error: Exception) -> str:
    reason: object = error.args[0] if error.args else error
    reason = getattr(reason, "reason", reason)
    return " ".join(str(reason).rpartition(": ")[2].split())[:160] or type(error).__name__
