"""VideoSDK's public key: pinned, or fetched and cached, and fetched again when a signature fails.

Fetching it is the only request that the web process sends: one at a time, within 3 s.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.providers.port import SignatureCheck
from webhook_app.providers.videosdk.signature import PublicKeyError, decode_signature, read_key, verify

REFETCH_AFTER_S = 30.0
FETCHES_IN_A_ROW = 3
RETRY_AFTER_S = 2.0
REFRESH_AFTER_S = 3600.0
PATH = "/v2/public/rsa-public-key"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long fetching the key may take, and how long its answer may be."""

    timeout_s: float = 3.0
    answer_max_bytes: int = 64 * 1024


class KeyRing:
    """Verifies signatures with the newest key. Without a key nothing is accepted."""

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
        self._fetching = False
        self._failed = False
        self._fetch_started_at: float | None = None
        self._fetches_left = float(FETCHES_IN_A_ROW)
        self._counted_at: float | None = None
        self._succeeded_at: float | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    @property
    def is_fetching(self) -> bool:
        """Whether the key is being fetched."""
        return self._fetching

    def start(self) -> None:
        """Use the stored key at once, and fetch the newest in the background."""
        if self._pinned:
            return
        try:
            pem = self._remembered()
            if pem:
                self._key = read_key(pem)
        except Exception as error:  # the store is away, or the key is invalid: it is fetched anyway
            log.warning("the remembered public key cannot be used", error=str(error))
        self._start_fetch()

    def check(self, header: str | None, body: bytes) -> SignatureCheck:
        """VALID, INVALID, or UNDECIDED while the newest key is unknown.

        MalformedSignatureError when no key could have made the signature."""
        signature = decode_signature(header)
        key = self._key
        if key is None:
            self._start_fetch(after_s=RETRY_AFTER_S)
            return SignatureCheck.UNDECIDED
        if verify(key, signature, body):
            if not self._pinned and self._stale():
                self._start_fetch(after_s=REFETCH_AFTER_S)
            return SignatureCheck.VALID
        if self._pinned:
            return SignatureCheck.INVALID
        # A key that was not fetched for an hour is fetched again whether the signature is good or wrong: after a
        # rotation, good ones no longer come.
        fetching = self._start_fetch(after_s=RETRY_AFTER_S, limited=True)
        if not fetching and self._stale():
            fetching = self._start_fetch(after_s=REFETCH_AFTER_S)
        if fetching or self._fetching:
            return SignatureCheck.UNDECIDED
        current = self._key
        if current is not key and current is not None and verify(current, signature, body):
            return SignatureCheck.VALID
        # Only the newest key can show that a signature is wrong, and that key could not be fetched just now.
        return SignatureCheck.UNDECIDED if self._failed else SignatureCheck.INVALID

    def _stale(self) -> bool:
        return self._succeeded_at is None or self._clock() - self._succeeded_at > REFRESH_AFTER_S

    def _start_fetch(self, *, after_s: float = 0.0, limited: bool = False) -> bool:
        """Start to fetch the key, unless a fetch is under way or was started within `after_s`.

        Wrong signatures, which anybody can send, start a limited number of fetches: a few in a row, so that a key
        that rotates just after a fetch is found at once, and from then on two a minute.
        """
        with self._lock:
            now = self._clock()
            if self._fetching:
                return True
            if self._fetch_started_at is not None and now - self._fetch_started_at < after_s:
                return False
            if limited and not self._spend(now):
                return False
            self._fetching = True
            self._fetch_started_at = now
        threading.Thread(target=self._fetch_now, name="public-key", daemon=True).start()
        return True

    def _spend(self, now: float) -> bool:
        since = now if self._counted_at is None else self._counted_at
        self._fetches_left = min(float(FETCHES_IN_A_ROW), self._fetches_left + (now - since) / REFETCH_AFTER_S)
        self._counted_at = now
        if self._fetches_left < 1:
            return False
        self._fetches_left -= 1
        return True

    def _fetch_now(self) -> None:
        self._failed = True
        try:
            pem = self._fetch()
            self._key = read_key(pem)
            self._succeeded_at = self._clock()
            self._failed = False
            self._remember(pem)
        except Exception as error:  # whatever went wrong, the old key stays, and the next wrong signature fetches again
            log.warning("VideoSDK's public key could not be fetched", error=str(error)[:300])
        finally:
            self._fetching = False


def fetch_from(
    api_url: str,
    proxies: Proxies = DIRECT,
    limits: FetchLimits = FetchLimits(),
) -> Callable[[], str]:
    """Return a function that fetches the key from VideoSDK's REST API, bounded in time and size."""

    def fetch() -> str:
        from webhook_app.outbound.blocking import make_session

        deadline = monotonic() + limits.timeout_s
        with make_session(proxies) as session:
            answer = session.get(
                api_url.rstrip("/") + PATH, timeout=limits.timeout_s, stream=True, allow_redirects=False
            )
            body = b""
            while chunk := answer.raw.read1(4096, decode_content=True):
                body += chunk
                if len(body) > limits.answer_max_bytes or monotonic() > deadline:
                    raise PublicKeyError("the answer is too long, or too slow")
        if answer.status_code != 200:
            raise PublicKeyError(f"VideoSDK answered {answer.status_code}")
        return _pem_in(body)

    return fetch


def _pem_in(body: bytes) -> str:
    import json

    content = json.loads(body)
    pem = content.get("publicKey") if isinstance(content, dict) else None
    if not isinstance(pem, str):
        raise PublicKeyError("the answer holds no publicKey")
    return pem
