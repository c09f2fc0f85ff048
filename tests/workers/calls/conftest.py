"""Callers that send to a stub whose answers the test sets, or to the sandbox."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.call_harness import CallHarness, Stub
from tests.support.polling import scaled_limit, wait_until
from tests.support.ports import free_ports
from tests.support.product import Sandbox
from webhook_app.store.connection.clients import Client


@pytest.fixture(scope="package")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    [port] = free_ports(1)
    home = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(home, port=port, webhook_url="http://127.0.0.1:9/", pace_factor=0, mark="calls")
    wait_until(sandbox.up, scaled_limit(10), "the sandbox")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(sandbox_process: Any) -> Any:
    sandbox_process.faults()
    sandbox_process.pace(started_s=0, playable_s=0, stopped_s=0, answer_s=0)
    return sandbox_process


@pytest.fixture
def stub() -> Iterator[Any]:
    stub_server = Stub()
    thread = threading.Thread(target=stub_server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield stub_server
    stub_server.shutdown()
    stub_server.server_close()


@pytest.fixture
def harness(client: Client, stub: Any) -> Any:
    return CallHarness(client, stub.url)


@pytest.fixture
def sandbox_harness(client: Client, sandbox: Any) -> Any:
    return CallHarness(client, sandbox.url)
