"""Concurrent changes of one subscriber: no change is lost, and a deleted subscriber stays deleted."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliverer_factory import signing_secret_of, subscribers_of
from tests.support.values import present
from tests.support.web_client import WebClient
from webhook_app.store.connection.clients import Client
from webhook_app.store.subscribers import Subscribers

URL = "https://example.com/hook"


@pytest.fixture
def web_client(store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


def at_once(*acts: Any) -> Any:
    """What each answers; all begin together."""
    gate, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def run(at: Any, act: Any) -> None:
        gate.wait()
        answers[at] = act()

    threads = [threading.Thread(target=run, args=(at, act)) for at, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_secrets_that_two_were_shown_at_once_both_sign(client: Client, web_client: WebClient) -> None:
    subscriber = web_client.api("POST", "/subscribers", {"url": URL}).json
    for _ in range(10):

        def rotate() -> Any:
            return web_client.api("POST", f"/subscribers/{subscriber['id']}/rotate-secret")

        answers = at_once(rotate, rotate)
        assert {answer.status_code for answer in answers} == {200}
        stored = present(subscribers_of(client).get(subscriber["id"]))
        kept = {signing_secret_of(stored), *("whsec_" + old.key for old in stored.old_secrets)}
        assert {answer.json["secret"] for answer in answers} <= kept


def test_fields_that_two_change_at_once_are_both_changed(client: Client, web_client: WebClient) -> None:
    subscriber = web_client.api("POST", "/subscribers", {"url": URL}).json
    for turn in range(10):
        changes = {"name": f"name {turn}"}, {"max_in_flight": 10 + turn}, {"rate_limit": 10 + turn}
        at_once(
            *(
                lambda change=change: web_client.api("PATCH", f"/subscribers/{subscriber['id']}", change)
                for change in changes
            )
        )
        shown = web_client.get(f"/subscribers/{subscriber['id']}")
        assert [shown[name] for name in ("name", "max_in_flight", "rate_limit")] == [
            f"name {turn}",
            10 + turn,
            10 + turn,
        ]


def test_one_that_is_deleted_while_it_is_changed_stays_deleted(client: Client, web_client: WebClient) -> None:
    subscriber = web_client.api("POST", "/subscribers", {"url": URL}).json
    subscribers: Subscribers = subscribers_of(client)

    def slowly(stored: Any) -> Any:
        subscribers.delete(subscriber["id"])
        return replace(stored, enabled=False)

    assert subscribers.change(subscriber["id"], slowly) is None
    assert web_client.api("GET", f"/subscribers/{subscriber['id']}").status_code == 404


@pytest.mark.parametrize(
    ("url", "change", "rate"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", {"rate_limit": None}, 1),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", {"rate_limit": 5}, 5),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", {"url": URL}, None),
        (URL, {"url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"}, 1),
    ],
)
def test_what_people_read_keeps_its_pace_and_what_programs_read_loses_it(
    client: Client, web_client: WebClient, url: Any, change: dict[str, Any], rate: int | None
) -> None:
    subscriber = web_client.api("POST", "/subscribers", {"url": url}).json
    answer = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", change)
    assert (answer.status_code, answer.json["rate_limit"]) == (200, rate)
