"""The demo is put in place once, whatever the journal holds by then."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliverer_factory import subscribers_of
from tests.support.web_client import SECRETS_KEY, fold_all
from webhook_app.config.settings import Settings
from webhook_app.domain.events import Source
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.state.store import StateStore
from workers.dev.demo import RULES, SUBSCRIBER_ID, install


def put(client: Client) -> Any:
    return [event.data["rule"]["name"] for event in Journal(client).scan() if event.type == "rule-put"]


def test_the_demo_is_put_in_place_once_though_a_worker_was_there_first(client: Client, store_url: str) -> None:
    settings = Settings(data_dir=Path("var"), redis_url=store_url, sandbox_url="http://127.0.0.1:8001")
    settings = replace(settings, secrets_key=SECRETS_KEY)
    Journal(client).append([entry(Source.SYSTEM, "worker-started", None, {})])
    install(settings)
    assert put(client) == [rule["name"] for rule in RULES]
    subscribers_of(client).delete(SUBSCRIBER_ID)
    install(settings)
    assert put(client) == [rule["name"] for rule in RULES]
    assert subscribers_of(client).all() == []


@pytest.mark.parametrize("observe", [False, True])
def test_the_demo_calls_only_where_the_product_does(client: Client, store_url: str, observe: bool) -> None:
    settings = Settings(
        redis_url=store_url,
        sandbox_url="http://127.0.0.1:8001",
        secrets_key=SECRETS_KEY,
        videosdk_api_key="key",
        videosdk_secret="secret",
        observe=observe,
    )
    install(settings)
    fold_all(client)
    assert StateStore(client).names().settings.calls is not observe
