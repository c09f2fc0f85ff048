"""Check that PUBLIC_URL reaches this product: fetch a one-time token, and send an unsigned webhook."""

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from webhook_app.config.settings import Settings
from webhook_app.outbound.blocking import make_session
from webhook_app.outbound.proxies import Proxies
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.reachability_tokens import put_token, remove_token
from workers.doctor.finding import Finding, failed, ok
from workers.webhook_address import webhook_url

TIMEOUT_S = 10.0
ANSWER_MAX_BYTES = 4096
TOKEN_TTL_S = 60
_CERTIFICATE = (
    "let Caddy or certbot get a certificate for that name, including the chain; VideoSDK will not accept it either"
)
_FORWARD = "let the proxy forward /doctor/ and /webhooks/ to HOST and PORT (deploy/Caddyfile, deploy/nginx.conf)"


def check_reachability(client: Client, settings: Settings) -> Iterator[Finding]:
    """Send two requests to PUBLIC_URL, if it is set."""
    if settings.public_url is None:
        return
    nonce, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    put_token(client, nonce, token, kept_s=TOKEN_TTL_S)
    status, body, where = _request(settings.proxies, "GET", f"{settings.public_url}/doctor/{nonce}")
    remove_token(client, nonce)
    finding = assess_reachability(settings.public_url, status, body, token=token, location=where)
    yield finding
    if finding.hint is None:
        status, body, where = _request(settings.proxies, "POST", webhook_url(settings) or "")
        yield assess_unsigned_webhook(status, body)


def assess_reachability(url: str, status: int | None, body: str, *, token: str, location: str | None) -> Finding:
    """Assess the answer to fetching the token; without a status, `body` is the error."""
    name = "reachable"
    if status is None:
        hint = _CERTIFICATE if "certificate" in body else f"check DNS and firewall for that name; {_FORWARD}"
        return failed(name, f"{url} is unreachable: {body}", hint)
    if status == 200 and body.strip() == token:
        return ok(name, f"{url} resolves to this instance")
    if 300 <= status < 400:
        return failed(
            name,
            f"{url} redirects ({status}, to {_origin(location)})",
            "set PUBLIC_URL to the final address: VideoSDK may not follow redirects",
        )
    if status in (502, 503, 504):
        return failed(name, f"{url} returned {status}: the proxy does not reach Tallylight", _FORWARD)
    if status == 404:
        return failed(
            name,
            f"{url} returned 404 for the verification token",
            f"another product, or one with another store, may answer there; otherwise {_FORWARD}",
        )
    return failed(name, f"{url} returned {status} instead of the verification token", _FORWARD)


def assess_unsigned_webhook(status: int | None, body: str) -> Finding:
    """Assess the answer to an unsigned webhook, which must be 401."""
    name = "webhooks"
    if status == 401:
        return ok(name, "reachable; unsigned webhooks are rejected")
    if status is None:
        return failed(name, f"unreachable: {body}", _FORWARD)
    if status == 404:
        return failed(
            name,
            "the webhook address returned 404",
            "the web process has another WEBHOOK_TOKEN or DATA_DIR than this shell, or SURFACE=console; use the same",
        )
    return failed(name, f"an unsigned webhook returned {status} instead of 401", _FORWARD)


def _request(proxies: Proxies, method: str, url: str) -> tuple[int | None, str, str | None]:
    """Return status, start of the body, and redirect target; without an answer, None and the error."""
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
    except (requests.RequestException, HTTPError) as error:  # reading a raw body raises those of urllib3
        return None, _why(error), None


def _origin(location: str | None) -> str:
    parts = urlsplit(location or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "another path"


def _why(error: Exception) -> str:
    reason: object = error.args[0] if error.args else error
    reason = getattr(reason, "reason", reason)
    return " ".join(str(reason).rpartition(": ")[2].split())[:160] or type(error).__name__
