"""Fixtures: a real store for the tests of stores; everything else is made in the tests themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.delivery_harness import DeliveryHarness
from webhook_app.store.connection.clients import Client, connect
from workers.dev.embedded_store.server import EmbeddedStore

pytest_plugins = ["tests.support.reporting"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded Valkey, as the product runs it."""
    directory: Path = tmp_path_factory.mktemp("store")
    store = EmbeddedStore(directory, print_line=lambda line: None)
    store.start()
    yield store.url
    store.stop()


@pytest.fixture
def client(store_url: str) -> Iterator[Client]:
    """A client of an empty store."""
    store_client = connect(store_url)
    store_client.flushall()
    yield store_client
    store_client.close()


@pytest.fixture
def harness(client: Client, store_url: str) -> DeliveryHarness:
    """Subscribers, notices, an endpoint and deliverers, which go idle sooner than in the product."""
    return DeliveryHarness(client, store_url)
