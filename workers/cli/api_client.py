"""Client of the product's HTTP API for commands: bounded answers, errors as one line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from webhook_app.config import secrets_file
from webhook_app.config.settings import Settings
from webhook_app.outbound.blocking import make_session
from webhook_app.outbound.failures import failure_text
from webhook_app.outbound.proxies import DIRECT, Proxies
from workers.cli.context import CommandError, InvalidUsageError, running_product

TIMEOUT_S = 30.0
ANSWER_MAX_BYTES = 32 * 1024 * 1024
PAGE_MAX = 500
HTTP_ERRORS = (requests.RequestException, HTTPError)  # reading a raw body raises those of urllib3
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here

Json = dict[str, Any]
QueryValue = str | int | None


class ProductUnavailableError(CommandError):
    """The product is temporarily unavailable; the request may be retried."""


@dataclass(frozen=True, slots=True)
class ProductAddress:
    """The product's address and the token to use there."""

    url: str
    token: str
    proxies: Proxies = DIRECT


def find_product(settings: Settings, url: str | None) -> ProductAddress:
    """Return the product at `url`, by default the `tally up` on this data directory, otherwise HOST and PORT.

    The token in the data directory is sent only to the product that generated it.
    """
    run = running_product(settings)
    local_url = str(run["url"]) if run and run.get("url") else _local(settings)
    address = (url or local_url).rstrip("/")
    is_local = address in (local_url, settings.public_url)
    return ProductAddress(address, _token(settings, is_local=is_local), settings.proxies)


class ApiClient:
    """Sends requests under `/api/v1`. Returns JSON objects, or raises `CommandError` with the problem's message."""

    def __init__(self, address: ProductAddress) -> None:
        self._address = address
        self._session = make_session(address.proxies)
        self._session.headers.update({"Authorization": f"Bearer {address.token}", "Accept": "application/json"})

    @property
    def url(self) -> str:
        """The product's base URL."""
        return self._address.url

    def get(self, path: str, **params: QueryValue) -> Json:
        """Send a GET; parameters that are None are omitted."""
        return self.request("GET", path, params=params)

    def post(self, path: str, body: Json | None = None, *, timeout_s: float = TIMEOUT_S) -> Json:
        """Send a POST."""
        return self.request("POST", path, body=body or {}, timeout_s=timeout_s)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        body: Json | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Json:
        """Send a request and return its JSON object, empty for an empty body. Raises `CommandError` if it fails."""
        query = {name: _text(value) for name, value in (params or {}).items() if value is not None}
        try:
            with self._session.request(
                method,
                f"{self.url}/api/v1{path}",
                params=query,
                json=body,
                timeout=timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                raw = answer.raw.read(ANSWER_MAX_BYTES + 1, decode_content=True)
        except HTTP_ERRORS as error:
            raise CommandError(
                f"{self.url} is unreachable: {failure_text(error)}. Is Tallylight running there?"
            ) from None
        if len(raw) > ANSWER_MAX_BYTES:
            raise CommandError(f"{self.url} sent more than {ANSWER_MAX_BYTES} bytes: request fewer results")
        return _read(answer, raw)

    def items(self, path: str, limit: int, **params: QueryValue) -> tuple[list[Json], str | None]:
        """Return up to `limit` items from as many pages as needed, and the cursor of the next page."""
        items: list[Json] = []
        cursor: str | None = None
        while True:
            page = self.get(path, limit=min(PAGE_MAX, limit - len(items)), cursor=cursor, **params)
            items += page["items"]
            cursor = page.get("next")
            if cursor is None or len(items) >= limit:
                return items[:limit], cursor

    def stream(self, path: str, *, last_id: str | None, read_timeout_s: float, **params: QueryValue) -> Iterator[str]:
        """Yield the lines of an event stream after `last_id`. Raises OSError when the connection is lost."""
        query = {name: _text(value) for name, value in params.items() if value is not None}
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with self._session.get(
            f"{self.url}/api/v1{path}",
            params=query,
            headers=headers,
            timeout=(TIMEOUT_S, read_timeout_s),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code != 200:
                try:
                    raw = answer.raw.read(ANSWER_MAX_BYTES, decode_content=True)
                except HTTPError as error:
                    raise requests.ConnectionError(failure_text(error)) from None
                _read(answer, raw)
                raise CommandError(f"{self.url} returned {answer.status_code} for its event stream")
            yield from answer.iter_lines(chunk_size=1, decode_unicode=True)


def _read(answer: requests.Response, raw: bytes) -> Json:
    import json

    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        body = None
    if 200 <= answer.status_code < 300 and isinstance(body, dict):
        return body
    if answer.status_code in (400, 422):
        raise InvalidUsageError(_problem_message(body, answer.status_code))
    if answer.status_code == 401:
        raise CommandError("Authentication failed. Set ADMIN_TOKEN or run in the product's directory.")
    kind = ProductUnavailableError if answer.status_code == 429 or answer.status_code >= 500 else CommandError
    raise kind(_problem_message(body, answer.status_code))


def _problem_message(body: Any, status: int) -> str:
    """Return the message of a problem: its errors by field if it has any, else its detail."""
    if not isinstance(body, dict) or not body.get("detail"):
        return f"unexpected answer ({status}); is this Tallylight?"
    return "; ".join(f"{name}: {why}" for name, why in _flat(body.get("errors") or {})) or str(body["detail"])


def _flat(errors: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in errors.items() if isinstance(errors, dict) else ():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(value: QueryValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _local(settings: Settings) -> str:
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _token(settings: Settings, *, is_local: bool) -> str:
    token_file = settings.data_dir / secrets_file.ADMIN_TOKEN_FILE
    if settings.admin_token is not None:
        return settings.admin_token
    if is_local and token_file.is_file():
        try:
            return token_file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{token_file} cannot be read ({type(error).__name__}): set ADMIN_TOKEN") from None
    if settings.viewer_token is not None:
        return settings.viewer_token
    where = f", or run where {token_file} is" if is_local else " for that address"
    raise CommandError(f"No API token: set ADMIN_TOKEN{where}")
