"""The web app on the tests' store with an HTTP client, and reducers that process its journal."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.polling import scaled_limit
from tests.support.product import public_pem, signature
from webhook_app.app import Web, WebLimits, build
from webhook_app.config.settings import Settings
from webhook_app.domain.events import Source
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, Wake, entry
from workers.reduce.reducer import Reducer

ADMIN_TOKEN = "the-admin-token-of-the-tests"
VIEWER_TOKEN = "the-viewer-token-of-the-tests"
SECRET = "the-videosdk-secret-of-the-tests"
SECRETS_KEY = "the-secrets-key-of-the-tests-32-characters"
ROOM = "abcd-efgh-ijkl"
PROBLEM = "application/problem+json"
WITHIN_S = scaled_limit(10.0)


class NullWake(Wake):
    """Wakes no worker: the test runs the reducer itself."""

    def wake(self, queue: str) -> None:
        pass


class WebClient:
    """The app of one web process, with Flask's own client in front of it."""

    def __init__(self, store_url: str, data_dir: Path, *, limits: WebLimits | None = None, **more: Any) -> None:
        settings = Settings(
            data_dir=data_dir,
            redis_url=store_url,
            admin_token=ADMIN_TOKEN,
            viewer_token=VIEWER_TOKEN,
            videosdk_public_key=public_pem(),
            videosdk_api_key="the-key-of-the-tests",
            videosdk_secret=SECRET,
            secrets_key=SECRETS_KEY,
        )
        self.settings = replace(settings, **more)
        self.web: Web = build(self.settings, limits)
        self.http = self.web.app.test_client()

    def webhook(self, body: bytes, *, signed: str | None = "", path: str = "/webhooks/videosdk", **more: Any) -> Any:
        """Post a webhook; `signed` is its header: made when it is empty, left out when it is None."""
        header = signature(body) if signed == "" else signed
        headers = {} if header is None else {"videosdk-signature": header}
        return self.http.post(path, data=body, headers=headers, **more)

    def api(self, method: str, path: str, body: Any = None, *, token: str | None = ADMIN_TOKEN, **more: Any) -> Any:
        """A call under /api/v1."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if body is not None:
            more["json"] = body
        return self.http.open("/api/v1" + path, method=method, headers=headers, **more)

    def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        answer = self.api("GET", path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.json


def configure_room(client: Client, room_id: str = ROOM, name: str | None = None, groups: tuple[str, ...] = ()) -> None:
    """Add a room as the API does, and fold that."""
    data = {"room_id": room_id, "name": name, "groups": list(groups)}
    append(client, entry(Source.CONFIG, "room-put", room_id, data))
    fold_all(client)


def fold_all(client: Client) -> int:
    """Fold the journal to its end."""
    reducer, folded = Reducer(client, NullWake()), 0
    while count := reducer.reduce():
        folded += count
    return folded


@contextmanager
def folding(client: Client) -> Iterator[None]:
    """A reducer at work for as long as the body runs."""
    stop = threading.Event()
    reducer = Reducer(client, NullWake())

    def fold() -> None:
        while not stop.is_set():
            reducer.run(stopping=stop.is_set)

    thread = threading.Thread(target=fold, name="reducer")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WITHIN_S)


def append(client: Client, *entries: Entry) -> list[str]:
    """Journal these; their ids."""
    return Journal(client).append(entries)[0]


def journaled(client: Client) -> list[tuple[str, str, bytes]]:
    """What webhooks the journal holds: type, room (empty when none), and the bytes."""
    return [
        (fields[b"t"].decode(), fields[b"r"].decode(), fields[b"d"])
        for _, fields in client.xrange(keys.JOURNAL)
        if fields[b"s"] == b"videosdk"
    ]


def assert_sound(client: Client) -> None:
    """Everything in the journal has been folded, nothing halted the reducer, no event was poisoned."""
    assert not client.exists(keys.HALTED), client.get(keys.HALTED)
    newest = client.xrevrange(keys.JOURNAL, count=1)
    assert not newest or client.get(keys.CURSOR) == newest[0][0]
    raised = [codec.alarm_of(raw) for raw in client.hvals(keys.ALARMS)]
    assert not [alarm for alarm in raised if alarm.name == "poisoned-event"], raised
