"""VideoSDK's public key: pinned, or fetched and cached, and asked for again when a signature fails.

This is the only call that the web makes to the outside: one at a time, within 3 s.
"""

import threading
from collections.abc import Callable
from time import monotonic

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.providers.port import SignatureCheck
from webhook_app.providers.videosdk.signature import PublicKeyError, decode_signature, read_key, verify

FETCH_TIMEOUT_S = 3.0
ANSWER_MAX_BYTES = 64 * 1024
ASK_AGAIN_AFTER_S = 30.0
ASKS_IN_A_ROW = 3
RETRY_AFTER_S = 2.0
REFRESH_AFTER_S = 3600.0
PATH = "/v2/public/rsa-public-key"

log = structlog.get_logger()


class KeyRing:
    """Checks signatures under the newest key. Without a key nothing is accepted."""

    def __init__(
        self,
        *,
        pinned: str | None,
        fetch: Callable[[], str],
        remembered: Callable[[], str | None] = lambda: None,
        remember: Callable[[str], None] = lambda pem: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._pinned = pinned is not None
        self._key: RSAPublicKey | None = read_key(pinned) if pinned is not None else None
        self._fetch = fetch
        self._remembered = remembered
        self._remember = remember
        self._clock = clock
        self._lock = threading.Lock()
        self._asking = False
        self._failed = False
        self._asked_at: float | None = None
        self._asks_left = float(ASKS_IN_A_ROW)
        self._counted_at: float | None = None
        self._succeeded_at: float | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def start(self) -> None:
        """Take the remembered key at once and ask for the newest in the background."""
        if self._pinned:
            return
        try:
            pem = self._remembered()
            if pem:
                self._key = read_key(pem)
        except Exception as error:  # a store that is away, or a key that is no key: it is asked for anyway
            log.warning("the remembered public key cannot be used", error=str(error))
        self._ask()

    def check(self, header: str | None, body: bytes) -> SignatureCheck:
        """Whether the body is VideoSDK's; MalformedSignatureError when it cannot be."""
        signature = decode_signature(header)
        key = self._key
        if key is None:
            self._ask(after_s=RETRY_AFTER_S)
            return SignatureCheck.UNDECIDED
        if verify(key, signature, body):
            if not self._pinned and self._stale():
                self._ask(after_s=ASK_AGAIN_AFTER_S)
            return SignatureCheck.VALID
        if self._pinned:
            return SignatureCheck.INVALID
        # A key that was not fetched for an hour is fetched again whether the signature is good or wrong: after a
        # rotation, good ones no longer come.
        fetching = self._ask(after_s=RETRY_AFTER_S, sparing=True)
        if not fetching and self._stale():
            fetching = self._ask(after_s=ASK_AGAIN_AFTER_S)
        if fetching or self._asking:
            return SignatureCheck.UNDECIDED
        current = self._key
        if current is not key and current is not None and verify(current, signature, body):
            return SignatureCheck.VALID
        # Wrong under the newest key, that is: where it could not be had just now, nobody knows.
        return SignatureCheck.UNDECIDED if self._failed else SignatureCheck.INVALID

    def _stale(self) -> bool:
        return self._succeeded_at is None or self._clock() - self._succeeded_at > REFRESH_AFTER_S

    def _ask(self, *, after_s: float = 0.0, sparing: bool = False) -> bool:
        """Begin to ask for the key, unless that is under way or was done a moment ago.

        Wrong signatures ask sparingly, as anybody can send them: a few times in a row, so that a key that rotates
        just after it was fetched is found at once, and from then on twice a minute.
        """
        with self._lock:
            now = self._clock()
            if self._asking:
                return True
            if self._asked_at is not None and now - self._asked_at < after_s:
                return False
            if sparing and not self._spend(now):
                return False
            self._asking = True
            self._asked_at = now
        threading.Thread(target=self._ask_now, name="public-key", daemon=True).start()
        return True

    def _spend(self, now: float) -> bool:
        since = now if self._counted_at is None else self._counted_at
        self._asks_left = min(float(ASKS_IN_A_ROW), self._asks_left + (now - since) / ASK_AGAIN_AFTER_S)
        self._counted_at = now
        if self._asks_left < 1:
            return False
        self._asks_left -= 1
        return True

    def _ask_now(self) -> None:
        self._failed = True
        try:
            pem = self._fetch()
            self._key = read_key(pem)
            self._succeeded_at = self._clock()
            self._failed = False
            self._remember(pem)
        except Exception as error:  # whatever went wrong, the old key stays and the next failure asks again
            log.warning("VideoSDK's public key could not be had", error=str(error)[:300])
        finally:
            self._asking = False


def fetch_from(api_url: str, proxies: Proxies = DIRECT) -> Callable[[], str]:
    """A fetch of the key from VideoSDK's REST API, bounded in time and size."""

    def fetch() -> str:
        from webhook_app.outbound.blocking import make_session

        deadline = monotonic() + FETCH_TIMEOUT_S
        with make_session(proxies) as session:
            answer = session.get(
                api_url.rstrip("/") + PATH, timeout=FETCH_TIMEOUT_S, stream=True, allow_redirects=False
            )
            body = b""
            while chunk := answer.raw.read1(4096, decode_content=True):
                body += chunk
                if len(body) > ANSWER_MAX_BYTES or monotonic() > deadline:
                    raise PublicKeyError("the answer is too long, or too slow")
        if answer.status_code != 200:
            raise PublicKeyError(f"VideoSDK answered {answer.status_code}")
        return _pem_in(body)

    return fetch


def _pem_in(body: bytes) -> str:
    import json

    found = json.loads(body)
    pem = found.get("publicKey") if isinstance(found, dict) else None
    if not isinstance(pem, str):
        raise PublicKeyError("the answer holds no publicKey")
    return pem
